"""How people come into a workspace: invited by e-mail, by a token that is good once and for a time."""

from datetime import datetime, timedelta
from uuid import UUID

from control.accounts.mail import Mailer
from control.accounts.model import User
from control.accounts.service import Accounts, SignedIn
from control.accounts.sessions import Origin
from control.accounts.tokens import fresh, token_hash
from control.db.pool import Connection
from control.db.scope import enter_platform, enter_workspace
from control.platform.audit import Actor, Change, record
from control.platform.service import Platform
from control.workspaces import store, store_invitations, store_members
from control.workspaces.changes import held
from control.workspaces.letters import invitation_letter
from control.workspaces.members import own_role, require_may
from control.workspaces.model import Invitation, Presented, Workspace
from control.workspaces.roles import Role
from shared.errors import Conflict, Forbidden, Invalid, Missing
from shared.ids import new_id


class Invitations:
    """Each change holds the workspace's row, so that of two at once only one succeeds."""

    def __init__(self, *, accounts: Accounts, mailer: Mailer, platform: Platform) -> None:
        self._accounts = accounts
        self._mailer = mailer
        self._platform = platform

    async def page(
        self, db: Connection, workspace_id: UUID, *, offset: int, limit: int
    ) -> tuple[list[Invitation], int]:
        """Open ones by address, expired ones too, and how many there are."""
        total = await store_invitations.count_open(db, workspace_id)
        return await store_invitations.select_open(db, workspace_id, offset, limit), total

    async def invite(
        self, db: Connection, actor: Actor, workspace_id: UUID, email: str, role: Role, now: datetime
    ) -> Invitation:
        """Sends the letter. Inviting again renews: the older letter's token is void. Whether the address has an account
        makes no difference. Raises Forbidden (role, email_unverified), Conflict (already_member, member_limit,
        workspace_suspended)."""
        workspace = await held(db, workspace_id)
        inviter = await self._inviter(db, actor)
        before = await store_invitations.find_open(db, workspace_id, email)
        require_may(await own_role(db, workspace_id, actor), before.role if before else None, role)
        await self._require_room(db, workspace, before, email, now)
        token, until = fresh(), now + timedelta(days=await self._platform.setting(db, "invitation_days"))
        new = Invitation(UUID(new_id()), workspace_id, email, role, inviter.id, now, until)
        invitation = await store_invitations.upsert(db, new, token.hash)
        link = self._mailer.link("/invitation", token.text)
        await self._mailer.send(db, invitation_letter(email, inviter.name, workspace.name, role, link, until))
        await _record(db, actor, "invitation.send", invitation, before)
        return invitation

    async def revoke(
        self, db: Connection, actor: Actor, workspace_id: UUID, invitation_id: UUID, now: datetime
    ) -> None:
        """Voids an open one. Raises Missing, Forbidden (code role)."""
        await held(db, workspace_id)
        invitation = await store_invitations.select_one(db, workspace_id, invitation_id)
        if invitation is None:
            raise Missing("There is no such open invitation.", code="invitation_not_found")
        require_may(await own_role(db, workspace_id, actor), invitation.role, None)
        await store_invitations.set_revoked(db, workspace_id, invitation_id, now)
        change = Change("invitation.revoke", "invitation", str(invitation_id), workspace_id, before=_told(invitation))
        await record(db, actor, change)

    async def accept(self, db: Connection, actor: Actor, token: str, now: datetime) -> UUID:
        """For somebody signed in with the address that it was sent to, which is thereby confirmed. The id of the
        workspace, whose scope the transaction goes on in.

        Raises Invalid (token_invalid), Conflict (invitation_accepted, invitation_revoked, invitation_expired,
        member_limit, already_member), Forbidden (invitation_address)."""
        await enter_platform(db)
        invitation = await _good(db, token, now)
        if actor.id is None or actor.email != invitation.email:
            raise Forbidden("This invitation was sent to another address than yours.", code="invitation_address")
        await self._accounts.proofs.confirm(db, actor.id, invitation.email, now)
        await self._admit(db, actor, actor.id, invitation, now)
        return invitation.workspace_id

    async def sign_up(
        self, db: Connection, token: str, name: str, password: str, origin: Origin, now: datetime
    ) -> SignedIn:
        """For somebody without an account: makes one with the address confirmed, and signs it in. The transaction goes
        on in the user's scope. Raises as `accept`, and Invalid (weak_password), Conflict (email_taken)."""
        await enter_platform(db)
        invitation = await _good(db, token, now)
        user = await self._accounts.create_user(db, invitation.email, name, password, verified=True, now=now)
        actor = Actor("user", user.id, user.email, origin.request_id, origin.address)
        await self._admit(db, actor, user.id, invitation, now)
        return SignedIn(user, await self._accounts.start_session(db, user.id, origin, now))

    async def _inviter(self, db: Connection, actor: Actor) -> User:
        """Letters go out in their name: they must have shown that they can get one."""
        inviter = await self._accounts.find(db, actor.id) if actor.id else None
        if inviter is None or not inviter.is_verified:
            raise Forbidden("Confirm your own e-mail address before you invite others.", code="email_unverified")
        return inviter

    async def _require_room(
        self, db: Connection, workspace: Workspace, renewed: Invitation | None, email: str, now: datetime
    ) -> None:
        if workspace.status == "suspended":
            raise Conflict("This workspace is suspended: nobody can be invited.", code="workspace_suspended")
        if await store_members.has_member(db, workspace.id, email):
            raise Conflict("Somebody with this address is a member.", code="already_member", param="email")
        counted = renewed is not None and renewed.expires_at > now
        await self._require_place(db, workspace, counted, now)

    async def _require_place(self, db: Connection, workspace: Workspace, counted: bool, now: datetime) -> None:
        """counted: the one who comes holds an open invitation, which takes a place by itself."""
        most = (await self._platform.tier(db, workspace.tier_name)).max_members
        use = await store.select_use(db, workspace.id, now)
        if use.members + use.invitations + (not counted) > most:
            raise Conflict(
                f"This workspace's tier allows {most} members, and open invitations count.", code="member_limit"
            )

    async def _admit(self, db: Connection, actor: Actor, user_id: UUID, invitation: Presented, now: datetime) -> None:
        workspace_id, role = invitation.workspace_id, invitation.role
        await enter_workspace(db, workspace_id, user_id)
        await self._require_place(db, await held(db, workspace_id), True, now)
        if not await store_members.insert_member(db, workspace_id, user_id, role, invitation.invited_by, now):
            raise Conflict("You are a member of this workspace already.", code="already_member")
        await store_invitations.set_accepted(db, workspace_id, invitation.id, now)
        after = {"email": invitation.email, "role": role}
        await record(db, actor, Change("member.join", "member", str(user_id), workspace_id, after=after))


async def _good(db: Connection, token: str, now: datetime) -> Presented:
    """The invitation, its workspace held. Looked up twice: it may be another one once the workspace is ours."""
    hashed = token_hash(token)
    invitation = await store_invitations.find_presented(db, hashed)
    if invitation is not None:
        await store.select(db, invitation.workspace_id, hold="NO KEY UPDATE")
        invitation = await store_invitations.find_presented(db, hashed)
    if invitation is None:
        raise Invalid("This invitation is not valid; ask for a new one.", code="token_invalid", param="token")
    _require_open(invitation, now)
    return invitation


def _require_open(invitation: Presented, now: datetime) -> None:
    if invitation.accepted_at is not None:
        raise Conflict("This invitation was accepted already.", code="invitation_accepted")
    if invitation.revoked_at is not None:
        raise Conflict("This invitation was taken back.", code="invitation_revoked")
    if invitation.expires_at <= now:
        raise Conflict("This invitation has expired; ask for a new one.", code="invitation_expired")


async def _record(db: Connection, actor: Actor, action: str, invitation: Invitation, before: Invitation | None) -> None:
    old = _told(before) if before else None
    change = Change(action, "invitation", str(invitation.id), invitation.workspace_id, old, _told(invitation))
    await record(db, actor, change)


def _told(invitation: Invitation) -> dict[str, object]:
    return {"email": invitation.email, "role": invitation.role, "expires_at": invitation.expires_at}

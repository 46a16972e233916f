"""Invitations to a workspace by e-mail, with a single-use token that expires."""

from datetime import datetime, timedelta
from uuid import UUID

from control.accounts.emails.service import EmailQueue
from control.accounts.rules import User
from control.accounts.users.service import Accounts, SignInResult
from control.audit.service import Actor, Change, record_change
from control.db.keyset import ListPage, PageRequest
from control.db.pool import Connection
from control.db.scope import enter_platform, enter_workspace
from control.http.auth.tokens import new_token, token_hash
from control.http.context import RequestOrigin
from control.platform.service import Platform
from control.workspaces import queries
from control.workspaces.changes import lock_workspace, require_capacity
from control.workspaces.members import require_may_change, require_role
from control.workspaces.rules import (
    Invitation,
    PresentedInvitation,
    Role,
    Workspace,
    invitation_email,
    require_not_suspended,
)
from shared.errors import Conflict, Forbidden, Invalid, NotFound
from shared.ids import new_id


class Invitations:
    """Manages invitations. Each change locks the workspace's row, so that only one of two concurrent changes
    succeeds."""

    def __init__(self, *, accounts: Accounts, email_queue: EmailQueue, platform: Platform) -> None:
        self._accounts = accounts
        self._email_queue = email_queue
        self._platform = platform

    async def list_page(self, db: Connection, workspace_id: UUID, *, page: PageRequest) -> ListPage[Invitation]:
        """Return a page of open invitations by address, including expired ones. Raises Invalid (code
        cursor_unknown)."""
        found = await queries.select_invitations(db, workspace_id, page)
        if page.cursor is not None:
            return found
        return found.with_total(await queries.count_invitations(db, workspace_id))

    async def invite(
        self, db: Connection, actor: Actor, workspace_id: UUID, email: str, role: Role, now: datetime
    ) -> Invitation:
        """Send an invitation. Inviting an address again renews the invitation and invalidates the older token.

        The result does not reveal whether the address has an account. Raises Forbidden (role, email_unverified),
        Conflict (already_member, member_limit, workspace_suspended), TooManyRequests (letter_limit).
        """
        workspace = await lock_workspace(db, workspace_id)
        inviter = await self._inviter(db, actor)
        before = await queries.find_invitation_to(db, workspace_id, email)
        require_may_change(await require_role(db, workspace_id, actor), before.role if before else None, role)
        await self._require_invitable(db, workspace, before, email, now)
        await self._accounts.letter_limits.require(db, "invitation", email, now)
        token, until = new_token(), now + timedelta(days=await self._platform.setting(db, "invitation_days"))
        new = Invitation(UUID(new_id()), workspace_id, email, role, inviter.id, now, until)
        invitation = await queries.upsert_invitation(db, new, token.hash)
        link = self._email_queue.link("/invitation", token.text)
        await self._email_queue.enqueue(db, invitation_email(email, inviter.name, workspace.name, role, link, until))
        await _record(db, actor, "invitation.send", invitation, before)
        return invitation

    async def revoke(
        self, db: Connection, actor: Actor, workspace_id: UUID, invitation_id: UUID, now: datetime
    ) -> None:
        """Revoke an open invitation. Raises NotFound, Forbidden (code role)."""
        await lock_workspace(db, workspace_id)
        invitation = await queries.select_invitation(db, workspace_id, invitation_id)
        if invitation is None:
            raise NotFound("There is no such open invitation.", code="invitation_not_found")
        require_may_change(await require_role(db, workspace_id, actor), invitation.role, None)
        await queries.revoke_invitation(db, workspace_id, invitation_id, now)
        change = Change(
            "invitation.revoke", "invitation", str(invitation_id), workspace_id, before=_audit_values(invitation)
        )
        await record_change(db, actor, change)

    async def accept(self, db: Connection, actor: Actor, token: str, now: datetime) -> UUID:
        """Add the actor as a member, mark the address as confirmed, and enter the workspace's scope. Return the
        workspace's id.

        The actor must be signed in with the invited address. Raises Invalid (token_invalid), Conflict
        (invitation_accepted, invitation_revoked, invitation_expired, member_limit, already_member), Forbidden
        (invitation_address).
        """
        await enter_platform(db)
        invitation = await _lock_presented(db, token, now)
        if actor.id is None or actor.email != invitation.email:
            raise Forbidden("This invitation was sent to another address than yours.", code="invitation_address")
        await self._accounts.email_links.mark_verified(db, actor.id, invitation.email, now)
        await self._admit(db, actor, actor.id, invitation, now)
        return invitation.workspace_id

    async def sign_up(
        self, db: Connection, token: str, name: str, password: str, origin: RequestOrigin, now: datetime
    ) -> SignInResult:
        """Create an account with a confirmed address, add it as a member, sign it in, and enter the user's scope.

        Raises the errors of `accept`, and Invalid (weak_password), Conflict (email_taken).
        """
        await enter_platform(db)
        invitation = await _lock_presented(db, token, now)
        user = await self._accounts.create_user(db, invitation.email, name, password, verified=True, now=now)
        actor = Actor("user", user.id, user.email, origin.request_id, origin.address)
        await self._admit(db, actor, user.id, invitation, now)
        return await self._accounts.sign_in_new(db, user, origin, now)

    async def _inviter(self, db: Connection, actor: Actor) -> User:
        """Return the actor. The actor's address must be confirmed, because the e-mail is sent in the actor's name."""
        inviter = await self._accounts.find(db, actor.id) if actor.id else None
        if inviter is None or not inviter.is_verified:
            raise Forbidden("Confirm your own e-mail address before you invite others.", code="email_unverified")
        return inviter

    async def _require_invitable(
        self, db: Connection, workspace: Workspace, renewed: Invitation | None, email: str, now: datetime
    ) -> None:
        require_not_suspended(workspace)
        if await queries.has_member(db, workspace.id, email):
            raise Conflict("Somebody with this address is a member.", code="already_member", param="email")
        counted = renewed is not None and renewed.expires_at > now
        await require_capacity(db, self._platform, workspace, counted, now)

    async def _admit(
        self, db: Connection, actor: Actor, user_id: UUID, invitation: PresentedInvitation, now: datetime
    ) -> None:
        workspace_id, role = invitation.workspace_id, invitation.role
        await enter_workspace(db, workspace_id, user_id)
        await require_capacity(db, self._platform, await lock_workspace(db, workspace_id), True, now)
        if not await queries.insert_member(db, workspace_id, user_id, role, invitation.invited_by, now):
            raise Conflict("You are a member of this workspace already.", code="already_member")
        await queries.accept_invitation(db, workspace_id, invitation.id, now)
        after = {"email": invitation.email, "role": role}
        await record_change(db, actor, Change("member.join", "member", str(user_id), workspace_id, after=after))


async def _lock_presented(db: Connection, token: str, now: datetime) -> PresentedInvitation:
    """Return the invitation and lock its workspace. Reads the invitation again, because it may change before the lock
    is acquired.
    """
    hashed = token_hash(token)
    invitation = await queries.find_presented(db, hashed)
    if invitation is not None:
        await queries.select_workspace(db, invitation.workspace_id, hold="NO KEY UPDATE")
        invitation = await queries.find_presented(db, hashed)
    if invitation is None:
        raise Invalid("This invitation is not valid; ask for a new one.", code="token_invalid", param="token")
    _require_open(invitation, now)
    return invitation


def _require_open(invitation: PresentedInvitation, now: datetime) -> None:
    if invitation.accepted_at is not None:
        raise Conflict("This invitation was accepted already.", code="invitation_accepted")
    if invitation.revoked_at is not None:
        raise Conflict("This invitation was taken back.", code="invitation_revoked")
    if invitation.expires_at <= now:
        raise Conflict("This invitation has expired; ask for a new one.", code="invitation_expired")


async def _record(db: Connection, actor: Actor, action: str, invitation: Invitation, before: Invitation | None) -> None:
    old = _audit_values(before) if before else None
    change = Change(action, "invitation", str(invitation.id), invitation.workspace_id, old, _audit_values(invitation))
    await record_change(db, actor, change)


def _audit_values(invitation: Invitation) -> dict[str, object]:
    return {"email": invitation.email, "role": invitation.role, "expires_at": invitation.expires_at}

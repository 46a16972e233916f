"""The members of a workspace: what they are, and how they go."""

from datetime import datetime
from uuid import UUID

from control.db.pool import Connection
from control.platform.audit import Actor, Change, record
from control.workspaces import store_invitations, store_members
from control.workspaces.changes import held
from control.workspaces.model import Member
from control.workspaces.roles import ROLES, Role, grantable, may
from shared.errors import Conflict, Forbidden, Missing


class Members:
    """Each change holds the workspace's row, so that two at once see one another."""

    async def page(self, db: Connection, workspace_id: UUID, *, offset: int, limit: int) -> tuple[list[Member], int]:
        """In the order in which they came, and how many there are."""
        total = await store_members.count_members(db, workspace_id)
        return await store_members.select_members(db, workspace_id, offset, limit), total

    async def change_role(
        self, db: Connection, actor: Actor, workspace_id: UUID, user_id: UUID, role: Role, now: datetime
    ) -> Member:
        """Raises Missing, Forbidden (code role), Conflict (code last_owner)."""
        await held(db, workspace_id)
        mine = await own_role(db, workspace_id, actor)
        member = await _member(db, workspace_id, user_id)
        require_may(mine, member.role, role)
        if role == member.role:
            return member
        await _require_owner_left(db, workspace_id, member)
        await store_members.update_role(db, workspace_id, user_id, role)
        await _void_invitations(db, workspace_id, user_id, role, now)
        before, after = _told(member), {"role": role}
        await record(db, actor, Change("member.role", "member", str(user_id), workspace_id, before, after))
        return await _member(db, workspace_id, user_id)

    async def remove(self, db: Connection, actor: Actor, workspace_id: UUID, user_id: UUID, now: datetime) -> None:
        """Anybody may leave; who may remove others, `roles.may` tells. Open invitations of who goes are void: a rogue
        must not come back by one. Raises Missing, Forbidden (code role), Conflict (code last_owner)."""
        await held(db, workspace_id)
        mine = await own_role(db, workspace_id, actor)
        member = await _member(db, workspace_id, user_id)
        leaves = user_id == actor.id
        if not leaves:
            require_may(mine, member.role, None)
        await _require_owner_left(db, workspace_id, member)
        await _drop(db, actor, workspace_id, member, "member.leave" if leaves else "member.remove", now)

    async def leave_all(self, db: Connection, actor: Actor, user_id: UUID, now: datetime) -> None:
        """Before an account is deleted; it is held, so that it joins nothing meanwhile. Raises Conflict (code
        last_owner), which names the workspaces where nobody else is an owner."""
        await store_members.lock_account(db, user_id)
        workspace_ids = await store_members.lock_memberships(db, user_id)
        orphans = await store_members.select_orphans(db, workspace_ids, user_id)
        if orphans:
            raise Conflict(f"Nobody else owns: {', '.join(orphans)}.", code="last_owner")
        for workspace_id in workspace_ids:
            member = await _member(db, workspace_id, user_id)
            await _drop(db, actor, workspace_id, member, "member.leave", now)


def require_may(actor: Role, target: Role | None, new: Role | None) -> None:
    """Raises Forbidden."""
    if not may(actor, target, new):
        raise Forbidden("Your role in this workspace may not do this.", code="role")


async def own_role(db: Connection, workspace_id: UUID, actor: Actor) -> Role:
    """What the actor is now: it may have changed while the workspace was waited for. Raises Missing."""
    role = await store_members.select_role(db, workspace_id, actor.id)
    if role is None:
        raise Missing("There is no such workspace.", code="workspace_not_found")
    return role


async def _member(db: Connection, workspace_id: UUID, user_id: UUID) -> Member:
    member = await store_members.select_member(db, workspace_id, user_id)
    if member is None:
        raise Missing("There is no such member.", code="member_not_found")
    return member


async def _require_owner_left(db: Connection, workspace_id: UUID, member: Member) -> None:
    if member.role == "owner" and not await store_members.has_other_owner(db, workspace_id, member.user_id):
        raise Conflict("A workspace needs an owner: make somebody else one first.", code="last_owner")


async def _drop(db: Connection, actor: Actor, workspace_id: UUID, member: Member, action: str, now: datetime) -> None:
    await store_members.delete_member(db, workspace_id, member.user_id)
    await _void_invitations(db, workspace_id, member.user_id, None, now)
    await record(db, actor, Change(action, "member", str(member.user_id), workspace_id, before=_told(member)))


async def _void_invitations(
    db: Connection, workspace_id: UUID, user_id: UUID, role: Role | None, now: datetime
) -> None:
    keep = grantable(role) if role else frozenset[Role]()
    if len(keep) < len(ROLES):
        await store_invitations.revoke_of(db, workspace_id, user_id, keep, now)


def _told(member: Member) -> dict[str, str]:
    return {"email": member.email, "role": member.role}

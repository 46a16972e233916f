"""Members of a workspace: roles and removal."""

from datetime import datetime
from uuid import UUID

from control.audit.service import Actor, Change, record_change
from control.db.keyset import ListPage, PageRequest
from control.db.pool import Connection
from control.workspaces import queries
from control.workspaces.changes import lock_workspace
from control.workspaces.rules import ROLES, Member, Role, grantable_roles, may_change_role, needed_role
from shared.errors import Conflict, Forbidden, NotFound


class Members:
    """Manages members. Each change locks the workspace's row, so that concurrent changes see each other."""

    async def list_page(self, db: Connection, workspace_id: UUID, *, page: PageRequest) -> ListPage[Member]:
        """Return a page of members in the order of joining. Raises Invalid (code cursor_unknown)."""
        found = await queries.select_members(db, workspace_id, page)
        if page.cursor is not None:
            return found
        return found.with_total(await queries.count_members(db, workspace_id))

    async def change_role(
        self, db: Connection, actor: Actor, workspace_id: UUID, user_id: UUID, role: Role, now: datetime
    ) -> Member:
        """Change a member's role. Raises NotFound, Forbidden (code role), Conflict (code last_owner)."""
        await lock_workspace(db, workspace_id)
        mine = await require_role(db, workspace_id, actor)
        member = await _member(db, workspace_id, user_id)
        require_may_change(mine, member.role, role)
        if role == member.role:
            return member
        await _require_other_owner(db, workspace_id, member)
        await queries.update_role(db, workspace_id, user_id, role)
        await _void_invitations(db, workspace_id, user_id, role, now)
        before, after = _audit_values(member), {"role": role}
        await record_change(db, actor, Change("member.role", "member", str(user_id), workspace_id, before, after))
        return await _member(db, workspace_id, user_id)

    async def remove(self, db: Connection, actor: Actor, workspace_id: UUID, user_id: UUID, now: datetime) -> None:
        """Remove a member and revoke the invitations that the member sent, so that nobody returns by their own
        invitation.

        Each member may leave. `may_change_role` decides who may remove other members.

        Raises:
            NotFound: There is no such member.
            Forbidden: The actor's role is too low (role).
            Conflict: The member is the last owner (last_owner).
        """
        await lock_workspace(db, workspace_id)
        mine = await require_role(db, workspace_id, actor)
        member = await _member(db, workspace_id, user_id)
        leaves = user_id == actor.id
        if not leaves:
            require_may_change(mine, member.role, None)
        await _require_other_owner(db, workspace_id, member)
        await _remove(db, actor, workspace_id, member, "member.leave" if leaves else "member.remove", now)

    async def leave_all(self, db: Connection, user_id: UUID, now: datetime) -> None:
        """Remove an account from all workspaces before it is deleted. Locks the account, so that it cannot join a
        workspace.

        Raises Conflict (code last_owner), which names the workspaces without another owner.
        """
        await queries.lock_user(db, user_id)
        workspace_ids = await queries.lock_memberships(db, user_id)
        orphans = await queries.select_orphans(db, workspace_ids, user_id)
        if orphans:
            raise Conflict(f"Nobody else owns: {', '.join(orphans)}.", code="last_owner")
        for workspace_id in workspace_ids:
            member = await _member(db, workspace_id, user_id)
            await _remove(db, Actor("system"), workspace_id, member, "member.leave", now)


def require_may_change(actor: Role, target: Role | None, new: Role | None) -> None:
    """Raise Forbidden if the actor may not make this change of a role."""
    if not may_change_role(actor, target, new):
        raise Forbidden(f"This needs the role {needed_role(target, new)}; yours is {actor}.", code="role")


async def require_role(db: Connection, workspace_id: UUID, actor: Actor) -> Role:
    """Return the actor's current role. It is read after the lock, because it may have changed before. Raises
    NotFound."""
    role = await queries.select_role(db, workspace_id, actor.id)
    if role is None:
        raise NotFound("There is no such workspace.", code="workspace_not_found")
    return role


async def _member(db: Connection, workspace_id: UUID, user_id: UUID) -> Member:
    member = await queries.select_member(db, workspace_id, user_id)
    if member is None:
        raise NotFound("There is no such member.", code="member_not_found")
    return member


async def _require_other_owner(db: Connection, workspace_id: UUID, member: Member) -> None:
    if member.role == "owner" and not await queries.has_other_owner(db, workspace_id, member.user_id):
        raise Conflict("A workspace needs an owner: make somebody else one first.", code="last_owner")


async def _remove(db: Connection, actor: Actor, workspace_id: UUID, member: Member, action: str, now: datetime) -> None:
    await queries.delete_member(db, workspace_id, member.user_id)
    await _void_invitations(db, workspace_id, member.user_id, None, now)
    await record_change(
        db, actor, Change(action, "member", str(member.user_id), workspace_id, before=_audit_values(member))
    )


async def _void_invitations(
    db: Connection, workspace_id: UUID, user_id: UUID, role: Role | None, now: datetime
) -> None:
    keep = grantable_roles(role) if role else frozenset[Role]()
    if len(keep) < len(ROLES):
        await queries.revoke_invitations_by(db, workspace_id, user_id, keep, now)


def _audit_values(member: Member) -> dict[str, str]:
    return {"email": member.email, "role": member.role}

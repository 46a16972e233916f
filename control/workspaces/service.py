"""The rules of workspaces; those of their `members`, of `invitations` and of the `staff` have their own files."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from control.accounts.mail import Mailer
from control.accounts.service import Accounts
from control.db.pool import Connection
from control.db.scope import enter_workspace
from control.platform.audit import Actor, Change, record
from control.platform.model import Tier
from control.platform.service import Platform
from control.workspaces import staff, store, store_members, store_purge
from control.workspaces.changes import found, held, put
from control.workspaces.invitations import Invitations
from control.workspaces.members import Members, own_role, require_may
from control.workspaces.model import Membership, NewWorkspace, Subscription, Workspace
from control.workspaces.timezones import require_timezone
from shared.errors import Conflict, Unauthorised
from shared.ids import new_id

__all__ = ["Membership", "Workspaces"]

# What one round of the purge deletes at most, so that its transaction stays short.
CALLS_A_ROUND: Final = 2_000


class Workspaces:
    """Every method works within the request's transaction."""

    def __init__(self, *, accounts: Accounts, mailer: Mailer, platform: Platform) -> None:
        self._platform = platform
        self.members = Members()
        self.invitations = Invitations(accounts=accounts, mailer=mailer, platform=platform)
        self.staff = staff.Staff(platform=platform)

    async def of_user(self, db: Connection, user_id: UUID) -> list[Membership]:
        """Where a user belongs, longest first. Needs their scope, or the platform's."""
        return await store.select_memberships(db, user_id)

    async def counts_of(self, db: Connection, user_ids: Sequence[UUID]) -> dict[UUID, int]:
        """How many workspaces each of some users belongs to, zeros left out. Needs platform scope."""
        return await store.count_memberships(db, user_ids)

    async def get(self, db: Connection, workspace_id: UUID) -> Workspace:
        """Raises Missing, for a deleted one too."""
        return found(await store.select(db, workspace_id))

    async def limits(self, db: Connection, workspace_id: UUID, *, hold: bool = False) -> Tier:
        """The tier, whose limits hold. hold: it stays the workspace's until the transaction ends, for whoever counts
        in order to add something. Raises Missing."""
        workspace = found(await store.select(db, workspace_id, hold="KEY SHARE" if hold else ""))
        return await self._platform.tier(db, workspace.tier_name)

    async def subscription(self, db: Connection, workspace_id: UUID, now: datetime) -> Subscription:
        """The tier, and how much of it is taken up. Raises Missing."""
        use = await store.select_use(db, workspace_id, now)
        seconds = await store.select_seconds(db, workspace_id, now)
        return Subscription(await self.limits(db, workspace_id), use, round(seconds / 60, 1))

    async def require_running(self, db: Connection, workspace_id: UUID) -> None:
        """Whether its agents may answer calls. Raises Missing, Conflict (codes workspace_suspended, owner_unverified).

        Anybody who signs in may make a workspace and set it up; calls, which cost money, wait until one of its owners
        has confirmed an address."""
        workspace = await self.get(db, workspace_id)
        if workspace.status == "suspended":
            raise Conflict("This workspace is suspended.", code="workspace_suspended")
        if not await store_members.has_verified_owner(db, workspace_id):
            raise Conflict(
                "None of this workspace's owners has confirmed their e-mail address.", code="owner_unverified"
            )

    async def create(self, db: Connection, actor: Actor, owner_id: UUID, new: NewWorkspace, now: datetime) -> Workspace:
        """A workspace of that owner, whose scope the transaction goes on in.

        Raises Invalid (timezone_unknown), Conflict (code workspace_limit)."""
        require_timezone(new.timezone)
        await self._require_room(db, owner_id)
        workspace = await self._first_state(db, new, now)
        await enter_workspace(db, workspace.id, owner_id)
        await store.insert(db, workspace, owner_id)
        if not await store_members.insert_member(db, workspace.id, owner_id, "owner", None, now):
            raise Unauthorised("This sign-in is over.", code="session_over")
        await store.insert_change(db, UUID(new_id()), workspace, now)
        after = {"name": workspace.name, "status": workspace.status, "tier_name": workspace.tier_name}
        await record(db, actor, Change("workspace.create", "workspace", str(workspace.id), workspace.id, after=after))
        return workspace

    async def update(
        self, db: Connection, actor: Actor, workspace_id: UUID, changes: Mapping[str, Any], now: datetime
    ) -> Workspace:
        """changes: any of name, industry, timezone. Raises Missing, Invalid (timezone_unknown), Conflict (code
        workspace_suspended)."""
        before = await held(db, workspace_id)
        if before.status == "suspended":
            raise Conflict("This workspace is suspended: nothing in it can be changed.", code="workspace_suspended")
        if "timezone" in changes:
            require_timezone(changes["timezone"])
        return await put(db, actor, "workspace.update", before, replace(before, **changes), now)

    async def delete(self, db: Connection, actor: Actor, workspace_id: UUID, now: datetime) -> None:
        """Gone for its members at once; the staff can restore it until the grace period is over. Only for owners.

        Raises Missing, Forbidden (code role)."""
        await held(db, workspace_id)
        require_may(await own_role(db, workspace_id, actor), "owner", None)
        await staff.delete(db, self._platform, actor, workspace_id, now)

    async def leave_all(self, db: Connection, user_id: UUID, now: datetime) -> None:
        """Before an account is deleted. Raises Conflict (code last_owner). Needs platform scope."""
        await self.members.leave_all(db, Actor("system"), user_id, now)

    async def purge_due(self, db: Connection, now: datetime, most: int) -> int:
        """Deletes for good what is past its grace period, up to `most` workspaces and CALLS_A_ROUND calls; how many
        of both, so 0 when nothing is left to do. Needs platform scope.

        Ledger, bills, figures and the audit log stay. So does a workspace that still has phone numbers."""
        left = CALLS_A_ROUND
        workspaces = 0
        for workspace_id in await store_purge.lock_due(db, now, most):
            left -= await store_purge.delete_calls(db, workspace_id, left)
            if left <= 0:
                break
            await store_purge.delete_workspace(db, workspace_id)
            change = Change("workspace.purge", "workspace", str(workspace_id), workspace_id)
            await record(db, Actor("system"), change)
            workspaces += 1
        return workspaces + CALLS_A_ROUND - left

    async def _require_room(self, db: Connection, owner_id: UUID) -> None:
        """Only here: being made an owner by others is no offence."""
        most = await self._platform.setting(db, "max_workspaces_per_user")
        await store.lock_creator(db, owner_id)
        if await store.count_owned(db, owner_id) >= most:
            raise Conflict(f"One user may own {most} workspaces.", code="workspace_limit")

    async def _first_state(self, db: Connection, new: NewWorkspace, now: datetime) -> Workspace:
        days = await self._platform.setting(db, "trial_days")
        return Workspace(
            id=UUID(new_id()),
            name=new.name,
            industry=new.industry,
            timezone=new.timezone,
            status="trial" if days else "active",
            status_before=None,
            tier_name=await self._platform.setting(db, "default_tier"),
            trial_ends_at=now + timedelta(days=days) if days else None,
            suspended_at=None,
            suspended_why=None,
            deleted_at=None,
            purge_after=None,
            created_at=now,
            updated_at=now,
        )

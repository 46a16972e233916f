"""What the staff sees of workspaces and may do to them: needs platform scope; every change is in the audit log."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from control.db.pool import Connection
from control.platform.audit import Actor
from control.platform.service import Platform
from control.workspaces import status, store, store_members, store_staff
from control.workspaces.changes import found, held, put
from control.workspaces.countries import require_countries
from control.workspaces.model import Line, Member, Stats, Status, Wanted, Workspace
from control.workspaces.tiers import require_fit
from shared.errors import Conflict


@dataclass(frozen=True, slots=True)
class Edit:
    """What shall change; None leaves as it is."""

    name: str | None = None
    status: Status | None = None
    tier_name: str | None = None
    outbound_countries: Sequence[str] | None = None


class Staff:
    """Workspaces within their grace period are seen too, but only `restore` changes them."""

    def __init__(self, *, platform: Platform) -> None:
        self._platform = platform

    async def find(self, db: Connection, wanted: Wanted, *, offset: int, limit: int) -> tuple[list[Line], int]:
        """A page, newest first, and how many there are in all. Deleted ones only when they are asked for."""
        return await store_staff.select_lines(db, wanted, offset, limit), await store_staff.count_lines(db, wanted)

    async def get(self, db: Connection, workspace_id: UUID) -> Workspace:
        """Raises Missing."""
        return found(await store.select(db, workspace_id, deleted=True))

    async def owner(self, db: Connection, workspace_id: UUID) -> Member | None:
        """The owner who has been there longest."""
        return await store_members.select_first_owner(db, workspace_id)

    async def stats(self, db: Connection, workspace_id: UUID) -> Stats:
        """Of all time."""
        return await store_staff.select_stats(db, workspace_id)

    async def update(self, db: Connection, actor: Actor, workspace_id: UUID, edit: Edit, now: datetime) -> Workspace:
        """All of it or nothing. Raises Missing, Invalid (tier_unknown, country_unknown), Conflict (tier_unavailable,
        tier_too_small, trials_off)."""
        before = await self._held_for(db, workspace_id, edit.tier_name, "subscription_tier", now)
        after = replace(before, name=edit.name or before.name, tier_name=edit.tier_name or before.tier_name)
        after = _with_countries(await self._with_status(db, after, edit.status, now), edit.outbound_countries)
        return await put(db, actor, "workspace.update", before, after, now)

    async def suspend(self, db: Connection, actor: Actor, workspace_id: UUID, reason: str, now: datetime) -> Workspace:
        """Its agents answer no calls from now on; its members make and change nothing in it. Raises Missing."""
        before = await held(db, workspace_id)
        after = status.suspended(before, reason, now)
        return await put(db, actor, "workspace.suspend", before, after, now, reason)

    async def activate(self, db: Connection, actor: Actor, workspace_id: UUID, now: datetime) -> Workspace:
        """Ends a suspension; nothing happens to one that is not suspended. Raises Missing."""
        before = await held(db, workspace_id)
        return await put(db, actor, "workspace.activate", before, status.resumed(before, now), now)

    async def change_tier(
        self, db: Connection, actor: Actor, workspace_id: UUID, tier_name: str, now: datetime
    ) -> Workspace:
        """Raises Missing, Invalid (tier_unknown), Conflict (tier_unavailable, tier_too_small)."""
        before = await self._held_for(db, workspace_id, tier_name, "tier_name", now)
        return await put(db, actor, "workspace.change_tier", before, replace(before, tier_name=tier_name), now)

    async def delete(self, db: Connection, actor: Actor, workspace_id: UUID, now: datetime) -> None:
        """Gone for its members at once; purged after the grace period. Raises Missing."""
        await delete(db, self._platform, actor, workspace_id, now)

    async def restore(self, db: Connection, actor: Actor, workspace_id: UUID, now: datetime) -> Workspace:
        """Brings back one that was deleted and not yet purged, as it was. Raises Missing, Conflict (code
        not_deleted)."""
        before = found(await store.select(db, workspace_id, hold="NO KEY UPDATE", deleted=True))
        if before.deleted_at is None:
            raise Conflict("This workspace is not deleted.", code="not_deleted")
        after = replace(before, deleted_at=None, purge_after=None)
        return await put(db, actor, "workspace.restore", before, after, now)

    async def end_trials(self, db: Connection, now: datetime, most: int) -> int:
        """Suspends up to `most` workspaces whose trial is over, if the setting says so; how many."""
        if await self._platform.setting(db, "trial_end_action") != "suspend":
            return 0
        ended = await store_staff.lock_ended_trials(db, now, most)
        for workspace_id in ended:
            await self.suspend(db, Actor("system"), workspace_id, "The trial is over.", now)
        return len(ended)

    async def _held_for(
        self, db: Connection, workspace_id: UUID, tier_name: str | None, param: str, now: datetime
    ) -> Workspace:
        """The workspace, held; if it shall have another tier, so hard that nobody adds to what was counted."""
        if tier_name is None:
            return await held(db, workspace_id)
        workspace = await held(db, workspace_id, "UPDATE")
        if tier_name != workspace.tier_name:
            tier = await self._platform.offered(db, tier_name, param)
            require_fit(await store.select_use(db, workspace_id, now), tier)
        return workspace

    async def _with_status(
        self, db: Connection, workspace: Workspace, wanted: Status | None, now: datetime
    ) -> Workspace:
        match wanted:
            case None:
                return workspace
            case "suspended":
                return status.suspended(workspace, workspace.suspended_why, now)
            case "active":
                return status.active(workspace)
            case "trial":
                days = await self._platform.setting(db, "trial_days")
                if not days:
                    raise Conflict("There are no trials: the setting trial_days is 0.", code="trials_off")
                return status.on_trial(workspace, now + timedelta(days=days))


def _with_countries(workspace: Workspace, chosen: Sequence[str] | None) -> Workspace:
    """An empty list: what holds without one."""
    if chosen is None:
        return workspace
    require_countries(chosen, "outbound_countries")
    settings = {name: value for name, value in workspace.settings.items() if name != "outbound_countries"}
    return replace(workspace, settings=settings | ({"outbound_countries": sorted(set(chosen))} if chosen else {}))


async def delete(db: Connection, platform: Platform, actor: Actor, workspace_id: UUID, now: datetime) -> None:
    """Raises Missing."""
    before = await held(db, workspace_id)
    grace = timedelta(days=await platform.setting(db, "deletion_grace_days"))
    await put(db, actor, "workspace.delete", before, replace(before, deleted_at=now, purge_after=now + grace), now)

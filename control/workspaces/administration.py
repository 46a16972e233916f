"""Administration of workspaces by staff. Requires platform scope. Each change is written to the audit log."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from control.audit.service import Actor
from control.db.keyset import ListPage, PageRequest
from control.db.pool import Connection
from control.platform.service import Platform, find_currency, require_priced
from control.workspaces import queries, rules
from control.workspaces.changes import lock_workspace, require_found, save_change
from control.workspaces.rules import (
    Member,
    Workspace,
    WorkspaceFilter,
    WorkspaceListing,
    WorkspaceStats,
    WorkspaceStatus,
    require_fit,
)
from control.workspaces.settings import apply_settings, check_settings
from shared.errors import Conflict


@dataclass(frozen=True, slots=True)
class WorkspaceUpdate:
    """Changes to a workspace. A field that is None stays unchanged.

    Attributes:
        settings: Changed settings by name.
    """

    name: str | None = None
    status: WorkspaceStatus | None = None
    tier_name: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


class WorkspaceAdministration:
    """Lets staff manage workspaces. Reads include deleted workspaces, but only `restore` changes them."""

    def __init__(self, *, platform: Platform) -> None:
        self._platform = platform

    async def find(self, db: Connection, wanted: WorkspaceFilter, *, page: PageRequest) -> ListPage[WorkspaceListing]:
        """Return a page of workspaces, newest first.

        Deleted workspaces are returned only if the filter selects them. Raises Invalid (code cursor_unknown).
        """
        found = await queries.select_listings(db, wanted, page)
        if page.cursor is not None:
            return found
        return found.with_total(await queries.count_listings(db, wanted))

    async def get(self, db: Connection, workspace_id: UUID) -> Workspace:
        """Return a workspace. Raises NotFound."""
        return require_found(await queries.select_workspace(db, workspace_id, deleted=True))

    async def owner(self, db: Connection, workspace_id: UUID) -> Member | None:
        """Return the owner with the oldest membership, or None."""
        return await queries.select_first_owner(db, workspace_id)

    async def stats(self, db: Connection, workspace_id: UUID) -> WorkspaceStats:
        """Return the workspace's all-time figures."""
        return await queries.select_stats(db, workspace_id)

    async def update(
        self, db: Connection, actor: Actor, workspace_id: UUID, edit: WorkspaceUpdate, now: datetime
    ) -> Workspace:
        """Apply all changes or none.

        Raises NotFound, Invalid (tier_unknown, country_unknown), Conflict (tier_unavailable, tier_too_small,
        tier_not_priced, trials_off).
        """
        before = await self._lock_for_tier(db, workspace_id, edit.tier_name, "subscription_tier", now)
        after = replace(before, name=edit.name or before.name, tier_name=edit.tier_name or before.tier_name)
        after = await self._with_status(db, after, edit.status, now)
        check_settings(edit.settings)
        after = replace(after, settings=apply_settings(after.settings, edit.settings))
        return await save_change(db, actor, "workspace.update", before, after, now)

    async def suspend(self, db: Connection, actor: Actor, workspace_id: UUID, reason: str, now: datetime) -> Workspace:
        """Suspend a workspace. Its agents answer no calls, and its members cannot change it. Raises NotFound."""
        before = await lock_workspace(db, workspace_id)
        after = rules.suspend(before, reason, now)
        return await save_change(db, actor, "workspace.suspend", before, after, now, reason)

    async def activate(self, db: Connection, actor: Actor, workspace_id: UUID, now: datetime) -> Workspace:
        """End a suspension. Do nothing if the workspace is not suspended. Raises NotFound."""
        before = await lock_workspace(db, workspace_id)
        return await save_change(db, actor, "workspace.activate", before, rules.resume(before, now), now)

    async def change_tier(
        self, db: Connection, actor: Actor, workspace_id: UUID, tier_name: str, now: datetime
    ) -> Workspace:
        """Change the workspace's tier.

        Raises NotFound, Invalid (tier_unknown), Conflict (tier_unavailable, tier_too_small, tier_not_priced).
        """
        before = await self._lock_for_tier(db, workspace_id, tier_name, "tier_name", now)
        return await save_change(db, actor, "workspace.change_tier", before, replace(before, tier_name=tier_name), now)

    async def delete(self, db: Connection, actor: Actor, workspace_id: UUID, now: datetime) -> None:
        """Delete a workspace. Members lose access immediately. The data is purged after the grace period. Raises
        NotFound.
        """
        await delete_workspace(db, self._platform, actor, workspace_id, now)

    async def restore(self, db: Connection, actor: Actor, workspace_id: UUID, now: datetime) -> Workspace:
        """Restore a deleted workspace that has not been purged. Raises NotFound, Conflict (code not_deleted)."""
        before = require_found(await queries.select_workspace(db, workspace_id, hold="NO KEY UPDATE", deleted=True))
        if before.deleted_at is None:
            raise Conflict("This workspace is not deleted.", code="not_deleted")
        after = replace(before, deleted_at=None, purge_after=None)
        return await save_change(db, actor, "workspace.restore", before, after, now)

    async def end_trials(self, db: Connection, now: datetime, most: int) -> int:
        """Suspend up to `most` workspaces whose trial has ended, if the setting says so. Return the number of
        workspaces.
        """
        if await self._platform.setting(db, "trial_end_action") != "suspend":
            return 0
        ended = await queries.lock_ended_trials(db, now, most)
        for workspace_id in ended:
            await self.suspend(db, Actor("system"), workspace_id, "The trial is over.", now)
        return len(ended)

    async def _lock_for_tier(
        self, db: Connection, workspace_id: UUID, tier_name: str | None, param: str, now: datetime
    ) -> Workspace:
        """Return the workspace, locked. If the tier changes, also block transactions that add anything the tier
        limits.
        """
        if tier_name is None:
            return await lock_workspace(db, workspace_id)
        workspace = await lock_workspace(db, workspace_id, "UPDATE")
        if tier_name != workspace.tier_name:
            tier = await self._platform.lock_offered_tier(db, tier_name, param)
            require_fit(await queries.select_use(db, workspace_id, now), tier)
            await require_priced(db, tier_name, await find_currency(db, workspace_id), param)
        return workspace

    async def _with_status(
        self, db: Connection, workspace: Workspace, wanted: WorkspaceStatus | None, now: datetime
    ) -> Workspace:
        match wanted:
            case None:
                return workspace
            case "suspended":
                return rules.suspend(workspace, workspace.suspended_why, now)
            case "active":
                return rules.activate(workspace)
            case "trial":
                days = await self._platform.setting(db, "trial_days")
                if not days:
                    raise Conflict("There are no trials: the setting trial_days is 0.", code="trials_off")
                return rules.start_trial(workspace, now + timedelta(days=days))


async def delete_workspace(db: Connection, platform: Platform, actor: Actor, workspace_id: UUID, now: datetime) -> None:
    """Delete a workspace. Raises NotFound."""
    before = await lock_workspace(db, workspace_id)
    grace = timedelta(days=await platform.setting(db, "deletion_grace_days"))
    await save_change(
        db, actor, "workspace.delete", before, replace(before, deleted_at=now, purge_after=now + grace), now
    )

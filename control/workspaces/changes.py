"""How a change of a workspace is written down: its row, the story of its status and tier, and the audit log."""

from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from control.db.pool import Connection
from control.platform.audit import Actor, Change, record
from control.workspaces import store
from control.workspaces.model import Workspace
from shared.errors import Missing
from shared.ids import new_id

_TOLD: Final = (
    "name", "industry", "timezone", "status", "tier_name", "trial_ends_at", "suspended_why", "deleted_at",
    "purge_after", "outbound_countries",
)  # fmt: skip


async def put(
    db: Connection, actor: Actor, action: str, before: Workspace, after: Workspace, now: datetime,
    reason: str | None = None,
) -> Workspace:  # fmt: skip
    """Stores `after`, whose row must be held; nothing at all when it is `before`."""
    if after == before:
        return before
    after = replace(after, updated_at=now)
    await store.update(db, after)
    if _phase(after) != _phase(before):
        await store.insert_change(db, UUID(new_id()), after, now)
    changed = [name for name in _TOLD if getattr(before, name) != getattr(after, name)]
    old, new = _told(before, changed), _told(after, changed)
    await record(db, actor, Change(action, "workspace", str(after.id), after.id, old, new, reason))
    return after


async def held(db: Connection, workspace_id: UUID, hold: store.Hold = "NO KEY UPDATE") -> Workspace:
    """The workspace, held until the transaction ends. Raises Missing."""
    return found(await store.select(db, workspace_id, hold=hold))


def found(workspace: Workspace | None) -> Workspace:
    """Raises Missing."""
    if workspace is None:
        raise Missing("There is no such workspace.", code="workspace_not_found")
    return workspace


def _phase(workspace: Workspace) -> tuple[str, str, bool]:
    return workspace.status, workspace.tier_name, workspace.deleted_at is None


def _told(workspace: Workspace, names: list[str]) -> dict[str, Any]:
    return {name: getattr(workspace, name) for name in names}

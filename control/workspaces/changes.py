"""Saves changes of a workspace: its row, the history of status and tier, and the audit log."""

from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from control.db.pool import Connection
from control.platform.audit import Actor, Change, record_change
from control.workspaces import read_tiers, store
from control.workspaces.model import Workspace
from shared.errors import NotFound
from shared.ids import new_id

_AUDITED_FIELDS: Final = (
    "name",
    "industry",
    "timezone",
    "status",
    "tier_name",
    "trial_ends_at",
    "suspended_why",
    "deleted_at",
    "purge_after",
    "outbound_countries",
    "retention",
    "redaction",
    "disclosure",
    "second_factor_required",
)


async def save_change(
    db: Connection,
    actor: Actor,
    action: str,
    before: Workspace,
    after: Workspace,
    now: datetime,
    reason: str | None = None,
) -> Workspace:
    """Stores `after`, whose row must be locked; does nothing when it equals `before`."""
    if after == before:
        return before
    after = replace(after, updated_at=now)
    await store.update(db, after)
    if _history_key(after) != _history_key(before):
        fee = await read_tiers.select_monthly_fee(db, after.tier_name)
        await store.insert_change(db, UUID(new_id()), after, fee, now)
    changed = [name for name in _AUDITED_FIELDS if getattr(before, name) != getattr(after, name)]
    old, new = _audit_values(before, changed), _audit_values(after, changed)
    await record_change(db, actor, Change(action, "workspace", str(after.id), after.id, old, new, reason))
    return after


async def lock_workspace(db: Connection, workspace_id: UUID, hold: store.RowLock = "NO KEY UPDATE") -> Workspace:
    """Returns the workspace, locked until the transaction ends. Raises NotFound."""
    return require_found(await store.select(db, workspace_id, hold=hold))


def require_found(workspace: Workspace | None) -> Workspace:
    """Raises NotFound."""
    if workspace is None:
        raise NotFound("There is no such workspace.", code="workspace_not_found")
    return workspace


def _history_key(workspace: Workspace) -> tuple[str, str, bool]:
    return workspace.status, workspace.tier_name, workspace.deleted_at is None


def _audit_values(workspace: Workspace, names: list[str]) -> dict[str, Any]:
    return {name: getattr(workspace, name) for name in names}

"""SQL of retention_limits: for how many days workspaces may keep what calls hold, as retention last took it."""

from collections.abc import Collection, Mapping
from typing import Final
from uuid import UUID

from control.db.pool import Connection
from control.privacy.model import RetentionKind
from control.privacy.retention import RetentionLimit

LimitKey = tuple[UUID, RetentionKind]

_UPSERT: Final = """
    INSERT INTO retention_limits (workspace_id, kind, days, lowered_at)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::timestamptz[])
    ON CONFLICT (workspace_id, kind) DO UPDATE SET days = excluded.days, lowered_at = excluded.lowered_at
"""


async def select_limits(db: Connection, workspace_ids: Collection[UUID]) -> Mapping[LimitKey, RetentionLimit]:
    """By workspace and kind; those that were never taken are left out. Needs platform scope."""
    rows = await db.fetch(
        "SELECT workspace_id, kind, days, lowered_at FROM retention_limits WHERE workspace_id = ANY($1::uuid[])",
        sorted(workspace_ids),
    )
    return {(row["workspace_id"], row["kind"]): RetentionLimit(row["days"], row["lowered_at"]) for row in rows}


async def upsert_limits(db: Connection, limits: Mapping[LimitKey, RetentionLimit]) -> None:
    """Stores these. Needs platform scope."""
    if not limits:
        return
    await db.execute(
        _UPSERT,
        [workspace_id for workspace_id, _ in limits],
        [kind for _, kind in limits],
        [one.days for one in limits.values()],
        [one.lowered_at for one in limits.values()],
    )

"""SQL for retention: limits, progress, and the calls that are due."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from control.db.pool import Connection
from control.privacy.retention.rules import RetentionLimit
from control.privacy.rules import RetentionKind


@dataclass(frozen=True, slots=True)
class RetainedWorkspace:
    """A workspace with its settings and the features of its tier."""

    id: UUID
    settings: Mapping[str, Any]
    features: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RetentionTask:
    """A deletion task: one kind of content in a workspace's calls that were created before the cutoff."""

    workspace_id: UUID
    kind: RetentionKind
    cutoff: datetime


@dataclass(frozen=True, slots=True)
class CallPosition:
    """The position of a call in the order of creation."""

    created_at: datetime
    id: UUID


LimitKey = tuple[UUID, RetentionKind]


# --- Workspaces and their limits -------------------------------------------------------------------------------------

_FIRST: Final = UUID(int=0)
_SELECT_WORKSPACES: Final = """
    SELECT w.id, w.settings, t.features FROM workspaces w JOIN tiers t ON t.tier_name = w.tier_name
    WHERE w.id > $1 ORDER BY w.id LIMIT $2
"""
_SELECT_ONE: Final = """
    SELECT w.id, w.settings, t.features FROM workspaces w JOIN tiers t ON t.tier_name = w.tier_name WHERE w.id = $1
"""


async def select_workspaces(db: Connection, after: UUID | None, most: int) -> list[RetainedWorkspace]:
    """Return up to `most` workspaces in the order of their ids, including deleted workspaces."""
    rows = await db.fetch(_SELECT_WORKSPACES, after or _FIRST, most)
    return [RetainedWorkspace(**row) for row in rows]


async def select_workspace(db: Connection, workspace_id: UUID) -> RetainedWorkspace | None:
    """Return a workspace with its settings and features, or None."""
    row = await db.fetchrow(_SELECT_ONE, workspace_id)
    return None if row is None else RetainedWorkspace(**row)


_UPSERT_LIMITS: Final = """
    INSERT INTO retention_limits (workspace_id, kind, days, lowered_at)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::timestamptz[])
    ON CONFLICT (workspace_id, kind) DO UPDATE SET days = excluded.days, lowered_at = excluded.lowered_at
"""


async def select_limits(db: Connection, workspace_ids: Collection[UUID]) -> Mapping[LimitKey, RetentionLimit]:
    """Return the stored limits by workspace and kind.

    Limits that were never applied are left out. Needs platform scope.
    """
    rows = await db.fetch(
        "SELECT workspace_id, kind, days, lowered_at FROM retention_limits WHERE workspace_id = ANY($1::uuid[])",
        sorted(workspace_ids),
    )
    return {(row["workspace_id"], row["kind"]): RetentionLimit(row["days"], row["lowered_at"]) for row in rows}


async def upsert_limits(db: Connection, limits: Mapping[LimitKey, RetentionLimit]) -> None:
    """Store limits. Needs platform scope."""
    if not limits:
        return
    await db.execute(
        _UPSERT_LIMITS,
        [workspace_id for workspace_id, _ in limits],
        [kind for _, kind in limits],
        [limit.days for limit in limits.values()],
        [limit.lowered_at for limit in limits.values()],
    )


# --- Calls to delete from, and how far deletion has come -------------------------------------------------------------

# Tasks of the workspaces $1 that have a call of kind $2 after their progress and before the time $3.
_SELECT_DUE: Final = """
    SELECT asked.place FROM unnest($1::uuid[], $2::text[], $3::timestamptz[])
        WITH ORDINALITY AS asked (workspace_id, kind, cutoff, place)
    LEFT JOIN retention_progress p ON p.workspace_id = asked.workspace_id AND p.kind = asked.kind
    WHERE EXISTS (
        SELECT FROM calls c WHERE c.workspace_id = asked.workspace_id AND c.created_at < asked.cutoff
          AND (c.created_at, c.id) > (coalesce(p.reached_at, '-infinity'), coalesce(p.reached_id, $4)))
"""
# The next calls of workspace $1, in the order of creation.
_SELECT_CALLS: Final = """
    SELECT c.created_at, c.id, c.status IN ('queued', 'ringing', 'in_progress') AS is_open
    FROM calls c LEFT JOIN retention_progress p ON p.workspace_id = $1 AND p.kind = $2
    WHERE c.workspace_id = $1 AND c.created_at < $3
      AND (c.created_at, c.id) > (coalesce(p.reached_at, '-infinity'), coalesce(p.reached_id, $5))
    ORDER BY c.created_at, c.id LIMIT $4
"""


async def select_due(db: Connection, tasks: Sequence[RetentionTask]) -> list[RetentionTask]:
    """Return the tasks that have calls to delete."""
    rows = await db.fetch(
        _SELECT_DUE,
        [task.workspace_id for task in tasks],
        [task.kind for task in tasks],
        [task.cutoff for task in tasks],
        _FIRST,
    )
    return [tasks[row["place"] - 1] for row in rows]


async def select_calls(db: Connection, task: RetentionTask, most: int) -> list[CallPosition]:
    """Return up to `most` next calls, oldest first, up to the first call that has not ended."""
    found = []
    for row in await db.fetch(_SELECT_CALLS, task.workspace_id, task.kind, task.cutoff, most, _FIRST):
        if row["is_open"]:
            break
        found.append(CallPosition(row["created_at"], row["id"]))
    return found


_UPSERT: Final = """
    INSERT INTO retention_progress (workspace_id, kind, reached_at, reached_id) VALUES ($1, $2, $3, $4)
    ON CONFLICT (workspace_id, kind) DO UPDATE SET reached_at = excluded.reached_at, reached_id = excluded.reached_id
    WHERE (retention_progress.reached_at, retention_progress.reached_id) < (excluded.reached_at, excluded.reached_id)
"""


async def advance(db: Connection, workspace_id: UUID, kind: RetentionKind, reached: CallPosition) -> None:
    """Store that all calls up to this position are done. The position never moves back."""
    await db.execute(_UPSERT, workspace_id, kind, reached.created_at, reached.id)

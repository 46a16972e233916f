"""Roll-ups: figures of a workspace's day, made from its calls and its ledger whenever somebody marked that day.

Who writes calls or usage_records marks (workspace, day) in the same transaction. A worker takes marks and makes those
days anew in one transaction: when it crashes the marks are still there, and doing a day twice changes nothing. Days
are UTC; a call counts on the day that it was created, money on the day of its usage record.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from control.analytics import rollup_store as store
from control.db.pool import Connection


@dataclass(frozen=True, slots=True)
class Day:
    """One workspace's day."""

    workspace_id: UUID
    day: date


async def mark(db: Connection, workspace_id: UUID, day: date) -> None:
    """Has this day made anew after the caller's transaction, which the mark is part of.

    Nobody waits for a mark."""
    await mark_all(db, [Day(workspace_id, day)])


async def mark_all(db: Connection, days: Iterable[Day]) -> None:
    """Marks several days."""
    once = list(dict.fromkeys(days))
    await store.insert_marks(db, [one.workspace_id for one in once], [one.day for one in once])


async def mark_everything(db: Connection) -> int:
    """Marks every day that has calls, usage or figures, for a rebuild by the workers; returns how many."""
    return await store.insert_all_marks(db)


async def roll_up(db: Connection, most: int) -> int:
    """Makes up to `most` marked days anew, in the caller's transaction (platform scope); returns how many.

    Several workers may do so at once: they take different marks, and wait for one another where these are of the same
    day, and in the sums over days and workspaces, made last.
    """
    taken = await store.delete_marks(db, most)
    if not taken:
        return 0
    workspaces, days = [workspace for workspace, _ in taken], [day for _, day in taken]
    await store.lock_days(db, workspaces, days)
    await store.make_workspace_days(db, workspaces, days)
    await store.make_agent_days(db, workspaces, days)
    await store.make_usage_days(db, workspaces, days)
    await store.lock_sums(db)
    await store.make_totals(db, sorted(set(workspaces)))
    await store.make_platform_days(db, sorted(set(days)))
    return len(taken)

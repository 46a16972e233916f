"""Roll-ups: figures of a workspace's day, computed from its calls and usage records whenever the day is marked.

Code that writes calls or usage_records marks (workspace, day) in the same transaction. The usage of running calls is
marked every few minutes and at the end of the call. A worker takes marks and recomputes their days in one transaction.
After a crash the marks still exist, and recomputing a day gives the same result. Days are in UTC. A call counts on the
day of its creation, money on the day of its usage record.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from control.analytics.rollups import queries
from control.db.pool import Connection
from control.db.scope import keep_plans


@dataclass(frozen=True, slots=True)
class WorkspaceDay:
    """A day of a workspace."""

    workspace_id: UUID
    day: date


# Computes fees, included minutes and numbers of these days. Returns the days whose amounts changed.
Accrue = Callable[[Connection, Sequence[WorkspaceDay]], Awaitable[list[WorkspaceDay]]]


async def mark_day(db: Connection, workspace_id: UUID, day: date) -> None:
    """Mark a day to be recomputed after the current transaction commits. Marks never block."""
    await mark_days(db, [WorkspaceDay(workspace_id, day)])


async def mark_days(db: Connection, days: Iterable[WorkspaceDay]) -> None:
    """Mark any number of days."""
    once = list(dict.fromkeys(days))
    if not once:
        return
    await queries.insert_marks(
        db, [marked_day.workspace_id for marked_day in once], [marked_day.day for marked_day in once]
    )


async def mark_all_days(db: Connection, first: date = date.min, last: date = date.max) -> int:
    """Mark each day (UTC) from `first` to `last` that has calls or usage, so that workers recompute it.

    Returns the number of marked days. Days of which only figures are left are not marked.
    """
    return await queries.insert_all_marks(db, first, last)


async def count_days_without_rows(db: Connection, first: date, last: date) -> int:
    """Return the number of days of which only figures are left, so that they cannot be recomputed.

    Purged workspaces are left out.
    """
    return await queries.count_days_without_rows(db, first, last)


async def roll_up_days(db: Connection, most: int, accrue: Accrue | None = None) -> int:
    """Recompute up to `most` marked days in the current transaction. Return the number of days. Requires platform
    scope.

    Several workers may run concurrently, because they take different marks. They wait for each other if marks are of
    the same day, and for the sums over days and workspaces, which are computed last. For workspaces whose calls are
    being purged, only the money is recomputed: the ledger stays, and the last period is billed later.

    Args:
        accrue: Computes the accruals. None leaves them unchanged.
    """
    taken = await queries.delete_marks(db, most)
    if not taken:
        return 0
    workspaces, days = _split(taken)
    await keep_plans(db)
    if accrue:
        # Accruals change other days of the workspace, so this lock must come before the locks of days and their rows.
        await queries.lock_workspaces(db, workspaces)
    await queries.lock_days(db, workspaces, days)
    purged = await queries.select_purged(db, sorted(set(workspaces)))
    await queries.make_usage_days(db, workspaces, days)
    await queries.make_usage_intervals(db, workspaces, days)
    changed = await accrue(db, [WorkspaceDay(*mark) for mark in taken]) if accrue else []
    others = sorted({(change.workspace_id, change.day) for change in changed} - set(taken))
    await queries.make_usage_intervals(db, *_split(others))
    await _make_days_of_calls(db, [(workspace, day) for workspace, day in taken if workspace not in purged])
    with_calls = [(workspace, day) for workspace, day in others if workspace not in purged]
    await queries.make_provider_days(db, *_split(with_calls))
    without_calls = [(workspace, day) for workspace, day in taken if workspace in purged]
    await queries.make_late_money(db, *_split([*without_calls, *others]))
    await _make_sums(db, [*taken, *others])
    return len(taken)


def _split(days: Sequence[tuple[UUID, date]]) -> tuple[list[UUID], list[date]]:
    """Return workspaces and days as two lists of the same length."""
    return [workspace for workspace, _ in days], [day for _, day in days]


async def _make_days_of_calls(db: Connection, taken: Sequence[tuple[UUID, date]]) -> None:
    """Compute the figures that are counted from calls, which must still exist."""
    workspaces, days = _split(taken)
    await queries.make_workspace_days(db, workspaces, days)
    await queries.make_agent_days(db, workspaces, days)
    await queries.make_call_intervals(db, workspaces, days)
    await queries.make_provider_days(db, workspaces, days)


async def _make_sums(db: Connection, taken: Sequence[tuple[UUID, date]]) -> None:
    """Compute the sums over days and over workspaces.

    A day of the platform is the sum over all workspaces, even if only some of them were marked.
    """
    days = sorted({day for _, day in taken})
    await queries.lock_sums(db)
    await queries.make_totals(db, sorted({workspace for workspace, _ in taken}))
    months = sorted({(workspace, day.replace(day=1)) for workspace, day in taken})
    await queries.make_months(db, [workspace for workspace, _ in months], [month for _, month in months])
    await queries.make_platform_days(db, days)
    await queries.make_platform_provider_days(db, days)


async def delete_workspace_marks(db: Connection, workspace_id: UUID) -> None:
    """Delete the marks of a purged workspace, so that its days keep their figures."""
    await queries.delete_workspace_marks(db, workspace_id)

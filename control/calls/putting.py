"""Calls' states on their way into the records, and the marks of the days that count differently for it."""

from collections.abc import Iterable
from datetime import UTC, date

from control.analytics.rollup import Day, mark_all
from control.calls import store
from control.calls.state import State
from control.db.pool import Connection


async def put(db: Connection, changed: Iterable[tuple[State, State]]) -> None:
    """Writes calls, (before, after), whose rows are held; nothing of one that did not change."""
    really = [(before, after) for before, after in changed if after != before]
    await store.update_states(db, [after for _, after in really])
    days = [
        Day(after.workspace_id, day_of(after))
        for before, after in really
        if (after.status, after.duration_seconds) != (before.status, before.duration_seconds)
    ]
    if days:
        await mark_all(db, days)


def day_of(its: State) -> date:
    """On which it counts."""
    return its.created_at.astimezone(UTC).date()

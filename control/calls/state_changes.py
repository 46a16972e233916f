"""Writes changed call states, and marks the days whose figures change with them."""

from collections.abc import Iterable
from datetime import UTC, date

from control.analytics.rollup import WorkspaceDay, mark_days
from control.calls import store
from control.calls.state import CallState
from control.db.pool import Connection


async def save_changes(db: Connection, changed: Iterable[tuple[CallState, CallState]]) -> None:
    """Writes the changed ones of (before, after); their rows must be locked."""
    different = [(before, after) for before, after in changed if after != before]
    await store.update_states(db, [after for _, after in different])
    days = [
        WorkspaceDay(after.workspace_id, accounting_day(after))
        for before, after in different
        if (after.status, after.duration_seconds) != (before.status, before.duration_seconds)
    ]
    if days:
        await mark_days(db, days)


def accounting_day(state: CallState) -> date:
    """The day (UTC) whose figures count the call: that of its creation."""
    return state.created_at.astimezone(UTC).date()

"""Writes changed call states, charges calls that are over, has them analysed and reported to customers' systems,
settles them with their campaigns, and marks the days whose figures change with them."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date
from decimal import Decimal

from control.analytics.rollup import WorkspaceDay, mark_days
from control.billing.charges import record_minutes
from control.billing.ledger import FinishedCall
from control.calls import store
from control.calls.analysis.queue import enqueue_analyses
from control.calls.campaign_calls import find_ended
from control.calls.reported_changes import report_changes
from control.calls.state import CallState
from control.campaigns.service import settle_attempts
from control.db.pool import Connection


async def save_changes(db: Connection, changed: Iterable[tuple[CallState, CallState]]) -> None:
    """Writes the changed ones of (before, after); their rows must be locked. Needs platform scope."""
    different = [(before, after) for before, after in changed if after != before]
    await store.update_states(db, [after for _, after in different])
    days = [
        WorkspaceDay(after.workspace_id, accounting_day(after))
        for before, after in different
        if _counted(after) != _counted(before)
    ]
    if days:
        await mark_days(db, days)
    await charge_calls(db, [after for before, after in different if _charged(after) != _charged(before)])
    await enqueue_analyses(db, different)
    await report_changes(db, different)
    await settle_attempts(db, find_ended(different))


async def charge_calls(db: Connection, calls: Sequence[CallState]) -> None:
    """Brings the ledger up to date with these calls, which are over and locked. Needs platform scope."""
    if calls:
        await store.update_costs(db, await record_minutes(db, [_finished_call(call) for call in calls]))


def accounting_day(state: CallState) -> date:
    """The day (UTC) whose figures count the call: that of its creation."""
    return state.created_at.astimezone(UTC).date()


def _counted(state: CallState) -> tuple[object, ...]:
    """What the roll-ups take from the call; of how its providers did, only once it is over, because its end marks the
    day anyway."""
    quality = (state.details.failed_providers, state.details.latency) if state.is_final else ()
    return (state.status, state.duration_seconds, *quality)


def _charged(state: CallState) -> tuple[int, Decimal | None]:
    """What the call's minutes are computed from; nothing before the call is over."""
    if not state.is_final:
        return 0, None
    return state.duration_seconds, state.details.carrier.total_cost


def _finished_call(state: CallState) -> FinishedCall:
    return FinishedCall(
        call_id=state.id,
        workspace_id=state.workspace_id,
        agent_id=state.agent_id,
        at=state.created_at,
        seconds=state.duration_seconds,
        is_test=state.is_test,
        carrier=state.carrier,
        direction=state.direction,
        carrier_cost=state.details.carrier.total_cost,
        has_estimated_cost=state.details.carrier.has_estimated_cost,
    )

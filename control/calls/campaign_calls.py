"""What campaigns are told of the end of their calls."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from control.calls import store
from control.calls.read_unsettled import select_unsettled
from control.calls.state import CallState
from control.campaigns.rules import EndedCall
from control.campaigns.service import settle_attempts
from control.db.pool import Connection

# Calls that a program of the version before ended are settled by a duty, later than any transaction lasts.
UNSETTLED_FOR: Final = timedelta(minutes=1)
SETTLED_AT_ONCE: Final = 200


def find_ended(changed: Iterable[tuple[CallState, CallState]]) -> list[EndedCall]:
    """Outbound calls that these changes, (before, after), end, and those that were over and of which more is known now.
    Test calls are of no campaign."""
    pairs = [(before, after) for before, after in changed if after.direction == "outbound" and not after.is_test]
    return [make_ended(after) for before, after in pairs if after.is_final and _facts(before) != _facts(after)]


def make_ended(call: CallState) -> EndedCall:
    """What a campaign has to know of a call that is over."""
    details = call.details
    return EndedCall(
        call_id=call.id,
        workspace_id=call.workspace_id,
        at=call.ended_at or datetime.now(UTC),
        status=call.status,
        end_reason=call.end_reason,
        end_detail=call.end_detail,
        was_dialled=call.carrier_call_id is not None,
        left_message=details.leaves_message and details.answered_by != "fax",
        cause=details.carrier.cause or "",
        sip=details.carrier.sip or "",
        opted_out=details.opted_out_at is not None,
    )


async def settle_unsettled(db: Connection, now: datetime) -> int:
    """Settles calls of campaigns that are over and were not settled with their end; returns how many. Needs platform
    scope."""
    found = await select_unsettled(db, now - UNSETTLED_FOR, SETTLED_AT_ONCE)
    calls = await store.lock_states(db, found)
    return await settle_attempts(db, [make_ended(call) for call in calls.values() if call.is_final])


def _facts(call: CallState) -> tuple[object, ...]:
    details = call.details
    carrier, opted_out = details.carrier, details.opted_out_at is not None
    return (
        call.status, call.end_reason, call.end_detail, carrier.cause, carrier.sip, details.answered_by, opted_out
    )  # fmt: skip

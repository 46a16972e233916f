"""A stored call as the open call that carriers' requests are about."""

from datetime import datetime, timedelta
from typing import Final

from control.calls.model import OpenCall
from control.calls.state import CallState
from control.calls.store import StoredCall
from control.carriers.rules import CarrierName

# The carrier may ask what comes next after the call's end was stored: for this long it gets an answer.
JUST_OVER: Final = timedelta(seconds=60)


def make_open_call(call: StoredCall, carrier: CarrierName, carrier_call_id: str) -> OpenCall:
    """carrier_call_id: as the carrier names the call now."""
    current = call.state
    consent, reported = current.details.consent, current.details.carrier
    return OpenCall(
        call_id=current.id,
        workspace_id=current.workspace_id,
        agent_id=call.agent_id,
        agent_version=call.agent_version,
        leg=current.details.leg,
        caller=call.caller,
        called=call.called,
        direction=current.direction,
        status=current.status,
        carrier=carrier,
        carrier_call_id=carrier_call_id,
        media_node=current.media_node or "",
        created_at=current.created_at,
        answered_at=current.answered_at or current.started_at,
        end_reason=current.end_reason,
        stream_id=_stream_id(current),
        stored_id=current.carrier_call_id or "",
        was_answered=current.answered_at is not None,
        is_transferring=reported.transfer_called is not None,
        is_connected=reported.transfer_leg is not None,
        variables=call.variables,
        announced=consent.heard,
        recording_refused=consent.is_refused,
        is_test=current.is_test,
        call_screening=current.details.call_screening,
        last_stream=max((one.leg for one in current.details.legs), default=current.details.leg),
        transfer_failures={one.leg: one.failure for one in current.details.returns},
    )


def is_long_over(current: CallState, now: datetime) -> bool:
    """A transferred caller is still on the line, until the carrier reports the end or the transfer's bound passes."""
    transfer = current.details.transfer
    if not current.is_final or (transfer is not None and transfer.until is not None and transfer.until > now):
        return False
    return now - (current.ended_at or now) > JUST_OVER


def _stream_id(current: CallState) -> str:
    """The carrier's id of the current leg's stream."""
    details = current.details
    return next((one.stream for one in reversed(details.legs) if one.leg == details.leg), "")

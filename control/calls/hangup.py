"""Jobs that end calls, enqueued in the current transaction."""

from typing import Final, get_args
from uuid import UUID

import msgspec

from control.calls.state import CallState
from control.carriers.rules import CarrierName
from control.db.jobs import enqueue
from control.db.pool import Connection
from shared.events import EndReason

HANG_UP: Final = "calls.hang_up"
_CARRIERS: Final = frozenset(get_args(CarrierName))


class HangupJob(msgspec.Struct, frozen=True):
    """Payload of the job that ends a call. reason: stored as the call's end reason where media ends it. None: media has
    ended already, so the carrier is asked, unless it has reported the end by then. polite: the agent says goodbye."""

    call_id: UUID
    carrier: CarrierName
    carrier_call_id: str
    reason: EndReason | None = "admin"
    polite: bool = False


async def enqueue_hangup(
    db: Connection, state: CallState, reason: EndReason | None, *, delay_s: float = 0, polite: bool = False
) -> None:
    """Ends the call by a job after `delay_s`; does nothing for a call that no carrier has."""
    if state.carrier in _CARRIERS and state.carrier_call_id is not None:
        fields = {"call_id": state.id, "carrier": state.carrier, "carrier_call_id": state.carrier_call_id}
        job = msgspec.convert({**fields, "reason": reason, "polite": polite}, HangupJob)
        await enqueue(db, HANG_UP, msgspec.json.encode(job), delay_s=delay_s)

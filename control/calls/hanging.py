"""Calls that are to be ended: asked for as a job, in the caller's transaction."""

from typing import Final, get_args
from uuid import UUID

import msgspec

from control.calls.state import State
from control.carriers.model import CarrierName
from control.db.jobs import enqueue
from control.db.pool import Connection
from shared.events import EndReason

HANG_UP: Final = "calls.hang_up"
_CARRIERS: Final = frozenset(get_args(CarrierName))


class HangUp(msgspec.Struct, frozen=True):
    """The payload of a job that ends a call. reason: for the record, where media can still be asked to end it; None
    where media has told its end: the carrier is asked, unless it has told its own by then."""

    call_id: UUID
    carrier: CarrierName
    carrier_call_id: str
    reason: EndReason | None = "admin"


async def hang_up(db: Connection, its: State, reason: EndReason | None, *, delay_s: float = 0) -> None:
    """Has it ended, so much later; nothing for a call that is at no carrier."""
    if its.carrier in _CARRIERS and its.carrier_call_id is not None:
        job = msgspec.convert(
            {"call_id": its.id, "carrier": its.carrier, "carrier_call_id": its.carrier_call_id, "reason": reason},
            HangUp,
        )
        await enqueue(db, HANG_UP, msgspec.json.encode(job), delay_s=delay_s)

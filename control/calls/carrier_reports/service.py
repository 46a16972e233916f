"""Stores carriers' reports about the state of calls."""

from dataclasses import replace
from typing import Final
from uuid import UUID

import msgspec

from control.calls.carrier_reports import rules
from control.calls.carrier_reports.rules import CarrierStatus, undo_return
from control.calls.changes.service import save_changes
from control.calls.live.service import enqueue_hangup
from control.calls.records import queries as records_queries
from control.calls.records.state import FINAL, CallState
from control.calls.transfers import service as transfers_service
from control.db.jobs import enqueue
from control.db.pool import Connection

READ_PRICE: Final = "calls.read_price"
# Seconds from the call's end to the first look, and between later looks. If the last look finds no price, the call
# keeps the cost by our price list.
LOOK_AFTER_S: Final = (300.0, 600.0, 1_800.0, 7_200.0, 43_200.0)


class ReadPriceJob(msgspec.Struct, frozen=True):
    """Payload of the job.

    Attributes:
        looks: The number of looks that found no price.
    """

    call_id: UUID
    looks: int = 0


async def enqueue_price(db: Connection, before: CallState, report: CarrierStatus) -> None:
    """Enqueues the job that reads the price of a connected call, when the carrier reports its end for the first
    time.
    """
    is_end = report.status in FINAL and bool(report.duration_s)
    if report.carrier == "twilio" and is_end and not before.details.carrier.duration_s:
        await enqueue_look(db, ReadPriceJob(before.id))


async def enqueue_look(db: Connection, job: ReadPriceJob) -> None:
    """Enqueues the job that reads the price, with the delay of its look."""
    await enqueue(db, READ_PRICE, msgspec.json.encode(job), delay_s=LOOK_AFTER_S[job.looks])


async def apply_status(db: Connection, report: CarrierStatus) -> None:
    """Applies a carrier's report, which may be late, repeated or out of order. Reports of unknown calls are ignored.

    An outbound call ends if the detection of answering machines has found one.
    """
    call = await records_queries.lock_call(
        db, report.carrier, report.carrier_call_id, report.call_id, session_id=report.session_id
    )
    if call is None:
        return
    before = call.state
    current = replace(before, carrier_call_id=_current_id(before, report))
    after = rules.apply_carrier_status(undo_return(current, report), report)
    if _ends_for_machine(before, report):
        after = replace(after, details=replace(after.details, meant_end="voicemail"))
        await enqueue_hangup(db, after, "voicemail")
    await save_changes(db, [(before, after)])
    if report.status in FINAL:
        await transfers_service.end_of_call(db, before.id)
    await enqueue_price(db, before, report)


def _ends_for_machine(before: CallState, report: CarrierStatus) -> bool:
    """Returns whether to end an outbound call because a machine has answered it.

    That happens once. If the agent leaves a message, it happens after the greeting of the machine.
    """
    is_ours = before.direction == "outbound" and not before.is_test
    if not is_ours or before.is_final or before.details.meant_end is not None:
        return False
    waits = before.details.leaves_message and not report.greeting_ended
    return report.answered_by == "fax" or (report.answered_by == "machine" and not waits)


def _current_id(before: CallState, report: CarrierStatus) -> str:
    """Returns the carrier's id of the call. Telnyx may change the id of a running call.

    The id of a transferred call stays, because the events of the target's leg name the call by it.
    """
    is_kept = before.is_final or before.details.carrier.transfer_called is not None
    return before.carrier_call_id if is_kept and before.carrier_call_id else report.carrier_call_id

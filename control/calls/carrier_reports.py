"""What carriers report of a call: its states, and the recordings that they made."""

from dataclasses import replace
from typing import Final
from uuid import UUID

import msgspec

from control.calls import state, store, warm_transfers
from control.calls.details import StoredCarrierRecording
from control.calls.hangup import enqueue_hangup
from control.calls.model import FINAL, CarrierRecording, CarrierStatus
from control.calls.price_job import enqueue_price
from control.calls.state import CallState
from control.calls.state_changes import save_changes
from control.calls.transfer_return import undo_return
from control.db.jobs import enqueue
from control.db.pool import Connection

FETCH_RECORDING: Final = "calls.fetch_recording"


class FetchRecordingJob(msgspec.Struct, frozen=True):
    """Payload of the job that fetches a carrier's recording. recording_id: its key in CallDetails.carrier_recordings,
    which is the leg's id where the carrier gave none to the recording."""

    call_id: UUID
    recording_id: str


async def apply_status(db: Connection, report: CarrierStatus) -> None:
    """Applies a carrier's report, which may be late, repeated or out of order. Unknown calls are ignored. A test of
    answering-machine detection that found a machine ends our outbound call."""
    call = await store.lock_call(
        db, report.carrier, report.carrier_call_id, report.call_id, session_id=report.session_id
    )
    if call is None:
        return
    before = call.state
    current = replace(before, carrier_call_id=_current_id(before, report))
    after = state.apply_carrier_status(undo_return(current, report), report)
    if _ends_for_machine(before, report):
        after = replace(after, details=replace(after.details, meant_end="voicemail"))
        await enqueue_hangup(db, after, "voicemail")
    await save_changes(db, [(before, after)])
    if report.status in FINAL:
        await warm_transfers.end_of_call(db, before.id)
    await enqueue_price(db, before, report)


async def add_recording(db: Connection, recording: CarrierRecording) -> None:
    """Stores that a carrier made a recording, and has a job fetch it, once. A call may have several, each with an
    id of its own, or at least a leg's."""
    name = recording.recording_id or recording.leg_id
    call = await store.lock_call(
        db, recording.carrier, recording.carrier_call_id, recording.call_id, session_id=recording.session_id
    )
    if call is None or name in call.state.details.carrier_recordings:
        return
    known = call.state.details.carrier_recordings
    stored = StoredCarrierRecording(
        id=recording.recording_id,
        url=recording.url,
        duration_s=recording.duration_s,
        leg=recording.leg_id,
        place=len(known),
    )
    details = replace(call.state.details, carrier_recordings={**known, name: stored})
    await save_changes(db, [(call.state, replace(call.state, details=details))])
    await enqueue(db, FETCH_RECORDING, msgspec.json.encode(FetchRecordingJob(call.state.id, name)))


def _ends_for_machine(before: CallState, report: CarrierStatus) -> bool:
    """Whether an outbound call is to be ended, once, because a machine has taken it: where the agent leaves a message,
    after the machine's greeting."""
    is_ours = before.direction == "outbound" and not before.is_test
    if not is_ours or before.is_final or before.details.meant_end is not None:
        return False
    waits = before.details.leaves_message and not report.greeting_ended
    return report.answered_by == "fax" or (report.answered_by == "machine" and not waits)


def _current_id(before: CallState, report: CarrierStatus) -> str:
    """The carrier may change its id of a call that runs (Telnyx). That of a transferred one stays: the events of the
    target's leg name the call by it."""
    is_kept = before.is_final or before.details.carrier.transfer_called is not None
    return before.carrier_call_id if is_kept and before.carrier_call_id else report.carrier_call_id

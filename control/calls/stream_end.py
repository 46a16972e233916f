"""The job that media's report of a stream's end leads to, enqueued in the current transaction."""

from typing import Final
from uuid import UUID

import msgspec

from control.calls.state import CallState
from control.db.jobs import enqueue
from control.db.pool import Connection

STREAM_ENDED: Final = "calls.stream_ended"


class StreamEndedJob(msgspec.Struct, frozen=True):
    """Payload of the job that carries out what comes after a media stream. leg: of the stream. stream_id: the carrier's
    id of it. session_id: the carrier's id of the call that stays when carrier_call_id changes; empty where unknown."""

    call_id: UUID
    leg: int
    carrier_call_id: str
    stream_id: str
    session_id: str = ""


async def enqueue_stream_ended(db: Connection, state: CallState, leg: int) -> None:
    """Only for Telnyx, which keeps a call up when its stream ends, and does not promise to report an end that was ours
    (docs: media-streaming). Does nothing for a stream whose id is not stored: its webhook, or the delayed hang-up
    follows."""
    stream_id = next((one.stream for one in reversed(state.details.legs) if one.leg == leg), "")
    if state.carrier == "telnyx" and state.carrier_call_id and stream_id:
        session_id = state.details.carrier.session or ""
        job = StreamEndedJob(state.id, leg, state.carrier_call_id, stream_id, session_id)
        await enqueue(db, STREAM_ENDED, msgspec.json.encode(job))

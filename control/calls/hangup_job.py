"""The job that ends a call."""

from typing import Final
from uuid import UUID

from control.calls.hangup import HangupJob
from control.calls.job_support import Gateways, decode_payload, load_state
from control.calls.media_assignment import CallNotLive, MediaAssignment
from control.carriers.rules import CarrierRefused, CarrierUnavailable
from control.db.jobs import JobFailed, JobHandler
from control.db.pool import Pool
from shared.bus.client import BusUnavailable
from shared.bus.commands import DONE, EndCall

# Media is asked first, so that the call's record has the reason; the carrier, if media does not answer within this.
MEDIA_WAIT_S: Final = 2.0


def make_hangup_job(pool: Pool, carriers: Gateways, media_assignment: MediaAssignment) -> JobHandler:
    """Ends a call: by media, else by the carrier. A refusal is tried again, too, because the call goes on meanwhile."""

    async def run(payload: bytes) -> None:
        job = decode_payload(payload, HangupJob)
        if job.reason is None:
            if await _has_carrier_ended(pool, job.call_id):
                return
        elif await _end_by_media(media_assignment, job.call_id, EndCall(job.reason, polite=job.polite)):
            return
        try:
            await carriers.get(job.carrier).hang_up(job.carrier_call_id)
        except CarrierRefused as refusal:
            if not refusal.call_ended:
                raise JobFailed(f"refused: {refusal.code}") from None
        except CarrierUnavailable as error:
            raise JobFailed(f"carrier unavailable: {error.code}") from None

    return run


async def _end_by_media(media_assignment: MediaAssignment, call_id: UUID, command: EndCall) -> bool:
    try:
        return await media_assignment.send_command(call_id, command, MEDIA_WAIT_S) == DONE
    except (CallNotLive, BusUnavailable):
        return False


async def _has_carrier_ended(pool: Pool, call_id: UUID) -> bool:
    """Whether the carrier reported the call's end by now: Telnyx's report names a cause."""
    current = await load_state(pool, call_id)
    return current is None or current.details.carrier.cause is not None

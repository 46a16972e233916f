"""The jobs that end calls: one call, or all calls of a suspended workspace."""

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from control.calls.live import queries
from control.calls.live.service import CallNotLive, EndCallsJob, HangupJob, MediaAssignment, end_call
from control.calls.records import queries as records_queries
from control.calls.records.service import load_state
from control.carriers.rules import CarrierRefused, CarrierUnavailable
from control.carriers.service import Carriers
from control.db.jobs import JobFailed, JobHandler, decode_payload
from control.db.pool import Pool
from control.db.scope import enter_platform
from shared.bus.client import BusUnavailable
from shared.bus.commands import DONE, EndCall

# Media is asked first, so that the call's record has the reason. If media does not answer within this time, the carrier
# is asked.
MEDIA_WAIT_S: Final = 2.0


def make_hangup_job(pool: Pool, carriers: Carriers, media_assignment: MediaAssignment) -> JobHandler:
    """Returns the job that ends a call: through media, else through the carrier.

    A refusal is retried, because the call continues.
    """

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
    """Returns whether the carrier has reported the call's end. Telnyx's report contains a cause."""
    current = await load_state(pool, call_id)
    return current is None or current.details.carrier.cause is not None


BATCH: Final = 200


def make_end_calls_job(pool: Pool) -> JobHandler:
    """Returns the job that ends the calls of a workspace politely, if the workspace is still suspended."""

    async def run(payload: bytes) -> None:
        job = decode_payload(payload, EndCallsJob)
        after: UUID | None = None
        while True:
            async with pool.transaction() as db:
                await enter_platform(db)
                found = await queries.select_calls_to_end(db, job.workspace_id, datetime.now(UTC), after, BATCH)
                for call in (await records_queries.lock_states(db, found)).values():
                    await end_call(db, call, datetime.now(UTC), polite=True)
            if len(found) < BATCH:
                return
            after = found[-1]

    return run

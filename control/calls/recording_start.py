"""The job that has a carrier begin to record a call, once the caller has heard that it is recorded."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final
from uuid import UUID

import msgspec

from control.calls import store
from control.calls.job_support import Gateways, decode_payload, load_state
from control.calls.recording_discard import enqueue_discard
from control.calls.state import CallState
from control.carriers.rules import CarrierRefused, CarrierUnavailable
from control.db.jobs import JobFailed, JobHandler, enqueue
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform

START_RECORDING: Final = "calls.start_recording"
# Seconds before each further try within the job. Twilio refuses with 21220 while the call is not in progress yet.
RETRY_AFTER_S: Final = (0.3, 0.7, 1.5)


class StartRecordingJob(msgspec.Struct, frozen=True):
    """Payload of the job."""

    call_id: UUID


async def enqueue_recording_starts(db: Connection, changed: Iterable[tuple[CallState, CallState]]) -> None:
    """Has the carrier record, from now on, the running calls whose announcement was heard, where settings say that it
    records. Once a call: it records on while a call's media streams change, each of which may announce it again."""
    for before, after in changed:
        consent = after.details.consent
        is_new = before.details.consent.announced_at is None and consent.announced_at is not None
        if is_new and not after.is_final and not consent.is_refused:
            await enqueue(db, START_RECORDING, msgspec.json.encode(StartRecordingJob(after.id)))


def make_start_recording_job(
    pool: Pool, carriers: Gateways, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> JobHandler:
    """Asks the carrier until it records or the call is over. A caller who refuses at the same moment is not recorded:
    the recording is stopped again."""

    async def run(payload: bytes) -> None:
        call_id = decode_payload(payload, StartRecordingJob).call_id
        for pause in (*RETRY_AFTER_S, None):
            call = await load_state(pool, call_id)
            if call is None or call.is_final or call.carrier_call_id is None or call.details.consent.is_refused:
                return
            if await _starts(carriers, call):
                return await _stop_if_refused(pool, call_id)
            if pause is not None:
                await sleep(pause)
        raise JobFailed("the call is not in progress yet")

    return run


async def _stop_if_refused(pool: Pool, call_id: UUID) -> None:
    """The job that stops it may have run before it began."""
    async with pool.transaction() as db:
        await enter_platform(db)
        call = await store.lock_one(db, call_id)
        if call is not None and call.state.details.consent.is_refused:
            await enqueue_discard(db, call_id)


async def _starts(carriers: Gateways, call: CallState) -> bool:
    """False while the call is not in progress at the carrier. Raises JobFailed."""
    try:
        await carriers.get(call.carrier).start_recording(call.carrier_call_id or "", str(call.id))
    except CarrierRefused as refused:
        if not refused.call_ended:
            raise JobFailed(f"refused: {refused.code}", is_permanent=True) from None
        return False
    except CarrierUnavailable as error:
        raise JobFailed(f"carrier unavailable: {error.code}") from None
    return True

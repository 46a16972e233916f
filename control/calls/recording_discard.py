"""The job that ends and deletes the recordings of a call: the caller refused them, or they are kept no longer."""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Final
from uuid import UUID

import msgspec

from control.calls import store
from control.calls.details import StoredCarrierRecording
from control.calls.job_support import Gateways, decode_payload, load_state
from control.calls.recording_keys import all_keys
from control.calls.state import CallState
from control.carriers.rules import CarrierRefused, CarrierUnavailable
from control.db.jobs import JobFailed, JobHandler, enqueue
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform
from shared.storage import Storage, StorageUnavailable

DISCARD_RECORDINGS: Final = "calls.discard_recordings"


class DiscardRecordingsJob(msgspec.Struct, frozen=True):
    """Payload of the job."""

    call_id: UUID


async def enqueue_discards(db: Connection, changed: Iterable[tuple[CallState, CallState]]) -> None:
    """For calls that discard their recordings since this change, or of which another recording was stored since."""
    for before, after in changed:
        is_new = after.details.recordings != before.details.recordings or not before.details.discards_recordings
        if after.details.discards_recordings and is_new:
            await enqueue_discard(db, after.id)


async def enqueue_discard(db: Connection, call_id: UUID) -> None:
    """Has the call's recordings deleted."""
    await enqueue(db, DISCARD_RECORDINGS, discard_payload(call_id))


def discard_payload(call_id: UUID) -> bytes:
    """Of the call's job."""
    return msgspec.json.encode(DiscardRecordingsJob(call_id))


def make_discard_recordings_job(pool: Pool, carriers: Gateways, storage: Storage) -> JobHandler:
    """Stops the carrier's recording, and deletes all that is in our storage or was reported by the carrier. What the
    carrier reports later is deleted then (control/calls/recording_jobs.py)."""

    async def run(payload: bytes) -> None:
        current = await load_state(pool, decode_payload(payload, DiscardRecordingsJob).call_id)
        if current is None or not current.details.discards_recordings:
            return
        try:
            for key in all_keys(current):
                await storage.delete(key)
        except StorageUnavailable as fault:
            raise JobFailed(f"storage: {fault}") from None
        await _forget_recordings(pool, current)
        await _discard_at_carrier(carriers, current)

    return run


async def _forget_recordings(pool: Pool, deleted: CallState) -> None:
    """Removes from the record what was deleted. What was stored meanwhile stays: it has a job of its own."""
    gone = deleted.details.recordings
    async with pool.transaction() as db:
        await enter_platform(db)
        call = await store.lock_one(db, deleted.id)
        if call is None:
            return
        details = call.state.details
        kept = tuple(one for one in details.recordings if one not in gone)
        carrier = {name: _without_copy(one, deleted) for name, one in details.carrier_recordings.items()}
        details = replace(details, recordings=kept, joined=(), carrier_recordings=carrier)
        after = replace(call.state, recording_key=None, recording_seconds=None, details=details)
        await store.update_states(db, [after])


def _without_copy(one: StoredCarrierRecording, deleted: CallState) -> StoredCarrierRecording:
    is_deleted = one in deleted.details.carrier_recordings.values()
    return replace(one, storage_key=None) if is_deleted else one


async def _discard_at_carrier(carriers: Gateways, current: CallState) -> None:
    """A refusal of one request keeps none of the others from being made. Raises JobFailed."""
    known = [one.id or one.found for one in current.details.carrier_recordings.values()]
    call_id = "" if current.is_final else current.carrier_call_id
    failures: list[JobFailed] = []
    try:
        carrier = carriers.get(current.carrier)
    except CarrierRefused as refused:
        raise JobFailed(f"refused: {refused.code}", is_permanent=True) from None
    requests = [partial(carrier.stop_recording, call_id)] if call_id else []
    requests += [partial(carrier.delete_recording, recording) for recording in known if recording]
    for request in requests:
        try:
            await request()
        except CarrierRefused as refused:
            if not refused.call_ended:
                failures.append(JobFailed(f"refused: {refused.code}", is_permanent=True))
        except CarrierUnavailable as error:
            failures.append(JobFailed(f"carrier unavailable: {error.code}"))
    if failures:
        raise min(failures, key=lambda one: one.is_permanent)  # one that may succeed is tried again

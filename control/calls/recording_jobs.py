"""The jobs of recordings: a carrier's is fetched into our storage, those of several media streams are joined."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from typing import IO, Protocol, runtime_checkable
from uuid import UUID

import structlog

from control.calls import store
from control.calls.carrier_reports import FetchRecordingJob
from control.calls.details import StoredCarrierRecording
from control.calls.event_batch import JoinRecordingsJob
from control.calls.job_support import Gateways, decode_payload, load_state
from control.calls.recording_discard import enqueue_discard
from control.calls.recording_join import RecordingsNotJoinable, join_recordings
from control.calls.recording_keys import carrier_key, carrier_keys, joined_key
from control.calls.reported_changes import report_changes
from control.calls.state import CallState
from control.carriers.rules import Carrier, CarrierRefused, CarrierUnavailable
from control.db.jobs import JobFailed, JobHandler
from control.db.pool import Pool
from control.db.scope import enter_platform
from control.workspaces.redaction import find_redaction
from shared.storage import ObjectNotFound, Storage, StorageUnavailable

log = structlog.get_logger()


@runtime_checkable
class FindsRecordings(Protocol):
    """A carrier that may report a recording without its id (Telnyx)."""

    async def find_recording(self, call_leg_id: str) -> str | None:
        """The recording's id. Raises CarrierRefused and CarrierUnavailable."""


def make_fetch_recording_job(pool: Pool, carriers: Gateways, storage: Storage, *, delete: bool = True) -> JobHandler:
    """Copies a carrier's recording into our storage. delete: deletes it at the carrier afterwards, for which its id is
    needed: it is looked up by the leg where the webhook carried none. One that is kept no longer is only deleted, and
    so is that of a call that is redacted: it begins at another time than the call's clock, so nobody can tell where in
    it something was said."""

    async def run(payload: bytes) -> None:
        job = decode_payload(payload, FetchRecordingJob)
        current = await load_state(pool, job.call_id)
        stored = current.details.carrier_recordings.get(job.recording_id) if current else None
        if current is None or stored is None:
            return
        carrier = _get_carrier(carriers, current)
        recording = stored.id or stored.found
        is_discarded = current.details.discards_recordings or await _is_redacted(pool, current)
        if not recording and (stored.storage_key is None or delete or is_discarded):
            recording = await _find_recording(carrier, stored.leg)
        if is_discarded:
            await _delete_objects(storage, carrier_keys(current, stored))
        if stored.storage_key is None and not is_discarded:
            key = await _copy(carrier, storage, current, recording, stored)
            copied = replace(stored, storage_key=key, found=recording)
            is_discarded = not await _record_copy(pool, current.id, job.recording_id, copied)
        if delete or is_discarded:
            await _delete(carrier, recording)

    return run


def make_join_recordings_job(pool: Pool, storage: Storage) -> JobHandler:
    """Joins the recordings of a call's media streams into one; the parts stay in storage. Of a call that
    discards its recordings it deletes what a worker that was killed may have joined."""

    async def run(payload: bytes) -> None:
        call_id = decode_payload(payload, JoinRecordingsJob).call_id
        current = await load_state(pool, call_id)
        parts = current.details.recordings if current else ()
        if current is None or len(parts) < 2 or current.details.redaction.kinds:
            return  # redacted ones are joined by the job that redacts them
        if current.details.discards_recordings:
            return await _delete_objects(storage, [joined_key(current)])
        keys = tuple(part.storage_key for part in parts)
        key = joined_key(current)
        with TemporaryDirectory(prefix="vocalized-join-") as folder:
            file = Path(folder) / "call.wav"
            try:
                seconds = await join_recordings(storage, keys, file)
                await storage.put(key, file)
            except RecordingsNotJoinable as fault:
                raise JobFailed(f"recordings: {fault}", is_permanent=True) from None
            except (ObjectNotFound, StorageUnavailable, OSError) as fault:
                raise JobFailed(type(fault).__name__) from None
        async with pool.transaction() as db:
            await enter_platform(db)
            call = await store.lock_one(db, call_id)
            if call is not None and call.state.details.discards_recordings:
                await enqueue_discard(db, call_id)
            elif call is not None and not call.state.details.redaction.kinds:
                details = replace(call.state.details, joined=keys)
                joined = replace(call.state, recording_key=key, recording_seconds=seconds, details=details)
                await store.update_states(db, [joined])
                await report_changes(db, [(call.state, joined)])

    return run


async def _is_redacted(pool: Pool, call: CallState) -> bool:
    """Also where no event of the call has come yet."""
    if call.details.redaction.kinds:
        return True
    async with pool.transaction() as db:
        await enter_platform(db)
        return bool(await find_redaction(db, [call.workspace_id]))


async def _find_recording(carrier: Carrier, leg_id: str) -> str:
    """The id of a recording that was reported without one; empty while the carrier does not know it."""
    if not leg_id or not isinstance(carrier, FindsRecordings):
        return ""
    try:
        return await carrier.find_recording(leg_id) or ""
    except (CarrierRefused, CarrierUnavailable) as error:
        log.warning("recording.lookup_failed", carrier=error.carrier, code=error.code)
        return ""


async def _download(carrier: Carrier, recording: str, url: str, into: IO[bytes]) -> None:
    """By the recording's id, for which the carrier makes a fresh address. The reported address is valid for ten minutes
    at Telnyx: it is used where there is no id, or where the id finds nothing yet."""
    code = "unknown"
    for one in dict.fromkeys(name for name in (recording, url) if name):
        try:
            return await carrier.fetch_recording(one, into)
        except CarrierRefused as refusal:
            code = refusal.code
        except CarrierUnavailable as error:
            raise JobFailed(f"carrier unavailable: {error.code}") from None
    # Without an id, the next try may find it.
    raise JobFailed(f"refused: {code}", is_permanent=bool(recording))


async def _delete(carrier: Carrier, recording: str) -> None:
    if not recording:
        raise JobFailed("recording not found")
    try:
        await carrier.delete_recording(recording)
    except CarrierRefused as refusal:
        raise JobFailed(f"refused: {refusal.code}", is_permanent=True) from None
    except CarrierUnavailable as error:
        raise JobFailed(f"carrier unavailable: {error.code}") from None


async def _delete_objects(storage: Storage, keys: Iterable[str]) -> None:
    """Of a recording that is discarded: a worker may have been killed between storing one and saying so."""
    try:
        for key in keys:
            await storage.delete(key)
    except StorageUnavailable as fault:
        raise JobFailed(f"storage: {fault}") from None


async def _copy(
    carrier: Carrier, storage: Storage, current: CallState, recording: str, stored: StoredCarrierRecording
) -> str:
    """Copies a recording to storage through a file, because it may have hundreds of megabytes; returns its key."""
    try:
        with NamedTemporaryFile(prefix="vocalized-fetch-") as file:
            await _download(carrier, recording, stored.url, file.file)
            file.flush()
            size = file.tell()
            if size == 0:
                raise JobFailed("recording of 0 bytes", is_permanent=True)
            file.seek(0)
            kind = "wav" if file.read(4) == b"RIFF" else "mp3"
            key = carrier_key(current, stored, kind)
            await storage.put(key, Path(file.name))
    except StorageUnavailable as fault:
        raise JobFailed(f"storage: {fault}") from None
    except OSError as fault:
        raise JobFailed(type(fault).__name__) from None
    return key


async def _record_copy(pool: Pool, call_id: UUID, recording_id: str, copied: StoredCarrierRecording) -> bool:
    """A recording by media stays the call's recording; of the carrier's, the one that is copied first is. False where
    it is discarded since: the copy is deleted."""
    async with pool.transaction() as db:
        await enter_platform(db)
        call = await store.lock_one(db, call_id)
        if call is None:
            return True
        is_kept = not call.state.details.discards_recordings
        known = call.state.details.carrier_recordings
        details = replace(call.state.details, carrier_recordings={**known, recording_id: copied})
        after = replace(call.state, details=details)
        if call.state.recording_key is None and is_kept and not details.redaction.kinds:
            after = replace(after, recording_key=copied.storage_key, recording_seconds=copied.duration_s)
        await store.update_states(db, [after])
        await report_changes(db, [(call.state, after)])
        if not is_kept:
            await enqueue_discard(db, call_id)
    return is_kept


def _get_carrier(carriers: Gateways, current: CallState) -> Carrier:
    try:
        return carriers.get(current.carrier)
    except CarrierRefused as refusal:
        raise JobFailed(f"refused: {refusal.code}", is_permanent=True) from None

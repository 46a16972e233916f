"""The jobs of recordings.

A carrier begins to record once the caller has heard that the call is recorded. Jobs copy its recording to our storage,
join the recordings of several media streams, and delete recordings that the caller refused or that are no longer kept.

If something was said that a workspace does not keep, the recordings are made silent there. Until then no one can read
the recording, because its key is not stored in the call. Media's recordings use the call's clock, as the turns' times
do. A carrier's recording begins at another time, so the words cannot be located in it, and it is not kept.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from typing import IO, Final, Protocol, runtime_checkable
from uuid import UUID

import structlog

from control.calls.changes.service import report_changes
from control.calls.recordings.rules import (
    Stretch,
    WithholdingReason,
    all_keys,
    carrier_key,
    carrier_keys,
    find_doubt,
    find_stretches,
    joined_key,
    redacted_key,
    stream_key,
)
from control.calls.recordings.service import (
    DeleteRecordingsJob,
    FetchRecordingJob,
    JoinRecordingsJob,
    RedactRecordingsJob,
    StartRecordingJob,
    enqueue_recording_deletion,
)
from control.calls.recordings.wav import (
    RecordingsNotJoinable,
    join_recordings,
    read_range,
    read_wav_layout,
    require_plain_wav,
    silence_stretches,
)
from control.calls.records import queries as records_queries
from control.calls.records.details import StoredCarrierRecording, StreamRecording
from control.calls.records.service import load_state
from control.calls.records.state import CallState
from control.calls.records.word_times import Utterances
from control.carriers.rules import Carrier, CarrierRefused, CarrierUnavailable
from control.carriers.service import Carriers
from control.db.jobs import JobFailed, JobHandler, decode_payload
from control.db.pool import Pool
from control.db.scope import enter_platform
from control.workspaces.service import find_redaction
from shared.storage import ObjectNotFound, Storage, StorageUnavailable

log = structlog.get_logger()
# Seconds before each further attempt within the job. Twilio refuses with 21220 while the call is not in progress yet.
RETRY_AFTER_S: Final = (0.3, 0.7, 1.5)


@runtime_checkable
class FindsRecordings(Protocol):
    """A carrier that may report a recording without the id of the recording (Telnyx)."""

    async def find_recording(self, call_leg_id: str) -> str | None:
        """Returns the recording's id. Raises CarrierRefused and CarrierUnavailable."""


# --- A carrier begins to record --------------------------------------------------------------------------------------


def make_start_recording_job(
    pool: Pool, carriers: Carriers, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> JobHandler:
    """Returns the job that asks the carrier to record until it does or the call is over.

    If the caller refuses at the same moment, the recording is stopped again.
    """

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
    """Deletes the recording again if the caller refused it.

    The job that stops it may have run before the recording began.
    """
    async with pool.transaction() as db:
        await enter_platform(db)
        call = await records_queries.lock_one(db, call_id)
        if call is not None and call.state.details.consent.is_refused:
            await enqueue_recording_deletion(db, call_id)


async def _starts(carriers: Carriers, call: CallState) -> bool:
    """Starts the recording. Returns False while the call is not in progress at the carrier. Raises JobFailed."""
    try:
        await carriers.get(call.carrier).start_recording(call.carrier_call_id or "", str(call.id))
    except CarrierRefused as refused:
        if not refused.call_ended:
            raise JobFailed(f"refused: {refused.code}", is_permanent=True) from None
        return False
    except CarrierUnavailable as error:
        raise JobFailed(f"carrier unavailable: {error.code}") from None
    return True


# --- A carrier's recording is fetched --------------------------------------------------------------------------------


def make_fetch_recording_job(pool: Pool, carriers: Carriers, storage: Storage, *, delete: bool = True) -> JobHandler:
    """Returns the job that copies a carrier's recording to our storage.

    Recordings that are no longer kept are only deleted. So are recordings of redacted calls: a carrier's recording
    begins at another time than the call's clock, so words cannot be located in it.

    Args:
        delete: Deletes the recording at the carrier afterwards. That needs its id, which is looked up by the leg if the
            webhook carried none.
    """

    async def run(payload: bytes) -> None:
        job = decode_payload(payload, FetchRecordingJob)
        current = await load_state(pool, job.call_id)
        stored = current.details.carrier_recordings.get(job.recording_id) if current else None
        if current is None or stored is None:
            return
        carrier = _get_carrier(carriers, current)
        recording = stored.id or stored.found
        is_deleted = current.details.deletes_recordings or await _is_redacted(pool, current)
        if not recording and (stored.storage_key is None or delete or is_deleted):
            recording = await _find_recording(carrier, stored.leg)
        if is_deleted:
            await _delete_objects(storage, carrier_keys(current, stored))
        if stored.storage_key is None and not is_deleted:
            key = await _copy(carrier, storage, current, recording, stored)
            copied = replace(stored, storage_key=key, found=recording)
            is_deleted = not await _record_copy(pool, current.id, job.recording_id, copied)
        if delete or is_deleted:
            await _delete(carrier, recording)

    return run


async def _is_redacted(pool: Pool, call: CallState) -> bool:
    """Returns whether the call is redacted, even if none of its events has arrived yet."""
    if call.details.redaction.kinds:
        return True
    async with pool.transaction() as db:
        await enter_platform(db)
        return bool(await find_redaction(db, [call.workspace_id]))


async def _find_recording(carrier: Carrier, leg_id: str) -> str:
    """Returns the id of a recording that was reported without an id; empty while the carrier does not have it."""
    if not leg_id or not isinstance(carrier, FindsRecordings):
        return ""
    try:
        return await carrier.find_recording(leg_id) or ""
    except (CarrierRefused, CarrierUnavailable) as error:
        log.warning("recording.lookup_failed", carrier=error.carrier, code=error.code)
        return ""


async def _download(carrier: Carrier, recording: str, url: str, into: IO[bytes]) -> None:
    """Downloads the recording by its id, for which the carrier makes a new address.

    Telnyx's reported address is valid for ten minutes. It is used if there is no id, or if the id finds nothing yet.
    """
    code = "unknown"
    for fromkey in dict.fromkeys(name for name in (recording, url) if name):
        try:
            return await carrier.fetch_recording(fromkey, into)
        except CarrierRefused as refusal:
            code = refusal.code
        except CarrierUnavailable as error:
            raise JobFailed(f"carrier unavailable: {error.code}") from None
    # Without an id, the next attempt may find the recording.
    raise JobFailed(f"refused: {code}", is_permanent=bool(recording))


async def _copy(
    carrier: Carrier, storage: Storage, current: CallState, recording: str, stored: StoredCarrierRecording
) -> str:
    """Copies a recording to storage and returns its key.

    It passes through a file, because it may have hundreds of megabytes.
    """
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
    """Stores the copy. It becomes the call's recording, unless media made one or there is an earlier copy.

    Returns:
        False if the recording was deleted in the meantime. The copy is then deleted, too.
    """
    async with pool.transaction() as db:
        await enter_platform(db)
        call = await records_queries.lock_one(db, call_id)
        if call is None:
            return True
        is_kept = not call.state.details.deletes_recordings
        known = call.state.details.carrier_recordings
        details = replace(call.state.details, carrier_recordings={**known, recording_id: copied})
        after = replace(call.state, details=details)
        if call.state.recording_key is None and is_kept and not details.redaction.kinds:
            after = replace(after, recording_key=copied.storage_key, recording_seconds=copied.duration_s)
        await records_queries.update_states(db, [after])
        await report_changes(db, [(call.state, after)])
        if not is_kept:
            await enqueue_recording_deletion(db, call_id)
    return is_kept


async def _delete(carrier: Carrier, recording: str) -> None:
    if not recording:
        raise JobFailed("recording not found")
    try:
        await carrier.delete_recording(recording)
    except CarrierRefused as refusal:
        raise JobFailed(f"refused: {refusal.code}", is_permanent=True) from None
    except CarrierUnavailable as error:
        raise JobFailed(f"carrier unavailable: {error.code}") from None


def _get_carrier(carriers: Carriers, current: CallState) -> Carrier:
    try:
        return carriers.get(current.carrier)
    except CarrierRefused as refusal:
        raise JobFailed(f"refused: {refusal.code}", is_permanent=True) from None


# --- Recordings of several media streams are joined ------------------------------------------------------------------


def make_join_recordings_job(pool: Pool, storage: Storage) -> JobHandler:
    """Returns the job that joins the recordings of a call's media streams. The parts stay in storage.

    If the recordings of the call are to be deleted, the job deletes files that a killed worker may have joined.
    """

    async def run(payload: bytes) -> None:
        call_id = decode_payload(payload, JoinRecordingsJob).call_id
        current = await load_state(pool, call_id)
        parts = current.details.recordings if current else ()
        if current is None or len(parts) < 2 or current.details.redaction.kinds:
            return  # the redaction job joins redacted recordings
        if current.details.deletes_recordings:
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
            call = await records_queries.lock_one(db, call_id)
            if call is not None and call.state.details.deletes_recordings:
                await enqueue_recording_deletion(db, call_id)
            elif call is not None and not call.state.details.redaction.kinds:
                details = replace(call.state.details, joined=keys)
                joined = replace(call.state, recording_key=key, recording_seconds=seconds, details=details)
                await records_queries.update_states(db, [joined])
                await report_changes(db, [(call.state, joined)])

    return run


# --- Recordings are made silent where something was said that is not kept --------------------------------------------


@dataclass(frozen=True, slots=True)
class _Redacted:
    """The redacted recordings in the order of the streams, and the key and length of the call's recording."""

    recordings: tuple[StreamRecording, ...]
    key: str
    seconds: float


def make_redact_recordings_job(pool: Pool, storage: Storage) -> JobHandler:
    """Returns the job that redacts each recording under a new key, joins the results, and deletes the originals.

    The job may be repeated: silence stays silence. If the parts to silence are unknown, the recording is withheld.
    """

    async def run(payload: bytes) -> None:
        current = await load_state(pool, decode_payload(payload, RedactRecordingsJob).call_id)
        if current is None or not _is_to_be_redacted(current):
            return
        if not current.is_final:
            raise JobFailed("the call is not over yet")
        said = await _load_utterances(pool, current)
        reason = find_doubt(said, max(part.duration_ms for part in current.details.recordings))
        if reason:
            log.warning("recording.withheld", call_id=str(current.id), reason=reason)
            return await _save(pool, current, said, reason)
        try:
            await _save(pool, current, said, await _redact(storage, current, find_stretches(said)))
            for part in current.details.recordings:
                await storage.delete(stream_key(current, part.leg))
        except RecordingsNotJoinable as fault:
            raise JobFailed(f"recordings: {fault}", is_permanent=True) from None
        except (ObjectNotFound, StorageUnavailable, OSError) as fault:
            raise JobFailed(type(fault).__name__) from None

    return run


def _is_to_be_redacted(call: CallState) -> bool:
    details = call.details
    return bool(details.redaction.kinds and details.recordings and not details.deletes_recordings)


async def _load_utterances(pool: Pool, call: CallState) -> Utterances:
    async with pool.transaction() as db:
        await enter_platform(db)
        return await records_queries.select_utterances_of(db, call.workspace_id, call.id)


async def _redact(storage: Storage, call: CallState, stretches: Sequence[Stretch]) -> _Redacted:
    """Redacts and joins the call's recordings.

    Raises RecordingsNotJoinable, ObjectNotFound, StorageUnavailable, OSError.
    """
    parts = tuple([await _redact_part(storage, call, part, stretches) for part in call.details.recordings])
    if len(parts) == 1:
        return _Redacted(parts, parts[0].storage_key, parts[0].duration_ms / 1_000)
    with TemporaryDirectory(prefix="vocalized-redact-") as folder:
        file = Path(folder) / "call.wav"
        seconds = await join_recordings(storage, [part.storage_key for part in parts], file)
        await storage.put(joined_key(call), file)
    return _Redacted(parts, joined_key(call), seconds)


async def _redact_part(
    storage: Storage, call: CallState, part: StreamRecording, stretches: Sequence[Stretch]
) -> StreamRecording:
    """Redacts one recording. It passes through a file, because it may have hundreds of megabytes."""
    layout = await read_wav_layout(storage, part.storage_key)
    size = await storage.size(part.storage_key)
    require_plain_wav(layout, size)
    with TemporaryDirectory(prefix="vocalized-redact-") as folder:
        path = Path(folder) / "part.wav"
        with path.open("w+b") as file:
            async for piece in read_range(storage, part.storage_key, 0, size):
                file.write(piece)
            silence_stretches(file, layout, stretches)
        key = redacted_key(call, part.leg)
        await storage.put(key, path)
    return replace(part, storage_key=key, is_redacted=True)


async def _save(pool: Pool, read: CallState, said: Utterances, redacted: _Redacted | WithholdingReason) -> None:
    """Makes the redacted recording the call's recording, or stores why it is withheld.

    Args:
        said: The utterances that determined the redaction.

    Raises:
        JobFailed: New turns or recordings arrived in the meantime, and the job has to be repeated with them.
    """
    async with pool.transaction() as db:
        await enter_platform(db)
        call = await records_queries.lock_one(db, read.id)
        if call is None or not _is_to_be_redacted(call.state):
            return
        now = await records_queries.select_utterances_of(db, read.workspace_id, read.id)
        if call.state.details.recordings != read.details.recordings or now != said:
            raise JobFailed("the call's record changed meanwhile")
        after = _redacted_state(call.state, redacted)
        await records_queries.update_states(db, [after])
        await report_changes(db, [(call.state, after)])


def _redacted_state(call: CallState, redacted: _Redacted | WithholdingReason) -> CallState:
    details = call.details
    if isinstance(redacted, str):
        record = replace(details.redaction, withheld=redacted)
        return replace(call, recording_key=None, recording_seconds=None, details=replace(details, redaction=record))
    joined = tuple(part.storage_key for part in redacted.recordings) if len(redacted.recordings) > 1 else ()
    record = replace(details.redaction, withheld="")
    details = replace(details, recordings=redacted.recordings, joined=joined, redaction=record)
    return replace(call, recording_key=redacted.key, recording_seconds=redacted.seconds, details=details)


# --- Recordings are deleted ------------------------------------------------------------------------------------------


def make_delete_recordings_job(pool: Pool, carriers: Carriers, storage: Storage) -> JobHandler:
    """Returns the job that stops the carrier's recording, and deletes recordings in our storage and at the carrier.

    If the carrier reports a recording later, the job that would fetch it deletes it instead.
    """

    async def run(payload: bytes) -> None:
        current = await load_state(pool, decode_payload(payload, DeleteRecordingsJob).call_id)
        if current is None or not current.details.deletes_recordings:
            return
        try:
            for key in all_keys(current):
                await storage.delete(key)
        except StorageUnavailable as fault:
            raise JobFailed(f"storage: {fault}") from None
        await _forget_recordings(pool, current)
        await _delete_at_carrier(carriers, current)

    return run


async def _forget_recordings(pool: Pool, deleted: CallState) -> None:
    """Removes deleted recordings from the record. Recordings that were stored in the meantime have a separate job."""
    gone = deleted.details.recordings
    async with pool.transaction() as db:
        await enter_platform(db)
        call = await records_queries.lock_one(db, deleted.id)
        if call is None:
            return
        details = call.state.details
        kept = tuple(recording for recording in details.recordings if recording not in gone)
        carrier = {name: _without_copy(recording, deleted) for name, recording in details.carrier_recordings.items()}
        details = replace(details, recordings=kept, joined=(), carrier_recordings=carrier)
        after = replace(call.state, recording_key=None, recording_seconds=None, details=details)
        await records_queries.update_states(db, [after])


def _without_copy(recording: StoredCarrierRecording, deleted: CallState) -> StoredCarrierRecording:
    is_deleted = recording in deleted.details.carrier_recordings.values()
    return replace(recording, storage_key=None) if is_deleted else recording


async def _delete_at_carrier(carriers: Carriers, current: CallState) -> None:
    """Sends all deletion requests, even if the carrier refuses some of them. Raises JobFailed."""
    known = [
        carrier_recording.id or carrier_recording.found
        for carrier_recording in current.details.carrier_recordings.values()
    ]
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
        raise min(failures, key=lambda failure: failure.is_permanent)  # retry if one of the failures is temporary


async def _delete_objects(storage: Storage, keys: Iterable[str]) -> None:
    """Deletes the objects of a deleted recording. A killed worker may have stored them without recording that."""
    try:
        for key in keys:
            await storage.delete(key)
    except StorageUnavailable as fault:
        raise JobFailed(f"storage: {fault}") from None

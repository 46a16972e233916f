"""The job that makes the recordings of a call silent where something was said that its workspace does not keep.

Nobody reads a recording before: its key is not the call's until then. Media's recordings run on the call's clock, as
the turns' times do. A carrier's begin at another time, so what was said in them cannot be found: they are not kept
(control/calls/recording_jobs.py).
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from uuid import UUID

import msgspec
import structlog

from control.calls import store, store_redaction
from control.calls.details import StreamRecording
from control.calls.event_effects import Utterances
from control.calls.job_support import decode_payload, load_state
from control.calls.recording_join import RecordingsNotJoinable, join_recordings, read_range, read_wav_layout
from control.calls.recording_keys import joined_key, redacted_key, stream_key
from control.calls.recording_silence import (
    Stretch,
    WithholdingReason,
    find_doubt,
    find_stretches,
    require_plain_wav,
    silence_stretches,
)
from control.calls.reported_changes import report_changes
from control.calls.state import CallState
from control.db.jobs import JobFailed, JobHandler, enqueue
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform
from shared.storage import ObjectNotFound, Storage, StorageUnavailable

log = structlog.get_logger()

REDACT_RECORDINGS: Final = "calls.redact_recordings"
# The last turns and the recordings of a call arrive one after the other: they are redacted when no more are likely.
REDACT_AFTER_S: Final = 5.0


class RedactRecordingsJob(msgspec.Struct, frozen=True):
    """Payload of the job."""

    call_id: UUID


@dataclass(frozen=True, slots=True)
class _Redacted:
    """What the job made: recordings in the order of the streams, and which of them the call's recording is."""

    recordings: tuple[StreamRecording, ...]
    key: str
    seconds: float


async def enqueue_redactions(
    db: Connection, changed: Iterable[tuple[CallState, CallState]], changed_texts: Collection[UUID]
) -> None:
    """For calls that are redacted and have a recording that is not, or that is not redacted as their texts are now.
    changed_texts: calls of which a text was redacted just now."""
    for before, after in changed:
        is_new = before.details.recordings != after.details.recordings or (after.is_final and not before.is_final)
        if after.details.redaction.kinds and after.details.recordings and (is_new or after.id in changed_texts):
            payload = msgspec.json.encode(RedactRecordingsJob(after.id))
            await enqueue(db, REDACT_RECORDINGS, payload, delay_s=REDACT_AFTER_S)


def make_redact_recordings_job(pool: Pool, storage: Storage) -> JobHandler:
    """Redacts each recording under a key of its own, joins them, makes the result the call's recording, and deletes the
    originals. May be repeated: what is silent stays so. Where nobody can tell what must be silent, it is withheld."""

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
    return bool(details.redaction.kinds and details.recordings and not details.discards_recordings)


async def _load_utterances(pool: Pool, call: CallState) -> Utterances:
    async with pool.transaction() as db:
        await enter_platform(db)
        return await store_redaction.select_utterances(db, call.workspace_id, call.id)


async def _redact(storage: Storage, call: CallState, stretches: Sequence[Stretch]) -> _Redacted:
    """Raises RecordingsNotJoinable, ObjectNotFound, StorageUnavailable, OSError."""
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
    """Through a file, because a recording may have hundreds of megabytes."""
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
    """Makes the redacted recording the call's, or stores why it is withheld. said: what it was made by. Raises
    JobFailed if turns or recordings came meanwhile: the job is tried again with them."""
    async with pool.transaction() as db:
        await enter_platform(db)
        call = await store.lock_one(db, read.id)
        if call is None or not _is_to_be_redacted(call.state):
            return
        now = await store_redaction.select_utterances(db, read.workspace_id, read.id)
        if call.state.details.recordings != read.details.recordings or now != said:
            raise JobFailed("the call's record changed meanwhile")
        after = _redacted_state(call.state, redacted)
        await store.update_states(db, [after])
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

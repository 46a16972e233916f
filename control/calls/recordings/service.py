"""Recordings: enqueues the jobs that start, fetch, join, redact and delete them."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Final
from uuid import UUID

import msgspec

from control.calls.changes.service import save_changes
from control.calls.recordings.rules import CarrierRecording
from control.calls.records import queries as records_queries
from control.calls.records.details import StoredCarrierRecording
from control.calls.records.state import CallChange
from control.db.jobs import enqueue
from control.db.pool import Connection

FETCH_RECORDING: Final = "calls.fetch_recording"
START_RECORDING: Final = "calls.start_recording"
JOIN_RECORDINGS: Final = "calls.join_recordings"
REDACT_RECORDINGS: Final = "calls.redact_recordings"
# Released versions use this job name.
DELETE_RECORDINGS: Final = "calls.discard_recordings"
# Recordings of several streams arrive one after the other. They are joined when no more are likely to come.
JOIN_AFTER_S: Final = 5.0
# The last turns and the recordings of a call arrive one after the other. They are redacted when no more are likely to
# come.
REDACT_AFTER_S: Final = 5.0


class FetchRecordingJob(msgspec.Struct, frozen=True):
    """Payload of the job that fetches a carrier's recording.

    Attributes:
        recording_id: The recording's key in CallDetails.carrier_recordings: the id of the leg if the carrier gave the
            recording no id.
    """

    call_id: UUID
    recording_id: str


class StartRecordingJob(msgspec.Struct, frozen=True):
    """Payload of the job."""

    call_id: UUID


class JoinRecordingsJob(msgspec.Struct, frozen=True):
    """Payload of the job that joins a call's recordings."""

    call_id: UUID


class RedactRecordingsJob(msgspec.Struct, frozen=True):
    """Payload of the job."""

    call_id: UUID


class DeleteRecordingsJob(msgspec.Struct, frozen=True):
    """Payload of the job."""

    call_id: UUID


async def add_recording(db: Connection, recording: CarrierRecording) -> None:
    """Stores that a carrier made a recording, and enqueues the job that fetches it, once.

    A call may have several recordings, each with its own id or with the id of a leg.
    """
    name = recording.recording_id or recording.leg_id
    call = await records_queries.lock_call(
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


async def enqueue_recording_starts(db: Connection, changes: Iterable[CallChange]) -> None:
    """Has the carrier record running calls whose callers have just heard that they are recorded.

    This happens once for each call: the carrier continues to record while the media streams of a call change, and each
    stream may repeat the announcement.
    """
    for before, after in changes:
        consent = after.details.consent
        is_new = before.details.consent.announced_at is None and consent.announced_at is not None
        if is_new and not after.is_final and not consent.is_refused:
            await enqueue(db, START_RECORDING, msgspec.json.encode(StartRecordingJob(after.id)))


async def enqueue_joins(db: Connection, changes: Iterable[CallChange]) -> None:
    """Enqueues joining for calls that have several recordings, one of them new."""
    for old, new in changes:
        recordings = new.details.recordings
        is_kept = not new.details.deletes_recordings
        is_kept = is_kept and not new.details.redaction.kinds  # joined after they are redacted
        if is_kept and len(recordings) > 1 and recordings != old.details.recordings:
            await enqueue(db, JOIN_RECORDINGS, msgspec.json.encode(JoinRecordingsJob(new.id)), delay_s=JOIN_AFTER_S)


async def enqueue_redactions(db: Connection, changes: Iterable[CallChange], changed_texts: Collection[UUID]) -> None:
    """Enqueues redaction for redacted calls that have a new recording or newly redacted texts.

    Args:
        changed_texts: Calls with texts that have just been redacted.
    """
    for before, after in changes:
        is_new = before.details.recordings != after.details.recordings or (after.is_final and not before.is_final)
        if after.details.redaction.kinds and after.details.recordings and (is_new or after.id in changed_texts):
            payload = msgspec.json.encode(RedactRecordingsJob(after.id))
            await enqueue(db, REDACT_RECORDINGS, payload, delay_s=REDACT_AFTER_S)


async def enqueue_recording_deletions(db: Connection, changes: Iterable[CallChange]) -> None:
    """Enqueues deletion for calls that no longer keep recordings, or that keep none and got another recording."""
    for before, after in changes:
        is_new = after.details.recordings != before.details.recordings or not before.details.deletes_recordings
        if after.details.deletes_recordings and is_new:
            await enqueue_recording_deletion(db, after.id)


async def enqueue_recording_deletion(db: Connection, call_id: UUID) -> None:
    """Enqueues the job that deletes the call's recordings."""
    await enqueue(db, DELETE_RECORDINGS, deletion_payload(call_id))


def deletion_payload(call_id: UUID) -> bytes:
    """Returns the payload of the deletion job for the call."""
    return msgspec.json.encode(DeleteRecordingsJob(call_id))

"""A caller who refuses to be recorded: the record says so, and every recording of the call is deleted, in any order."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import permutations
from typing import IO
from uuid import UUID

import msgspec
import pytest

from control.calls.events.rules import NewEvent, apply_events
from control.calls.events.service import parse_event, write_events
from control.calls.recordings.rules import CarrierRecording
from control.calls.recordings.service import (
    DELETE_RECORDINGS,
    FETCH_RECORDING,
    JOIN_RECORDINGS,
    START_RECORDING,
    DeleteRecordingsJob,
    JoinRecordingsJob,
    StartRecordingJob,
    add_recording,
)
from control.calls.recordings.tasks import (
    make_delete_recordings_job,
    make_fetch_recording_job,
    make_join_recordings_job,
    make_start_recording_job,
)
from control.calls.records.details import CallDetails, ConsentRecord
from control.calls.records.queries import lock_one
from control.calls.records.running_calls import AdmittedCall
from control.calls.records.service import find_open
from control.calls.records.state import CallState
from control.carriers.service import Carriers
from control.db.jobs import JobFailed
from shared.bus.checkpoints import Checkpoint
from shared.events import AnnouncementHeard, CallEnded, CallUsage, Event, RecordingReady, RecordingRefused
from shared.ids import new_id
from shared.plan import ResumePoint
from shared.recording_keys import recordings_prefix
from tests.control.calls.call_platform import (
    NOW,
    CallPlatform,
    FakeCarrier,
    carrier_refusal,
    carrier_unavailable,
    later,
    make_checkpoint,
)
from tests.control.calls.consumed_events import encoded_event

HEARD, REFUSED = AnnouncementHeard(4_000, "recording"), RecordingRefused(9_000, "words")


@dataclass(slots=True)
class SlowCarrier(FakeCarrier):
    """A carrier during whose work something else happens."""

    meanwhile: Callable[[], Awaitable[None]] = field(kw_only=True)

    async def start_recording(self, carrier_call_id: str, call_id: str) -> None:
        self.recorded.append((carrier_call_id, call_id))
        await self.meanwhile()

    async def fetch_recording(self, recording: str, file: IO[bytes]) -> None:
        self.fetched.append(recording)
        file.write(self.audio)
        await self.meanwhile()


async def report(platform: CallPlatform, call_id: UUID, seq: int, event: Event) -> None:
    line = parse_event(str(seq), encoded_event(call_id, seq, event))
    await platform.in_platform(lambda db: write_events(db, [line]))


async def delete(platform: CallPlatform, call_id: UUID) -> None:
    run = make_delete_recordings_job(platform.pool, platform.services[Carriers], platform.storage)
    await run(msgspec.json.encode(DeleteRecordingsJob(call_id)))


async def store_recording(platform: CallPlatform, call_id: UUID, leg: int = 0) -> str:
    """A recording by media as it is uploaded, before it is reported; returns its key."""
    row = await platform.call_row(call_id)
    key = f"{recordings_prefix(row['workspace_id'])}{call_id}-{leg}.wav"
    await platform.storage.put(key, b"RIFF")
    return key


def state_after(events: list[Event]) -> CallState:
    call_id, workspace_id = UUID(new_id()), UUID(new_id())
    state = CallState(
        id=call_id,
        workspace_id=workspace_id,
        created_at=NOW,
        is_test=False,
        direction="inbound",
        carrier="twilio",
        carrier_call_id="CA1",
        status="in_progress",
    )
    key = f"{recordings_prefix(workspace_id)}{call_id}-0.wav"
    for event in events:
        done = RecordingReady(key, 9_000) if isinstance(event, RecordingReady) else event
        state, _ = apply_events(state, [], [NewEvent(1, at_of(event), done)])
    return state


def at_of(event: Event) -> datetime:
    return NOW + timedelta(milliseconds=getattr(event, "at_ms", 0))


def test_record_is_the_same_in_any_order() -> None:
    disclosed, ready = AnnouncementHeard(2_000, "disclosure"), RecordingReady("", 9_000)
    events: list[Event] = [disclosed, HEARD, REFUSED, ready]
    for order in permutations(events):
        state = state_after(list(order))
        assert state.details.consent == ConsentRecord(
            disclosed_at=later(2), announced_at=later(4), refused_at=later(9), refused_by="words"
        )
        assert (state.recording_key, len(state.details.recordings)) == (None, 1)
    assert state_after([HEARD, ready]).recording_key
    assert state_after([AnnouncementHeard(1, "of a later version")]).details == CallDetails()


@pytest.mark.parametrize("is_refused_first", [True, False])
async def test_recordings_of_media_are_deleted(platform: CallPlatform, is_refused_first: bool) -> None:
    """That of an earlier stream may be stored long after the refusal: its node was lost."""
    call_id = (await platform.admit(await platform.create_workspace())).call_id
    key = await store_recording(platform, call_id)
    events: list[Event] = [REFUSED, RecordingReady(key, 9_000)]
    for seq, event in enumerate(events if is_refused_first else events[::-1], 1):
        before = len(await platform.job_payloads(DELETE_RECORDINGS))
        await report(platform, call_id, seq, event)
    assert len(await platform.job_payloads(DELETE_RECORDINGS)) == before + 1
    await delete(platform, call_id)
    assert not [one for one in await platform.storage.list_keys() if str(call_id) in one]
    row = await platform.call_row(call_id)
    assert row["recording_key"] is None and "recordings" not in row["details"]
    await delete(platform, call_id)  # a repetition is harmless


async def test_carrier_stops_and_its_recording_is_deleted_unfetched(platform: CallPlatform) -> None:
    call = await platform.admit(await platform.create_workspace())
    await report(platform, call.call_id, 1, HEARD)
    await report(platform, call.call_id, 2, REFUSED)
    await delete(platform, call.call_id)
    assert platform.gateway.stopped == [call.carrier_call_id]
    recording = CarrierRecording("twilio", call.carrier_call_id, "RE1", "", 5)
    await platform.in_platform(lambda db: add_recording(db, recording))
    fetch = make_fetch_recording_job(platform.pool, platform.services[Carriers], platform.storage, delete=False)
    await fetch((await platform.job_payloads(FETCH_RECORDING))[-1])
    assert (platform.gateway.fetched, platform.gateway.deleted) == ([], ["RE1"])


async def test_copy_that_was_made_meanwhile_is_deleted(platform: CallPlatform) -> None:
    """The refusal is stored while the job copies."""
    call = await platform.admit(await platform.create_workspace())
    recording = CarrierRecording("twilio", call.carrier_call_id, "RE1", "", 5)
    await platform.in_platform(lambda db: add_recording(db, recording))
    carrier = SlowCarrier(meanwhile=lambda: report(platform, call.call_id, 1, REFUSED))
    fetch = make_fetch_recording_job(platform.pool, Carriers({"twilio": carrier}), platform.storage, delete=False)
    await fetch((await platform.job_payloads(FETCH_RECORDING))[-1])
    assert (carrier.fetched, carrier.deleted) == (["RE1"], ["RE1"])
    assert (await platform.call_row(call.call_id))["recording_key"] is None
    await delete(platform, call.call_id)
    assert not [key for key in await platform.storage.list_keys() if str(call.call_id) in key]


async def test_refusal_that_comes_while_the_carrier_begins_stops_it_again(platform: CallPlatform) -> None:
    call = await platform.admit(await platform.create_workspace())

    async def refuse() -> None:
        await report(platform, call.call_id, 1, REFUSED)
        await delete(platform, call.call_id)

    carrier = SlowCarrier(meanwhile=refuse)
    start = make_start_recording_job(platform.pool, Carriers({"twilio": carrier}))
    before = len(await platform.job_payloads(DELETE_RECORDINGS))
    await start(msgspec.json.encode(StartRecordingJob(call.call_id)))
    assert len(await platform.job_payloads(DELETE_RECORDINGS)) == before + 2  # of the event, and of the start
    await start(msgspec.json.encode(StartRecordingJob(call.call_id)))
    assert len(carrier.recorded) == 1, "a refused recording is not begun"


async def test_refused_recording_is_neither_begun_nor_joined(platform: CallPlatform) -> None:
    call_id = (await platform.admit(await platform.create_workspace())).call_id
    started = len(await platform.job_payloads(START_RECORDING))
    joined = len(await platform.job_payloads(JOIN_RECORDINGS))
    await report(platform, call_id, 1, REFUSED)
    await report(platform, call_id, 2, HEARD)
    for leg in (0, 1):
        key = await store_recording(platform, call_id, leg)
        await report(platform, call_id, 3 + leg, RecordingReady(key, 9_000, leg))
    assert len(await platform.job_payloads(START_RECORDING)) == started
    assert len(await platform.job_payloads(JOIN_RECORDINGS)) == joined
    await make_join_recordings_job(platform.pool, platform.storage)(msgspec.json.encode(JoinRecordingsJob(call_id)))
    assert (await platform.call_row(call_id))["recording_key"] is None


async def test_failure_of_the_carrier_is_tried_again_and_keeps_nothing(platform: CallPlatform) -> None:
    call_id = (await platform.admit(await platform.create_workspace())).call_id
    await report(platform, call_id, 1, RecordingReady(await store_recording(platform, call_id), 9_000))
    await report(platform, call_id, 2, REFUSED)
    platform.gateway.answers["stop_recording"] = carrier_unavailable()
    with pytest.raises(JobFailed) as failed:
        await delete(platform, call_id)
    assert not failed.value.is_permanent
    assert not [key for key in await platform.storage.list_keys() if str(call_id) in key]


async def test_refusal_of_the_carrier_to_stop_keeps_no_recording_that_it_has(platform: CallPlatform) -> None:
    """It may have ended meanwhile; the ones that were reported before are deleted all the same."""
    call = await platform.admit(await platform.create_workspace())
    recording = CarrierRecording("twilio", call.carrier_call_id, "RE1", "", 5)
    await platform.in_platform(lambda db: add_recording(db, recording))
    await report(platform, call.call_id, 1, REFUSED)
    for refusal in (carrier_refusal(), carrier_refusal(call_ended=True), carrier_unavailable()):
        platform.gateway.answers["stop_recording"], platform.gateway.deleted = refusal, []
        with suppress(JobFailed):
            await delete(platform, call.call_id)
        assert platform.gateway.deleted == ["RE1"]


async def test_copy_of_a_worker_that_was_killed_is_deleted(platform: CallPlatform) -> None:
    """It had stored the copy and not yet reported it; the caller refused before the next try."""
    call = await platform.admit(await platform.create_workspace())
    recording = CarrierRecording("twilio", call.carrier_call_id, "RE1", "", 5)
    await platform.in_platform(lambda db: add_recording(db, recording))
    fetch = make_fetch_recording_job(platform.pool, platform.services[Carriers], platform.storage, delete=False)
    job = (await platform.job_payloads(FETCH_RECORDING))[-1]
    workspace_id = (await platform.call_row(call.call_id))["workspace_id"]
    orphan = f"{recordings_prefix(workspace_id)}{call.call_id}-carrier.wav"
    for runs_deletion_first in (True, False):
        await platform.storage.put(orphan, b"RIFF")
        await report(platform, call.call_id, 1, REFUSED)
        await (delete(platform, call.call_id) if runs_deletion_first else fetch(job))
        assert orphan not in await platform.storage.list_keys()


async def test_joined_recording_of_a_worker_that_was_killed_is_deleted(platform: CallPlatform) -> None:
    """The refusal was stored, and acted on, before the killed worker's join; the next try finds it refused."""
    call_id = (await platform.admit(await platform.create_workspace())).call_id
    for leg in (0, 1):
        await report(
            platform, call_id, 1 + leg, RecordingReady(await store_recording(platform, call_id, leg), 9_000, leg)
        )
    await report(platform, call_id, 3, REFUSED)
    workspace_id = (await platform.call_row(call_id))["workspace_id"]
    joined = f"{recordings_prefix(workspace_id)}{call_id}.wav"
    await platform.storage.put(joined, b"RIFF")
    await make_join_recordings_job(platform.pool, platform.storage)(msgspec.json.encode(JoinRecordingsJob(call_id)))
    assert joined not in await platform.storage.list_keys()


async def test_upload_that_no_node_reports_is_deleted(platform: CallPlatform) -> None:
    """The node stored the recording of the call's first stream and was lost with its folder."""
    call_id = (await platform.admit(await platform.create_workspace())).call_id
    key = await store_recording(platform, call_id)
    await report(platform, call_id, 1, REFUSED)
    await delete(platform, call_id)
    assert key not in await platform.storage.list_keys()


async def test_recording_that_was_not_refused_is_kept(platform: CallPlatform) -> None:
    call_id = (await platform.admit(await platform.create_workspace())).call_id
    key = await store_recording(platform, call_id)
    await report(platform, call_id, 1, RecordingReady(key, 9_000))
    await report(platform, call_id, 2, CallEnded("completed", "caller_hangup", "", 9_000, CallUsage()))
    await delete(platform, call_id)
    assert await platform.storage.get(key) == b"RIFF"


async def resume(platform: CallPlatform, call: AdmittedCall, checkpoint: Checkpoint) -> ResumePoint:
    open_call = await platform.in_platform(lambda db: find_open(db, "twilio", call.carrier_call_id, later(60)))
    assert open_call is not None
    resumed = await platform.in_platform(lambda db: platform.admission.resume(db, open_call, checkpoint, later(60)))
    assert isinstance(resumed, AdmittedCall) and resumed.plan.resume is not None
    return resumed.plan.resume


@pytest.mark.parametrize("knows", ["checkpoint", "record"])
async def test_resumed_call_knows_what_was_heard_and_refused(platform: CallPlatform, knows: str) -> None:
    """From the checkpoint, or from the record, where the node was lost before the other was written."""
    call = await platform.admit(await platform.create_workspace())
    checkpoint = make_checkpoint(call.call_id)
    if knows == "record":
        await report(platform, call.call_id, 1, HEARD)
        await report(platform, call.call_id, 2, REFUSED)
    else:
        checkpoint = msgspec.structs.replace(checkpoint, announced=("recording",), recording_refused=True)
    point = await resume(platform, call, checkpoint)
    assert (point.announced, point.recording_refused) == (("recording",), True)


async def test_what_only_the_checkpoint_knows_is_recorded_and_acted_on(platform: CallPlatform) -> None:
    """The node was lost before its events were sent: the carrier must begin, and end, all the same."""
    call = await platform.admit(await platform.create_workspace())
    begun, ended = [len(await platform.job_payloads(name)) for name in (START_RECORDING, DELETE_RECORDINGS)]
    heard = msgspec.structs.replace(make_checkpoint(call.call_id), announced=("disclosure", "recording"))
    for checkpoint in (heard, heard, msgspec.structs.replace(heard, recording_refused=True)):
        await resume(platform, call, checkpoint)
    assert len(await platform.job_payloads(START_RECORDING)) == begun + 1
    assert len(await platform.job_payloads(DELETE_RECORDINGS)) == ended + 1
    stored = await platform.in_platform(lambda db: lock_one(db, call.call_id))
    assert stored is not None
    consent = stored.state.details.consent
    # The checkpoint's time is no time of this call: a clock may be wrong by years.
    assert consent.disclosed_at == consent.announced_at == consent.refused_at
    assert consent.announced_at is not None
    assert stored.state.created_at <= consent.announced_at <= max(later(60), stored.state.created_at)


async def test_event_that_comes_after_all_brings_the_true_time_and_begins_nothing_again(platform: CallPlatform) -> None:
    call = await platform.admit(await platform.create_workspace())
    begun = len(await platform.job_payloads(START_RECORDING))
    late = msgspec.structs.replace(
        make_checkpoint(call.call_id), announced=("recording",), at_ms=round(later(9).timestamp() * 1_000)
    )
    await resume(platform, call, late)
    await report(platform, call.call_id, 1, HEARD)
    assert len(await platform.job_payloads(START_RECORDING)) == begun + 1
    stored = await platform.in_platform(lambda db: lock_one(db, call.call_id))
    assert stored is not None and stored.state.details.consent.announced_at is not None
    assert stored.state.details.consent.announced_at < later(9)

"""A caller who refuses to be recorded: the record says so, and every recording of the call is deleted, in any order."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import permutations
from typing import IO
from uuid import UUID

import msgspec
import pytest

from control.calls.admission import make_resumed_plan
from control.calls.details import CallDetails, ConsentRecord
from control.calls.event_batch import JOIN_RECORDINGS, JoinRecordingsJob, parse_event, write_events
from control.calls.event_effects import NewEvent, apply_events
from control.calls.model import CarrierRecording
from control.calls.policy import CallPolicy
from control.calls.recording_discard import DISCARD_RECORDINGS, DiscardRecordingsJob, make_discard_recordings_job
from control.calls.recording_jobs import make_fetch_recording_job, make_join_recordings_job
from control.calls.recording_start import START_RECORDING, StartRecordingJob, make_start_recording_job
from control.calls.service import FETCH_RECORDING
from control.calls.state import CallState
from control.carriers.registry import Carriers
from control.db.jobs import JobFailed
from shared.events import AnnouncementHeard, CallEnded, CallUsage, Event, RecordingReady, RecordingRefused
from shared.ids import new_id
from shared.recording_keys import recordings_prefix
from tests.control.calls.call_platform import (
    NOW,
    CallPlatform,
    FakeCarrier,
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


async def discard(platform: CallPlatform, call_id: UUID) -> None:
    run = make_discard_recordings_job(platform.pool, platform.services.carriers, platform.storage)
    await run(msgspec.json.encode(DiscardRecordingsJob(call_id)))


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
        before = len(await platform.job_payloads(DISCARD_RECORDINGS))
        await report(platform, call_id, seq, event)
    assert len(await platform.job_payloads(DISCARD_RECORDINGS)) == before + 1
    await discard(platform, call_id)
    assert not [one for one in await platform.storage.list_keys() if str(call_id) in one]
    row = await platform.call_row(call_id)
    assert row["recording_key"] is None and "recordings" not in row["details"]
    await discard(platform, call_id)  # a repetition is harmless


async def test_carrier_stops_and_its_recording_is_deleted_unfetched(platform: CallPlatform) -> None:
    call = await platform.admit(await platform.create_workspace())
    await report(platform, call.call_id, 1, HEARD)
    await report(platform, call.call_id, 2, REFUSED)
    await discard(platform, call.call_id)
    assert platform.gateway.stopped == [call.carrier_call_id]
    recording = CarrierRecording("twilio", call.carrier_call_id, "RE1", "", 5)
    await platform.in_platform(lambda db: platform.calls.add_carrier_recording(db, recording))
    fetch = make_fetch_recording_job(platform.pool, platform.services.carriers, platform.storage, delete=False)
    await fetch((await platform.job_payloads(FETCH_RECORDING))[-1])
    assert (platform.gateway.fetched, platform.gateway.deleted) == ([], ["RE1"])


async def test_copy_that_was_made_meanwhile_is_deleted(platform: CallPlatform) -> None:
    """The refusal is stored while the job copies."""
    call = await platform.admit(await platform.create_workspace())
    recording = CarrierRecording("twilio", call.carrier_call_id, "RE1", "", 5)
    await platform.in_platform(lambda db: platform.calls.add_carrier_recording(db, recording))
    carrier = SlowCarrier(meanwhile=lambda: report(platform, call.call_id, 1, REFUSED))
    fetch = make_fetch_recording_job(platform.pool, Carriers({"twilio": carrier}), platform.storage, delete=False)
    await fetch((await platform.job_payloads(FETCH_RECORDING))[-1])
    assert (carrier.fetched, carrier.deleted) == (["RE1"], ["RE1"])
    assert (await platform.call_row(call.call_id))["recording_key"] is None
    await discard(platform, call.call_id)
    assert not [one for one in await platform.storage.list_keys() if str(call.call_id) in one]


async def test_refusal_that_comes_while_the_carrier_begins_stops_it_again(platform: CallPlatform) -> None:
    call = await platform.admit(await platform.create_workspace())

    async def refuse() -> None:
        await report(platform, call.call_id, 1, REFUSED)
        await discard(platform, call.call_id)

    carrier = SlowCarrier(meanwhile=refuse)
    start = make_start_recording_job(platform.pool, Carriers({"twilio": carrier}))
    before = len(await platform.job_payloads(DISCARD_RECORDINGS))
    await start(msgspec.json.encode(StartRecordingJob(call.call_id)))
    assert len(await platform.job_payloads(DISCARD_RECORDINGS)) == before + 2  # of the event, and of the start
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
        await discard(platform, call_id)
    assert not failed.value.is_permanent
    assert not [one for one in await platform.storage.list_keys() if str(call_id) in one]


async def test_recording_that_was_not_refused_is_kept(platform: CallPlatform) -> None:
    call_id = (await platform.admit(await platform.create_workspace())).call_id
    key = await store_recording(platform, call_id)
    await report(platform, call_id, 1, RecordingReady(key, 9_000))
    await report(platform, call_id, 2, CallEnded("completed", "caller_hangup", "", 9_000, CallUsage()))
    await discard(platform, call_id)
    assert await platform.storage.get(key) == b"RIFF"


@pytest.mark.parametrize("knows", ["checkpoint", "record"])
async def test_resumed_call_knows_what_was_heard_and_refused(platform: CallPlatform, knows: str) -> None:
    """From the checkpoint, or from the record where there is none."""
    call = await platform.admit(await platform.create_workspace())
    checkpoint = None
    if knows == "record":
        await report(platform, call.call_id, 1, HEARD)
        await report(platform, call.call_id, 2, REFUSED)
    else:
        plain = make_checkpoint(call.call_id)
        checkpoint = msgspec.structs.replace(plain, announced=("recording",), recording_refused=True)
    open_call = await platform.in_platform(
        lambda db: platform.calls.find_open(db, "twilio", call.carrier_call_id, later(60))
    )
    assert open_call is not None
    resume = make_resumed_plan(call.plan, CallPolicy(), 1, checkpoint, open_call, later(60)).resume
    assert resume is not None and (resume.announced, resume.recording_refused) == (("recording",), True)

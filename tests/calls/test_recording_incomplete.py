"""A call whose recording the disk did not take, or not wholly, says so in its record. In virtual time."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from media.call import call_recording
from media.call.call_recording import CallRecording
from media.call.event_emitter import EventEmitter
from media.call.output_mixer import OutputMixer
from media.call.recording import RecordingWriter
from media.call.recording_consent import ConsentState
from shared.events import CallEnded, Event, RecordingIncomplete, RecordingReady
from tests.calls.scripted_call import EventRecorder, ScriptedCall, ScriptedCarrier
from tests.full_disk import full_disk
from tests.media.call.test_recording import ImmediateExecutor
from tests.virtual_time import run_virtual


@pytest.mark.parametrize("is_full_at_the_end", [False, True])
def test_what_the_disk_did_not_take_is_in_the_record(tmp_path: Path, is_full_at_the_end: bool) -> None:
    writer = RecordingWriter(tmp_path / "call.wav", ImmediateExecutor())

    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(recorder=writer)
        with full_disk(0):
            await scripted.silence(5_000)
            if is_full_at_the_end:
                await scripted.hang_up()
                return scripted
        await scripted.silence(3_000)
        await scripted.hang_up()
        return scripted

    with capture_logs():  # where tests log to is a file, too
        scripted = run_virtual(scenario())
    (incomplete,) = scripted.events_of(RecordingIncomplete)
    assert 4_000 <= incomplete.lost_ms <= 5_500
    assert len(scripted.events_of(RecordingReady)) == (not is_full_at_the_end)
    assert isinstance(scripted.events.events[-1], CallEnded)


def test_a_whole_recording_says_nothing(tmp_path: Path) -> None:
    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(recorder=RecordingWriter(tmp_path / "call.wav", ImmediateExecutor()))
        await scripted.silence(2_000)
        await scripted.hang_up()
        return scripted

    scripted = run_virtual(scenario())
    assert scripted.events_of(RecordingReady) and not scripted.events_of(RecordingIncomplete)


def test_disk_that_hangs_does_not_keep_the_end_of_the_call_from_its_record(tmp_path: Path) -> None:
    """In real time: the disk is a thread."""
    released = threading.Event()

    async def scenario() -> list[type[Event]]:
        scripted = ScriptedCall(recorder=RecordingWriter(tmp_path / "call.wav", disk))
        await scripted.silence(200)
        disk.submit(released.wait)
        await scripted.hang_up()
        kinds = [type(event) for event in scripted.events.events]
        released.set()
        async with asyncio.timeout(20):
            while not scripted.events_of(RecordingReady):  # noqa: ASYNC110  # it comes from another task
                await asyncio.sleep(0.01)
        return kinds

    with ThreadPoolExecutor(1) as disk, pytest.MonkeyPatch.context() as patch:
        patch.setattr(call_recording, "CLOSE_WAIT_S", 0.05)
        kinds = asyncio.run(scenario())
    assert kinds[-1] is CallEnded and RecordingReady not in kinds


def test_recording_that_is_lost_before_it_is_stored_is_in_the_record(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "call.wav", ImmediateExecutor())

    class VanishedFile:
        async def store(self, path: Path, on_stored: Callable[[str], None], on_lost: Callable[[], None]) -> None:
            on_lost()

    async def scenario() -> list[Event]:
        events = EventRecorder()
        recording = CallRecording(
            writer, VanishedFile(), EventEmitter("c", events), OutputMixer(ScriptedCarrier()), leg=2, now=0.0
        )
        recording.follow_consent(ConsentState("given"), 0.0)
        recording.add_caller(b"\x10" * 8_000, 1_000)
        await recording.close(1_000)
        return events.events

    assert run_virtual(scenario()) == [RecordingIncomplete(1_000, 2)]

"""A call whose recording the disk did not take, or not wholly, says so in its record. In virtual time."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from media.call.recording import RecordingWriter
from shared.events import CallEnded, RecordingIncomplete, RecordingReady
from tests.calls.scripted_call import ScriptedCall
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

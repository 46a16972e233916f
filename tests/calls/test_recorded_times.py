"""The times of turns in events lead to their sound in the recording: what is silenced by them holds all of it."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from control.calls.recordings.rules import PADDING_MS
from media.audio.wav import read_wav
from media.call.recording import RecordingWriter
from shared.events import AgentSaid, CallerSaid
from tests.calls.scripted_call import VOICE, ScriptedCall
from tests.media.call.test_recording import ImmediateExecutor
from tests.virtual_time import run_virtual


def heard_outside(side: NDArray[np.float32], turns: list[tuple[int, int]]) -> list[int]:
    """Where a side sounds outside of its turns and their padding, in ms."""
    loud = np.abs(side) > 0.01
    for start, end in turns:
        loud[max(0, start - PADDING_MS) * 8 : (end + PADDING_MS) * 8] = False
    return [int(place) // 8 for place in np.flatnonzero(loud)]


@pytest.mark.parametrize("late_ms", [0, 400, 900, 3_000])
def test_all_sound_lies_in_the_turns_that_events_report(tmp_path: Path, late_ms: int) -> None:
    """late_ms: the second turn's audio comes so much later than it was spoken, all at once."""
    writer = RecordingWriter(tmp_path / "call.wav", ImmediateExecutor())

    async def run() -> None:
        scripted = ScriptedCall(greeting="Good morning.", answers=["Go on.", "Thank you."], recorder=writer)
        await scripted.listen_until_quiet()
        await scripted.silence(700)
        await scripted.say("Four one one one.", 1_200)
        await scripted.listen_until_quiet()
        scripted.recognizer.text = ""
        if late_ms:
            scripted.track.voice = True
            await scripted.burst(VOICE * (late_ms // 20), "One one one one.")
        else:
            await scripted.say("One one one one.", 900)
        await scripted.listen_until_quiet()
        await scripted.silence(1_000)
        await scripted.hang_up()
        caller, agent = read_wav(writer.path.read_bytes()).samples.T
        said, answered = scripted.events_of(CallerSaid), scripted.events_of(AgentSaid)
        assert len(said) == 2 and len(answered) == 3
        assert np.abs(caller).max() > 0.01 and np.abs(agent).max() > 0.01
        assert not heard_outside(caller, [(one.start_ms, one.end_ms) for one in said])
        assert not heard_outside(agent, [(one.start_ms, one.end_ms) for one in answered])

    run_virtual(run())

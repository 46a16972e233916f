"""Calls over a real media server's socket, and their recordings."""

from pathlib import Path

import aiohttp
import numpy as np
import pytest
import soundfile  # type: ignore[import-untyped]

from lab.listening.clips import Clip, ClipAudio
from lab.listening.outside_scores import OutsideError
from lab.listening.overlaps import INTO_ANSWER_MS, LEAD_MS
from lab.listening.socket_calls import TAIL_MS, find_onset, overlap_frames, record_call, recording_server
from lab.listening.sound import RATE, Samples, block_levels
from media.audio import mulaw

NOISE: Samples = (np.random.default_rng(3).standard_normal(RATE) / 10).astype(np.float32)


class OneSound(ClipAudio):
    """Every clip is half a second of the same noise."""

    def samples(self, clip: Clip) -> Samples:
        return NOISE[: RATE // 2]


CLIP = Clip("noise", "development", "nobody", "jfk", ())


def test_the_sound_begins_well_into_the_greeting() -> None:
    frames, sound = overlap_frames(CLIP, OneSound(Path()))
    at = (LEAD_MS + INTO_ANSWER_MS) // 20
    assert frames[at : at + len(sound)] == sound
    assert len(frames) == at + 25 + TAIL_MS // 20


async def test_the_servers_recording_has_the_sound_where_it_was_said(tmp_path: Path) -> None:
    """The agent's greeting is on the other side."""
    _, sound = overlap_frames(CLIP, OneSound(Path()))
    frames = [mulaw.SILENCE * 160] * 40 + sound + [mulaw.SILENCE * 160] * 20
    with recording_server(tmp_path, recognizer="standin") as url:
        async with aiohttp.ClientSession() as session:
            path = await record_call(session, url, frames)
    assert find_onset(path, sound) == pytest.approx(800, abs=220)
    both, rate = soundfile.read(path, dtype="float32")
    assert rate == RATE
    assert block_levels(both[:, 1]).max() > -50, "the greeting sounds"
    with pytest.raises(OutsideError, match="not in the recording"):
        find_onset(path, [bytes(reversed(frame)) for frame in sound])


async def test_a_server_that_is_not_there_is_an_error() -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(OutsideError, match="nothing answers"):
            await record_call(session, "ws://127.0.0.1:9/media/twilio", [mulaw.SILENCE * 160] * 5)

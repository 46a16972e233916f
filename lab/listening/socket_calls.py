"""Calls over a real media server's socket, in real time, recorded by the server: for the tool that is not ours.

The caller is the simulator's carrier, which says a recorded sound over the agent's greeting.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import aiohttp
import numpy as np
import soundfile  # type: ignore[import-untyped]  # ships no types

from lab.benchmarks.server import running
from lab.listening.clips import Clip, ClipAudio
from lab.listening.our_server import our_server
from lab.listening.outside_scores import Expectation, OutsideError, OutsideScore, OutsideTool
from lab.listening.overlaps import ANSWER, ANSWER_MS, INTO_ANSWER_MS, LEAD_MS, LONGEST_MS
from lab.listening.sound import FRAME_MS, PER_MS, USUAL_DB, at_level, room_noise, to_frames, trim
from media.audio import mulaw
from shared.events import EventEnvelope, RecordingReady
from simulator.carrier.media_call import CannotConnect, dial
from simulator.carrier.media_stream import PartyOutput
from simulator.carrier.stream_messages import twilio_identity
from vocalized.caller.finished_call import EventsUnavailable, run_with_events
from vocalized.caller.media_events import events_url, media_events

# After the sound: the rest of the greeting, also of one that goes on after a hold.
TAIL_MS: Final = 7_000
# The server reports the recording after the caller has hung up.
_LAST_EVENTS_S: Final = 10.0
_LIMIT_S: Final = 60.0
# So much of the sound is looked for in the recording.
_KNOWN_FRAMES: Final = 5


@dataclass(slots=True)
class SoundCaller:
    """Sends frames, one after the other, and hangs up. A `Party` of the simulator."""

    frames: Sequence[bytes]
    _at: int = 0

    def tick(self, at_ms: int, heard: bytes) -> PartyOutput:
        """The next frame."""
        frame = self.frames[min(self._at, len(self.frames) - 1)]
        self._at += 1
        return PartyOutput(frame, hang_up=self._at >= len(self.frames))

    def arrived(self, payload: bytes, at_ms: float, begins_ms: float) -> None:
        """Agent audio is not listened to."""

    def cleared(self, at_ms: float) -> None:
        """Nor is its end."""


@contextmanager
def recording_server(folder: Path, recognizer: str = "local") -> Iterator[str]:
    """Runs a media server that greets, hears with this recognizer, and records; yields its socket's address. Raises
    NotReady."""
    ours = our_server(folder, greeting=ANSWER, speech_ms=ANSWER_MS, recording=True, recognizer=recognizer)
    with running(ours, max(os.sched_getaffinity(0)), folder / "log") as server:
        yield server.url


def score_socket_calls(
    kinds: Sequence[tuple[Expectation, Sequence[Clip]]], audio: ClipAudio, tool: OutsideTool
) -> list[OutsideScore]:
    """Scores one call for each clip, one after the other. Raises OutsideError, NotReady, SourceError."""
    with TemporaryDirectory() as name, recording_server(Path(name)) as url:
        return asyncio.run(_score_all(kinds, audio, tool, url))


async def _score_all(
    kinds: Sequence[tuple[Expectation, Sequence[Clip]]], audio: ClipAudio, tool: OutsideTool, url: str
) -> list[OutsideScore]:
    scores = []
    async with aiohttp.ClientSession() as session:
        for expected, clips in kinds:
            for clip in clips:
                frames, sound = overlap_frames(clip, audio)
                path = await record_call(session, url, frames)
                onset_ms = find_onset(path, sound)
                scores.append(tool.score(path, clip.name, expected=expected, onset_ms=onset_ms, place="socket"))
    return scores


def overlap_frames(clip: Clip, audio: ClipAudio) -> tuple[list[bytes], list[bytes]]:
    """The caller's side of a call, and the frames of it that are the sound, which begins 3 s into the greeting."""
    sound = at_level(trim(audio.samples(clip)[: LONGEST_MS * PER_MS]), USUAL_DB)
    before, after = room_noise(sound, LEAD_MS + INTO_ANSWER_MS, 1), room_noise(sound, TAIL_MS, 2)
    first = len(before) // (FRAME_MS * PER_MS)
    frames = to_frames(np.concatenate([before, sound, after]))
    return frames, frames[first : first + _KNOWN_FRAMES]


async def record_call(session: aiohttp.ClientSession, url: str, frames: Sequence[bytes]) -> Path:
    """Calls, says the frames and hangs up; returns the server's recording. Raises OutsideError."""
    identity, found = twilio_identity(), list[Path]()
    events = media_events(session, events_url(url, identity.stream))
    call = dial(session, url, SoundCaller(frames), identity, limit_s=_LIMIT_S)
    try:
        _, missing = await run_with_events(call, _find_recording(events, found), _LAST_EVENTS_S, "server")
    except (CannotConnect, EventsUnavailable) as error:
        raise OutsideError(f"{url}: {error}") from error
    if not found:
        raise OutsideError(f"{url}: no recording of the call. {missing}".rstrip())
    return found[0]


async def _find_recording(events: AsyncIterator[EventEnvelope], found: list[Path]) -> str:
    """Reads the events to the last one; "" because none are missing."""
    async for envelope in events:
        if isinstance(envelope.event, RecordingReady):
            found.append(Path(envelope.event.path))
    return ""


def find_onset(path: Path, sound: Sequence[bytes]) -> float:
    """Where in a recording these frames of the caller's begin, in ms. Raises OutsideError if they are not in it."""
    both, _ = soundfile.read(path, dtype="int16", always_2d=True)
    wanted = mulaw.decode(b"".join(sound))
    at = np.ascontiguousarray(both[:, 0]).tobytes().find(wanted)
    if at < 0 or at % 2:
        raise OutsideError(f"{path.name}: the caller's sound is not in the recording as it was sent")
    return at / 2 / PER_MS

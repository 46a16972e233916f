"""Scores by a tool that is not ours (hotato): it reads stereo recordings of calls, and nothing of our events."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec
import numpy as np
import soundfile  # type: ignore[import-untyped]  # ships no types

from lab.listening.clips import Clip
from lab.listening.overlaps import OverlapCall
from lab.listening.sound import RATE
from media.audio import mulaw

Expectation = Literal["yield", "hold"]
# Where a recorded call was made: in virtual time, or over the media server's socket, which recorded it itself.
Place = Literal["virtual", "socket"]
_TIMEOUT_S: Final = 60.0


class OutsideError(Exception):
    """The tool did not score a recording; the message has its last words."""


class OutsideScore(msgspec.Struct, frozen=True):
    """One recording as the tool judges it. yield_ms: from the caller's onset to the agent's silence, None if it went
    on. talk_over_ms: how long both sounded at once. place: of the call."""

    clip: str
    expected: Expectation
    passed: bool
    yield_ms: float | None
    talk_over_ms: float
    place: Place = "virtual"


class OutsideTool:
    """The tool. folder: that it is installed in."""

    def __init__(self, folder: Path) -> None:
        self._environment = {**os.environ, "PYTHONPATH": str(folder.resolve())}

    def score(
        self, path: Path, clip: str, *, expected: Expectation, onset_ms: float, place: Place = "virtual"
    ) -> OutsideScore:
        """Scores a stereo recording, the caller on the left. onset_ms: of the caller's sound. Raises OutsideError."""
        options = ["--onset", f"{onset_ms / 1_000:.3f}", "--expect", expected, "--format", "json", "--no-fail"]
        command = [sys.executable, "-m", "hotato", "run", "--stereo", str(path), *options]
        try:
            done = subprocess.run(command, env=self._environment, capture_output=True, timeout=_TIMEOUT_S, check=False)
            verdict = json.loads(done.stdout)["events"][0]["verdict"]
        except (OSError, subprocess.TimeoutExpired) as error:
            raise OutsideError(f"{path.name}: {error}") from error
        except (ValueError, KeyError, IndexError) as error:
            raise OutsideError(f"{path.name}: {done.stderr.decode(errors='replace').strip()[-300:]}") from error
        yielded = verdict["seconds_to_yield"]
        return OutsideScore(
            clip=clip,
            expected=expected,
            passed=verdict["passed"],
            yield_ms=None if yielded is None else round(yielded * 1_000, 1),
            talk_over_ms=round((verdict["talk_over_sec"] or 0.0) * 1_000, 1),
            place=place,
        )


class CallRecordings:
    """Writes calls in virtual time as stereo WAV files, and has the tool score them.

    expected: of the agent in all of them. scores: so far."""

    def __init__(self, folder: Path, tool: OutsideTool, expected: Expectation) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._tool, self._expected = folder, tool, expected
        self.scores: list[OutsideScore] = []

    def add(self, clip: Clip, call: OverlapCall) -> None:
        """Records and scores a call. Raises OutsideError."""
        path = self._folder / f"{self._expected}-{clip.name}.wav"
        write_stereo(path, call.frames, call.outcome.agent)
        self.scores.append(self._tool.score(path, clip.name, expected=self._expected, onset_ms=call.sound_ms))


def write_stereo(path: Path, caller: Sequence[bytes], agent: bytes) -> None:
    """Writes both sides (mu-law) as 16-bit stereo at 8 kHz; the agent's is cut, or filled up, to the caller's
    length."""
    left = np.frombuffer(mulaw.decode(b"".join(caller)), "<i2")
    right = np.frombuffer(mulaw.decode(agent), "<i2")[: len(left)]
    both = np.stack([left, np.pad(right, (0, len(left) - len(right)))], axis=1)
    soundfile.write(path, both, RATE, subtype="PCM_16")

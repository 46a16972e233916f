"""A made example of a folder of natural recordings, as `import-natural` takes it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import soundfile  # type: ignore[import-untyped]  # ships no types

from lab.listening.clips import JFK
from lab.listening.sound import RATE, USUAL_DB, Samples, at_level, resample, trim

GREETING = "<speak> How would you like to travel today? <break strength='strong'/> </speak>"
Label = dict[str, Any]


def voice(seconds: float, *bursts: tuple[float, float]) -> Samples:
    """Return a piece of recorded speech in each burst, with soft noise everywhere."""
    samples = np.random.default_rng(1).standard_normal(round(seconds * RATE)).astype(np.float32) * np.float32(0.0005)
    recording, rate = soundfile.read(JFK, dtype="float32", always_2d=True)
    speech = at_level(trim(resample(np.ascontiguousarray(recording[:, 0]), rate)[: 2 * RATE]), USUAL_DB)
    for start, end in bursts:
        at, count = round(start * RATE), round((end - start) * RATE)
        samples[at : at + count] += speech[:count]
    return samples


def label(source: str, call: str, bursts: list[tuple[float, float]], events: list[tuple[float, str]]) -> Label:
    """Return the labels of one side of a call. events: when a burst ended, and how the turn went on."""
    return {
        "set": source,
        "id": call,
        "spk": f"speaker of {call}",
        "caller": f"audio/{source}/{call.removesuffix('-agentside')}.flac",
        "conf": "high",
        "ipus": bursts,
        "events": [{"t": at, "type": kind} for at, kind in events],
    }


def write_example(folder: Path) -> Path:
    """Write a GetGoing call of three turns, an unreliable one, and a call of Harper Valley; returns the folder."""
    bursts = [(1.0, 1.5), (2.1, 2.6), (8.0, 8.5), (14.0, 14.5)]
    getgoing = label("getgoing", "aa", bursts, [(1.5, "hold"), (2.6, "eot"), (8.5, "eot"), (14.5, "last")])
    getgoing["turns"] = [
        {"start": 1.0, "end": 2.6, "text": "By bus. Yes.", "prompt": GREETING},
        {"start": 8.0, "end": 8.5, "text": "Yes.", "prompt": "Is that right?"},
    ]
    harper = label("harper-valley", "bb", [(4.0, 5.0)], [(5.0, "eot")])
    agent = label("harper-valley", "bb-agentside", [(1.0, 3.0)], [(3.0, "eot")])
    unreliable = {**getgoing, "id": "cc", "conf": "low"}
    # The voice goes on after the second turn's label.
    for path, samples in (
        ("audio/getgoing/aa.flac", voice(16.0, *bursts[:2], (8.0, 8.8), bursts[3])),
        ("audio/harper-valley/bb.flac", voice(7.0, (4.0, 5.0))),
    ):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / path, samples, RATE, subtype="PCM_16")
    _write_lines(folder / "labels.jsonl", [getgoing, harper, agent, unreliable])
    said = [
        {"who": "agent", "start": 1.0, "end": 3.0, "text": "how can i help you"},
        {"who": "caller", "start": 3.9, "end": 5.1, "text": "my balance please"},
        {"who": "agent", "start": 6.0, "end": 6.5, "text": "sure"},
    ]
    (folder / "text").mkdir()
    _write_lines(folder / "text" / "harper-valley.jsonl", [{"id": "bb", "turns": said}])
    return folder


def _write_lines(path: Path, records: list[Label]) -> None:
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records), encoding="utf-8")

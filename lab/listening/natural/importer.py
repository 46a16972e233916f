"""The import of the natural recordings: labels become a list of turns, recordings become FLAC files without the sound
between turns."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final
from zlib import crc32

import msgspec
import numpy as np
import soundfile  # type: ignore[import-untyped]  # ships no types

from lab.listening.natural.recordings import PAUSE_MS, TURNS, Ending, NaturalTurn, split_of
from lab.listening.sound import PER_MS, RATE, VOICE_DB, Samples, active_level, block_levels

LABELS: Final = "labels.jsonl"
# What remains of a recording: the turns with this much before and after them. Everything else becomes digital silence,
# which 90 % of a GetGoing channel is anyway.
KEPT_MS: Final = 400
# GetGoing calls that are kept with the noise between their turns, of each set, to be streamed.
WHOLE_CALLS: Final = 5
# Turns at the start of a GetGoing call that are kept. A few callers have long calls.
MOST_TURNS: Final = 12
# A longer pause may be the end of a turn.
LONGEST_PAUSE_MS: Final = 3_000
# So many blocks of 10 ms at the level of the voice are voice.
VOICE_BLOCKS: Final = 6
_TAG: Final = re.compile(r"<[^>]*>|!b\b")
_ENDINGS: Final[dict[str, Ending]] = {"eot": "end", "last": "last", "inside-other": "inside", "ambiguous": "ambiguous"}
_AGENT: Final = "-agentside"

Label = dict[str, Any]


def import_natural(folder: Path, out: Path) -> int:
    """Write the list of turns and the shortened recordings.

    Args:
        folder: Contains `labels.jsonl`, `audio` and `text`.
        out: Receives `turns.jsonl` and a folder of FLAC files for each source.

    Returns:
        The number of turns.
    """
    labels = [label for label in _read(folder / LABELS) if is_wanted(label)]
    transcripts = {record["id"]: record["turns"] for record in _read(folder / "text" / "harper-valley.jsonl")}
    calls = [(label, list(turns_of(label, transcripts.get(label["id"], [])))) for label in labels]
    whole, written = _whole_calls([turns for _, turns in calls if turns]), list[NaturalTurn]()
    for label, turns in calls:
        if turns:  # an agent of a call center may have none
            written += write_call(folder / label["caller"], out, turns, is_whole=turns[0].call in whole)
    (out / TURNS).write_bytes(b"".join(msgspec.json.encode(turn) + b"\n" for turn in written))
    return len(written)


def is_wanted(label: Label) -> bool:
    """Whether the labels are reliable and the recording contains the labeled side. The files of Harper Valley hold the
    caller, whichever side the label is for."""
    return label["conf"] == "high" and not (label["set"] == "harper-valley" and label["id"].endswith(_AGENT))


def turns_of(label: Label, transcript: Sequence[Label] = ()) -> Iterator[NaturalTurn]:
    """Yield the turns of one speaker; of an agent of a call center, only turns with a pause.

    Args:
        transcript: What both sides said, with times, if people wrote it down.
    """
    found = [*_grouped(label)]
    for number, (bursts, ending) in enumerate(found if label["set"] != "getgoing" else found[:MOST_TURNS]):
        start, end = bursts[0][0] / 1_000, bursts[-1][1] / 1_000
        known: Label = next(
            (turn for turn in label.get("turns", ()) if turn["start"] - 0.05 <= start <= turn["end"]), {}
        )
        if label["id"].endswith(_AGENT) and not has_pause(bursts, ending):
            continue
        prompt, text = _written(transcript, found[number - 1][0][-1][1] / 1_000 if number else 0.0, start, end)
        yield NaturalTurn(
            case=f"{label['set']}/{label['id']}/{number}",
            source=label["set"],
            call=label["id"],
            speaker=label["spk"],
            bursts=tuple(bursts),
            next_ms=found[number + 1][0][0][0] if number + 1 < len(found) else 0,
            ending=ending,
            prompt=plain(known.get("prompt") or prompt),
            text=plain(known.get("text") or text),
            is_agent=label["id"].endswith(_AGENT),
        )


def has_pause(bursts: Sequence[tuple[int, int]], ending: Ending) -> bool:
    """Whether a turn whose end is certain has an inner pause."""
    return ending == "end" and any(after - before >= PAUSE_MS for (_, before), (after, _) in pairwise(bursts))


def _grouped(label: Label) -> Iterator[tuple[list[tuple[int, int]], Ending]]:
    """Yield the bursts of each turn, and how it ended. A burst without an event is followed by a gap that lies inside
    the other side's speech."""
    types = {round(event["t"] * 1_000): event["type"] for event in label["events"]}
    offset = label.get("time_offset", 0)
    bursts, is_clear = list[tuple[int, int]](), True
    for start, end in label["ipus"]:
        if bursts and round((start - offset) * 1_000) - bursts[-1][1] > LONGEST_PAUSE_MS:
            is_clear = False
        bursts.append((round((start - offset) * 1_000), round((end - offset) * 1_000)))
        kind = types.get(round(end * 1_000), "hold")
        is_clear = is_clear and kind != "ambiguous"
        if kind in ("eot", "last", "inside-other"):
            yield bursts, _ENDINGS[kind] if is_clear else "ambiguous"
            bursts, is_clear = [], True
    if bursts:
        yield bursts, "last"


def _written(transcript: Sequence[Label], previous: float, start: float, end: float) -> tuple[str, str]:
    """The other side's words since the previous turn, and the speaker's words between start and end, in seconds."""
    prompt = [line["text"] for line in transcript if line["who"] == "agent" and previous - 0.5 <= line["start"] < start]
    own = [
        line["text"]
        for line in transcript
        if line["who"] == "caller" and line["start"] < end + 0.1 and line["end"] > start - 0.1
    ]
    return " ".join(prompt), " ".join(own)


def plain(text: str) -> str:
    """Return a prompt without the tags of speech synthesis."""
    return " ".join(_TAG.sub(" ", text).split())


def _whole_calls(calls: Sequence[Sequence[NaturalTurn]]) -> set[str]:
    """Return the calls that are kept as they are: all of Harper Valley, and some of GetGoing, by the hash of their
    identifier. In the AWS call several bursts of speech have no label, so it cannot be streamed."""
    whole = {turns[0].call for turns in calls if turns[0].source == "harper-valley"}
    for name in ("development", "held_out"):
        own = [turns[0].call for turns in calls if turns[0].source == "getgoing" and name in split_of(turns[0])]
        whole.update(sorted(own, key=lambda call: crc32(call.encode()))[:WHOLE_CALLS])
    return whole


def write_call(source: Path, out: Path, turns: Sequence[NaturalTurn], *, is_whole: bool) -> list[NaturalTurn]:
    """Write a recording as FLAC, 8 kHz. Unless the call is kept whole, sound outside the turns becomes digital silence.

    Returns:
        The turns, with what only the sound shows.
    """
    samples, rate = soundfile.read(source, dtype="int16", always_2d=True)
    if rate != RATE:
        raise ValueError(f"{source}: {rate} Hz, expected {RATE}")
    kept = np.array(samples[:, 0]) if is_whole else np.zeros(len(samples), np.int16)
    for turn in turns:
        start, end = max(0, turn.start_ms - KEPT_MS) * PER_MS, (turn.end_ms + KEPT_MS) * PER_MS
        kept[start:end] = samples[start:end, 0]
    target = out / turns[0].source / f"{turns[0].call}.flac"
    target.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(target, kept, RATE, format="FLAC", subtype="PCM_16", compression_level=1.0)
    heard = kept.astype(np.float32) / np.float32(32_768)
    return [
        msgspec.structs.replace(
            turn,
            is_whole=is_whole,
            ending="ambiguous" if turn.ending == "end" and is_unlabeled(heard, turn) else turn.ending,
        )
        for turn in turns
    ]


def is_unlabeled(samples: Samples, turn: NaturalTurn) -> bool:
    """Whether the voice sounds just after the end of a turn, or in one of its pauses, so that a label is wrong."""
    voice = np.concatenate([samples[start * PER_MS : end * PER_MS] for start, end in turn.bursts])
    pauses = [(turn.start_ms + pause.at_ms, pause.length_ms) for pause in turn.pauses]
    return any(
        np.sum(block_levels(samples[at * PER_MS : (at + length) * PER_MS]) > active_level(voice) - VOICE_DB)
        >= VOICE_BLOCKS
        for at, length in [*pauses, (turn.end_ms, KEPT_MS)]
    )


def _read(path: Path) -> list[Label]:
    if not path.exists():
        return []
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]

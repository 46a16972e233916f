"""The list of natural caller turns, and their sound. The recordings are in `data/natural` (see its README.md)."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Final, Literal, TypeVar
from zlib import crc32

import msgspec
import numpy as np
import soundfile  # type: ignore[import-untyped]  # ships no types

from lab.listening.clips import SetName
from lab.listening.sound import PER_MS, RATE, Samples

DATA: Final = Path(__file__).parents[1] / "data" / "natural"
TURNS: Final = "turns.jsonl"
PAUSES: Final = "pauses.jsonl"
# An inner pause counts as a pause from this length.
PAUSE_MS: Final = 500
# How much of the recording a turn's sound contains before its start and, at most, after its end.
BEFORE_MS, AFTER_MS = 400, 400
# The sound ends this long before the next speech in the recording.
APART_MS: Final = 50

Source = Literal["getgoing", "harper-valley", "aws-lca"]
# end: the turn ends. Other turns are played in whole calls only, because their end is not certain. ambiguous: a gap in
# the turn may be its end. inside: the other side speaks during the turn's end. last: the call ends.
Ending = Literal["end", "ambiguous", "inside", "last"]
Phrase = Literal["finished", "unfinished"]
Record = TypeVar("Record", bound=msgspec.Struct)


class InnerPause(msgspec.Struct, frozen=True):
    """A pause inside a turn. Times are in ms; at_ms counts from the turn's start."""

    at_ms: int
    length_ms: int


class NaturalTurn(msgspec.Struct, frozen=True, omit_defaults=True):
    """One turn of a caller.

    Attributes:
        case: Identifier of the turn: source, call and number.
        call: Identifier of the call; the recording is `<source>/<call>.flac`.
        bursts: Start and end of each burst of speech, in ms of the recording.
        next_ms: When the speaker speaks again, in ms of the recording; 0 if the turn is the last.
        prompt: What the other side said before the turn; empty if it is not known.
        text: The words: recognized by a vendor for GetGoing, transcribed by people for Harper Valley.
        is_agent: Whether the speaker is the agent of the call center.
        is_whole: Whether the recording still contains what lies between the turns, so that it can be streamed.
    """

    case: str
    source: Source
    call: str
    speaker: str
    bursts: tuple[tuple[int, int], ...]
    next_ms: int
    ending: Ending
    prompt: str = ""
    text: str = ""
    is_agent: bool = False
    is_whole: bool = False

    @property
    def start_ms(self) -> int:
        """Start of the speech, in ms of the recording."""
        return self.bursts[0][0]

    @property
    def end_ms(self) -> int:
        """True end of the speech, in ms of the recording."""
        return self.bursts[-1][1]

    @property
    def pauses(self) -> list[InnerPause]:
        """Pauses of at least PAUSE_MS inside the turn."""
        gaps = [(before[1], after[0] - before[1]) for before, after in pairwise(self.bursts)]
        return [InnerPause(at - self.start_ms, length) for at, length in gaps if length >= PAUSE_MS]


class LabeledPause(msgspec.Struct, frozen=True):
    """Whether the words before an inner pause are a finished phrase.

    Attributes:
        at_ms: As in `InnerPause`.
        before, after: The words on both sides, by the local recognizer.
    """

    case: str
    at_ms: int
    phrase: Phrase
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class TurnSound:
    """The sound of one turn, 8 kHz, as recorded. Times are in ms of the sound. end_ms: the true end of speech."""

    samples: Samples
    bursts: list[tuple[int, int]]
    end_ms: int


def split_of(turn: NaturalTurn) -> tuple[SetName, ...]:
    """Return the sets that contain a turn. GetGoing is split by speaker, about 60 to 40. Harper Valley and the AWS call
    are too few to split, so both sets contain them."""
    if turn.source != "getgoing":
        return ("development", "held_out")
    return ("development",) if crc32(turn.speaker.encode()) % 5 < 3 else ("held_out",)


@lru_cache(maxsize=1)
def _all_turns(path: Path) -> list[NaturalTurn]:
    return read_lines(path, NaturalTurn)


def read_lines(path: Path, kind: type[Record]) -> list[Record]:
    """Return the records of a JSON lines file."""
    return [msgspec.json.decode(line, type=kind) for line in path.read_bytes().splitlines()]


def read_turns(set_name: SetName | None = None, folder: Path = DATA) -> list[NaturalTurn]:
    """Return the turns whose end is certain, of one set or of all sets."""
    return [turn for turn in read_all_turns(set_name, folder) if turn.ending == "end"]


def read_all_turns(set_name: SetName | None = None, folder: Path = DATA) -> list[NaturalTurn]:
    """Return all turns, in the order of the recordings, to stream whole calls."""
    return [turn for turn in _all_turns(folder / TURNS) if set_name is None or set_name in split_of(turn)]


def read_pauses(folder: Path = DATA) -> list[LabeledPause]:
    """Return the labels of the inner pauses."""
    return read_lines(folder / PAUSES, LabeledPause)


def read_recording(turn: NaturalTurn, folder: Path = DATA, start_ms: int = 0, end_ms: int | None = None) -> Samples:
    """Return a part of the recording that contains a turn, or all of it."""
    recording = _decode(folder / turn.source / f"{turn.call}.flac")
    return recording[start_ms * PER_MS : None if end_ms is None else end_ms * PER_MS]


@lru_cache(maxsize=1)
def _decode(path: Path) -> Samples:
    """Keep the latest recording, because its turns are read one after the other and a search in the file is slow."""
    samples, rate = soundfile.read(path, dtype="float32")
    if rate != RATE:
        raise ValueError(f"{path}: {rate} Hz, expected {RATE}")
    return np.asarray(samples, np.float32)


def turn_sound(turn: NaturalTurn, before_end_ms: int = 0, folder: Path = DATA) -> TurnSound:
    """Return the sound of a turn, from BEFORE_MS before its start to AFTER_MS after its end at most.

    Args:
        before_end_ms: End of the previous speech in the recording, which the sound must not contain.
    """
    start_ms = max(turn.start_ms - BEFORE_MS, before_end_ms + APART_MS if before_end_ms else 0, 0)
    end_ms = turn.end_ms + AFTER_MS
    if turn.next_ms:
        end_ms = min(end_ms, max(turn.next_ms - APART_MS, turn.end_ms))
    samples = read_recording(turn, folder, start_ms, end_ms)
    bursts = [(start - start_ms, end - start_ms) for start, end in turn.bursts]
    return TurnSound(samples, bursts, turn.end_ms - start_ms)


def turn_sounds(set_name: SetName, folder: Path = DATA) -> Iterator[tuple[NaturalTurn, TurnSound]]:
    """Yield each turn of a set whose end is certain, with its sound."""
    ends: dict[tuple[Source, str], int] = {}
    for turn in read_all_turns(set_name, folder):
        before_end_ms = ends.get((turn.source, turn.call), 0)
        ends[turn.source, turn.call] = turn.end_ms
        if turn.ending == "end":
            yield turn, turn_sound(turn, before_end_ms, folder)

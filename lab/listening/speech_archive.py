"""Reads the spoken lines of the adventure game "Flight of the Amazon Queen" (1995, given away by its authors in 2004).

Its archive begins with "QTBL", a version of six bytes, three bytes of which the last is the kind of compression (1:
MP3), and the number of entries (big-endian, two bytes); each entry is a name of twelve bytes, a bundle, an offset and a
size (big-endian, four bytes each). A spoken line is named after its conversation (two digits), its place in it (four),
who speaks (J: the player, P: the other person) and its part. A conversation's own file (`NAME.DOG`) has its number at
byte 24. All this was found in the archive and agrees with what ScummVM's engine for the game reads.
"""

import io
import re
import struct
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import soundfile  # type: ignore[import-untyped]  # ships no types

from lab.listening.sound import Samples, resample

_MAGIC: Final = b"QTBL"
_ENTRY: Final = struct.Struct(">12sBII")
_TABLE: Final = 15  # where the entries begin
_LINE: Final = re.compile(r"(\d\d)([0-9A-F]{4})([JP])([0-9A-Z])\.SB")
_CONVERSATION: Final = re.compile(r"([A-Z]+)\d*\.DOG")
_NUMBER_AT: Final = 24
# Sound effects: of things, machines and animals, and a few voices without words, or with one: `35SSSSSS.SB`.
_NOISE: Final = re.compile(r"\d+[A-D]?S+\.SB")
_NAME_LENGTH: Final = 11
PLAYER: Final = "joe"


class ArchiveError(Exception):
    """The file is not the expected archive."""


@dataclass(frozen=True, slots=True)
class SpokenLine:
    """One turn of a conversation. parts: the names of its recordings, in order."""

    name: str
    speaker: str
    parts: tuple[str, ...]


class SpeechArchive:
    """The archive, read whole (54 MB). Raises ArchiveError, and OSError when it cannot be read."""

    def __init__(self, path: Path) -> None:
        self._data = path.read_bytes()
        if self._data[:4] != _MAGIC:
            raise ArchiveError(f"{path.name}: does not begin with QTBL")
        (count,) = struct.unpack_from(">H", self._data, _TABLE - 2)
        rows = (_ENTRY.unpack_from(self._data, _TABLE + index * _ENTRY.size) for index in range(count))
        self._places = {name.rstrip(b"\0").decode("latin-1"): (at, size) for name, _, at, size in rows}

    def lines(self) -> list[SpokenLine]:
        """All turns of conversations, in the order of their names."""
        speakers, parts = self._speakers(), defaultdict[tuple[str, str, str], list[str]](list)
        for name in sorted(self._places):
            if match := _LINE.fullmatch(name):
                parts[match[1], match[2], match[3]].append(name)
        return [
            SpokenLine(f"{talk}{place}{side}", PLAYER if side == "J" else speakers[talk], tuple(names))
            for (talk, place, side), names in sorted(parts.items())
            if talk in speakers
        ]

    def names(self, most_bytes: int) -> list[str]:
        """All recordings of speech of at most so many bytes."""
        return sorted(name for name, (_, size) in self._places.items() if name.endswith(".SB") and size <= most_bytes)

    def noises(self) -> list[str]:
        """All sound effects."""
        return sorted(name for name in self._places if len(name) == _NAME_LENGTH and _NOISE.fullmatch(name))

    def samples(self, part: str) -> Samples:
        """Decodes one recording to 8 kHz, full scale 1. Raises KeyError for an unknown name."""
        at, size = self._places[part]
        samples, rate = soundfile.read(io.BytesIO(self._data[at : at + size]), dtype="float32", always_2d=True)
        return resample(np.ascontiguousarray(samples[:, 0]), rate)

    def _speakers(self) -> dict[str, str]:
        """Who is spoken with, by the number of the conversation."""
        found = {}
        for name, (at, _) in sorted(self._places.items()):
            if match := _CONVERSATION.fullmatch(name):
                (number,) = struct.unpack_from(">h", self._data, at + _NUMBER_AT)
                found[f"{number:02}"] = match[1].lower()
        return found

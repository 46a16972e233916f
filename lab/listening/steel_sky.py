"""Reads the spoken lines of the adventure game "Beneath a Steel Sky" (1994, given away by its authors in 2003).

`sky.dnr` lists the files of `sky.dsk`: how many (little-endian, four bytes), then for each its number (two bytes), its
place (24 bits; with the highest bit set: 16 times the others), and its size (22 bits) with two flags, the higher one
for files that are not packed. Spoken lines have the numbers from 50000, in the order of the game's scenes: a head of 22
bytes, then one byte for each of 11,025 samples a second, packed. All this was found in the files and agrees with what
ScummVM's engine for the game reads.
"""

import struct
from pathlib import Path
from typing import Final

import numpy as np

from lab.listening.rnc import unpack
from lab.listening.sound import Samples, resample

RATE: Final = 11_025
# Behind the last one are noises and music.
_FIRST_LINE, _LAST_LINE = 50_000, 59_999
_COUNT: Final = struct.Struct("<I")
_ENTRY_BYTES: Final = 8
_HEAD_BYTES: Final = 22
_SIZE_MASK, _UNPACKED_FLAG = 0x3FFFFF, 1 << 23
_PLACE_MASK, _PARAGRAPH_FLAG, _PARAGRAPH = 0x7FFFFF, 1 << 23, 16
# Of the game's lines only their order tells the scene: so many that follow each other count as one.
_SCENE_LINES: Final = 100


class SteelSkySpeech:
    """The spoken lines by number; the file is read line by line. Raises OSError when it cannot be read."""

    def __init__(self, folder: Path) -> None:
        self._data = folder / "sky.dsk"
        self._places = _places((folder / "sky.dnr").read_bytes())

    def names(self) -> list[str]:
        """All lines, in the order of the game."""
        return [str(number) for number in sorted(self._places)]

    def samples(self, name: str) -> Samples:
        """Decodes one line to 8 kHz, full scale 1. Raises KeyError for an unknown name, PackedDataError for a damaged
        line."""
        place, size = self._places[int(name)]
        with self._data.open("rb") as file:
            file.seek(place + _HEAD_BYTES)
            return from_bytes(unpack(file.read(size - _HEAD_BYTES)))


def scene_of(name: str) -> str:
    """The scene that a line belongs to, roughly."""
    return f"steel sky {(int(name) - _FIRST_LINE) // _SCENE_LINES}"


def from_bytes(data: bytes) -> Samples:
    """Samples of 8 bits without a sign, 11,025 a second, as games of that time have them: 8 kHz, full scale 1."""
    return resample((np.frombuffer(data, np.uint8).astype(np.float32) - np.float32(128)) / np.float32(128), RATE)


def _places(table: bytes) -> dict[int, tuple[int, int]]:
    """Place and size of each packed line, by its number."""
    (count,) = _COUNT.unpack_from(table)
    found = {}
    for at in range(_COUNT.size, _COUNT.size + count * _ENTRY_BYTES, _ENTRY_BYTES):
        number = int.from_bytes(table[at : at + 2], "little")
        place = int.from_bytes(table[at + 2 : at + 5], "little")
        flags = int.from_bytes(table[at + 5 : at + 8], "little")
        if _FIRST_LINE <= number <= _LAST_LINE and not flags & _UNPACKED_FLAG:
            paragraphs = _PARAGRAPH if place & _PARAGRAPH_FLAG else 1
            found[number] = (place & _PLACE_MASK) * paragraphs, flags & _SIZE_MASK
    return found

"""The second game's spoken lines, on a small copy that is made here by the same description."""

import struct
from pathlib import Path

import numpy as np
import pytest

from lab.listening.sound import RATE
from lab.listening.steel_sky import SteelSkySpeech, from_bytes, scene_of
from tests.lab.listening.test_rnc import PACKED, PLAIN

HEAD = b"\x81\0" + b"\x80" * 20


def game(folder: Path, lines: dict[int, tuple[int, int]], data: bytes) -> SteelSkySpeech:
    """lines: place and flags over the size, by number, as they stand in the list."""
    table = struct.pack("<I", len(lines))
    for number, (place, flags) in lines.items():
        table += struct.pack("<H", number) + place.to_bytes(3, "little") + flags.to_bytes(3, "little")
    (folder / "sky.dnr").write_bytes(table)
    (folder / "sky.dsk").write_bytes(data)
    return SteelSkySpeech(folder)


def test_packed_lines_are_read_from_near_and_far_places(tmp_path: Path) -> None:
    line, far = HEAD + PACKED, 1 << 23 | 0x20
    size = len(line)
    lines = {50_007: (3, size), 50_110: (far, size), 50_008: (3, size | 1 << 23), 7: (3, size), 60_203: (3, size)}
    speech = game(tmp_path, lines, (b"\0" * 3 + line).ljust(0x200, b"\0") + line)
    assert speech.names() == ["50007", "50110"]
    for name in speech.names():
        assert speech.samples(name).tolist() == from_bytes(PLAIN).tolist()
    assert [scene_of(name) for name in speech.names()] == ["steel sky 0", "steel sky 1"]
    with pytest.raises(KeyError):
        speech.samples("50009")


def test_bytes_are_samples_around_128() -> None:
    second = np.full(11_025, 192, np.uint8).tobytes()
    samples = from_bytes(second)
    assert len(samples) == RATE
    assert samples[RATE // 2] == pytest.approx(0.5, abs=0.01)

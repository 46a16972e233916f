"""Unpacking, of data that another program packed (propack 0.3.1, method 1)."""

import base64
import random
from contextlib import suppress

import pytest

from lab.listening.rnc import PackedDataError, unpack

PLAIN = (
    b"And so, my fellow Americans, ask not what your country can do for you: ask what you can do for your country. "
    + bytes(range(60, 80))
    + b"\x80" * 300
)
PACKED = base64.b64decode(
    "Uk5DAQAAAa0AAABxCPjzMgABmJghmjMAAxIqhoYAAMYBYBv5QW5kIHNvLCBteSBmZWxsb3cgQW1lcmljYW5zHedhc2sgbm90IHdoYXlvdXIgY9EW"
    "bnRyfZogZG+UhG8ukToupYq/0L7bUi4gPD0+P0BBQkNERUZHSElKS0xNTk+AAAA="
)


def test_packed_data_is_what_it_was() -> None:
    assert unpack(PACKED) == PLAIN
    assert unpack(PACKED + b"behind it") == PLAIN


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"RNC", "3 bytes, expected at least 18"),
        (b"RNC\x02" + PACKED[4:], "does not begin with RNC, method 1"),
        (PACKED[:-20], "wrong checksum"),
        (PACKED[:40] + b"\0" + PACKED[41:], "wrong checksum"),
        (PACKED[:17] + b"\x03" + PACKED[18:], "ends too early|wrong checksum of the unpacked data"),
    ],
)
def test_damaged_data_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(PackedDataError, match=message):
        unpack(data)


def test_no_damage_is_anything_but_an_error() -> None:
    random_ = random.Random(1)
    for _ in range(300):
        damaged = bytearray(PACKED)
        damaged[random_.randrange(len(damaged))] ^= 1 << random_.randrange(8)
        with suppress(PackedDataError):
            assert unpack(bytes(damaged)) == PLAIN  # a bit that is not used

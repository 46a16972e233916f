"""Unpacks data packed by Rob Northen's compressor, method 1 (1991): Huffman codes over literal runs and copies.

A head of 18 bytes ("RNC", the method, both sizes, both checksums, two counts; big-endian), then bits in 16-bit
little-endian words, the lowest bit first. Literal bytes lie between the words: behind the last one of which a bit was
used. Format as documented for and read by ScummVM and by the tool `ancient`.
"""

import struct
from typing import Final

_HEAD: Final = struct.Struct(">4sIIHHBB")
_SIGNATURE: Final = b"RNC\x01"
_SHORTEST_COPY: Final = 2
# A table has at most 31 symbols, with codes of at most 15 bits.
_COUNT_BITS, _LENGTH_BITS = 5, 4
_Codes = dict[tuple[int, int], int]


class PackedDataError(Exception):
    """The data is not packed by this method, or is damaged."""


def unpack(packed: bytes) -> bytes:
    """Returns the unpacked data. Raises PackedDataError."""
    if len(packed) < _HEAD.size:
        raise PackedDataError(f"packed data: {len(packed)} bytes, expected at least {_HEAD.size}")
    signature, size, packed_size, checksum, packed_checksum, _, blocks = _HEAD.unpack_from(packed)
    if signature != _SIGNATURE:
        raise PackedDataError("packed data: does not begin with RNC, method 1")
    body = packed[_HEAD.size : _HEAD.size + packed_size]
    if _checksum(body) != packed_checksum:
        raise PackedDataError("packed data: wrong checksum")
    unpacked = bytearray()
    try:
        _unpack_blocks(_Bits(body), blocks, unpacked)
    except (IndexError, struct.error) as error:
        raise PackedDataError("packed data: ends too early") from error
    if len(unpacked) != size or _checksum(unpacked) != checksum:
        raise PackedDataError("packed data: wrong checksum of the unpacked data")
    return bytes(unpacked)


class _Bits:
    """Reads bits, and the literal bytes between them."""

    def __init__(self, body: bytes) -> None:
        # Of the last word the second byte may be missing.
        self._body, self._at, self._word, self._left = body + b"\0", 0, 0, 0

    def take(self, count: int) -> int:
        """The next bits as a number, the first one lowest. Raises struct.error behind the end."""
        value = 0
        for place in range(count):
            if not self._left:
                (self._word,) = struct.unpack_from("<H", self._body, self._at)
                self._at, self._left = self._at + 2, 16
            value |= (self._word & 1) << place
            self._word, self._left = self._word >> 1, self._left - 1
        return value

    def literal(self, count: int) -> bytes:
        """The next whole bytes."""
        self._at += count
        return self._body[self._at - count : self._at]

    def codes(self) -> _Codes:
        """A table: symbols by the length and the bits of their codes, which ascend with length and symbol."""
        lengths = [self.take(_LENGTH_BITS) for _ in range(self.take(_COUNT_BITS))]
        found, code, before = _Codes(), 0, 0
        for length, symbol in sorted((length, symbol) for symbol, length in enumerate(lengths) if length):
            code <<= length - before
            found[length, code] = symbol
            code, before = code + 1, length
        return found

    def value(self, codes: _Codes) -> int:
        """A number: a symbol over 1 tells its highest bit, the others follow. Raises IndexError for no such code."""
        code = 0
        for length in range(1, 1 << _LENGTH_BITS):
            code = code << 1 | self.take(1)
            symbol = codes.get((length, code))
            if symbol is not None:
                return symbol if symbol < 2 else 1 << symbol - 1 | self.take(symbol - 1)
        raise IndexError("no such code")


def _unpack_blocks(bits: _Bits, blocks: int, unpacked: bytearray) -> None:
    bits.take(2)  # whether it is locked or has a key: never here
    for _ in range(blocks):
        literals, offsets, lengths = bits.codes(), bits.codes(), bits.codes()
        for left in range(bits.take(16), 0, -1):
            unpacked += bits.literal(bits.value(literals))
            if left > 1:
                offset = bits.value(offsets) + 1
                _copy(unpacked, offset, bits.value(lengths) + _SHORTEST_COPY)


def _copy(unpacked: bytearray, offset: int, length: int) -> None:
    """Appends bytes from `offset` before the end; where that is less than `length`, they repeat."""
    piece = unpacked[len(unpacked) - offset :]
    unpacked += (piece * (length // offset + 1))[:length]


def _checksum(data: bytes | bytearray) -> int:
    """CRC-16 (polynomial 0xA001, reflected, from 0)."""
    crc = 0
    for byte in data:
        crc = _CRC[crc & 0xFF ^ byte] ^ crc >> 8
    return crc


def _crc_entry(value: int) -> int:
    for _ in range(8):
        value = value >> 1 ^ (0xA001 if value & 1 else 0)
    return value


_CRC: Final = tuple(_crc_entry(value) for value in range(256))

"""Several streams' recordings of one call as one: each later one is silent up to its own start, on the same clock, so
that it goes on where the one before it ends."""

import struct
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from shared.storage import Storage

_RIFF: Final = struct.Struct("<4sI4s")
_CHUNK: Final = struct.Struct("<4sI")
_FORMAT: Final = struct.Struct("<HHIIHH")
_MOST_DATA: Final = 0xFFFFFFFF - 64
_PIECE: Final = 1 << 20


class NotJoinable(Exception):
    """A recording is no WAV, or not of the others' format, or all together are too long."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A WAV's format chunk; where its sound lies, in bytes."""

    form: bytes
    start: int
    size: int

    @property
    def bytes_per_s(self) -> int:
        """Of all channels."""
        return int(_FORMAT.unpack(self.form[: _FORMAT.size])[3])


async def join(storage: Storage, keys: Sequence[str], into: Path) -> float:
    """Writes the call's whole recording to a file; its length in seconds. keys: in the order of their streams. Raises
    NotJoinable, NoObject, StorageAway, OSError."""
    shapes = [await shape_of(storage, key) for key in keys]
    form = shapes[0].form
    if any(shape.form != form for shape in shapes):
        raise NotJoinable("formats differ")
    total = max(shape.size for shape in shapes)
    if total > _MOST_DATA or not shapes[0].bytes_per_s:
        raise NotJoinable("too long")
    with into.open("wb") as file:
        file.write(_RIFF.pack(b"RIFF", 4 + _CHUNK.size + len(form) + _CHUNK.size + total, b"WAVE"))
        file.write(_CHUNK.pack(b"fmt ", len(form)) + form + _CHUNK.pack(b"data", total))
        written = 0
        for key, shape in zip(keys, shapes, strict=True):
            written += await _append(storage, key, shape, written, file)
    return written / shapes[0].bytes_per_s


async def shape_of(storage: Storage, key: str) -> Shape:
    """Reads a WAV's head. Raises NotJoinable, NoObject, StorageAway."""
    size = await storage.size(key)
    head = await storage.read(key, 0, min(4_096, size)) if size else b""
    if len(head) < _RIFF.size or head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        raise NotJoinable("no WAV")
    at, form = _RIFF.size, b""
    while at + _CHUNK.size <= len(head):
        name, length = _CHUNK.unpack_from(head, at)
        body = at + _CHUNK.size
        if name == b"fmt ":
            form = head[body : body + length]
        elif name == b"data" and len(form) >= _FORMAT.size:
            width = _FORMAT.unpack(form[: _FORMAT.size])[4] or 1
            there = min(length, size - body)
            return Shape(form, body, there - there % width)
        at = body + length + length % 2
    raise NotJoinable("no sound")


async def _append(storage: Storage, key: str, shape: Shape, written: int, file: BinaryIO) -> int:
    """What lies behind the `written` bytes that the ones before it told."""
    more = max(0, shape.size - written)
    async for piece in stretch(storage, key, shape.start + written, more):
        file.write(piece)
    return more


async def stretch(storage: Storage, key: str, start: int, length: int) -> AsyncIterator[bytes]:
    """A part of an object, piece by piece. Raises NoObject, StorageAway."""
    end = start + length
    while start < end:
        piece = await storage.read(key, start, min(_PIECE, end - start))
        if not piece:
            raise NotJoinable("shorter than told")
        start += len(piece)
        yield piece

"""Joins the WAV recordings of a call's media streams, and makes parts of a recording silent.

All streams use the call's clock: a later recording is silent until its own start, so only its part after the end of the
previous recording is appended. Silencing does not change a recording's length.
"""

import struct
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from control.calls.recordings.rules import Stretch
from shared.storage import Storage

_RIFF: Final = struct.Struct("<4sI4s")
_CHUNK: Final = struct.Struct("<4sI")
_FORMAT: Final = struct.Struct("<HHIIHH")
_MOST_DATA: Final = 0xFFFFFFFF - 64
_PIECE: Final = 1 << 20


class RecordingsNotJoinable(Exception):
    """A recording is not a WAV file, its format differs from the others', or the result would be too long."""


@dataclass(frozen=True, slots=True)
class WavLayout:
    """The layout of a WAV file.

    Attributes:
        form: The format chunk.
        start, size: Position and size of the samples, in bytes.
    """

    form: bytes
    start: int
    size: int

    @property
    def sample_format(self) -> tuple[int, int, int]:
        """Returns the kind of the samples (1: PCM), the bytes per frame of all channels, and the bits per sample."""
        kind, _, _, _, width, bits = _FORMAT.unpack(self.form[: _FORMAT.size])
        return kind, width, bits

    @property
    def bytes_per_s(self) -> int:
        """Returns the bytes per second of all channels together."""
        return int(_FORMAT.unpack(self.form[: _FORMAT.size])[3])


async def join_recordings(storage: Storage, keys: Sequence[str], into: Path) -> float:
    """Writes the joined recording to a file and returns its length in seconds.

    Args:
        keys: In the order of the streams.

    Raises:
        RecordingsNotJoinable, ObjectNotFound, StorageUnavailable, OSError
    """
    layouts = [await read_wav_layout(storage, key) for key in keys]
    form = layouts[0].form
    if any(layout.form != form for layout in layouts):
        raise RecordingsNotJoinable("formats differ")
    total = max(layout.size for layout in layouts)
    if total > _MOST_DATA or not layouts[0].bytes_per_s:
        raise RecordingsNotJoinable("too long")
    with into.open("wb") as file:
        file.write(_RIFF.pack(b"RIFF", 4 + _CHUNK.size + len(form) + _CHUNK.size + total, b"WAVE"))
        file.write(_CHUNK.pack(b"fmt ", len(form)) + form + _CHUNK.pack(b"data", total))
        written = 0
        for key, layout in zip(keys, layouts, strict=True):
            written += await _append(storage, key, layout, written, file)
    return written / layouts[0].bytes_per_s


async def read_wav_layout(storage: Storage, key: str) -> WavLayout:
    """Reads a WAV file's header. Raises RecordingsNotJoinable, ObjectNotFound, StorageUnavailable."""
    size = await storage.size(key)
    head = await storage.read(key, 0, min(4_096, size)) if size else b""
    if len(head) < _RIFF.size or head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        raise RecordingsNotJoinable("not a WAV file")
    at, form = _RIFF.size, b""
    while at + _CHUNK.size <= len(head):
        name, length = _CHUNK.unpack_from(head, at)
        body = at + _CHUNK.size
        if name == b"fmt ":
            form = head[body : body + length]
        elif name == b"data" and len(form) >= _FORMAT.size:
            width = _FORMAT.unpack(form[: _FORMAT.size])[4] or 1
            there = min(length, size - body)
            return WavLayout(form, body, there - there % width)
        at = body + length + length % 2
    raise RecordingsNotJoinable("no samples")


async def _append(storage: Storage, key: str, layout: WavLayout, written: int, file: BinaryIO) -> int:
    """Appends the samples after the first `written` bytes, which the previous recordings have filled."""
    more = max(0, layout.size - written)
    async for piece in read_range(storage, key, layout.start + written, more):
        file.write(piece)
    return more


async def read_range(storage: Storage, key: str, start: int, length: int) -> AsyncIterator[bytes]:
    """Yields a part of an object in pieces of 1 MiB. Raises RecordingsNotJoinable, ObjectNotFound,
    StorageUnavailable.
    """
    end = start + length
    while start < end:
        piece = await storage.read(key, start, min(_PIECE, end - start))
        if not piece:
            raise RecordingsNotJoinable("shorter than its size")
        start += len(piece)
        yield piece


_PCM: Final = 1
_SAMPLE_BITS: Final = 16


def require_plain_wav(layout: WavLayout, size: int) -> None:
    """Checks that the file has nothing after the samples. Raises RecordingsNotJoinable.

    A header that is older than the file states too few samples, and the rest would not be silenced.

    Args:
        size: Size of the file.
    """
    if size - layout.start - layout.size >= _frame_bytes(layout):
        raise RecordingsNotJoinable("more behind the samples")


def silence_stretches(file: BinaryIO, layout: WavLayout, stretches: Iterable[Stretch]) -> None:
    """Overwrites the stretches with silence on all channels, because the other speaker may be audible in the
    background.

    Stretches after the end of the file are ignored. Raises RecordingsNotJoinable unless the samples are 16-bit PCM, and
    OSError.
    """
    width = _frame_bytes(layout)
    frames = layout.size // width
    for stretch in stretches:
        first = min(frames, stretch.start_ms * layout.bytes_per_s // width // 1_000)
        last = min(frames, -(-stretch.end_ms * layout.bytes_per_s // width // 1_000))
        file.seek(layout.start + first * width)
        left = (last - first) * width
        while left > 0:
            left -= file.write(bytes(min(left, _PIECE)))


def _frame_bytes(layout: WavLayout) -> int:
    """Returns the bytes of one sample of all channels. Zeros are silence only in 16-bit PCM."""
    kind, width, bits = layout.sample_format
    if (kind, bits) != (_PCM, _SAMPLE_BITS) or not width or layout.bytes_per_s < width:
        raise RecordingsNotJoinable("not 16-bit PCM")
    return width

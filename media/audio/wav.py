"""WAV files: a writer whose file is readable at any time during a call, and a reader for uploaded files.

Errors:
    WavError: a file is not a WAV file, is broken, or has an unsupported format
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from media.audio import alaw, mulaw
from media.audio.pcm import audioop

HEADER_BYTES: Final = 44
_MAX_DATA_BYTES: Final = 0xFFFFFFFF - 36  # the sizes in the header have 32 bits

_PCM, _FLOAT, _ALAW, _ULAW, _EXTENSIBLE = 0x0001, 0x0003, 0x0006, 0x0007, 0xFFFE
_GUID_TAIL: Final = bytes.fromhex("000000001000800000aa00389b71")  # for extensible formats that equal a plain format

Samples = NDArray[np.float32]


class WavError(ValueError):
    """A file cannot be read or written. `code` is stable: not_wav, no_format, no_data, bad_format, unsupported,
    too_long."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True, eq=False)
class Wav:
    """Audio in memory. `samples` have the shape (frames, channels); full scale is 1.0."""

    sample_rate: int
    samples: Samples

    @property
    def seconds(self) -> float:
        """The length of the audio in seconds."""
        return len(self.samples) / self.sample_rate

    def mono(self) -> Samples:
        """Return the mean of the channels, with the shape (frames,)."""
        mean: Samples = self.samples.mean(axis=1, dtype=np.float32)
        return mean


class WavWriter:
    """Writes 16-bit PCM into a seekable binary file. The caller owns the file.

    After each `sync`, the header covers exactly the data written until then, so a crash loses only later audio.
    """

    def __init__(self, file: BinaryIO, channels: int, sample_rate: int = mulaw.RATE) -> None:
        self.data_bytes = 0
        self._file = file
        self._channels = channels
        self._sample_rate = sample_rate
        self._write_whole(self._header())

    @property
    def frames(self) -> int:
        """The number of samples written per channel."""
        return self.data_bytes // (2 * self._channels)

    def write(self, pcm: bytes) -> None:
        """Append interleaved little-endian samples. Raises ValueError for an incomplete frame, and WavError
        too_long."""
        if len(pcm) % (2 * self._channels):
            raise ValueError(f"{len(pcm)} bytes are not whole frames of {self._channels} channels")
        if self.data_bytes + len(pcm) > _MAX_DATA_BYTES:
            raise WavError("too_long", "a WAV file holds at most 4 GiB")
        self._write_whole(pcm)
        self.data_bytes += len(pcm)

    def write_silence(self, frames: int) -> None:
        """Append zeros, stored as a hole of a sparse file. Raises WavError too_long."""
        size = frames * 2 * self._channels
        if self.data_bytes + size > _MAX_DATA_BYTES:
            raise WavError("too_long", "a WAV file holds at most 4 GiB")
        self._file.truncate(HEADER_BYTES + self.data_bytes + size)
        self.data_bytes += size  # updated last, because a full disk may refuse the write
        self._file.seek(HEADER_BYTES + self.data_bytes)

    def sync(self) -> None:
        """Update the header and flush the file. Writing may continue."""
        self._file.seek(0)
        self._write_whole(self._header())
        self._file.seek(HEADER_BYTES + self.data_bytes)
        self._file.flush()

    def forget_after(self, frames: int) -> None:
        """Discard all data after this number of frames. `rewind` then removes the data from the file."""
        self.data_bytes = min(self.data_bytes, frames * 2 * self._channels)

    def rewind(self) -> None:
        """Remove the partial data of a failed `write`, so that the next write continues after the last complete one.
        Raises OSError."""
        self._file.truncate(HEADER_BYTES + self.data_bytes)
        self._file.seek(HEADER_BYTES + self.data_bytes)

    def _write_whole(self, data: bytes) -> None:
        """Write all data, because an unbuffered file may accept only a part. Raises OSError."""
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]

    def _header(self) -> bytes:
        width = 2 * self._channels
        form = struct.pack("<HHIIHH", _PCM, self._channels, self._sample_rate, self._sample_rate * width, width, 16)
        riff = struct.pack("<4sI4s", b"RIFF", 36 + self.data_bytes, b"WAVE")
        return riff + _head(b"fmt ", len(form)) + form + _head(b"data", self.data_bytes)


def header_duration_ms(file: BinaryIO) -> int:
    """Return the duration of a WavWriter's file according to its header, because later data may be incomplete. Returns
    0 if the header is cut off."""
    header = file.read(HEADER_BYTES)
    if len(header) < HEADER_BYTES:
        return 0
    bytes_per_s, data_bytes = (int.from_bytes(header[at : at + 4], "little") for at in (28, 40))
    return data_bytes * 1000 // bytes_per_s if bytes_per_s else 0


def interleave(left: bytes, right: bytes) -> bytes:
    """Return two 16-bit mono pieces of equal length as stereo. Raises audioop.error if the lengths differ."""
    return audioop.add(audioop.tostereo(left, 2, 1, 0), audioop.tostereo(right, 2, 0, 1), 2)


def read_wav(data: bytes) -> Wav:
    """Read PCM of 8, 16, 24 or 32 bits, floats of 32 or 64 bits, mu-law and A-law, with any rate and any number of
    channels.

    A truncated file, or a file whose data size was never filled in, is read to its end. Raises WavError.
    """
    if len(data) < 12 or data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise WavError("not_wav", "the file does not start with a RIFF header of the type WAVE")
    form: _Format | None = None
    for name, body in _chunks(data):
        if name == b"fmt ":
            form = _format(body)
        elif name == b"data":
            return _sound(form, body)
    raise WavError("no_data", "the file has no data chunk")


@dataclass(frozen=True, slots=True)
class _Format:
    tag: int
    channels: int
    sample_rate: int
    bits: int


def _head(name: bytes, size: int) -> bytes:
    return struct.pack("<4sI", name, size)


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Yield names and bodies of the chunks. Each chunk starts on an even byte."""
    view = memoryview(data)
    at = 12
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        yield name, view[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def _format(body: memoryview) -> _Format:
    if len(body) < 16:
        raise WavError("bad_format", "the format chunk is too short")
    tag, channels, sample_rate, _, _, bits = struct.unpack_from("<HHIIHH", body)
    if tag == _EXTENSIBLE and len(body) >= 40 and body[26:40] == _GUID_TAIL:
        (tag,) = struct.unpack_from("<H", body, 24)
    if not channels or not sample_rate:
        raise WavError("bad_format", f"{channels} channels at {sample_rate} Hz")
    return _Format(tag, channels, sample_rate, bits)


def _sound(form: _Format | None, body: memoryview) -> Wav:
    if form is None:
        raise WavError("no_format", "the data comes before any format chunk")
    decode = _DECODERS.get((form.tag, form.bits))
    if decode is None:
        raise WavError("unsupported", f"format {form.tag:#06x} with {form.bits} bits")
    whole = len(body) - len(body) % (form.channels * form.bits // 8)
    return Wav(form.sample_rate, decode(bytes(body[:whole])).reshape(-1, form.channels))


def _unsigned(data: bytes) -> Samples:
    """Decode 8-bit PCM, the only unsigned format: its middle is 128."""
    return (np.frombuffer(data, np.uint8).astype(np.float32) - np.float32(128)) / np.float32(128)


def _scaled(data: bytes, kind: str) -> Samples:
    integers = np.frombuffer(data, kind)
    return (integers / -float(np.iinfo(integers.dtype).min)).astype(np.float32)


def _widened(data: bytes) -> bytes:
    """Convert 24-bit samples to 32 bits, with a new low byte of 0."""
    wide = np.zeros((len(data) // 3, 4), np.uint8)
    wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
    return wide.tobytes()


def _bounded(data: bytes, kind: str) -> Samples:
    """Return floats within +-1. NaN becomes silence."""
    floats = np.nan_to_num(np.frombuffer(data, kind), nan=0.0)
    bounded: Samples = floats.clip(-1.0, 1.0).astype(np.float32)
    return bounded


# Decoders of interleaved samples to full scale 1.0, by format and width.
_DECODERS: Final[dict[tuple[int, int], Callable[[bytes], Samples]]] = {
    (_PCM, 8): _unsigned,
    (_PCM, 16): lambda data: _scaled(data, "<i2"),
    (_PCM, 24): lambda data: _scaled(_widened(data), "<i4"),
    (_PCM, 32): lambda data: _scaled(data, "<i4"),
    (_FLOAT, 32): lambda data: _bounded(data, "<f4"),
    (_FLOAT, 64): lambda data: _bounded(data, "<f8"),
    (_ULAW, 8): lambda data: _scaled(mulaw.decode(data), "<i2"),
    (_ALAW, 8): lambda data: _scaled(alaw.decode(data), "<i2"),
}

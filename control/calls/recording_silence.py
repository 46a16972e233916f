"""Silence in place of stretches of a WAV recording; its length does not change. Pure but for the file."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, Literal

from control.calls.recording_join import RecordingsNotJoinable, WavLayout
from control.calls.word_times import find_gaps
from control.redaction.finder import is_redacted

# no_transcript: nothing of the caller's was understood. no_times: it is not known when a turn was said.
# not_in_recording: it was said after the end of what was recorded, so that one or the other has wrong times.
WithholdingReason = Literal["no_transcript", "no_times", "not_in_recording"]
# Before and after what was said: times of speech are exact to some frames, and a word must not be heard by its edges.
PADDING_MS: Final = 250
# Media fills gaps of the caller's audio from 200 ms on, so that a word may be so much earlier in the recording than on
# the call's clock (`GAP_MS` of media/call/recording.py). A turn's start has room for that; a word amid speech has not.
_LAG_MS: Final = 200
_PIECE: Final = 1 << 20
_PCM: Final = 1
_SAMPLE_BITS: Final = 16


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a recording, in ms since the call began."""

    start_ms: int
    end_ms: int


def find_doubt(utterances: Sequence[Mapping[str, Any]], recorded_ms: int) -> WithholdingReason | Literal[""]:
    """Why nobody can tell what must be silent, so that the recording stays withheld; "" if it is known. recorded_ms:
    the length of the longest recording.

    A call without a turn of the caller's was not understood: what was said in it is in no text."""
    if not any(one["speaker"] == "caller" for one in utterances):
        return "no_transcript"
    for one in utterances:
        if is_redacted(one["text"]):
            if one["end_ms"] <= one["start_ms"]:
                return "no_times"
            if one["start_ms"] >= recorded_ms:
                return "not_in_recording"
    return ""


def find_stretches(utterances: Iterable[Mapping[str, Any]]) -> Sequence[Stretch]:
    """What must be silent, with PADDING_MS on both sides: the words that were left out, where their vendor told when
    they were said (`find_gaps`); else the turns of which something was left out, whole."""
    stretches: list[Stretch] = []
    for one in utterances:
        if not is_redacted(one["text"]):
            continue
        gaps = find_gaps(one)
        stretches += (_pad(start - _LAG_MS, end) for start, end in gaps)
        if not gaps:
            stretches.append(_pad(one["start_ms"], one["end_ms"]))
    return stretches


def _pad(start_ms: int, end_ms: int) -> Stretch:
    return Stretch(max(0, start_ms - PADDING_MS), end_ms + PADDING_MS)


def require_plain_wav(layout: WavLayout, size: int) -> None:
    """Checks that a file has nothing behind the samples that would be silenced, such as more samples: a header that is
    older than the file states too few. size: of the file. Raises RecordingsNotJoinable."""
    if size - layout.start - layout.size >= _frame_bytes(layout):
        raise RecordingsNotJoinable("more behind the samples")


def silence_stretches(file: BinaryIO, layout: WavLayout, stretches: Iterable[Stretch]) -> None:
    """Overwrites the stretches with silence, on all channels: the other speaker may be heard in the background. What
    lies behind the end is ignored. Raises RecordingsNotJoinable for other samples than 16-bit PCM, OSError."""
    width = _frame_bytes(layout)
    frames = layout.size // width
    for one in stretches:
        first = min(frames, one.start_ms * layout.bytes_per_s // width // 1_000)
        last = min(frames, -(-one.end_ms * layout.bytes_per_s // width // 1_000))
        file.seek(layout.start + first * width)
        left = (last - first) * width
        while left > 0:
            left -= file.write(bytes(min(left, _PIECE)))


def _frame_bytes(layout: WavLayout) -> int:
    """Bytes of one sample of all channels. The zeros of 16-bit PCM are silence; those of other formats are not."""
    kind, width, bits = layout.sample_format
    if (kind, bits) != (_PCM, _SAMPLE_BITS) or not width or layout.bytes_per_s < width:
        raise RecordingsNotJoinable("not 16-bit PCM")
    return width

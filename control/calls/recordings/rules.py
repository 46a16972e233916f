"""Recordings: types of carriers' reports, storage keys, and the parts that must be silent."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

from control.calls.records.details import StoredCarrierRecording
from control.calls.records.state import CallState
from control.calls.records.word_times import find_gaps
from control.carriers.rules import CarrierName
from control.redaction.finder import is_redacted
from shared.recording_keys import recordings_prefix

# The formats in which a carrier's recording is stored.
_KINDS: Final = ("wav", "mp3")


def joined_key(call: CallState) -> str:
    """Returns the key of the recording that joins the recordings of several media streams."""
    return f"{recordings_prefix(call.workspace_id)}{call.id}.wav"


def stream_key(call: CallState, leg: int) -> str:
    """Returns the key under which media stores the recording of a stream (`media/server/bus/spool.py`)."""
    return f"{recordings_prefix(call.workspace_id)}{call.id}-{leg}.wav"


def redacted_key(call: CallState, leg: int) -> str:
    """Returns the key of a stream's redacted recording."""
    return f"{recordings_prefix(call.workspace_id)}{call.id}-{leg}-redacted.wav"


def carrier_key(call: CallState, stored: StoredCarrierRecording, kind: str) -> str:
    """Returns the key of the copy of a carrier's recording. The key of the call's first recording has no number.

    Args:
        kind: wav or mp3.
    """
    number = f"-{stored.place + 1}" if stored.place else ""
    return f"{recordings_prefix(call.workspace_id)}{call.id}-carrier{number}.{kind}"


def carrier_keys(call: CallState, stored: StoredCarrierRecording) -> list[str]:
    """Returns all keys that the copy may have.

    A worker may have stored the copy and been killed before it reported that.
    """
    return [carrier_key(call, stored, kind) for kind in _KINDS]


def all_keys(call: CallState) -> list[str]:
    """Returns all keys that the call's recordings may have: media's streams (`media/server/bus/spool.py`), the
    carrier's copies, and the joined recording. Recordings may exist without being reported.
    """
    details = call.details
    keys = [recording.storage_key for recording in details.recordings]
    keys += [key(call, leg) for leg in range(details.leg + 1) for key in (stream_key, redacted_key)]
    for carrier_recording in details.carrier_recordings.values():
        keys += [
            *([carrier_recording.storage_key] if carrier_recording.storage_key else ()),
            *carrier_keys(call, carrier_recording),
        ]
    keys += [*([call.recording_key] if call.recording_key else ()), joined_key(call)]
    return list(dict.fromkeys(keys))


# no_transcript: no words of the caller were recognized, or the words of a person who spoke in the agent's place are
# unknown. no_times: the time of a turn is unknown. not_in_recording: a turn is later than the end of the recording, so
# the times of one of them are wrong.
WithholdingReason = Literal["no_transcript", "no_times", "not_in_recording"]


# Silence before and after redacted words: times of speech are exact to a few frames, and the edges of a word must not
# be audible.
PADDING_MS: Final = 250
# Media fills gaps of the caller's audio from 200 ms on, so a word may be this much earlier in the recording than on the
# call's clock (`GAP_MS` of media/call/recording.py). A turn's start has room for the difference; a word within speech
# does not.
_LAG_MS: Final = 200


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a recording, in ms since the call began."""

    start_ms: int
    end_ms: int


def find_doubt(utterances: Sequence[Mapping[str, Any]], recorded_ms: int) -> WithholdingReason | Literal[""]:
    """Returns why the recording stays withheld, because the parts to silence are unknown. Returns "" if they are known.

    A call without a turn of the caller was not recognized: its words are in no text.

    Args:
        recorded_ms: Length of the longest recording.
    """
    if not any(utterance["speaker"] == "caller" for utterance in utterances):
        return "no_transcript"
    if any(utterance["speaker"] == "person" and not utterance["text"] for utterance in utterances):
        return "no_transcript"
    for utterance in utterances:
        if is_redacted(utterance["text"]):
            if utterance["end_ms"] <= utterance["start_ms"]:
                return "no_times"
            if utterance["start_ms"] >= recorded_ms:
                return "not_in_recording"
    return ""


def find_stretches(utterances: Iterable[Mapping[str, Any]]) -> Sequence[Stretch]:
    """Returns the stretches to silence, with PADDING_MS on both sides.

    If the vendor reported the times of words, these are the redacted words (`find_gaps`); else they are the whole turns
    with redacted words.
    """
    stretches: list[Stretch] = []
    for utterance in utterances:
        if not is_redacted(utterance["text"]):
            continue
        gaps = find_gaps(utterance)
        stretches += (_pad(start - _LAG_MS, end) for start, end in gaps)
        if not gaps:
            stretches.append(_pad(utterance["start_ms"], utterance["end_ms"]))
    return stretches


def _pad(start_ms: int, end_ms: int) -> Stretch:
    return Stretch(max(0, start_ms - PADDING_MS), end_ms + PADDING_MS)


@dataclass(frozen=True, slots=True)
class CarrierRecording:
    """A recording made by a carrier. At least one of recording_id, url and leg_id is not empty.

    Attributes:
        url: Where the recording can be fetched; it does not contain our credentials.
        leg_id: The carrier's id of the call's leg, by which the recording can be looked up.
        session_id: See CarrierStatus.
    """

    carrier: CarrierName
    carrier_call_id: str
    recording_id: str
    url: str
    duration_s: int | None
    call_id: UUID | None = None
    leg_id: str = ""
    session_id: str = ""

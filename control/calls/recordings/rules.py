"""Recordings: what a carrier reports, where they are stored, and which parts of them must be silent."""

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
    """Of the recording that is made of those of several media streams."""
    return f"{recordings_prefix(call.workspace_id)}{call.id}.wav"


def stream_key(call: CallState, leg: int) -> str:
    """Of media's recording of one stream as media stores it (`media/server/bus/spool.py`)."""
    return f"{recordings_prefix(call.workspace_id)}{call.id}-{leg}.wav"


def redacted_key(call: CallState, leg: int) -> str:
    """Of that recording once it is redacted."""
    return f"{recordings_prefix(call.workspace_id)}{call.id}-{leg}-redacted.wav"


def carrier_key(call: CallState, stored: StoredCarrierRecording, kind: str) -> str:
    """Of the copy of a carrier's recording. The call's first one has no number in its name. kind: wav or mp3."""
    number = f"-{stored.place + 1}" if stored.place else ""
    return f"{recordings_prefix(call.workspace_id)}{call.id}-carrier{number}.{kind}"


def carrier_keys(call: CallState, stored: StoredCarrierRecording) -> list[str]:
    """All that the copy may have, stored or not: a worker that was killed may have stored it without saying so."""
    return [carrier_key(call, stored, kind) for kind in _KINDS]


def all_keys(call: CallState) -> list[str]:
    """All keys that recordings of the call have, or may have without being reported: those of media's streams
    (`media/server/bus/spool.py`), the carrier's copies, the joined one."""
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


# no_transcript: nothing of the caller's was understood, or what a person said in the agent's place is not known.
# no_times: it is not known when a turn was said. not_in_recording: it was said after the end of what was recorded, so
# that one or the other has wrong times.
WithholdingReason = Literal["no_transcript", "no_times", "not_in_recording"]


# Before and after what was said: times of speech are exact to some frames, and a word must not be heard by its edges.
PADDING_MS: Final = 250
# Media fills gaps of the caller's audio from 200 ms on, so that a word may be so much earlier in the recording than on
# the call's clock (`GAP_MS` of media/call/recording.py). A turn's start has room for that; a word amid speech has not.
_LAG_MS: Final = 200


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a recording, in ms since the call began."""

    start_ms: int
    end_ms: int


def find_doubt(utterances: Sequence[Mapping[str, Any]], recorded_ms: int) -> WithholdingReason | Literal[""]:
    """Why nobody can tell what must be silent, so that the recording stays withheld; "" if it is known. recorded_ms:
    the length of the longest recording.

    A call without a turn of the caller's was not understood: what was said in it is in no text."""
    if not any(utterance["speaker"] == "caller" for utterance in utterances):
        return "no_transcript"
    if any(one["speaker"] == "person" and not one["text"] for one in utterances):
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
    """A recording made by a carrier. url: where it can be fetched, without our credentials in it. leg_id: the carrier's
    id of the call's leg, by which the recording can be looked up. recording_id, url and leg_id may be empty, not all of
    them. session_id: see CarrierStatus."""

    carrier: CarrierName
    carrier_call_id: str
    recording_id: str
    url: str
    duration_s: int | None
    call_id: UUID | None = None
    leg_id: str = ""
    session_id: str = ""

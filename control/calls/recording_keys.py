"""Which keys a call's recordings have in object storage. Pure. Their prefix: `shared/recording_keys.py`."""

from typing import Final

from control.calls.details import StoredCarrierRecording
from control.calls.state import CallState
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
    keys = [one.storage_key for one in details.recordings]
    keys += [key(call, leg) for leg in range(details.leg + 1) for key in (stream_key, redacted_key)]
    for one in details.carrier_recordings.values():
        keys += [*([one.storage_key] if one.storage_key else ()), *carrier_keys(call, one)]
    keys += [*([call.recording_key] if call.recording_key else ()), joined_key(call)]
    return list(dict.fromkeys(keys))

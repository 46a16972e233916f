"""Telnyx's messages of a media stream (docs: voice/programmable-voice/media-streaming).

Names are snake_case, counters are strings, and the agent's messages carry no stream id.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from simulator.carrier.stream_messages import (
    AgentMessage,
    CallIdentity,
    ProtocolFault,
    base64_text,
    read_agent_message,
    read_json_object,
    write,
)

_MALFORMED = 100003
_INVALID_MEDIA = 100004
_MEDIA_FAULTS = frozenset({"bad_media", "bad_base64", "empty_media", "wav_header"})


class TelnyxStreamMessages:
    """Writes and reads the messages of one stream: `stream_bidirectional_mode` "rtp", PCMU in both directions."""

    def __init__(self, identity: CallIdentity) -> None:
        self._identity = identity
        self._sequence = 0

    def connected(self) -> str:
        """Without counter and stream id."""
        return write({"event": "connected", "version": "1.0.0"})

    def start(self) -> str:
        """`sequence_number` is "1"; `media_format` names the codec."""
        identity = self._identity
        start: dict[str, Any] = {
            "user_id": identity.account,
            "call_control_id": identity.call,
            "call_session_id": identity.call,
            "from": identity.caller,
            "to": identity.called,
            "tags": [],
            "client_state": None,
            "media_format": {"encoding": "PCMU", "sample_rate": 8000, "channels": 1},
        }
        if identity.params:
            start["custom_parameters"] = dict(identity.params)
        return self._message("start", {"start": start})

    def media(self, payload: bytes, chunk: int, at_ms: int) -> str:
        """20 ms of caller audio."""
        media = {"track": "inbound", "chunk": str(chunk), "timestamp": str(at_ms), "payload": base64_text(payload)}
        return self._message("media", {"media": media})

    def dtmf(self, digit: str) -> str:
        """With the time as ISO 8601."""
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        return self._message("dtmf", {"occurred_at": now, "dtmf": {"digit": digit}})

    def mark(self, name: str) -> str:
        """Echoes the agent's mark."""
        return self._message("mark", {"mark": {"name": name}})

    def stop(self) -> str:
        """The call or the stream ended."""
        identity = self._identity
        return self._message("stop", {"stop": {"user_id": identity.account, "call_control_id": identity.call}})

    def read(self, message: str | bytes) -> AgentMessage:
        """Reads media, mark or clear. Raises ProtocolFault."""
        return read_agent_message(read_json_object(message))

    def error_message(self, fault: ProtocolFault) -> str | None:
        """An `error` event with Telnyx's code and title."""
        media = fault.code in _MEDIA_FAULTS
        payload = {
            "code": _INVALID_MEDIA if media else _MALFORMED,
            "title": "invalid_media" if media else "malformed_frame",
            "detail": fault.detail,
        }
        return write({"event": "error", "stream_id": self._identity.stream, "payload": payload})

    def _message(self, event: str, content: Mapping[str, Any]) -> str:
        self._sequence += 1
        head = {"event": event, "sequence_number": str(self._sequence), "stream_id": self._identity.stream}
        return write({**head, **content})

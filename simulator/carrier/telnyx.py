"""Telnyx's side of a media stream: snake_case, counters as strings, the agent's messages need no stream id."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from simulator.carrier.wire import Command, Identity, ProtocolFault, base64_text, read_command, read_object, write

_MALFORMED = 100003
_INVALID_MEDIA = 100004
_MEDIA_FAULTS = frozenset({"bad_media", "bad_base64", "empty_media", "wav_header"})


class TelnyxShape:
    """One stream with `stream_bidirectional_mode` rtp and PCMU both ways."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._sequence = 0

    def connected(self) -> str:
        """Has no counter and no id."""
        return write({"event": "connected", "version": "1.0.0"})

    def start(self) -> str:
        """`sequence_number` "1"; the codec stands in `media_format`."""
        who = self._identity
        start: dict[str, Any] = {
            "user_id": who.account,
            "call_control_id": who.call,
            "call_session_id": who.call,
            "from": who.caller,
            "to": who.called,
            "tags": [],
            "client_state": None,
            "media_format": {"encoding": "PCMU", "sample_rate": 8000, "channels": 1},
        }
        if who.params:
            start["custom_parameters"] = dict(who.params)
        return self._message("start", {"start": start})

    def media(self, payload: bytes, chunk: int, at_ms: int) -> str:
        """20 ms of the caller's sound."""
        media = {"track": "inbound", "chunk": str(chunk), "timestamp": str(at_ms), "payload": base64_text(payload)}
        return self._message("media", {"media": media})

    def dtmf(self, digit: str) -> str:
        """Carries the moment as ISO 8601."""
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        return self._message("dtmf", {"occurred_at": now, "dtmf": {"digit": digit}})

    def mark(self, name: str) -> str:
        """The agent's own name comes back."""
        return self._message("mark", {"mark": {"name": name}})

    def stop(self) -> str:
        """The call or the stream ended."""
        who = self._identity
        return self._message("stop", {"stop": {"user_id": who.account, "call_control_id": who.call}})

    def read(self, message: str | bytes) -> Command:
        """media, mark or clear. Raises ProtocolFault."""
        return read_command(read_object(message))

    def complaint(self, fault: ProtocolFault) -> str | None:
        """An `error` event with Telnyx's own code."""
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

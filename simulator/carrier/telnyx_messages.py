"""Telnyx's messages of a media stream (docs: voice/programmable-voice/media-streaming).

Names are snake_case, counters are strings, and the agent's messages carry no stream id.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from simulator.carrier.mulaw import FRAME, RATE
from simulator.carrier.stream_messages import (
    AgentAudio,
    AgentMessage,
    CallIdentity,
    ProtocolFault,
    base64_text,
    read_agent_message,
    read_json_object,
    write,
)

_MALFORMED, _INVALID_MEDIA, _RATE_LIMIT = 100003, 100004, 100005
_TITLES = {_MALFORMED: "malformed_frame", _INVALID_MEDIA: "invalid_media", _RATE_LIMIT: "rate_limit_reached"}
_CODES = dict.fromkeys(("bad_media", "bad_base64", "empty_media", "wav_header", "bad_length"), _INVALID_MEDIA)
_CODES["rate_limit"] = _RATE_LIMIT
# A message contains 20 ms to 30 s of audio.
_SHORTEST, _LONGEST = FRAME, 30 * RATE
# Telnyx reports rate_limit_reached, but does not document the limit. This is ten times the rate of a stream that sends
# frame by frame.
_MESSAGES_PER_S = 500


class TelnyxStreamMessages:
    """Writes and reads the messages of a stream: `stream_bidirectional_mode` "rtp", PCMU in both directions."""

    def __init__(
        self,
        identity: CallIdentity,
        clock: Callable[[], float] = time.monotonic,
        messages_per_s: int = _MESSAGES_PER_S,
    ) -> None:
        """Create the messages of a stream.

        Args:
            identity: The call's ids.
            clock: Returns the time in seconds.
            messages_per_s: Maximum number of the agent's messages within a second; more are rejected.
        """
        self._identity, self._clock, self._messages_per_s = identity, clock, messages_per_s
        self._sequence = 0
        self._received: deque[float] = deque(maxlen=messages_per_s)

    def connected(self) -> str:
        """Return the first message, which has neither a counter nor a stream id."""
        return write({"event": "connected", "version": "1.0.0"})

    def start(self) -> str:
        """Return the start message. `sequence_number` is "1", and `media_format` names the codec."""
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
        """Return a message with 20 ms of caller audio."""
        media = {"track": "inbound", "chunk": str(chunk), "timestamp": str(at_ms), "payload": base64_text(payload)}
        return self._message("media", {"media": media})

    def dtmf(self, digit: str) -> str:
        """Return the message for a pressed key, with the time in ISO 8601."""
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        return self._message("dtmf", {"occurred_at": now, "dtmf": {"digit": digit}})

    def mark(self, name: str) -> str:
        """Return the echo of the agent's mark."""
        return self._message("mark", {"mark": {"name": name}})

    def stop(self) -> str:
        """Return the message for the end of the call or stream."""
        identity = self._identity
        return self._message("stop", {"stop": {"user_id": identity.account, "call_control_id": identity.call}})

    def read(self, message: str | bytes) -> AgentMessage:
        """Read media, mark or clear.

        Raises:
            ProtocolFault: The message is invalid, its audio is too short or too long, or there are too many messages
                within a second.
        """
        command = read_agent_message(read_json_object(message))
        now = self._clock()
        if len(self._received) == self._messages_per_s and now - self._received[0] < 1.0:
            raise ProtocolFault("rate_limit", f"more than {self._messages_per_s} messages within a second")
        self._received.append(now)
        if isinstance(command, AgentAudio) and not _SHORTEST <= len(command.payload) <= _LONGEST:
            raise ProtocolFault("bad_length", f"{len(command.payload)} bytes; one message has 20 ms to 30 s")
        return command

    def error_message(self, fault: ProtocolFault) -> str | None:
        """Return an `error` event with Telnyx's code and title."""
        code = _CODES.get(fault.code, _MALFORMED)
        payload = {"code": code, "title": _TITLES[code], "detail": fault.detail}
        return write({"event": "error", "stream_id": self._identity.stream, "payload": payload})

    def _message(self, event: str, content: Mapping[str, Any]) -> str:
        self._sequence += 1
        head = {"event": event, "sequence_number": str(self._sequence), "stream_id": self._identity.stream}
        return write({**head, **content})

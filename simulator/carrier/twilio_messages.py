"""Twilio's messages of a media stream (docs: voice/media-streams/websocket-messages).

Names are camelCase, counters are strings, and every message except `connected` contains `streamSid`.
"""

from collections.abc import Mapping
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


class TwilioStreamMessages:
    """Writes and reads the messages of a bidirectional stream (`<Connect><Stream>`, inbound track only)."""

    def __init__(self, identity: CallIdentity) -> None:
        self._identity = identity
        self._sequence = 0

    def connected(self) -> str:
        """Return the first message, which has neither `sequenceNumber` nor `streamSid`."""
        return write({"event": "connected", "protocol": "Call", "version": "1.0.0"})

    def start(self) -> str:
        """Return the start message. `sequenceNumber` is "1"; only sampleRate and channels are JSON numbers."""
        identity = self._identity
        start = {
            "accountSid": identity.account,
            "streamSid": identity.stream,
            "callSid": identity.call,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": dict(identity.params),
        }
        return self._message("start", start)

    def media(self, payload: bytes, chunk: int, at_ms: int) -> str:
        """Return a message with 20 ms of caller audio."""
        media = {"track": "inbound", "chunk": str(chunk), "timestamp": str(at_ms), "payload": base64_text(payload)}
        return self._message("media", media)

    def dtmf(self, digit: str) -> str:
        """Return the message for a pressed key. Only in this message, the track is called `inbound_track`."""
        return self._message("dtmf", {"track": "inbound_track", "digit": digit})

    def mark(self, name: str) -> str:
        """Return the echo of the agent's mark."""
        return self._message("mark", {"name": name})

    def stop(self) -> str:
        """Return the message for the end of the call or stream."""
        return self._message("stop", {"accountSid": self._identity.account, "callSid": self._identity.call})

    def read(self, message: str | bytes) -> AgentMessage:
        """Read media, mark or clear. Raises ProtocolFault, also if the message names another stream."""
        body = read_json_object(message)
        command = read_agent_message(body)
        if body.get("streamSid") != self._identity.stream:
            raise ProtocolFault("wrong_stream", f"streamSid is {body.get('streamSid')!r}, not this stream's")
        return command

    def error_message(self, fault: ProtocolFault) -> str | None:
        """Return None, because Twilio reports faults in the account's debugger and not on the socket."""
        return None

    def _message(self, event: str, content: Mapping[str, Any]) -> str:
        self._sequence += 1
        return write(
            {
                "event": event,
                "sequenceNumber": str(self._sequence),
                "streamSid": self._identity.stream,
                event: content,
            }
        )

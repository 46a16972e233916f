"""Twilio's side of a media stream: camelCase, counters as strings, `streamSid` on every message."""

from collections.abc import Mapping
from typing import Any

from simulator.carrier.wire import Command, Identity, ProtocolFault, base64_text, read_command, read_object, write


class TwilioShape:
    """One bidirectional stream (`<Connect><Stream>`): only the inbound track is sent."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._sequence = 0

    def connected(self) -> str:
        """Has neither `sequenceNumber` nor `streamSid`."""
        return write({"event": "connected", "protocol": "Call", "version": "1.0.0"})

    def start(self) -> str:
        """`sequenceNumber` "1"; only sampleRate and channels are JSON numbers."""
        who = self._identity
        start = {
            "accountSid": who.account,
            "streamSid": who.stream,
            "callSid": who.call,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": dict(who.params),
        }
        return self._message("start", start)

    def media(self, payload: bytes, chunk: int, at_ms: int) -> str:
        """20 ms of the caller's sound."""
        media = {"track": "inbound", "chunk": str(chunk), "timestamp": str(at_ms), "payload": base64_text(payload)}
        return self._message("media", media)

    def dtmf(self, digit: str) -> str:
        """The track is called `inbound_track` here."""
        return self._message("dtmf", {"track": "inbound_track", "digit": digit})

    def mark(self, name: str) -> str:
        """The agent's own name comes back."""
        return self._message("mark", {"name": name})

    def stop(self) -> str:
        """The call or the stream ended."""
        return self._message("stop", {"accountSid": self._identity.account, "callSid": self._identity.call})

    def read(self, message: str | bytes) -> Command:
        """media, mark or clear, each naming this stream. Raises ProtocolFault."""
        body = read_object(message)
        command = read_command(body)
        if body.get("streamSid") != self._identity.stream:
            raise ProtocolFault("wrong_stream", f"streamSid is {body.get('streamSid')!r}, not this stream's")
        return command

    def complaint(self, fault: ProtocolFault) -> str | None:
        """Twilio says nothing on the socket; the fault shows in the account's debugger."""
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

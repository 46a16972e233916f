"""Twilio's messages of a media stream (docs: voice/media-streams/websocket-messages).

Written from Twilio's documentation of its WebSocket messages; shares no code with the server under test.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

_MEDIA: Final = (
    b'{"event":"media","sequenceNumber":"%d","media":{"track":"inbound","chunk":"%d","timestamp":"%d",'
    b'"payload":"%b"},"streamSid":"%b"}'
)
CONNECTED: Final = b'{"event":"connected","protocol":"Call","version":"1.0.0"}'
# Mu-law codes with an amplitude below about -48 dBFS: audio of only these is silence, not an answer.
_QUIET: Final = bytes(code for code in range(256) if (~code & 0x70) == 0)


class Audio(msgspec.Struct, frozen=True):
    """Audio for the caller: mu-law, base64 in JSON."""

    payload: bytes


class Mark(msgspec.Struct, frozen=True):
    """A mark, echoed when all audio before it was played."""

    name: str


class ServerMessage(msgspec.Struct, frozen=True, rename="camel"):
    """One message of the server: event is media, mark or clear."""

    event: str
    stream_sid: str
    media: Audio | None = None
    mark: Mark | None = None


_decoder: Final = msgspec.json.Decoder(ServerMessage)


def parse(message: bytes) -> ServerMessage:
    """Reads a message of the server. Raises msgspec.DecodeError (or ValidationError) for invalid messages."""
    return _decoder.decode(message)


def audible(ulaw: bytes) -> bool:
    """Whether the audio is audible."""
    return bool(ulaw.translate(None, _QUIET))


class Stream:
    """Writes one call's messages. sequenceNumber counts all messages from start, chunk counts the audio."""

    def __init__(self, number: int) -> None:
        self.stream_sid = f"MZ{number:032x}"
        self.call_sid = f"CA{number:032x}"
        self._account = "AC" + "0" * 32
        self._sid = self.stream_sid.encode()
        self._sequence = 0
        self._chunk = 0

    def start(self) -> bytes:
        """The message that opens the stream."""
        body = {
            "accountSid": self._account,
            "streamSid": self.stream_sid,
            "callSid": self.call_sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": {},
        }
        return self._event("start", "start", body)

    def media(self, payload: bytes) -> bytes:
        """20 ms of caller audio; payload: base64 of mu-law."""
        self._sequence += 1
        self._chunk += 1
        return _MEDIA % (self._sequence, self._chunk, (self._chunk - 1) * 20, payload, self._sid)

    def mark(self, name: str) -> bytes:
        """An echoed mark: played or cleared."""
        return self._event("mark", "mark", {"name": name})

    def stop(self) -> bytes:
        """The message that ends the stream."""
        return self._event("stop", "stop", {"accountSid": self._account, "callSid": self.call_sid})

    def _event(self, event: str, key: str, body: Mapping[str, object]) -> bytes:
        self._sequence += 1
        message = {"event": event, "sequenceNumber": str(self._sequence), key: body, "streamSid": self.stream_sid}
        return msgspec.json.encode(message)

"""Our own protocol for test calls from a browser: JSON text messages, audio as binary ones.

The protocol is written down in docs/browser-socket.md.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from media.telephony.message import MAX_MESSAGE_BYTES, Count, Digit, Reader, check_params, check_size
from media.telephony.session import Session
from media.telephony.wire import (
    Clear,
    Encoding,
    Heard,
    Inbound,
    Mark,
    Marked,
    Outbound,
    Play,
    Pressed,
    Started,
    Stopped,
    WireError,
)


class _Event(msgspec.Struct, tag_field="event", gc=False):
    """A text message from the browser."""


class _Format(msgspec.Struct, gc=False):
    encoding: str
    sample_rate: Count  # Hz


class _Start(_Event, tag="start"):
    format: _Format
    params: dict[str, str] = {}


class _Dtmf(_Event, tag="dtmf"):
    digit: Digit


class _Mark(_Event, tag="mark"):
    name: str


class _Stop(_Event, tag="stop"):
    pass


_Said = _Start | _Dtmf | _Mark | _Stop
_DECODER: Final = msgspec.json.Decoder(_Said)
_RATES: Final = (8000, 16000)  # Hz


class BrowserCodec:
    """The server's side of `wire.Codec` for a browser; `call_id`, chosen by us, serves as both of the stream's ids."""

    def __init__(self, call_id: str, max_message_bytes: int = MAX_MESSAGE_BYTES) -> None:
        self.heard = 0  # audio messages passed on
        self._call_id = call_id
        self._max_bytes = max_message_bytes
        self._session = Session()
        self._reader: Reader[_Said] = Reader(_DECODER, max_message_bytes)
        self._sample_rate = _RATES[0]
        self._samples = 0  # heard so far: the stream's clock

    def receive(self, message: str | bytes, is_text: bool = False) -> Sequence[Inbound]:
        """Reads one message. Raises WireError, after which every further message is refused too."""
        try:
            if is_text or isinstance(message, str):
                return (self._control(self._reader.read(message, is_text)),)
            return (self._audio(message),)
        except WireError:
            self._session.close()
            raise

    def say(self, command: Outbound) -> str | bytes:
        """Writes audio as bytes, the rest as text. Raises WireError out_of_order unless the stream runs."""
        self._session.check("a command", self._call_id)
        if isinstance(command, Play):
            return command.payload
        if isinstance(command, Mark):
            return msgspec.json.encode({"event": "mark", "name": command.name}).decode()
        assert isinstance(command, Clear)
        return '{"event":"clear"}'

    def _audio(self, payload: bytes) -> Heard:
        self._session.check("audio", self._call_id)
        check_size(payload, self._max_bytes)
        if len(payload) % 2:
            raise WireError("bad_format", "an audio message ends in half a sample")
        at_ms = self._samples * 1000 // self._sample_rate
        self._samples += len(payload) // 2
        self.heard += 1
        return Heard(payload, at_ms)

    def _control(self, event: _Said) -> Inbound:
        if isinstance(event, _Start):
            return self._start(event)
        self._session.check("a message", self._call_id)
        match event:
            case _Dtmf(digit=digit):
                return Pressed(digit)
            case _Mark(name=name):
                return Marked(name)
            case _Stop():
                self._session.close()
                return Stopped()

    def _start(self, event: _Start) -> Started:
        self._session.start(self._call_id)
        if event.format.encoding != "pcm_s16le" or event.format.sample_rate not in _RATES:
            said = f"{event.format.encoding[:40]} at {event.format.sample_rate} Hz"
            raise WireError("bad_format", said, "format")
        self._sample_rate = event.format.sample_rate
        return Started(
            stream_id=self._call_id,
            carrier_call_id=self._call_id,
            encoding=Encoding.L16,
            sample_rate=self._sample_rate,
            params=check_params(event.params, "params"),
        )

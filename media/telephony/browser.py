"""Our protocol for test calls from a browser, with JSON text messages and binary audio messages.

The protocol is documented in docs/use/browser-socket.md.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Final

import msgspec

from media.telephony.codec import (
    Clear,
    DigitReceived,
    Encoding,
    InboundAudio,
    InboundEvent,
    Mark,
    MarkReached,
    MediaProtocolError,
    OutboundCommand,
    Play,
    StreamStarted,
    StreamStopped,
    TextReceived,
    UnknownMessages,
)
from media.telephony.json_messages import MAX_MESSAGE_BYTES, Count, Digit, JsonReader, check_params, check_size
from media.telephony.session import StreamSession

# The maximum number of characters of a typed turn.
LONGEST_TEXT: Final = 1_000
# Callers speak in real time and type no faster than these limits. Faster input would cause higher vendor bills and
# block the event loop for other calls.
MOST_AHEAD_MS: Final = 5_000
TYPED_AT_ONCE: Final = 5_000  # characters
TYPED_PER_S: Final = 50
PRESSED_AT_ONCE: Final = 50  # keys
PRESSED_PER_S: Final = 10


class _Event(msgspec.Struct, tag_field="event", gc=False):
    """A text message from the browser."""


class _Format(msgspec.Struct, gc=False):
    encoding: str
    sample_rate: Count  # Hz


class _StartMessage(_Event, tag="start"):
    format: _Format
    params: dict[str, str] = {}


class _DtmfMessage(_Event, tag="dtmf"):
    digit: Digit


class _TextMessage(_Event, tag="text"):
    text: Annotated[str, msgspec.Meta(max_length=LONGEST_TEXT, pattern=r"\S")]


class _MarkMessage(_Event, tag="mark"):
    name: str


class _StopMessage(_Event, tag="stop"):
    pass


_Message = _StartMessage | _DtmfMessage | _TextMessage | _MarkMessage | _StopMessage
_DECODER: Final = msgspec.json.Decoder(_Message)
_RATES: Final = (8000, 16000)  # Hz


class BrowserCodec:
    """The `Codec` for a browser. The server chooses `call_id`, which is both the stream ID and the carrier's call
    ID."""

    __slots__ = (
        "_began", "_call_id", "_clock", "_max_bytes", "_pressed", "_reader", "_sample_rate", "_samples", "_session",
        "_typed", "accepted", "messages_per_s", "unknown",
    )  # fmt: skip

    def __init__(self, call_id: str, clock: Callable[[], float], max_message_bytes: int = MAX_MESSAGE_BYTES) -> None:
        """Create the codec of one socket.

        Args:
            clock: Returns real time in seconds.
        """
        self.accepted = 0  # audio messages passed on
        self.unknown = UnknownMessages()
        self.messages_per_s = 0  # no limit, because the protocol is our own
        self._call_id = call_id
        self._max_bytes = max_message_bytes
        self._session = StreamSession()
        self._reader: JsonReader[_Message] = JsonReader(_DECODER, max_message_bytes)
        self._sample_rate = _RATES[0]
        self._samples = 0  # number of received samples, which is the stream's clock
        self._clock = clock
        self._began = 0.0
        self._typed = 0  # characters
        self._pressed = 0  # keys

    def receive(self, message: str | bytes, is_text: bool = False) -> Sequence[InboundEvent]:
        """Decode one message. Raises MediaProtocolError, after which every further message is refused, too."""
        try:
            if is_text or isinstance(message, str):
                return (self._control(self._reader.read(message, is_text)),)
            return (self._audio(message),)
        except MediaProtocolError:
            self._session.close()
            raise

    def release(self) -> Sequence[InboundEvent]:
        """Return nothing, because nothing is held back."""
        return ()

    def encode(self, command: OutboundCommand) -> str | bytes:
        """Encode audio as bytes, and all other commands as text. Raises MediaProtocolError out_of_order unless the
        stream runs."""
        self._session.check("a command", self._call_id)
        if isinstance(command, Play):
            return command.payload
        if isinstance(command, Mark):
            return msgspec.json.encode({"event": "mark", "name": command.name}).decode()
        assert isinstance(command, Clear)
        return '{"event":"clear"}'

    def _audio(self, payload: bytes) -> InboundAudio:
        self._session.check("audio", self._call_id)
        check_size(payload, self._max_bytes)
        if len(payload) % 2:
            raise MediaProtocolError("bad_format", "an audio message ends in half a sample")
        at_ms = self._samples * 1000 // self._sample_rate
        if at_ms > (self._clock() - self._began) * 1000 + MOST_AHEAD_MS:
            raise MediaProtocolError("too_fast", "audio arrives faster than real time")
        self._samples += len(payload) // 2
        self.accepted += 1
        return InboundAudio(payload, at_ms)

    def _control(self, event: _Message) -> InboundEvent:
        if isinstance(event, _StartMessage):
            return self._start(event)
        self._session.check("a message", self._call_id)
        match event:
            case _DtmfMessage(digit=digit):
                self._pressed += 1
                if self._pressed > PRESSED_AT_ONCE + (self._clock() - self._began) * PRESSED_PER_S:
                    most = f"more than {PRESSED_AT_ONCE} keys and {PRESSED_PER_S} per second"
                    raise MediaProtocolError("too_fast", most, "digit")
                return DigitReceived(digit)
            case _TextMessage(text=text):
                self._typed += len(text)
                if self._typed > TYPED_AT_ONCE + (self._clock() - self._began) * TYPED_PER_S:
                    most = f"more than {TYPED_AT_ONCE} typed characters and {TYPED_PER_S} per second"
                    raise MediaProtocolError("too_fast", most, "text")
                return TextReceived(text.strip())
            case _MarkMessage(name=name):
                return MarkReached(name)
            case _StopMessage():
                self._session.close()
                return StreamStopped()

    def _start(self, event: _StartMessage) -> StreamStarted:
        self._session.start(self._call_id)
        self._began = self._clock()
        if event.format.encoding != "pcm_s16le" or event.format.sample_rate not in _RATES:
            declared = f"{event.format.encoding[:40]} at {event.format.sample_rate} Hz"
            raise MediaProtocolError("bad_format", declared, "format")
        self._sample_rate = event.format.sample_rate
        return StreamStarted(
            stream_id=self._call_id,
            carrier_call_id=self._call_id,
            encoding=Encoding.L16,
            sample_rate=self._sample_rate,
            params=check_params(event.params, "params"),
        )

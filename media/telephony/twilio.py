"""Twilio Media Streams (bidirectional, `<Connect><Stream>`): JSON text messages, mu-law at 8 kHz.

Source: Twilio's page "Media Streams - WebSocket Messages". Twilio sends numbers as strings.
"""

from binascii import b2a_base64
from collections.abc import Sequence
from typing import Final

import msgspec

from media.telephony.carrier_messages import (
    MEDIA_END,
    DtmfPart,
    MarkPart,
    encode_control,
    format_error,
    media_start,
    pass_over,
    read_digit,
    read_mark,
    require_running,
)
from media.telephony.codec import (
    Encoding,
    InboundAudio,
    InboundEvent,
    MediaProtocolError,
    OutboundCommand,
    Play,
    StreamStarted,
    StreamStopped,
    UnknownMessages,
)
from media.telephony.json_messages import MAX_MESSAGE_BYTES, Count, Id, JsonReader, check_params
from media.telephony.session import StreamSession


class _Part(msgspec.Struct, rename="camel", gc=False):
    """An object inside an event."""


class _Event(msgspec.Struct, tag_field="event", rename="camel", gc=False):
    """A message. Unused fields are not declared, so they are not validated."""


class _ConnectedMessage(_Event, tag="connected"):
    pass


class _Format(_Part):
    encoding: str
    sample_rate: Count
    channels: Count


class _StartPart(_Part):
    stream_sid: Id
    call_sid: Id
    media_format: _Format
    account_sid: str = ""
    tracks: tuple[str, ...] = ("inbound",)
    custom_parameters: dict[str, str] | None = None


class _StartMessage(_Event, tag="start"):
    stream_sid: Id
    start: _StartPart


class _MediaPart(_Part):
    track: str
    timestamp: Count  # ms since the stream's start
    payload: bytes


class _MediaMessage(_Event, tag="media"):
    stream_sid: str
    media: _MediaPart


class _DtmfMessage(_Event, tag="dtmf"):
    stream_sid: str
    dtmf: DtmfPart


class _MarkMessage(_Event, tag="mark"):
    stream_sid: str
    mark: MarkPart


class _StopMessage(_Event, tag="stop"):
    stream_sid: str


_Message = _ConnectedMessage | _StartMessage | _MediaMessage | _DtmfMessage | _MarkMessage | _StopMessage
_DECODER: Final = msgspec.json.Decoder(_Message, strict=False)


class TwilioCodec:
    """The `Codec` for Twilio.

    Only the inbound track is passed on. Outgoing audio is raw mu-law, because a WAV header would be audible as noise. A
    returned mark does not prove that its audio was played, because `clear` returns every pending mark.
    """

    __slots__ = ("_media_start", "_reader", "_session", "_stream", "accepted", "ignored", "messages_per_s", "unknown")

    def __init__(self, max_message_bytes: int = MAX_MESSAGE_BYTES) -> None:
        self.accepted = 0  # number of media messages passed on
        self.ignored = 0  # number of media messages of the other track
        self.unknown = UnknownMessages()
        self.messages_per_s = 0
        self._session = StreamSession()
        self._reader: JsonReader[_Message] = JsonReader(_DECODER, max_message_bytes)
        self._stream = b""  # the stream's field in every outgoing message
        self._media_start = b""

    def receive(self, message: str | bytes, is_text: bool = False) -> Sequence[InboundEvent]:
        """Decode one message. Raises MediaProtocolError, after which every further message is refused, too.

        An unknown event, or a malformed event of a running stream, is counted and skipped.
        """
        try:
            event = self._reader.read(message, is_text)
            if isinstance(event, _MediaMessage):
                return self._media(event)
            return self._control(event)
        except MediaProtocolError as error:
            if pass_over(self._session, self.unknown, error, self.accepted):
                return ()
            raise

    def release(self) -> Sequence[InboundEvent]:
        """Return nothing, because nothing is held back."""
        return ()

    def encode(self, command: OutboundCommand) -> str:
        """Encode one command as a text message. Raises MediaProtocolError out_of_order unless the stream runs."""
        if self._session.stream_id is None:
            require_running(self._session)
        if isinstance(command, Play):
            return (self._media_start + b2a_base64(command.payload, newline=False) + MEDIA_END).decode("ascii")
        return encode_control(command, self._stream)

    def _media(self, event: _MediaMessage) -> Sequence[InboundEvent]:
        if event.stream_sid != self._session.stream_id:
            self._session.check("media", event.stream_sid)
        media = event.media
        if media.track != "inbound":
            self.ignored += 1
            return ()
        self.accepted += 1
        return (InboundAudio(media.payload, media.timestamp),)

    def _control(
        self, event: _ConnectedMessage | _StartMessage | _DtmfMessage | _MarkMessage | _StopMessage
    ) -> Sequence[InboundEvent]:
        match event:
            case _ConnectedMessage():
                self._session.connect()
                return ()
            case _StartMessage():
                return (self._start(event),)
            case _DtmfMessage():
                return read_digit(self._session, self.unknown, event.stream_sid, event.dtmf)
            case _MarkMessage():
                return (read_mark(self._session, event.stream_sid, event.mark),)
            case _StopMessage():
                self._session.check("stop", event.stream_sid)
                self._session.close()
                return (StreamStopped(),)

    def _start(self, event: _StartMessage) -> StreamStarted:
        self._session.start(event.stream_sid)
        start = event.start
        if start.stream_sid != event.stream_sid:
            raise MediaProtocolError("wrong_stream", "the start message has two stream IDs", "start.streamSid")
        _check_format(start)
        self._stream = b',"streamSid":' + msgspec.json.encode(event.stream_sid)
        self._media_start = media_start(self._stream)
        return StreamStarted(
            stream_id=event.stream_sid,
            carrier_call_id=start.call_sid,
            encoding=Encoding.PCMU,
            sample_rate=8000,
            account_id=start.account_sid,
            params=check_params(start.custom_parameters or {}, "start.customParameters"),
        )


def _check_format(start: _StartPart) -> None:
    """Raise MediaProtocolError bad_format unless the caller's audio is mono mu-law at 8 kHz."""
    form = start.media_format
    if (form.encoding, form.sample_rate, form.channels) != ("audio/x-mulaw", 8000, 1):
        raise format_error(form.encoding, form.sample_rate, form.channels, "start.mediaFormat")
    if "inbound" not in start.tracks:
        raise MediaProtocolError("bad_format", "the stream carries no inbound track", "start.tracks")

"""Twilio Media Streams (bidirectional, `<Connect><Stream>`): JSON text messages, mu-law at 8 kHz.

Source: Twilio's page "Media Streams - WebSocket Messages". Numbers arrive as strings there.
"""

from binascii import b2a_base64
from collections.abc import Sequence
from typing import Final

import msgspec

from media.telephony.message import MAX_MESSAGE_BYTES, Count, DtmfPart, Id, MarkPart, Reader, check_params
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


class _Part(msgspec.Struct, rename="camel", gc=False):
    """An object inside an event."""


class _Event(msgspec.Struct, tag_field="event", rename="camel", gc=False):
    """A message; fields that we do not use are not declared, hence not checked."""


class _Connected(_Event, tag="connected"):
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


class _Start(_Event, tag="start"):
    stream_sid: Id
    start: _StartPart


class _MediaPart(_Part):
    track: str
    timestamp: Count  # ms since the stream's start
    payload: bytes


class _Media(_Event, tag="media"):
    stream_sid: str
    media: _MediaPart


class _Dtmf(_Event, tag="dtmf"):
    stream_sid: str
    dtmf: DtmfPart


class _Mark(_Event, tag="mark"):
    stream_sid: str
    mark: MarkPart


class _Stop(_Event, tag="stop"):
    stream_sid: str


_Said = _Connected | _Start | _Media | _Dtmf | _Mark | _Stop
_DECODER: Final = msgspec.json.Decoder(_Said, strict=False)


class TwilioCodec:
    """Twilio's side of `wire.Codec`.

    Only the inbound track is passed on. Outgoing audio is raw mu-law: a WAV header would be heard as noise. A mark
    that comes back does not prove that its audio was heard, for `clear` returns every pending mark.
    """

    def __init__(self, max_message_bytes: int = MAX_MESSAGE_BYTES) -> None:
        self.heard = 0  # media messages passed on
        self.ignored = 0  # media messages of the other track
        self._session = Session()
        self._reader: Reader[_Said] = Reader(_DECODER, max_message_bytes)
        self._head = b""  # of every outgoing message, up to its own part
        self._play_head = b""

    def receive(self, message: str | bytes, is_text: bool = False) -> Sequence[Inbound]:
        """Reads one message. Raises WireError, after which every further message is refused too."""
        try:
            event = self._reader.read(message, is_text)
            if isinstance(event, _Media):
                return self._media(event)
            return self._control(event)
        except WireError:
            self._session.close()
            raise

    def say(self, command: Outbound) -> str:
        """Writes one command as a text message. Raises WireError out_of_order unless the stream runs."""
        if self._session.stream_id is None:
            raise WireError("out_of_order", f"nothing can be said while the stream is {self._session.stage}")
        if isinstance(command, Play):
            return (self._play_head + b2a_base64(command.payload, newline=False) + b'"}}').decode("ascii")
        if isinstance(command, Mark):
            name = msgspec.json.encode(command.name)
            return (b'{"event":"mark"' + self._head + b',"mark":{"name":' + name + b"}}").decode()
        assert isinstance(command, Clear)
        return (b'{"event":"clear"' + self._head + b"}").decode()

    def _media(self, event: _Media) -> Sequence[Inbound]:
        if event.stream_sid != self._session.stream_id:
            self._session.check("media", event.stream_sid)
        media = event.media
        if media.track != "inbound":
            self.ignored += 1
            return ()
        self.heard += 1
        return (Heard(media.payload, media.timestamp),)

    def _control(self, event: _Connected | _Start | _Dtmf | _Mark | _Stop) -> Sequence[Inbound]:
        match event:
            case _Connected():
                self._session.connect()
                return ()
            case _Start():
                return (self._start(event),)
            case _Dtmf():
                self._session.check("dtmf", event.stream_sid)
                return (Pressed(event.dtmf.digit),)
            case _Mark():
                self._session.check("mark", event.stream_sid)
                return (Marked(event.mark.name),)
            case _Stop():
                self._session.check("stop", event.stream_sid)
                self._session.close()
                return (Stopped(),)

    def _start(self, event: _Start) -> Started:
        self._session.start(event.stream_sid)
        start = event.start
        if start.stream_sid != event.stream_sid:
            raise WireError("wrong_stream", "two stream ids in one start", "start.streamSid")
        _check_format(start)
        self._head = b',"streamSid":' + msgspec.json.encode(event.stream_sid)
        self._play_head = b'{"event":"media"' + self._head + b',"media":{"payload":"'
        return Started(
            stream_id=event.stream_sid,
            carrier_call_id=start.call_sid,
            encoding=Encoding.PCMU,
            sample_rate=8000,
            account_id=start.account_sid,
            params=check_params(start.custom_parameters or {}, "start.customParameters"),
        )


def _check_format(start: _StartPart) -> None:
    """Raises WireError bad_format unless the caller's voice comes as mono mu-law at 8 kHz."""
    form = start.media_format
    if (form.encoding, form.sample_rate, form.channels) != ("audio/x-mulaw", 8000, 1):
        said = f"{form.encoding[:40]} at {form.sample_rate} Hz with {form.channels} channels"
        raise WireError("bad_format", said, "start.mediaFormat")
    if "inbound" not in start.tracks:
        raise WireError("bad_format", "the stream carries no inbound track", "start.tracks")

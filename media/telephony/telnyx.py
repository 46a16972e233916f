"""Telnyx media streaming (bidirectional mode "rtp"): JSON text messages in snake_case; PCMU, PCMA or L16.

Source: Telnyx's page "Stream call media over WebSocket". Numbers arrive as strings there.
"""

from binascii import b2a_base64
from collections.abc import Mapping, Sequence
from typing import Final, Literal

import msgspec

from media.audio.pcm import swap_bytes
from media.telephony.jitter import JitterBuffer
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
    Trouble,
    WireError,
)


class _Event(msgspec.Struct, tag_field="event", gc=False):
    """A message; fields that we do not use are not declared, hence not checked."""


class _Connected(_Event, tag="connected"):
    pass


class _Format(msgspec.Struct, gc=False):
    encoding: str
    sample_rate: Count
    channels: Count = 1


class _Param(msgspec.Struct, gc=False):
    name: str
    value: str


class _StartPart(msgspec.Struct, gc=False):
    call_control_id: Id
    media_format: _Format
    user_id: str | None = None
    caller: str | None = msgspec.field(name="from", default=None)
    called: str | None = msgspec.field(name="to", default=None)
    # The commands take a list of pairs; in what shape `start` gives them back is not documented.
    custom_parameters: dict[str, str] | list[_Param] | None = None


class _Start(_Event, tag="start"):
    stream_id: Id
    start: _StartPart


class _MediaPart(msgspec.Struct, gc=False):
    track: str
    chunk: Count
    timestamp: Count  # ms since the stream's start
    payload: bytes  # of the RTP packet, without its header


class _Media(_Event, tag="media"):
    stream_id: str
    media: _MediaPart


class _Dtmf(_Event, tag="dtmf"):
    stream_id: str
    dtmf: DtmfPart


class _Mark(_Event, tag="mark"):
    stream_id: str
    mark: MarkPart


class _Stop(_Event, tag="stop"):
    stream_id: str


class _TroublePart(msgspec.Struct, gc=False):
    code: Count
    title: str = ""
    detail: str = ""


class _Trouble(_Event, tag="error"):
    payload: _TroublePart
    stream_id: str | None = None


_Said = _Connected | _Start | _Media | _Dtmf | _Mark | _Stop | _Trouble
_DECODER: Final = msgspec.json.Decoder(_Said, strict=False)

# Telnyx pairs L16 with 16 kHz; streams that declare 8 kHz have been seen, and what is declared is what is meant.
_FORMATS: Final = {
    ("PCMU", 8000): Encoding.PCMU,
    ("PCMA", 8000): Encoding.PCMA,
    ("L16", 8000): Encoding.L16,
    ("L16", 16000): Encoding.L16,
}


class TelnyxCodec:
    """Telnyx's side of `wire.Codec`.

    Only the inbound track is passed on, put in order by its chunk numbers (Telnyx does not promise their order).
    Whoever starts the stream must ask for the same codec both ways, `stream_codec` and `stream_bidirectional_codec`,
    for `start` declares only the one that we receive. Neither Telnyx's documents nor public agents agree on the byte
    order of L16: `l16_order` is that of the socket; the payloads of Heard and Play are little-endian either way.
    """

    def __init__(
        self,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        reorder_frames: int = 5,
        l16_order: Literal["little", "big"] = "little",
    ) -> None:
        self.heard = 0  # media messages passed on
        self.ignored = 0  # media messages of the other track
        self.jitter = JitterBuffer(reorder_frames)
        self._session = Session()
        self._reader: Reader[_Said] = Reader(_DECODER, max_message_bytes)
        self._encoding = Encoding.PCMU
        self._swap = l16_order == "big"

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
            payload = self._linear(command.payload) if self._encoding is Encoding.L16 else command.payload
            audio = b2a_base64(payload, newline=False)
            return (b'{"event":"media","media":{"payload":"' + audio + b'"}}').decode("ascii")
        if isinstance(command, Mark):
            return (b'{"event":"mark","mark":{"name":' + msgspec.json.encode(command.name) + b"}}").decode()
        assert isinstance(command, Clear)
        return '{"event":"clear"}'

    def _media(self, event: _Media) -> Sequence[Inbound]:
        if event.stream_id != self._session.stream_id:
            self._session.check("media", event.stream_id)
        media = event.media
        if media.track != "inbound":
            self.ignored += 1
            return ()
        payload = media.payload if self._encoding is not Encoding.L16 else self._linear(media.payload)
        frames = self.jitter.push(media.chunk, Heard(payload, media.timestamp))
        self.heard += len(frames)
        return frames

    def _control(self, event: _Connected | _Start | _Dtmf | _Mark | _Stop | _Trouble) -> Sequence[Inbound]:
        match event:
            case _Connected():
                self._session.connect()
                return ()
            case _Start():
                return (self._start(event),)
            case _Dtmf():
                self._session.check("dtmf", event.stream_id)
                return (Pressed(event.dtmf.digit),)
            case _Mark():
                self._session.check("mark", event.stream_id)
                return (Marked(event.mark.name),)
            case _Stop():
                self._session.check("stop", event.stream_id)
                return self._stop()
            case _Trouble():
                self._session.check_open("error", event.stream_id)
                return (Trouble(event.payload.code, event.payload.title, event.payload.detail),)

    def _start(self, event: _Start) -> Started:
        self._session.start(event.stream_id)
        start = event.start
        self._encoding = _encoding(start.media_format)
        return Started(
            stream_id=event.stream_id,
            carrier_call_id=start.call_control_id,
            encoding=self._encoding,
            sample_rate=start.media_format.sample_rate,
            account_id=start.user_id or "",
            caller=start.caller or "",
            called=start.called or "",
            params=check_params(_params(start), "start.custom_parameters"),
        )

    def _stop(self) -> Sequence[Inbound]:
        """The frames still held for a missing one come out before the end."""
        self._session.close()
        frames = self.jitter.flush()
        self.heard += len(frames)
        return (*frames, Stopped())

    def _linear(self, payload: bytes) -> bytes:
        """L16 to or from the socket's byte order. Raises WireError bad_format for half a sample."""
        if len(payload) % 2:
            raise WireError("bad_format", "L16 audio ends in half a sample", "media.payload")
        return swap_bytes(payload) if self._swap else payload


def _encoding(form: _Format) -> Encoding:
    """Raises WireError bad_format for what we do not speak (G722, OPUS, AMR-WB, other rates, stereo)."""
    encoding = _FORMATS.get((form.encoding, form.sample_rate))
    if encoding is None or form.channels != 1:
        said = f"{form.encoding[:40]} at {form.sample_rate} Hz with {form.channels} channels"
        raise WireError("bad_format", said, "start.media_format")
    return encoding


def _params(start: _StartPart) -> Mapping[str, str]:
    params = start.custom_parameters or {}
    return {param.name: param.value for param in params} if isinstance(params, list) else params

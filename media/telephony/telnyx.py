"""Telnyx media streaming (bidirectional mode "rtp"): JSON text messages in snake_case.

The server sends PCMU and receives PCMU, PCMA, G.722 or L16.

Source: Telnyx's page "Stream call media over WebSocket". Telnyx sends numbers as strings.
"""

from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping, Sequence
from typing import Final, Literal

import msgspec

from media.audio.pcm import swap_bytes
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
    CarrierReportedError,
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
from media.telephony.jitter import JitterBuffer
from media.telephony.json_messages import MAX_MESSAGE_BYTES, Count, Id, JsonReader, check_params
from media.telephony.session import StreamSession


class _Event(msgspec.Struct, tag_field="event", gc=False):
    """A message. Unused fields are not declared, so they are not validated."""


class _ConnectedMessage(_Event, tag="connected"):
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
    client_state: str | None = None
    caller: str | None = msgspec.field(name="from", default=None)
    called: str | None = msgspec.field(name="to", default=None)
    # The commands accept a list of pairs. Telnyx does not document the form in which `start` returns them.
    custom_parameters: dict[str, str] | list[_Param] | None = None


class _StartMessage(_Event, tag="start"):
    stream_id: Id
    start: _StartPart


class _MediaPart(msgspec.Struct, gc=False):
    track: str
    chunk: Count
    timestamp: Count  # ms since the stream's start
    payload: bytes  # payload of the RTP packet, without its header


class _MediaMessage(_Event, tag="media"):
    stream_id: str
    media: _MediaPart


class _DtmfMessage(_Event, tag="dtmf"):
    stream_id: str
    dtmf: DtmfPart


class _MarkMessage(_Event, tag="mark"):
    stream_id: str
    mark: MarkPart


class _StopMessage(_Event, tag="stop"):
    stream_id: str


class _ErrorPart(msgspec.Struct, gc=False):
    code: Count
    title: str = ""
    detail: str = ""


class _ErrorMessage(_Event, tag="error"):
    payload: _ErrorPart
    stream_id: str | None = None


_Message = (
    _ConnectedMessage | _StartMessage | _MediaMessage | _DtmfMessage | _MarkMessage | _StopMessage | _ErrorMessage
)
_DECODER: Final = msgspec.json.Decoder(_Message, strict=False)
_MEDIA_START: Final = media_start()  # Telnyx's outgoing messages do not name the stream

# Telnyx rejects floods (error 100005, rate_limit_reached) but does not document the limit (docs: media-streaming).
# Audio in single frames with marks needs 55 messages per second, so this allows twice real time.
MESSAGES_PER_S: Final = 110
# Telnyx documents L16 only at 16 kHz. Streams that declare 8 kHz occur, and their declared rate is correct.
_FORMATS: Final = {
    ("PCMU", 8000): Encoding.PCMU,
    ("PCMA", 8000): Encoding.PCMA,
    ("G722", 8000): Encoding.G722,
    ("G722", 16000): Encoding.G722,
    ("L16", 8000): Encoding.L16,
    ("L16", 16000): Encoding.L16,
}


class TelnyxCodec:
    """The `Codec` for Telnyx.

    Only the inbound track is passed on, sorted by its chunk numbers, because Telnyx does not guarantee their order.

    The two directions are independent. `start` declares the received codec, which is the call's own codec unless Telnyx
    transcodes it; Telnyx transcodes only between PCMU and PCMA (docs: texml-verbs/stream). Outgoing audio is PCMU,
    which `stream_bidirectional_codec` must declare, and which is its default.

    Telnyx's documentation and public agents disagree about the byte order of L16: `l16_order` is the socket's byte
    order, and the payloads of InboundAudio are always little-endian.
    """

    __slots__ = (
        "_encoding", "_reader", "_session", "_swap", "accepted", "ignored", "jitter", "messages_per_s", "unknown",
    )  # fmt: skip

    def __init__(
        self,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        reorder_frames: int = 5,
        l16_order: Literal["little", "big"] = "little",
    ) -> None:
        self.accepted = 0  # number of media messages passed on
        self.ignored = 0  # number of media messages of the other track
        self.unknown = UnknownMessages()
        self.messages_per_s = MESSAGES_PER_S
        self.jitter = JitterBuffer(reorder_frames)
        self._session = StreamSession()
        self._reader: JsonReader[_Message] = JsonReader(_DECODER, max_message_bytes)
        self._encoding = Encoding.PCMU
        self._swap = l16_order == "big"

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
        """Return the frames that are held until a missing frame arrives. The gaps count as lost."""
        frames = tuple(self.jitter.flush())
        self.accepted += len(frames)
        return frames

    def encode(self, command: OutboundCommand) -> str:
        """Encode one command as a text message. Raises MediaProtocolError out_of_order unless the stream runs."""
        if self._session.stream_id is None:
            require_running(self._session)
        if isinstance(command, Play):
            audio = b2a_base64(command.payload, newline=False)
            return (_MEDIA_START + audio + MEDIA_END).decode("ascii")
        return encode_control(command)

    def _media(self, event: _MediaMessage) -> Sequence[InboundEvent]:
        if event.stream_id != self._session.stream_id:
            self._session.check("media", event.stream_id)
        media = event.media
        if media.track != "inbound":
            self.ignored += 1
            return ()
        payload = media.payload if self._encoding is not Encoding.L16 else self._linear(media.payload)
        frames = self.jitter.push(media.chunk, InboundAudio(payload, media.timestamp))
        self.accepted += len(frames)
        return frames

    def _control(
        self, event: _ConnectedMessage | _StartMessage | _DtmfMessage | _MarkMessage | _StopMessage | _ErrorMessage
    ) -> Sequence[InboundEvent]:
        match event:
            case _ConnectedMessage():
                self._session.connect()
                return ()
            case _StartMessage():
                return (self._start(event),)
            case _DtmfMessage():
                return read_digit(self._session, self.unknown, event.stream_id, event.dtmf)
            case _MarkMessage():
                return (read_mark(self._session, event.stream_id, event.mark),)
            case _StopMessage():
                self._session.check("stop", event.stream_id)
                return self._stop()
            case _ErrorMessage():
                self._session.check_open("error", event.stream_id)
                return (CarrierReportedError(event.payload.code, event.payload.title, event.payload.detail),)

    def _start(self, event: _StartMessage) -> StreamStarted:
        self._session.start(event.stream_id)
        start = event.start
        encoding = _encoding(start.media_format)
        self._encoding = encoding or Encoding.PCMU
        return StreamStarted(
            stream_id=event.stream_id,
            carrier_call_id=start.call_control_id,
            encoding=self._encoding,
            sample_rate=8000 if encoding is Encoding.G722 else start.media_format.sample_rate,
            account_id=start.user_id or "",
            caller=start.caller or "",
            called=start.called or "",
            params=check_params(_params(start), "start.custom_parameters"),
            sent_encoding=Encoding.PCMU,
            client_state=_decode_state(start.client_state or ""),
            fault="" if encoding is not None else _describe_format(start.media_format),
        )

    def _stop(self) -> Sequence[InboundEvent]:
        """Return the frames that were held until a missing frame arrives, and the end of the stream."""
        self._session.close()
        return (*self.release(), StreamStopped())

    def _linear(self, payload: bytes) -> bytes:
        """Convert L16 from the socket's byte order. Raises MediaProtocolError bad_format for half a sample."""
        if len(payload) % 2:
            raise MediaProtocolError("bad_format", "L16 audio ends in half a sample", "media.payload")
        return swap_bytes(payload) if self._swap else payload


def _encoding(form: _Format) -> Encoding | None:
    """Return the encoding, or None for unsupported formats (OPUS, AMR-WB, other rates, stereo)."""
    return _FORMATS.get((form.encoding, form.sample_rate)) if form.channels == 1 else None


def _decode_state(state: str) -> str:
    """Decode client_state from base64. Returns "" if the value is not base64, because control did not set it."""
    try:
        return a2b_base64(state, strict_mode=True).decode()
    except ValueError:
        return ""


def _describe_format(form: _Format) -> str:
    return str(format_error(form.encoding, form.sample_rate, form.channels, "start.media_format"))


def _params(start: _StartPart) -> Mapping[str, str]:
    params = start.custom_parameters or {}
    return {param.name: param.value for param in params} if isinstance(params, list) else params

"""The codec of a media socket: incoming events and outgoing commands, which are the same for every carrier.

Errors:
    MediaProtocolError: a message violates the carrier's protocol; ends only this call
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import msgspec


class Encoding(StrEnum):
    """The encoding of the audio on the socket."""

    PCMU = "PCMU"  # G.711 mu-law, 8 kHz
    PCMA = "PCMA"  # G.711 A-law, 8 kHz
    G722 = "G722"  # G.722, 16 kHz; received only
    L16 = "L16"  # 16-bit little-endian linear


@dataclass(frozen=True, slots=True)
class StreamStarted:
    """The start of the stream, with caller, called number and audio encoding.

    Attributes:
        sample_rate: The rate in Hz. For G722 it is 8,000, its RTP clock (RFC 3551, 4.5.2).
        sent_encoding: The encoding of outgoing audio, at 8 kHz. None means the received encoding.
        client_state: The value that the carrier returns because control has set it (Telnyx).
        fault: Why no call can use this audio. If it is set, `encoding` has no meaning.
    """

    stream_id: str
    carrier_call_id: str
    encoding: Encoding
    sample_rate: int
    account_id: str = ""
    caller: str = ""
    called: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    sent_encoding: Encoding | None = None
    client_state: str = ""
    fault: str = ""


# InboundAudio and Play are created fifty times per second and call. Creating a Struct takes a third of the time of a
# frozen dataclass.
class InboundAudio(msgspec.Struct, frozen=True, gc=False):
    """Caller audio in the stream's encoding.

    The carrier chooses the length, usually 20 ms. The audio may be empty, but it always contains whole samples.

    Attributes:
        at_ms: The carrier's timestamp, counted from the stream's start.
    """

    payload: bytes
    at_ms: int


@dataclass(frozen=True, slots=True)
class DigitReceived:
    """A key of the phone: one of 0-9 * # A-D."""

    digit: str


@dataclass(frozen=True, slots=True)
class TextReceived:
    """A turn that the caller typed (browsers only)."""

    text: str


@dataclass(frozen=True, slots=True)
class MarkReached:
    """A returned mark. All audio before the mark was played, or a clear command discarded it."""

    name: str


@dataclass(frozen=True, slots=True)
class StreamStopped:
    """The carrier ended the stream."""


@dataclass(frozen=True, slots=True)
class CarrierReportedError:
    """The carrier reports an error in a message from this server (Telnyx's `error` event)."""

    code: int
    title: str
    detail: str


InboundEvent = (
    StreamStarted | InboundAudio | DigitReceived | TextReceived | MarkReached | StreamStopped | CarrierReportedError
)


class Play(msgspec.Struct, frozen=True, gc=False):
    """Agent audio in the sent encoding, of any length (Telnyx requires 20 ms to 30 s per message)."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Mark:
    """Requests a MarkReached event after all audio before the mark has been played."""

    name: str


@dataclass(frozen=True, slots=True)
class Clear:
    """Discards the audio in the carrier's buffer. The carrier then returns every pending mark."""


OutboundCommand = Play | Mark | Clear


@dataclass(slots=True)
class UnknownMessages:
    """Counts the messages that a codec has skipped, because carriers add events and values without notice, and violate
    their own formats.

    Attributes:
        events: Messages with an unknown event name. The first name is `first_event`.
        digits: Unknown values of `dtmf`.
        malformed: Messages that a running stream can do without, such as a second `start`, audio without a payload, a
            binary message or text that is not JSON. `first_malformed` is the error of the first one, without its
            content.
        not_json_run: Consecutive messages, without audio between them, that were not JSON.
    """

    events: int = 0
    digits: int = 0
    malformed: int = 0
    first_event: str = ""
    first_malformed: str = ""
    not_json_run: int = 0
    _accepted: int = 0

    def add_event(self, name: str) -> None:
        """Count a message with an unknown event name."""
        self.events += 1
        self.first_event = self.first_event or name

    def add_malformed(self, error: "MediaProtocolError") -> None:
        """Count a known message that is malformed or repeated."""
        self.malformed += 1
        self.first_malformed = self.first_malformed or f"{error.code} {error.field}".strip()

    def add_not_json(self, error: "MediaProtocolError", accepted: int) -> None:
        """Count a message that is not JSON.

        Args:
            accepted: The number of media messages so far. A new number ends the run. This comparison costs nothing for
                valid frames.
        """
        self.not_json_run = self.not_json_run + 1 if accepted == self._accepted else 1
        self._accepted = accepted
        self.add_malformed(error)


class MediaProtocolError(Exception):
    """A message violates the protocol.

    Codes:
        binary_message  bytes where text is expected
        too_large       longer than the codec's `max_message_bytes`
        too_fast        audio or typed text faster than a person speaks or types
        not_json        not valid JSON
        unknown_event   an unknown event name (from a browser; a carrier's unknown events are skipped)
        missing_field   a required field is absent
        bad_type        a field has another type or is out of range
        bad_base64      a payload is not valid base64
        bad_params      too many or too long custom parameters
        bad_format      an unsupported audio format, or half a sample
        out_of_order    an event that is not allowed at this stage (or `encode` while no stream runs)
        wrong_stream    an event of another stream than the started one

    Attributes:
        code: A stable code, which is a metric label.
        field: The invalid field, or "".
    """

    def __init__(self, code: str, detail: str, field: str = "") -> None:
        super().__init__(f"{code}: {detail}" + (f" (field {field})" if field else ""))
        self.code = code
        self.detail = detail
        self.field = field


class Codec(Protocol):
    """The protocol state of one socket, without I/O. Converts received messages to events, and commands to messages.

    A `str` is a text message and `bytes` are a binary message, in both directions.

    Attributes:
        unknown: The messages that were skipped so far.
        messages_per_s: The maximum number of messages per second that the carrier accepts. 0 means no limit.
    """

    unknown: UnknownMessages
    messages_per_s: int

    def receive(self, message: str | bytes, is_text: bool = False) -> Sequence[InboundEvent]:
        """Decode one WebSocket message. Raises MediaProtocolError, after which the codec cannot be used.

        Args:
            is_text: The bytes are the undecoded content of a text message, which saves decoding them.
        """

    def release(self) -> Sequence[InboundEvent]:
        """Return audio that was held back until earlier audio arrives. Called if no audio has arrived for a while."""

    def encode(self, command: OutboundCommand) -> str | bytes:
        """Encode one command as a WebSocket message. Raises MediaProtocolError if the stream is not running."""

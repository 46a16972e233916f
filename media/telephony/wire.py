"""What a carrier's media socket says and is told, in our own words, whichever carrier it is.

Errors:
    WireError    a message that breaks the carrier's protocol; closes this call only
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import msgspec


class Encoding(StrEnum):
    """How the audio on the socket is encoded."""

    PCMU = "PCMU"  # G.711 mu-law, 8 kHz
    PCMA = "PCMA"  # G.711 A-law, 8 kHz
    L16 = "L16"  # 16-bit little-endian linear


@dataclass(frozen=True, slots=True)
class Started:
    """The stream's first real message: who calls whom, and how the audio is encoded (sample_rate in Hz)."""

    stream_id: str
    carrier_call_id: str
    encoding: Encoding
    sample_rate: int
    account_id: str = ""
    caller: str = ""
    called: str = ""
    params: Mapping[str, str] = field(default_factory=dict)


# Heard and Play are made fifty times a second and call: a Struct is built in a third of a frozen dataclass's time.
class Heard(msgspec.Struct, frozen=True, gc=False):
    """Caller audio in the stream's encoding; `at_ms` is the carrier's own time stamp since the stream's start.

    The length is the carrier's choice (20 ms as a rule, nothing promised; it may even be empty), but it always
    holds whole samples.
    """

    payload: bytes
    at_ms: int


@dataclass(frozen=True, slots=True)
class Pressed:
    """A key of the phone: one of 0-9 * # A-D."""

    digit: str


@dataclass(frozen=True, slots=True)
class Marked:
    """A mark came back: everything before it was played, or it was thrown away by a clear."""

    name: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """The carrier ended the stream."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """The carrier complains about something that we sent (Telnyx's `error` event)."""

    code: int
    title: str
    detail: str


Inbound = Started | Heard | Pressed | Marked | Stopped | Trouble


class Play(msgspec.Struct, frozen=True, gc=False):
    """Agent audio, already in the stream's encoding, any length (Telnyx wants 20 ms to 30 s in one message)."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Mark:
    """Asks to be told when everything sent before it has been played."""

    name: str


@dataclass(frozen=True, slots=True)
class Clear:
    """Throws away what is buffered at the carrier; every pending mark then comes back."""


Outbound = Play | Mark | Clear


class WireError(Exception):
    """A message that the protocol does not allow. `code` is stable and counted; `field` names the culprit.

    Codes:
        binary_message  bytes where text is expected
        too_large       longer than the codec's `max_message_bytes`
        not_json        no JSON text
        unknown_event   an event name outside the protocol
        missing_field   a field that the event must have is absent
        bad_type        a field of another type or outside its range
        bad_base64      a payload that is no base64
        bad_params      too many custom parameters, or too long ones
        bad_format      an audio format that we do not speak, or half a sample
        out_of_order    an event that may not come now (and `say` outside a running stream)
        wrong_stream    an event of another stream than the started one
    """

    def __init__(self, code: str, detail: str, field: str = "") -> None:
        super().__init__(f"{code}: {detail}" + (f" (field {field})" if field else ""))
        self.code = code
        self.detail = detail
        self.field = field


class Codec(Protocol):
    """One socket's protocol state, without the socket: messages in, events out; commands in, messages out.

    `str` is a text message and `bytes` a binary one, both ways.
    """

    def receive(self, message: str | bytes, is_text: bool = False) -> Sequence[Inbound]:
        """Reads one WebSocket message: str is text, bytes are binary, unless `is_text` says that they are a text
        message not decoded yet (which saves the decoding). Raises WireError; the codec is dead after that."""

    def say(self, command: Outbound) -> str | bytes:
        """Writes one command as a WebSocket message. Raises WireError when the stream is not running."""

"""What a media socket carries, whichever carrier's: the agent's commands, and how a carrier writes its own side."""

import base64
import binascii
import json
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec


class ProtocolFault(Exception):
    """The agent's side sent something that the protocol does not allow. `code` is stable, `detail` says what."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Audio:
    """Agent audio to be played: mu-law 8 kHz, any length."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class MarkRequest:
    """The agent wants to be told when everything before this was played."""

    name: str


@dataclass(frozen=True, slots=True)
class ClearRequest:
    """The agent wants the queue thrown away."""


Command = Audio | MarkRequest | ClearRequest


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is on the line: the carrier's ids of this call, the two numbers, and free parameters for the agent's side."""

    account: str
    call: str
    stream: str
    caller: str = "+14155550100"
    called: str = "+14155550199"
    params: Mapping[str, str] = field(default_factory=dict)


class Shape(Protocol):
    """How one carrier writes its messages and reads the agent's; holds the stream's counters."""

    def connected(self) -> str:
        """The first message."""

    def start(self) -> str:
        """The message that describes the stream."""

    def media(self, payload: bytes, chunk: int, at_ms: int) -> str:
        """Caller audio; `chunk` counts from 1, `at_ms` is when it was spoken, since the stream's start."""

    def dtmf(self, digit: str) -> str:
        """A key was pressed."""

    def mark(self, name: str) -> str:
        """A mark comes back."""

    def stop(self) -> str:
        """The last message."""

    def read(self, message: str | bytes) -> Command:
        """Reads one message of the agent's side. Raises ProtocolFault."""

    def complaint(self, fault: ProtocolFault) -> str | None:
        """What the carrier answers to a fault, if anything."""


def twilio_identity(params: Mapping[str, str] | None = None) -> Identity:
    """Fresh ids as Twilio makes them: two letters and 32 hex digits."""
    account, call, stream = (prefix + secrets.token_hex(16) for prefix in ("AC", "CA", "MZ"))
    return Identity(account, call, stream, params=params or {})


def telnyx_identity(params: Mapping[str, str] | None = None) -> Identity:
    """Fresh ids as Telnyx makes them: UUIDs, and a call control id that begins with "v3:"."""
    return Identity(str(uuid.uuid4()), f"v3:{secrets.token_urlsafe(40)}", str(uuid.uuid4()), params=params or {})


def read_object(message: str | bytes) -> dict[str, Any]:
    """The JSON object in a text message. Raises ProtocolFault."""
    if not isinstance(message, str):
        raise ProtocolFault("binary_message", f"{len(message)} bytes of binary; every message is JSON text")
    try:
        body = json.loads(message)
    except ValueError as error:
        raise ProtocolFault("bad_json", str(error)) from error
    if not isinstance(body, dict):
        raise ProtocolFault("bad_json", f"an object is wanted, not {type(body).__name__}")
    return body


def read_command(body: Mapping[str, Any]) -> Command:
    """The command in a message; both carriers write it alike. Raises ProtocolFault."""
    match body.get("event"):
        case "media":
            return Audio(_payload(_part(body, "media").get("payload")))
        case "mark":
            name = _part(body, "mark").get("name")
            if not isinstance(name, str) or not name:
                raise ProtocolFault("bad_mark", f"mark.name must be a non-empty string, not {name!r}")
            return MarkRequest(name)
        case "clear":
            return ClearRequest()
        case other:
            raise ProtocolFault("unknown_event", f"the agent's side may send media, mark and clear, not {other!r}")


def write(message: Mapping[str, Any]) -> str:
    """A message as JSON text."""
    return msgspec.json.encode(message).decode()


def base64_text(payload: bytes) -> str:
    """Audio as it stands in a message."""
    return base64.b64encode(payload).decode("ascii")


def _part(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = body.get(name)
    if not isinstance(part, dict):
        raise ProtocolFault(f"bad_{name}", f"`{name}` must be an object")
    return part


def _payload(text: object) -> bytes:
    if not isinstance(text, str):
        raise ProtocolFault("bad_media", "media.payload must be a base64 string")
    try:
        payload = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ProtocolFault("bad_base64", str(error)) from error
    if not payload:
        raise ProtocolFault("empty_media", "media.payload holds no audio")
    if payload.startswith(b"RIFF"):
        raise ProtocolFault("wav_header", "media.payload begins with a WAV header, which is heard as noise")
    return payload

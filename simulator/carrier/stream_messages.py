"""Parts of the media socket's messages that both carriers share, and the interface for a carrier's own messages."""

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
    """The agent's side violated the protocol. `code` is stable, and `detail` explains the fault."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class AgentAudio:
    """Agent audio to play: mu-law at 8 kHz, any length."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class MarkRequest:
    """A mark that is echoed after all audio before it was played."""

    name: str


@dataclass(frozen=True, slots=True)
class ClearRequest:
    """A request to discard the queued audio."""


AgentMessage = AgentAudio | MarkRequest | ClearRequest


@dataclass(frozen=True, slots=True)
class CallIdentity:
    """The carrier's ids of a call, its two numbers, and custom parameters for the agent's side."""

    account: str
    call: str
    stream: str
    caller: str = "+14155550100"
    called: str = "+14155550199"
    params: Mapping[str, str] = field(default_factory=dict)


class StreamMessages(Protocol):
    """Writes a carrier's messages and reads the agent's messages. Stores the stream's counters."""

    def connected(self) -> str:
        """Return the first message."""

    def start(self) -> str:
        """Return the message that describes the stream."""

    def media(self, payload: bytes, chunk: int, at_ms: int) -> str:
        """Return a message with caller audio. `chunk` counts from 1; `at_ms` is the time since the start
        of the stream.
        """

    def dtmf(self, digit: str) -> str:
        """Return the message for a pressed key."""

    def mark(self, name: str) -> str:
        """Return the message for a reached mark."""

    def stop(self) -> str:
        """Return the last message."""

    def read(self, message: str | bytes) -> AgentMessage:
        """Read a message of the agent's side. Raises ProtocolFault."""

    def error_message(self, fault: ProtocolFault) -> str | None:
        """Return the carrier's answer to a fault; None if it sends none."""


def twilio_identity(params: Mapping[str, str] | None = None) -> CallIdentity:
    """Return new ids in Twilio's form: two letters and 32 hex digits."""
    account, call, stream = (prefix + secrets.token_hex(16) for prefix in ("AC", "CA", "MZ"))
    return CallIdentity(account, call, stream, params=params or {})


def telnyx_identity(params: Mapping[str, str] | None = None) -> CallIdentity:
    """Return new ids in Telnyx's form: UUIDs, and a call control id that begins with "v3:"."""
    return CallIdentity(str(uuid.uuid4()), f"v3:{secrets.token_urlsafe(40)}", str(uuid.uuid4()), params=params or {})


def read_json_object(message: str | bytes) -> dict[str, Any]:
    """Return the JSON object in a text message. Raises ProtocolFault."""
    if not isinstance(message, str):
        raise ProtocolFault("binary_message", f"{len(message)} bytes of binary data; every message must be JSON text")
    try:
        body = json.loads(message)
    except ValueError as error:
        raise ProtocolFault("bad_json", str(error)) from error
    if not isinstance(body, dict):
        raise ProtocolFault("bad_json", f"expected an object, not {type(body).__name__}")
    return body


def read_agent_message(body: Mapping[str, Any]) -> AgentMessage:
    """Read media, mark or clear, which both carriers define alike. Raises ProtocolFault."""
    match body.get("event"):
        case "media":
            return AgentAudio(_payload(_part(body, "media").get("payload")))
        case "mark":
            name = _part(body, "mark").get("name")
            if not isinstance(name, str) or not name:
                raise ProtocolFault("bad_mark", f"mark.name must be a non-empty string, not {name!r}")
            return MarkRequest(name)
        case "clear":
            return ClearRequest()
        case other:
            raise ProtocolFault("unknown_event", f"expected media, mark or clear, not {other!r}")


def write(message: Mapping[str, Any]) -> str:
    """Return a message as JSON text."""
    return msgspec.json.encode(message).decode()


def base64_text(payload: bytes) -> str:
    """Return audio as base64."""
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
        raise ProtocolFault("empty_media", "media.payload contains no audio")
    if payload.startswith(b"RIFF"):
        raise ProtocolFault("wav_header", "media.payload begins with a WAV header, which would be played as noise")
    return payload

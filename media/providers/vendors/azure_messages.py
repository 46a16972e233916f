"""Messages of Azure's speech service: headers in front of a body, as text or binary; pure but for the time in them.

A binary message begins with the length of its headers, 16 bits, highest byte first. Source: Microsoft's "Speech Service
WebSocket protocol" and its MIT client microsoft-cognitiveservices-speech-sdk 1.52; put together in
docs/vendors/azure.md.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from msgspec import Struct

from shared.providers.errors import make_unreadable

JSON: Final = "application/json"
SSML: Final = "application/ssml+xml"
WAV: Final = "audio/x-wav"
_END: Final = b"\r\n\r\n"
_LENGTH_BYTES: Final = 2


class AzureMessage(Struct, frozen=True):
    """A message of the service. path: in small letters. request_id: which request it answers, 32 hexadecimal digits.
    body: text as UTF-8, or audio."""

    path: str
    request_id: str
    body: bytes = b""


def make_text(path: str, request_id: str, body: bytes, content_type: str = JSON) -> bytes:
    """A text message. request_id: empty for what belongs to the whole connection."""
    return _make_head(path, request_id, content_type) + b"\r\n" + body


def make_json(path: str, request_id: str, body: Mapping[str, Any]) -> bytes:
    """A text message whose body is JSON."""
    return make_text(path, request_id, msgspec.json.encode(body))


def make_audio(request_id: str, audio: bytes, content_type: str = "") -> bytes:
    """A binary message. audio: of at most 8 KB; empty: there is no more. content_type: of the first one of a request,
    which has the header of its format."""
    head = _make_head("audio", request_id, content_type)
    return len(head).to_bytes(_LENGTH_BYTES, "big") + head + audio


def make_config() -> bytes:
    """The first message of a connection: what the client is."""
    system = {"name": "Vocalized", "version": "1.0.0", "build": "Linux", "lang": "Python"}
    operating_system = {"platform": "Linux", "name": "Linux", "version": "1.0.0"}
    return make_json("speech.config", "", {"context": {"system": system, "os": operating_system}})


def read_text(provider: str, message: bytes) -> AzureMessage:
    """A text message of the service. Raises ProviderError."""
    head, separator, body = message.partition(_END)
    if not separator:
        raise make_unreadable(provider)
    return _read(provider, head, body)


def read_binary(provider: str, message: bytes) -> AzureMessage:
    """A binary message of the service. Raises ProviderError."""
    end = _LENGTH_BYTES + int.from_bytes(message[:_LENGTH_BYTES], "big")
    if len(message) < max(_LENGTH_BYTES, end):
        raise make_unreadable(provider)
    return _read(provider, message[_LENGTH_BYTES:end], message[end:])


def _make_head(path: str, request_id: str, content_type: str) -> bytes:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")
    request = f"X-RequestId:{request_id}\r\n" if request_id else ""
    content = f"Content-Type:{content_type}\r\n" if content_type else ""
    return f"Path:{path}\r\n{request}X-Timestamp:{now}Z\r\n{content}".encode()


def _read(provider: str, head: bytes, body: bytes) -> AzureMessage:
    """Raises ProviderError for headers without a path."""
    path = request_id = ""
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        match name.strip().lower():
            case b"path":
                path = value.strip().decode(errors="replace").lower()
            case b"x-requestid":
                request_id = value.strip().decode(errors="replace").lower()
    if not path:
        raise make_unreadable(provider)
    return AzureMessage(path, request_id, body)

"""Messages of Azure's speech service, which have headers in front of a body; text and binary.

Written from docs/vendors/azure.md. A binary message begins with the length of its headers, 16 bits, highest byte first.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Final

_LINE: Final = "\r\n"
_END: Final = "\r\n\r\n"
_REQUEST_ID: Final = re.compile(r"[0-9a-fA-F]{32}\Z")
_TIMESTAMP: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z\Z")


class ProtocolBroken(Exception):
    """A client's message breaks the protocol. code: of the close frame; the message is its reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, slots=True)
class SpeechMessage:
    """path, request_id: of its headers, the path in small letters. body: text as UTF-8."""

    path: str
    request_id: str
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body as an object. Raises ProtocolBroken."""
        try:
            found = json.loads(self.body)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise ProtocolBroken(1007, f"Invalid payload of {self.path}: no JSON object.")
        return found


def read_text(text: str) -> SpeechMessage:
    """A text message of a client. Raises ProtocolBroken."""
    head, separator, body = text.partition(_END)
    if not separator:
        raise ProtocolBroken(1007, "Incorrect message format. Text message contains no header separator.")
    return _make(head, body.encode())


def read_binary(message: bytes) -> SpeechMessage:
    """A binary message of a client. Raises ProtocolBroken."""
    length = int.from_bytes(message[:2], "big")
    if len(message) < 2 or len(message) < 2 + length:
        raise ProtocolBroken(1007, "Incorrect message format. Binary message has invalid header size.")
    try:
        head = message[2 : 2 + length].decode()
    except UnicodeDecodeError:
        raise ProtocolBroken(
            1007, "Incorrect message format. Binary message headers decoding into UTF-8 failed."
        ) from None
    return _make(head, message[2 + length :])


def make_text(path: str, request_id: str, body: object = None) -> str:
    """A text message of the service. body: what becomes JSON, None for none."""
    text = "" if body is None else json.dumps(body, ensure_ascii=False)
    headers = (f"X-RequestId:{request_id}", "Content-Type:application/json; charset=utf-8", f"Path:{path}")
    return _LINE.join(headers) + _END + text


def make_audio(request_id: str, stream_id: str, audio: bytes) -> bytes:
    """A binary message of the service; without audio at the end of a turn."""
    headers = [f"X-RequestId:{request_id}", f"X-StreamId:{stream_id}", "Path:audio"]
    if audio:
        headers.insert(1, "Content-Type:audio/x-wav")
    head = (_LINE.join(headers) + _LINE).encode()
    return len(head).to_bytes(2, "big") + head + audio


def _make(head: str, body: bytes) -> SpeechMessage:
    """Raises ProtocolBroken."""
    headers: dict[str, str] = {}
    for line in filter(None, head.split(_LINE)):
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    for name in ("Path", "X-RequestId", "X-Timestamp"):
        if not headers.get(name.lower()) and not (name == "X-RequestId" and headers.get("path") == "speech.config"):
            raise ProtocolBroken(1002, f"Missing/Empty header. {name}.")
    request_id = headers.get("x-requestid", "")
    if request_id and not _REQUEST_ID.match(request_id):
        raise ProtocolBroken(
            1002, "Invalid request. X-RequestId header value was not specified in no-dash UUID format."
        )
    if not _TIMESTAMP.match(headers["x-timestamp"]):
        raise ProtocolBroken(1002, "Invalid request. X-Timestamp header value is not of ISO 8601 format.")
    return SpeechMessage(headers["path"].lower(), request_id.lower(), body)

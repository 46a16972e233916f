"""What AssemblyAI's streaming sessions send and mean: addresses, messages and errors; pure.

Source: assemblyai 1.8.2 (`streaming/v3`) and assemblyai.com/docs/streaming; put together in docs/vendors/assemblyai.md.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Struct

from shared.provider_failures import FailureCause
from shared.providers.errors import DECODE_ERRORS, KeyRefused, ProviderBusy, ProviderError, make_unreadable

PATH: Final = "/v3/ws"
# The version of the API whose messages are read here, as the official SDK names it.
VERSION: Final = "2025-05-12"
FORCE_ENDPOINT: Final = '{"type":"ForceEndpoint"}'
TERMINATE: Final = '{"type":"Terminate"}'

QueryField = str | int | float | bool | Sequence[str] | None

# Codes of the current page of close codes, and those that the SDK still lists.
_TOO_MANY: Final = (1013, 3009, 4102)
_UNPAID: Final = (4002, 4003)
_NOT_AUTHORIZED: Final = 4001
# An account problem of any kind; only its text tells which.
_POLICY: Final = 1008
# A message, a parameter or a piece of audio that the vendor does not take: the same would be refused again.
_REFUSED: Final = (3006, 3007, 4000, 4029, 4032, 4033, 4034, 4100, 4101)
_UNPAID_TEXT: Final = re.compile(r"balance|fund|billing|credits?\b|paid", re.IGNORECASE)
_TOO_MANY_TEXT: Final = re.compile(r"too many|concurren|\brate\b", re.IGNORECASE)


class _Word(Struct, frozen=True):
    """start, end: ms of the audio that was sent."""

    text: str
    start: float = 0.0
    end: float = 0.0


class TurnMessage(Struct, frozen=True):
    """Any message; fields that others have keep their defaults. transcript: of the whole turn, without words that may
    still change. end_of_turn_confidence: 0-1; no message is refused because of it."""

    type: str = ""
    turn_order: int = 0
    turn_is_formatted: bool = False
    end_of_turn: bool = False
    transcript: str = ""
    end_of_turn_confidence: Any = None
    words: tuple[_Word, ...] = ()
    error_code: int | None = None
    error: str = ""


_DECODER: Final = msgspec.json.Decoder(TurnMessage)


def make_url(base_url: str, query: Mapping[str, QueryField]) -> str:
    """The WebSocket address. Values of None are left out, booleans are in lower case, lists are JSON."""
    base = re.sub(r"^http", "ws", base_url.rstrip("/"))
    values = {name: _encode(value) for name, value in query.items() if value is not None}
    return f"{base}{PATH}?{urlencode(values, quote_via=quote)}"


def make_headers(api_key: str) -> dict[str, str]:
    """The headers of a handshake: the key stands alone, without a scheme."""
    return {"AssemblyAI-Version": VERSION, **({"Authorization": api_key} if api_key else {})}


def read_message(provider: str, message: bytes) -> TurnMessage:
    """A message of the server. Raises ProviderError for the vendor's error and for what cannot be read."""
    try:
        found = _DECODER.decode(message)
    except DECODE_ERRORS:
        raise make_unreadable(provider) from None
    if found.type == "Error" or (not found.type and found.error):
        raise make_error(provider, found.error_code or 0, found.error, "error").with_answer(message)
    return found


def make_error(provider: str, code: int, text: str, what: str, cause: FailureCause = "error") -> ProviderError:
    """The error for a code of the vendor's, of an Error message or of a close frame. text: tells why an account is
    refused, and is dropped, because it may quote the caller or the key. cause: of a code that says nothing."""
    reason = f"{what} {code}" if code else what
    if code in _TOO_MANY or (code == _POLICY and _TOO_MANY_TEXT.search(text)):
        return ProviderBusy(provider, reason)
    if code in _UNPAID or (code == _POLICY and _UNPAID_TEXT.search(text)):
        return ProviderBusy(provider, reason, retryable=False)
    if code in (_NOT_AUTHORIZED, _POLICY):
        return KeyRefused(provider, reason)
    if code in _REFUSED:
        return ProviderError(provider, reason, retryable=False, cause="refused")
    return ProviderError(provider, reason, cause=cause)


def make_closed(provider: str, code: int, reason: str) -> ProviderError:
    """The error for a connection that the vendor closed while it was needed."""
    return make_error(provider, code, reason, "closed with", "cut")


def _encode(value: QueryField) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    return json.dumps(list(value or ()), ensure_ascii=False)

"""What Deepgram's protocols have in common: addresses, error codes, and the recognisers' messages; pure.

Source: developers.deepgram.com (reference of /v1/listen, /v2/listen, /v1/speak, read 2026-11-25), deepgram-sdk 7.17.0.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from shared.provider_failures import FailureCause
from shared.providers.errors import ProviderBusy, ProviderError, is_error_code
from shared.providers.segments import TranscribedResult

QueryValue = str | int | float | bool | Sequence[str]

_CLOSE_CODE: Final = re.compile(r"[A-Z][A-Za-z]*-\d{4}")
# The audio or a message cannot be read (DATA-0000), or is too long: the same request would fail again.
_REQUEST_FAULTS: Final = ("DATA-", "BIG-", "SchemaError")


@dataclass(frozen=True, slots=True)
class ListenProtocol:
    """One of the two protocols for streamed recognition.

    path: of the address. finalise: the message that asks for the final text. keep_alive: the message for times without
    audio, empty where there is none. chunk_bytes: of mu-law audio in one message. read: a message; None for one that
    holds no text; raises ProviderError for the vendor's error and for what cannot be read.
    """

    path: str
    finalise: str
    keep_alive: str
    chunk_bytes: int
    read: Callable[[str, bytes], TranscribedResult | None]


def make_url(base_url: str, path: str, query: Mapping[str, QueryValue | None]) -> str:
    """The WebSocket address of a path, whose version counts and not the base's. Values of None are left out, booleans
    are in lower case, lists are repeated."""
    base = re.sub(r"^http", "ws", re.sub(r"/v\d+$", "", base_url.rstrip("/")))
    values = [(name, _encode(value)) for name, value in query.items() if value is not None]
    return f"{base}{path}?{urlencode(values, doseq=True)}"


def make_headers(api_key: str) -> dict[str, str]:
    """The header that holds the key; none for a server without keys."""
    return {"Authorization": f"Token {api_key}"} if api_key else {}


def make_error(provider: str, code: str, what: str, cause: FailureCause = "error") -> ProviderError:
    """An error with the vendor's code, if it is one; the vendor's text is dropped, because it may quote the caller.
    cause: of an error whose code says nothing of the request."""
    code = code if is_error_code(code) else ""
    reason = f"{what} {code}".strip()
    if code.startswith("TOO_MANY_REQUESTS"):
        return ProviderBusy(provider, reason)
    if code.startswith(_REQUEST_FAULTS):
        return ProviderError(provider, reason, retryable=False, cause="refused")
    return ProviderError(provider, reason, cause=cause)


def map_close(provider: str, status: int, reason: str) -> ProviderError:
    """The error for a connection that the vendor closed. reason: begins with a code such as NET-0001, if it has one."""
    found = _CLOSE_CODE.match(reason)
    return make_error(provider, found[0] if found else "", f"closed with {status}", "cut")


def _encode(value: QueryValue) -> str | Sequence[str]:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str | Sequence) else f"{value:g}"

"""What the protocols of Azure's speech service have in common: addresses, headers and errors; pure.

Put together in docs/vendors/azure.md.
"""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from shared.provider_failures import FailureCause
from shared.providers.errors import KeyRefused, ProviderBusy, ProviderError

# Units of 100 ns, in which the service counts.
TICKS_PER_MS: Final = 10_000
QueryItem = str | int | bool | None

# Close codes. 4429: the account has too many requests at once; 1013: the service has no room.
_TOO_MANY: Final = (4429, 1013)
# The request, its SSML or its audio is not taken, or the protocol is not kept: the same would be refused again.
_REFUSED: Final = (1002, 1003, 1007, 4000)
_UNAUTHORIZED: Final = (4401, 4403)
# HTTP 403 is a key without rights, and also this.
_QUOTA: Final = re.compile(rb"quota", re.IGNORECASE)


def make_url(base_url: str, path: str, query: Mapping[str, QueryItem]) -> str:
    """The WebSocket address of a path. Values of None are left out, booleans are in lower case."""
    base = re.sub(r"^http", "ws", base_url.rstrip("/"))
    values = {name: _encode(value) for name, value in query.items() if value is not None}
    return f"{base}{path}?{urlencode(values, quote_via=quote)}" if values else base + path


def make_headers(api_key: str, connection_id: str) -> dict[str, str]:
    """The headers of a handshake. api_key: of the resource; empty for a server without keys. connection_id: a UUID
    without dashes, a new one for each connection."""
    return {"X-ConnectionId": connection_id, **({"Ocp-Apim-Subscription-Key": api_key} if api_key else {})}


def refine_refusal(error: ProviderError) -> ProviderError:
    """The error of a handshake by its answer: a used up quota is told by 403, too."""
    if isinstance(error, KeyRefused) and _QUOTA.search(error.answer):
        return ProviderBusy(error.provider, f"{error.reason}, quota", retryable=False).with_answer(error.answer)
    return error


def make_closed(provider: str, code: int, words: str) -> ProviderError:
    """The error for a connection that was closed while it was needed. words: of the close frame; they may quote the
    text, so that only the doctor reads them."""
    return _make_closed(provider, code, f"closed with {code}").with_answer(msgspec.json.encode({"message": words}))


def _make_closed(provider: str, code: int, reason: str) -> ProviderError:
    if code in _TOO_MANY:
        return ProviderBusy(provider, reason)
    if code in _UNAUTHORIZED:
        return KeyRefused(provider, reason)
    cause: FailureCause = "refused" if code in _REFUSED else "cut"
    return ProviderError(provider, reason, retryable=cause == "cut", cause=cause)


def _encode(value: QueryItem) -> str | int | None:
    return str(value).lower() if isinstance(value, bool) else value

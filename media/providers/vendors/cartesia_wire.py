"""What Cartesia's protocols have in common: version, addresses and errors; pure.

Source: cartesia 4.2.0 (its types and resources) and docs.cartesia.ai; put together in docs/vendors/cartesia.md.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote, urlencode

from msgspec import Struct

from shared.providers.errors import (
    KeyRefused,
    ProviderBusy,
    ProviderError,
    ProviderSlow,
    cause_of_status,
    is_error_code,
)

# The messages here are those of this version; the vendor keeps a dated version as it was.
VERSION: Final = "2026-08-14"

QueryField = str | int | float | Sequence[str] | None

_BUSY: Final = 429
_NO_CREDIT: Final = 402
_UNAUTHORIZED: Final = (401, 403)
_TIMEOUTS: Final = (408, 504)


class ErrorEvent(Struct, frozen=True):
    """An error of a WebSocket, without title and message, which may quote what was said."""

    status_code: int | None = None
    error_code: str | None = None


def make_url(base_url: str, path: str, query: Mapping[str, QueryField]) -> str:
    """The WebSocket address of a path. Values of None are left out, lists are repeated, a blank is %20."""
    base = re.sub(r"^http", "ws", base_url.rstrip("/"))
    values = {name: value for name, value in query.items() if value is not None}
    return f"{base}{path}?{urlencode(values, doseq=True, quote_via=quote)}" if values else f"{base}{path}"


def make_headers(api_key: str) -> dict[str, str]:
    """The headers of a handshake."""
    return {"Cartesia-Version": VERSION, **({"X-API-Key": api_key} if api_key else {})}


def make_error(provider: str, event: ErrorEvent) -> ProviderError:
    """The error for an event, with the vendor's code and status only."""
    code = event.error_code if event.error_code and is_error_code(event.error_code) else ""
    status = event.status_code or 0
    reason = f"error {status or ''} {code}".replace("  ", " ").strip()
    if status == _NO_CREDIT:
        return ProviderBusy(provider, reason, retryable=False)
    if status == _BUSY:
        return ProviderBusy(provider, reason)
    if status in _UNAUTHORIZED:
        return KeyRefused(provider, reason)
    if status in _TIMEOUTS:
        return ProviderSlow(provider, reason)
    return ProviderError(provider, reason, retryable=status >= 500 or not status, cause=cause_of_status(status))


def base_language(language: str) -> str:
    """ "en" of "en-GB": the vendor takes no regions."""
    return language.partition("-")[0].lower()

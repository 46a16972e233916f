"""What ElevenLabs' protocols have in common: addresses, headers and errors; pure.

Source: elevenlabs 2.78.0 (its types and realtime clients) and elevenlabs.io/docs; put together in
docs/vendors/elevenlabs.md.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec

from shared.providers.errors import DECODE_ERRORS, KeyRefused, ProviderBusy, ProviderError, is_error_code
from shared.providers.errors import make_closed as make_cut

QueryItem = str | int | float | bool | Sequence[str] | None

# Codes of errors: of HTTP answers (`detail.status`), of the voice's socket (`error`), of Scribe (`message_type`).
QUOTA: Final = "quota_exceeded"
_KEYS: Final = frozenset(
    [
        "auth_error",
        "invalid_api_key",
        "missing_api_key",
        "missing_permissions",
        "needs_authorization",
        "invalid_authorization_header",
        "unaccepted_terms",
    ]
)
_BUSY: Final = frozenset(
    [
        "too_many_concurrent_requests",
        "system_busy",
        "max_active_conversations",
        "rate_limited",
        "queue_overflow",
        "resource_exhausted",
    ]
)
_REQUESTS: Final = frozenset(
    [
        "voice_not_found",
        "voice_id_does_not_exist",
        "model_not_found",
        "model_id_does_not_exist",
        "unsupported_model",
        "invalid_request",
        "input_error",
        "chunk_size_exceeded",
    ]
)
_ENDED: Final = frozenset(["session_time_limit_exceeded", "insufficient_audio_activity", "input_timeout_exceeded"])
# The close code of refusals, and the codes that sentences in its reason stand for.
_POLICY: Final = 1008
_REASONS: Final = (
    (re.compile(r"quota|credits? remaining|payment", re.IGNORECASE), QUOTA),
    (re.compile(r"api key|unusual activity|permission|unauthori[sz]ed", re.IGNORECASE), "invalid_api_key"),
    (re.compile(r"concurrent requests|system is busy|heavy traffic", re.IGNORECASE), "too_many_concurrent_requests"),
    (re.compile(r"maximum simultaneous contexts", re.IGNORECASE), "max_active_conversations"),
    (re.compile(r"does not exist|not found|not supported", re.IGNORECASE), "invalid_request"),
)


def make_url(base_url: str, path: str, query: Mapping[str, QueryItem]) -> str:
    """The WebSocket address of a path. Values of None are left out, booleans are in lower case, lists are repeated."""
    base = re.sub(r"^http", "ws", base_url.rstrip("/"))
    values = [(name, _encode(value)) for name, value in query.items() if value is not None]
    return f"{base}{path}?{urlencode(values, doseq=True, quote_via=quote)}"


def make_headers(api_key: str) -> dict[str, str]:
    """The header that holds the key; none for a server without keys."""
    return {"xi-api-key": api_key} if api_key else {}


def make_error(provider: str, code: str) -> ProviderError:
    """The error for one of the vendor's codes. Its text is dropped, because it may quote the key or the caller."""
    code = code if is_error_code(code) else ""
    reason = f"error {code}".strip()
    if code == QUOTA:
        return ProviderBusy(provider, reason, retryable=False)
    if code in _BUSY:
        return ProviderBusy(provider, reason)
    if code in _KEYS:
        return KeyRefused(provider, reason)
    if code in _REQUESTS:
        return ProviderError(provider, reason, retryable=False, cause="refused")
    return ProviderError(provider, reason, cause="cut" if code in _ENDED else "error")


def make_closed(provider: str, code: int, reason: str) -> ProviderError:
    """The error for a connection that the vendor closed while it was needed. reason: a code or a sentence, which counts
    where no message came before, and is dropped, because it may quote the caller or the key."""
    sentence = reason if code == _POLICY else ""
    told = make_error(provider, next((name for pattern, name in _REASONS if pattern.search(sentence)), reason))
    return told if told.cause != "error" else make_cut(provider, code)


def refine_refusal(error: ProviderError) -> ProviderError:
    """The error of a handshake by the code in its answer: of HTTP 401, ElevenLabs makes a used up quota, too."""
    code = _read_code(error.answer)
    if not code:
        return error
    refined = make_error(error.provider, code)
    return refined.with_answer(error.answer) if refined.cause != "error" else error


def base_language(language: str) -> str:
    """ "en" of "en-GB": the vendor takes no regions, and has one Norwegian."""
    base = language.partition("-")[0].lower()
    return "no" if base == "nb" else base


def _read_code(answer: bytes) -> str:
    """`detail.status` of a JSON answer; empty where there is none."""
    try:
        decoded: Any = msgspec.json.decode(answer)
    except DECODE_ERRORS:
        return ""
    detail = decoded.get("detail") if isinstance(decoded, dict) else None
    code = detail.get("status") if isinstance(detail, dict) else None
    return code if isinstance(code, str) else ""


def _encode(value: QueryItem) -> str | int | float | Sequence[str] | None:
    return str(value).lower() if isinstance(value, bool) else value

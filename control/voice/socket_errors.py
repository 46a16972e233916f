"""Errors that speech vendors report as the first message of a WebSocket, with the HTTP status that they stand for.

Sources: docs/vendors/assemblyai.md (`error_code`), docs/vendors/cartesia.md (`type`, `status_code`),
docs/vendors/elevenlabs.md (`error` of a voice's socket, `message_type` of Scribe's), docs/vendors/soniox.md
(`error_code`, an HTTP status), developers.deepgram.com (`type`).
"""

from collections.abc import Mapping
from typing import Any, Final

_STATUSES: Final[Mapping[str, int]] = {
    "auth_error": 401,
    "invalid_api_key": 401,
    "missing_api_key": 401,
    "missing_permissions": 401,
    "needs_authorization": 401,
    "unaccepted_terms": 403,
    "quota_exceeded": 402,
    "rate_limited": 429,
    "queue_overflow": 429,
    "resource_exhausted": 429,
    "system_busy": 429,
    "too_many_concurrent_requests": 429,
    "invalid_request": 400,
    "input_error": 400,
    "model_not_found": 404,
    "voice_not_found": 404,
    "voice_id_does_not_exist": 404,
}


# Of AssemblyAI: the codes of its close frames, of which one is for every trouble with an account.
_ACCOUNT_REFUSED: Final = 1008
_ACCOUNT_STATUSES: Final[Mapping[str, int]] = {"balance": 402, "fund": 402, "too many": 429}
_STATUS_OF_CODE: Final[Mapping[int, int]] = {3009: 429, 4001: 401, 4002: 402, 4003: 402}


def find_error_status(message: Mapping[str, Any]) -> int | None:
    """The status of an error, 0 for one whose status is not known; None for a message that is none."""
    if str(message.get("type", "")).lower() == "error":
        status = message.get("status_code")
        return status if isinstance(status, int) else _status_of_code(message)
    if "error_message" in message:
        code = message.get("error_code")
        return code if isinstance(code, int) else 0
    error = message.get("error")
    if not isinstance(error, str):
        return None
    return _STATUSES.get(str(message.get("message_type", error)), 0)


def _status_of_code(message: Mapping[str, Any]) -> int:
    code = message.get("error_code")
    if code == _ACCOUNT_REFUSED:
        text = str(message.get("error", "")).lower()
        return next((status for word, status in _ACCOUNT_STATUSES.items() if word in text), 401)
    return _STATUS_OF_CODE.get(code, 0) if isinstance(code, int) else 0

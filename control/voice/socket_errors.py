"""Errors that speech vendors report as the first message of a WebSocket, with the HTTP status that they stand for.

Sources: docs/vendors/cartesia.md (`type`, `status_code`), docs/vendors/elevenlabs.md (`error` of a voice's socket,
`message_type` of Scribe's), developers.deepgram.com (`type`).
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


def find_error_status(message: Mapping[str, Any]) -> int | None:
    """The status of an error, 0 for one whose status is not known; None for a message that is none."""
    if str(message.get("type", "")).lower() == "error":
        status = message.get("status_code")
        return status if isinstance(status, int) else 0
    error = message.get("error")
    if not isinstance(error, str):
        return None
    return _STATUSES.get(str(message.get("message_type", error)), 0)

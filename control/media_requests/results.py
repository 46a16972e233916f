"""Results of handlers as JSON text."""

from typing import Any

import msgspec

from shared.bus.requests import MAX_BYTES
from shared.errors import Invalid


def encode_result(value: Any) -> str:
    """Raises Invalid (reply_too_large) for more than MAX_BYTES."""
    text = msgspec.json.encode(value)
    if len(text) > MAX_BYTES:
        raise Invalid(f"The answer has more than {MAX_BYTES} bytes.", code="reply_too_large")
    return text.decode()

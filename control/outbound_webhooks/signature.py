"""Signatures of Standard Webhooks (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/
standard-webhooks.md), symmetric scheme: pure."""

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Sequence
from datetime import datetime
from typing import Final

PREFIX: Final = "whsec_"
# The specification wants 24 to 64.
KEY_BYTES: Final = 32


def new_secret() -> str:
    """A random secret as receivers configure it: whsec_ and the key in base64."""
    return PREFIX + b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def sign(webhook_id: str, at: datetime, body: bytes, keys: Sequence[str]) -> dict[str, str]:
    """The headers of a request with this body. keys: secrets, each of which signs; a receiver accepts one that it
    knows."""
    timestamp = str(int(at.timestamp()))
    content = b".".join((webhook_id.encode(), timestamp.encode(), body))
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{_digest(key, content)}" for key in keys),
    }


def _digest(key: str, content: bytes) -> str:
    digest = hmac.new(b64decode(key.removeprefix(PREFIX)), content, hashlib.sha256)
    return b64encode(digest.digest()).decode()

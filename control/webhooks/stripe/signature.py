"""Verifies Stripe's signature (docs.stripe.com/webhooks/signature)."""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from control.webhooks.inbox.source import BadSignature

# In both directions, because clocks differ. Stripe's SDK has the same figure, for the past only.
TOLERANCE_S: Final = 300
# More are not sent: two while a secret is replaced.
_MOST_SIGNATURES: Final = 10


class StripeSecrets:
    """The endpoint's signing secrets, whole, with `whsec_`; the old and the new one while they are replaced."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = [secret.encode() for secret in secrets]

    def check(self, body: bytes, header: str | None, now: datetime) -> None:
        """header: `t=seconds,v1=hex[,v1=hex…]`; other schemes are ignored. Signed are the time, "." and the raw body.
        Raises BadSignature."""
        if not header:
            raise BadSignature("missing")
        if not self._secrets:
            raise BadSignature("no_key")
        parts = [part.strip().partition("=")[::2] for part in header.split(",")]
        timestamp = next((value for name, value in parts if name == "t"), "")
        sent = [value.encode("utf-8", "replace") for name, value in parts if name == "v1"][:_MOST_SIGNATURES]
        signed = timestamp.encode("utf-8", "replace") + b"." + body
        wanted = [hmac.new(secret, signed, hashlib.sha256).hexdigest().encode() for secret in self._secrets]
        if not any(hmac.compare_digest(one, other) for one in wanted for other in sent):
            raise BadSignature("wrong")
        # The time is checked last: only now it is known to be Stripe's.
        if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 12:
            raise BadSignature("stale")
        if abs(now.timestamp() - int(timestamp)) > TOLERANCE_S:
            raise BadSignature("stale")

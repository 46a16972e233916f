"""Whether a webhook really comes from the carrier: Twilio's HMAC with its account's token, Telnyx's ed25519."""

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from shared.twilio_signature import is_signed

# Both ways, as clocks differ; Telnyx's own SDK takes the same.
TOLERANCE_S: Final = 300


class BadSignature(Exception):
    """Not from the carrier, as far as can be told. reason: for logs and metrics, one of "missing", "wrong", "stale",
    "no_key", "unknown_account"."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TwilioTokens:
    """The tokens of our account and its subaccounts, each of which signs its own traffic."""

    def __init__(self, tokens: Sequence[tuple[str, str]], *, required: bool = True) -> None:
        """required: whether a request without any signature is refused; a wrong one always is."""
        self._required = required
        self._main = tokens[0][0] if tokens else ""
        self._tokens: dict[str, list[str]] = {}
        for account, token in tokens:
            self._tokens.setdefault(account, []).append(token)

    def check(
        self,
        url: str,
        given: str | None,
        account: str,
        *,
        fields: Sequence[tuple[str, str]] = (),
        body: bytes | None = None,
    ) -> None:
        """url, fields, body: see shared/twilio_signature. account: the request's AccountSid; without one it counts as
        the main account's. Raises BadSignature."""
        if given is None:
            if self._required:
                raise BadSignature("missing")
            return
        if not self._tokens:
            raise BadSignature("no_key")
        tokens = self._tokens.get(account or self._main)
        if tokens is None:
            raise BadSignature("unknown_account")
        if not is_signed(tokens, url, given, fields=fields, body=body):
            raise BadSignature("wrong")


class TelnyxKeys:
    """The public keys of our Telnyx account, the old and the new one while they rotate."""

    def __init__(self, keys: Sequence[str]) -> None:
        """keys: base64 of 32 bytes each. Raises ValueError for one that is none; it names no key."""
        self._keys = [_key(number, text) for number, text in enumerate(keys, start=1)]

    def check(self, body: bytes, signature: str | None, timestamp: str | None, now: datetime) -> None:
        """Signed is the timestamp (Unix seconds), "|" and the raw body. Raises BadSignature."""
        if not signature or not timestamp:
            raise BadSignature("missing")
        if not self._keys:
            raise BadSignature("no_key")
        try:
            sealed = base64.b64decode(signature, validate=True)
        except (binascii.Error, ValueError):
            raise BadSignature("wrong") from None
        if not any(_is_of(key, sealed, timestamp.encode("utf-8", "replace") + b"|" + body) for key in self._keys):
            raise BadSignature("wrong")
        # Afterwards: now the time is what the carrier said.
        if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 12:
            raise BadSignature("stale")
        if abs(now.timestamp() - int(timestamp)) > TOLERANCE_S:
            raise BadSignature("stale")


def _key(number: int, text: str) -> Ed25519PublicKey:
    try:
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        raise ValueError(f"Telnyx's public key number {number} is not base64 of 32 bytes") from None


def _is_of(key: Ed25519PublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        key.verify(signature, signed)
    except InvalidSignature:
        return False
    return True

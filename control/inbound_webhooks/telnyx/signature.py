"""Verifies Telnyx's signature and parses the event (docs: voice/programmable-voice/voice-api-webhooks)."""

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from control.inbound_webhooks.source import BadSignature, WebhookOptions, WebhookRequest
from control.inbound_webhooks.telnyx.wire import TelnyxEvent, parse_event

SIGNATURE_HEADER: Final = "telnyx-signature-ed25519"
TIMESTAMP_HEADER: Final = "telnyx-timestamp"
# Applies in both directions, because clocks differ. Telnyx's SDK has the same limit.
TOLERANCE_S: Final = 300


class TelnyxKeys:
    """The public keys of our Telnyx account. Has the old and the new key during a rotation."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Parse the keys. Raises ValueError for an invalid key, without the key in the message.

        Args:
            keys: Base64 of 32 bytes each.
        """
        self._keys = [_decode_key(number, text) for number, text in enumerate(keys, start=1)]

    def check(self, body: bytes, signature: str | None, timestamp: str | None, now: datetime) -> None:
        """Verify a signature.

        The signed bytes are the timestamp (Unix seconds), "|" and the raw body. Raises BadSignature.
        """
        if not signature or not timestamp:
            raise BadSignature("missing")
        if not self._keys:
            raise BadSignature("no_key")
        try:
            decoded = base64.b64decode(signature, validate=True)
        except (binascii.Error, ValueError):
            raise BadSignature("wrong") from None
        if not any(_verifies(key, decoded, timestamp.encode("utf-8", "replace") + b"|" + body) for key in self._keys):
            raise BadSignature("wrong")
        # The timestamp is checked last, because the signature has only now proved that it comes from Telnyx.
        if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 12:
            raise BadSignature("stale")
        if abs(now.timestamp() - int(timestamp)) > TOLERANCE_S:
            raise BadSignature("stale")


def _decode_key(number: int, text: str) -> Ed25519PublicKey:
    try:
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        raise ValueError(f"Telnyx's public key number {number} is not base64 of 32 bytes") from None


def _verifies(key: Ed25519PublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        key.verify(signature, signed)
    except InvalidSignature:
        return False
    return True


class TelnyxReader:
    """Reads requests of Telnyx. Implements SourceReader."""

    name = "telnyx"

    def __init__(self, options: WebhookOptions) -> None:
        """Create the reader. Raises ValueError for an invalid public key."""
        self._keys = TelnyxKeys(options.telnyx_public_keys)

    def claims(self, request: WebhookRequest) -> bool:
        """Return whether the request has Telnyx's signature header."""
        return SIGNATURE_HEADER in request.headers

    def verify(self, request: WebhookRequest, now: datetime) -> None:
        """Verify the signature over the raw body."""
        headers = request.headers
        self._keys.check(request.body, headers.get(SIGNATURE_HEADER), headers.get(TIMESTAMP_HEADER), now)

    def parse(self, request: WebhookRequest, now: datetime) -> TelnyxEvent:
        """Parse an event. The query's `call` is our id of a call that we placed. Raises Malformed."""
        return parse_event(request.body, request.query.get("call", ""), now)

"""The signature of webhooks: ed25519 over "<timestamp>|<raw body>", one key pair per account.

Source: developers.telnyx.com/docs/voice/programmable-voice/receiving-webhooks.
"""

import base64
import binascii

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_SEED = 32


class WebhookSigner:
    """The account's key pair.

    Attributes:
        public_key: Base64 of 32 bytes, as shown in the portal.
    """

    def __init__(self, seed: str) -> None:
        """Create the key pair from the base64 of a 32-byte seed. Raises ValueError."""
        self._key = Ed25519PrivateKey.from_private_bytes(_bytes(seed))
        self.public_key = base64.b64encode(self._key.public_key().public_bytes_raw()).decode("ascii")

    def headers(self, body: bytes, timestamp: int) -> dict[str, str]:
        """Return the two headers of a webhook. `timestamp` is Unix seconds."""
        signature = self._key.sign(str(timestamp).encode("ascii") + b"|" + body)
        return {
            "telnyx-timestamp": str(timestamp),
            "telnyx-signature-ed25519": base64.b64encode(signature).decode("ascii"),
        }


def _bytes(seed: str) -> bytes:
    try:
        decoded = base64.b64decode(seed, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"signing_key is not base64: {error}") from error
    if len(decoded) != _SEED:
        raise ValueError(f"signing_key must be {_SEED} bytes, not {len(decoded)}")
    return decoded

"""The `state` of an OAuth flow: random and signed, so that it tells nothing and a forged one costs no query."""

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from control.integrations.model import STATE_PURPOSE
from shared.secrets import Sealer

_RANDOM_CHARACTERS = 43  # 32 bytes in base64url
_SIGNATURE_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class NewState:
    """text: for the vendor. hash: for the database."""

    text: str = field(repr=False)
    hash: bytes


class StateSigner:
    """Signs with the first of the keys that are derived from the secret keys, and accepts any."""

    def __init__(self, sealer: Sealer) -> None:
        self._keys: Sequence[bytes] = sealer.derive(STATE_PURPOSE)

    def new(self, integration_type: str) -> NewState:
        """A state for a flow at the vendor of this type."""
        random = secrets.token_urlsafe(32)
        return NewState(random + _sign(self._keys[0], random, integration_type), _hash(random))

    def check(self, text: str, integration_type: str) -> bytes | None:
        """The hash of a state that we signed for this type; None for any other text."""
        random, signature = text[:_RANDOM_CHARACTERS], text[_RANDOM_CHARACTERS:]
        if len(signature) != _SIGNATURE_CHARACTERS or not text.isascii():
            return None
        if any(hmac.compare_digest(_sign(key, random, integration_type), signature) for key in self._keys):
            return _hash(random)
        return None


def _sign(key: bytes, random: str, integration_type: str) -> str:
    return hmac.new(key, f"{random} {integration_type}".encode(), sha256).hexdigest()


def _hash(random: str) -> bytes:
    return sha256(random.encode()).digest()

"""Random tokens that we hand out and keep only as a hash: 256 bits, so that a plain SHA-256 is enough."""

import secrets
from dataclasses import dataclass
from hashlib import sha256


@dataclass(frozen=True, slots=True)
class Fresh:
    """A new token. text: for its holder. hash: for the database."""

    text: str
    hash: bytes


def fresh() -> Fresh:
    """A token that nobody guesses."""
    text = secrets.token_urlsafe(32)
    return Fresh(text, token_hash(text))


def token_hash(text: str) -> bytes:
    """As the database knows it."""
    return sha256(text.encode()).digest()

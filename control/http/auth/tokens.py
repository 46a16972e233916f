"""Random tokens that are stored only as hashes. They have 256 random bits, so a plain SHA-256 is sufficient."""

import secrets
from dataclasses import dataclass
from hashlib import sha256


@dataclass(frozen=True, slots=True)
class NewToken:
    """A new token.

    Attributes:
        text: The token for the recipient.
        hash: The hash for the database.
    """

    text: str
    hash: bytes


def new_token() -> NewToken:
    """Return a new random token."""
    text = secrets.token_urlsafe(32)
    return NewToken(text, token_hash(text))


def token_hash(text: str) -> bytes:
    """Return the hash that the database stores."""
    return sha256(text.encode()).digest()

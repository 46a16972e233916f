"""Secrets at rest: sealed with AES-256-GCM under keys that rotate; and keys for other uses, derived from those.

A sealed value is `version (1 byte) | key's mark (4) | nonce (12) | ciphertext and tag`. Every purpose has a key of its
own, so that what was sealed for one is refused for another.
"""

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
_VERSION = b"\x01"
_MARK_BYTES = 4
_NONCE_BYTES = 12
_HEAD_BYTES = len(_VERSION) + _MARK_BYTES + _NONCE_BYTES


class Unsealable(ValueError):
    """Not sealed by us for this purpose, changed since, or sealed with a key that is no longer listed."""


class Sealer:
    """Seals with the first key and opens with all. keys: 32 bytes each; a new one is put in front of the old ones."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise ValueError(f"secret keys: at least one is needed, of {KEY_BYTES} bytes each")
        self._keys = tuple(keys)
        self._marks = tuple(_expand(key, "mark", _MARK_BYTES) for key in keys)
        self._ciphers: dict[tuple[bytes, str], AESGCM] = {}

    def seal(self, plain: bytes, purpose: str) -> bytes:
        """A value that only this purpose opens again; different each time."""
        head = _VERSION + self._marks[0] + os.urandom(_NONCE_BYTES)
        return head + self._cipher(self._keys[0], purpose).encrypt(head[-_NONCE_BYTES:], plain, head)

    def open(self, sealed: bytes, purpose: str) -> bytes:
        """What was sealed. Raises Unsealable."""
        if len(sealed) < _HEAD_BYTES:
            raise Unsealable("too short")
        head, body = sealed[:_HEAD_BYTES], sealed[_HEAD_BYTES:]
        mark = head[len(_VERSION) : len(_VERSION) + _MARK_BYTES]
        for key, ours in zip(self._keys, self._marks, strict=True):
            if ours == mark:
                return self._open(key, purpose, head, body)
        raise Unsealable("sealed with a key that is not listed")

    def derive(self, purpose: str) -> tuple[bytes, ...]:
        """A key of 32 bytes for something else, one for each of ours in their order."""
        return tuple(_expand(key, f"derive {purpose}", KEY_BYTES) for key in self._keys)

    def _open(self, key: bytes, purpose: str, head: bytes, body: bytes) -> bytes:
        try:
            return self._cipher(key, purpose).decrypt(head[-_NONCE_BYTES:], body, head)
        except InvalidTag:
            raise Unsealable("changed since it was sealed, or sealed for another purpose") from None

    def _cipher(self, key: bytes, purpose: str) -> AESGCM:
        found = self._ciphers.get((key, purpose))
        if found is None:
            found = self._ciphers[key, purpose] = AESGCM(_expand(key, f"seal {purpose}", KEY_BYTES))
        return found


def parse_keys(text: str) -> tuple[bytes, ...]:
    """Keys as a setting holds them: base64url, separated by commas. Raises ValueError, which tells no key."""
    keys = tuple(_parse(number, part.strip()) for number, part in enumerate(text.split(","), 1) if part.strip())
    if not keys:
        raise ValueError("at least one key is needed")
    if len(set(keys)) != len(keys):
        raise ValueError("the same key is listed twice")
    return keys


def new_key() -> str:
    """A fresh key, as `parse_keys` reads it."""
    return urlsafe_b64encode(os.urandom(KEY_BYTES)).decode().rstrip("=")


def _parse(number: int, text: str) -> bytes:
    try:
        key = urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))
    except ValueError:
        raise ValueError(f"key {number} is not base64url") from None
    if len(key) != KEY_BYTES:
        raise ValueError(f"key {number} has {len(key)} bytes instead of {KEY_BYTES}")
    return key


def _expand(key: bytes, use: str, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=f"vocalized {use}".encode()).derive(key)

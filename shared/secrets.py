"""Encrypts secrets with AES-256-GCM under rotating keys, and derives keys for other uses.

A sealed value is `version (1 byte) | key id (4) | nonce (12) | ciphertext and tag`. Every purpose has its own derived
key, so a value that was sealed for one purpose cannot be opened for another.
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
_KEY_ID_BYTES = 4
_NONCE_BYTES = 12
_HEAD_BYTES = len(_VERSION) + _KEY_ID_BYTES + _NONCE_BYTES


class UnsealError(ValueError):
    """The value was not sealed by us for this purpose, was changed, or its key is no longer configured."""


class Sealer:
    """Seals with the first key and opens with any. Each of the `keys` has 32 bytes. New keys go in front of old
    ones."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise ValueError(f"secret keys: at least one is needed, of {KEY_BYTES} bytes each")
        self._keys = tuple(keys)
        self._key_ids = tuple(_expand(key, "mark", _KEY_ID_BYTES) for key in keys)
        self._ciphers: dict[tuple[bytes, str], AESGCM] = {}

    @property
    def mark(self) -> bytes:
        """The id of the first key. A value that this key sealed contains the id from its second byte on."""
        return self._key_ids[0]

    def seal(self, plain: bytes, purpose: str) -> bytes:
        """Encrypt a value. The result differs each time, and `open` needs the same purpose."""
        head = _VERSION + self._key_ids[0] + os.urandom(_NONCE_BYTES)
        return head + self._cipher(self._keys[0], purpose).encrypt(head[-_NONCE_BYTES:], plain, head)

    def open(self, sealed: bytes, purpose: str) -> bytes:
        """Decrypt a value. Raises UnsealError."""
        if len(sealed) < _HEAD_BYTES:
            raise UnsealError("too short")
        head, body = sealed[:_HEAD_BYTES], sealed[_HEAD_BYTES:]
        key_id = head[len(_VERSION) : len(_VERSION) + _KEY_ID_BYTES]
        for key, own_id in zip(self._keys, self._key_ids, strict=True):
            if own_id == key_id:
                return self._open(key, purpose, head, body)
        raise UnsealError("sealed with a key that is not listed")

    def derive(self, purpose: str) -> tuple[bytes, ...]:
        """Derive keys of 32 bytes for another use, one from each of our keys, in their order."""
        return tuple(_expand(key, f"derive {purpose}", KEY_BYTES) for key in self._keys)

    def _open(self, key: bytes, purpose: str, head: bytes, body: bytes) -> bytes:
        try:
            return self._cipher(key, purpose).decrypt(head[-_NONCE_BYTES:], body, head)
        except InvalidTag:
            raise UnsealError("changed since it was sealed, or sealed for another purpose") from None

    def _cipher(self, key: bytes, purpose: str) -> AESGCM:
        cipher = self._ciphers.get((key, purpose))
        if cipher is None:
            cipher = self._ciphers[key, purpose] = AESGCM(_expand(key, f"seal {purpose}", KEY_BYTES))
        return cipher


def parse_keys(text: str) -> tuple[bytes, ...]:
    """Parse the setting: base64url keys separated by commas. Raises ValueError, whose message contains no key."""
    keys = tuple(_parse(number, part.strip()) for number, part in enumerate(text.split(","), 1) if part.strip())
    if not keys:
        raise ValueError("at least one key is needed")
    if len(set(keys)) != len(keys):
        raise ValueError("the same key is listed twice")
    return keys


def new_key() -> str:
    """Return a random key in the form that `parse_keys` expects."""
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

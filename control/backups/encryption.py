"""Encrypts and decrypts a stream of any length with AES-256-GCM, in pieces.

A stream is `mark (8 bytes) | salt (16 bytes)`, followed by pieces of 1 MiB of plain text, each with its tag of 16
bytes. The last piece is shorter. The stream's key is derived (HKDF-SHA-256) from a backup key, the mark and the salt. A
piece's nonce is its number (11 bytes, big-endian, from 0) and a byte that is 1 for the last piece. Decryption therefore
detects pieces that are exchanged, left out or cut off (STREAM in Hoang, Reyhanitabar, Rogaway, Vizár 2015, *Online
Authenticated-Encryption*).
"""

import os
from collections.abc import AsyncIterator, Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from control.backups.rules import BackupFailed

MARK: Final = b"VOCBAK\x00\x01"
PIECE_BYTES: Final = 1 << 20
_SALT_BYTES: Final = 16
_TAG_BYTES: Final = 16
_HEAD_BYTES: Final = len(MARK) + _SALT_BYTES


async def encrypt(key: bytes, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the encrypted stream.

    Args:
        key: 32 bytes.
    """
    head = MARK + os.urandom(_SALT_BYTES)
    cipher = _cipher(key, head)
    yield head
    number = 0
    async for piece, is_last in _pieces(chunks, PIECE_BYTES):
        yield cipher.encrypt(_nonce(number, is_last), piece, None)
        number += 1


async def decrypt(keys: Sequence[bytes], chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the plain stream.

    Raises BackupFailed if no key fits, and at a piece that was changed. The output before that piece is genuine but may
    be incomplete.

    Args:
        keys: The keys that the stream may be encrypted with.
    """
    cipher: AESGCM | None = None
    head = bytearray()
    number = 0
    async for piece, is_last in _pieces(_without_head(chunks, head), PIECE_BYTES + _TAG_BYTES):
        cipher = cipher or _find_cipher(keys, bytes(head), piece, is_last)
        try:
            yield cipher.decrypt(_nonce(number, is_last), piece, None)
        except InvalidTag:
            raise BackupFailed(f"the backup was changed or cut off: piece {number} is not genuine") from None
        number += 1


async def _pieces(chunks: AsyncIterator[bytes], size: int) -> AsyncIterator[tuple[bytes, bool]]:
    """Yield pieces of `size` bytes, each with a flag for the last piece.

    The last piece may be shorter, and is empty if the input is empty.
    """
    buffer = bytearray()
    async for chunk in chunks:
        buffer += chunk
        while len(buffer) > size:
            yield bytes(buffer[:size]), False
            del buffer[:size]
    yield bytes(buffer), True


async def _without_head(chunks: AsyncIterator[bytes], head: bytearray) -> AsyncIterator[bytes]:
    """Move the stream's head into `head`, and yield the rest. Raises BackupFailed for another kind of stream."""
    async for chunk in chunks:
        missing = _HEAD_BYTES - len(head)
        head += chunk[:missing]
        if len(chunk) > missing:
            yield chunk[missing:]
    if len(head) < _HEAD_BYTES or not head.startswith(MARK):
        raise BackupFailed("the backup is not encrypted, or its first bytes are cut off")


def _find_cipher(keys: Sequence[bytes], head: bytes, piece: bytes, is_last: bool) -> AESGCM:
    for key in keys:
        cipher = _cipher(key, head)
        try:
            cipher.decrypt(_nonce(0, is_last), piece, None)
        except InvalidTag:
            continue
        return cipher
    raise BackupFailed("none of VOCALIZED_BACKUP_KEYS opens this backup, or its first piece was changed")


def _cipher(key: bytes, head: bytes) -> AESGCM:
    derived = HKDF(algorithm=SHA256(), length=32, salt=head[len(MARK) :], info=b"vocalized backup " + MARK).derive(key)
    return AESGCM(derived)


def _nonce(number: int, is_last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([is_last])

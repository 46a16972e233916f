"""The encrypted stream: what is changed, cut off or exchanged in it is noticed."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.backups import encryption
from control.backups.encryption import MARK, PIECE_BYTES, decrypt, encrypt
from control.backups.rules import BackupFailed

KEY, OTHER = b"k" * 32, b"o" * 32
_HEAD_BYTES = len(MARK) + 16


async def chunks_of(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def encrypted(data: bytes, size: int = 1 << 16, key: bytes = KEY) -> bytes:
    async def run() -> bytes:
        return b"".join([chunk async for chunk in encrypt(key, chunks_of(data, size))])

    return asyncio.run(run())


def decrypted(data: bytes, size: int = 1 << 16, keys: Sequence[bytes] = (KEY,)) -> bytes:
    async def run() -> bytes:
        return b"".join([chunk async for chunk in decrypt(keys, chunks_of(data, size))])

    return asyncio.run(run())


@given(data=st.binary(max_size=200), size=st.integers(1, 50), other_size=st.integers(1, 50))
def test_small_streams_in_any_chunks_come_back(data: bytes, size: int, other_size: int) -> None:
    stored = encrypted(data, size)
    assert len(data) < 5 or data not in stored[_HEAD_BYTES:]
    assert decrypted(stored, other_size, [OTHER, KEY]) == data


@pytest.mark.parametrize("length", [PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 2 * PIECE_BYTES])
def test_streams_around_a_piece_come_back(length: int) -> None:
    data = bytes(range(256)) * (length // 256 + 1)
    assert decrypted(encrypted(data[:length])) == data[:length]


def test_the_same_data_are_never_stored_the_same() -> None:
    assert encrypted(b"data") != encrypted(b"data")


@pytest.mark.parametrize("change", ["head", "piece", "cut", "cut at a piece", "exchanged", "appended"])
def test_a_changed_stream_is_refused(monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    monkeypatch.setattr(encryption, "PIECE_BYTES", 64)
    stored = bytearray(encrypted(bytes(192)))
    first, second = slice(_HEAD_BYTES, _HEAD_BYTES + 80), slice(_HEAD_BYTES + 80, _HEAD_BYTES + 160)
    if change == "head":
        stored[_HEAD_BYTES - 1] ^= 1
    elif change == "piece":
        stored[-20] ^= 1
    elif change == "cut":
        del stored[-1:]
    elif change == "cut at a piece":
        del stored[-80:]
    elif change == "exchanged":
        stored[first], stored[second] = stored[second], stored[first]
    else:
        stored += stored[first]
    with pytest.raises(BackupFailed):
        decrypted(bytes(stored))


def test_another_key_is_refused() -> None:
    with pytest.raises(BackupFailed, match="VOCALIZED_BACKUP_KEYS"):
        decrypted(encrypted(b"data"), keys=[OTHER])


@pytest.mark.parametrize("data", [b"", b"PGDMP", b"PGDMP" * 100])
def test_a_stream_that_is_not_encrypted_is_refused(data: bytes) -> None:
    with pytest.raises(BackupFailed, match="not encrypted"):
        decrypted(data)

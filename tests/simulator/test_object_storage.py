"""The simulated object storage, by the client that the programs use."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp.test_utils import TestServer

from shared.storage import ObjectNotFound, Storage
from simulator.object_storage import ObjectStorage

KEY = "recordings/w/c.wav"


@pytest_asyncio.fixture
async def storage(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Storage]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    async with TestServer(ObjectStorage().app()) as server:
        yield Storage(f"s3://bucket?endpoint=http://127.0.0.1:{server.port}&region=auto", timeout_s=5.0)


async def test_objects_are_stored_read_and_replaced(storage: Storage) -> None:
    with pytest.raises(ObjectNotFound):
        await storage.get(KEY)
    await storage.put(KEY, b"RIFF1")
    await storage.put(KEY, b"RIFF22")
    assert await storage.get(KEY) == b"RIFF22"
    assert await storage.size(KEY) == 6
    assert await storage.read(KEY, 1, 3) == b"IFF"

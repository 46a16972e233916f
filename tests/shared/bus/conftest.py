"""A client of a real Valkey, empty for each test."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from shared.bus.client import bus_client


@pytest.fixture
async def redis(valkey_url: str) -> AsyncIterator[Redis]:
    """With a timeout as in the programs; blocking reads must wait for less."""
    client = bus_client(valkey_url, 5.0)
    await client.flushall()
    yield client
    await client.aclose()

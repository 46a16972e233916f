"""A client of a real Valkey, and of a real cluster of three, empty for each test."""

from collections.abc import AsyncIterator

import pytest

from shared.bus.client import BusClient, bus_client


@pytest.fixture(params=["server", "cluster"])
async def redis(request: pytest.FixtureRequest) -> AsyncIterator[BusClient]:
    """With a timeout as in the programs; blocking reads must wait for less."""
    url = request.getfixturevalue("valkey_url" if request.param == "server" else "valkey_cluster_url")
    client = bus_client(url, 5.0)
    await client.flushall()
    yield client
    await client.aclose()

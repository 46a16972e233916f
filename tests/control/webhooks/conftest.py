"""A world for each test; the database is the module's."""

from collections.abc import AsyncIterator

import pytest

from tests.control.webhooks.stage import World, running


@pytest.fixture
async def world(database_url: str, valkey_url: str) -> AsyncIterator[World]:
    """With a live agent and one media node."""
    async with running(database_url, valkey_url) as made:
        await made.redis.flushall()
        await made.sql("DELETE FROM webhook_events")
        await made.node()
        yield made

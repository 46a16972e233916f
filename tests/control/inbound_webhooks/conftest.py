"""The running webhooks for each test; the database is the module's."""

from collections.abc import AsyncIterator

import pytest

from tests.platform.webhooks import WebhookPlatform, running_webhooks


@pytest.fixture
async def platform(database_url: str, valkey_url: str) -> AsyncIterator[WebhookPlatform]:
    """With live agents and one media node."""
    async with running_webhooks(database_url, valkey_url) as running:
        await running.redis.flushall()
        await running.execute("DELETE FROM webhook_events")
        await running.add_node()
        yield running

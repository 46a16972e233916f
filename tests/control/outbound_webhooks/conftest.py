"""A platform for each test, on the module's database and Valkey, whose customers may be on this machine."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.control.calls.call_platform import CallPlatform, open_call_platform
from tests.control.outbound_webhooks.webhook_workspace import LOOPBACK, WebhookDesk, open_desk


@pytest.fixture
async def platform(database_url: str, valkey_url: str, tmp_path: Path) -> AsyncIterator[CallPlatform]:
    async with open_call_platform(database_url, valkey_url, tmp_path, egress_allow=LOOPBACK) as opened:
        yield opened


@pytest.fixture
async def desk(platform: CallPlatform) -> AsyncIterator[WebhookDesk]:
    async with open_desk(platform) as opened:
        yield opened

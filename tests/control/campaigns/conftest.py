"""A desk for each test, on the module's database and Valkey."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.control.campaigns.campaign_desk import CampaignDesk, open_campaign_desk


@pytest.fixture
async def desk(database_url: str, valkey_url: str, tmp_path: Path) -> AsyncIterator[CampaignDesk]:
    async with open_campaign_desk(database_url, valkey_url, tmp_path) as opened:
        yield opened

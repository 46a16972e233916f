"""A workspace for each test, on the module's database and Valkey."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.control.campaigns.campaign_workspace import CampaignWorkspace, open_campaign_workspace


@pytest.fixture
async def tenant(database_url: str, valkey_url: str, tmp_path: Path) -> AsyncIterator[CampaignWorkspace]:
    async with open_campaign_workspace(database_url, valkey_url, tmp_path) as opened:
        yield opened

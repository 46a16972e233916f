"""A workspace for each test, on the module's platform."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.control.calls.call_platform import CallPlatform, open_call_platform
from tests.control.campaigns.campaign_workspace import CampaignWorkspace, make_campaign_workspace


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def campaign_platform(
    database_url: str, valkey_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[CallPlatform]:
    async with open_call_platform(database_url, valkey_url, tmp_path_factory.mktemp("objects")) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def tenant(campaign_platform: CallPlatform) -> CampaignWorkspace:
    return await make_campaign_workspace(campaign_platform)

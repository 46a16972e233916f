"""The accounts platform, on the module's database."""

from collections.abc import AsyncIterator

import pytest

from tests.control.accounts.accounts_platform import AccountsPlatform, open_accounts


@pytest.fixture
async def platform(database_url: str) -> AsyncIterator[AccountsPlatform]:
    """With the default policy."""
    async with open_accounts(database_url) as platform:
        yield platform

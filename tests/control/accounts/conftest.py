"""A stage per test, on the module's database."""

from collections.abc import AsyncIterator

import pytest

from tests.control.accounts.stage import Stage, stage


@pytest.fixture
async def on(database_url: str) -> AsyncIterator[Stage]:
    """With the usual policy."""
    async with stage(database_url) as made:
        yield made

"""A world per test, on the module's database."""

from collections.abc import AsyncIterator

import pytest

from tests.control.workspaces.stage import World, world


@pytest.fixture
async def of(database_url: str) -> AsyncIterator[World]:
    async with world(database_url) as made:
        yield made

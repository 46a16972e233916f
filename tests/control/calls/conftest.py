"""A house per test, on the module's database and a Valkey of the module's."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.control.calls.stage import House, opened


@pytest.fixture
async def house(database_url: str, valkey_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with opened(database_url, valkey_url, tmp_path) as made:
        yield made

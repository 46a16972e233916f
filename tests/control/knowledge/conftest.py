"""A platform for each test, on the module's database and Valkey."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.control.calls.call_platform import CallPlatform, open_call_platform


@pytest.fixture
async def platform(database_url: str, valkey_url: str, tmp_path: Path) -> AsyncIterator[CallPlatform]:
    async with open_call_platform(database_url, valkey_url, tmp_path) as opened:
        yield opened

"""One platform for the tests of a module: each has workspaces of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.control.calls.call_platform import CallPlatform, open_call_platform


@pytest.fixture
async def platform(database_url: str, valkey_url: str, tmp_path: Path) -> AsyncIterator[CallPlatform]:
    """The platform."""
    async with open_call_platform(database_url, valkey_url, tmp_path) as platform:
        yield platform

"""The workspaces platform, on the module's database."""

from collections.abc import AsyncIterator

import pytest

from tests.control.workspaces.workspaces_platform import WorkspacesPlatform, open_workspaces


@pytest.fixture
async def platform(database_url: str) -> AsyncIterator[WorkspacesPlatform]:
    async with open_workspaces(database_url) as platform:
        yield platform

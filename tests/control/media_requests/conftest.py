"""A platform with an admitted call, and its empty bus."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from control.calls.records.running_calls import AdmittedCall
from tests.control.calls.call_platform import CallPlatform, LiveWorkspace, open_call_platform
from tests.control.media_requests.ends import Node, running_node


@pytest.fixture
async def platform(database_url: str, valkey_url: str, tmp_path: Path) -> AsyncIterator[CallPlatform]:
    """The services; Valkey is empty."""
    async with open_call_platform(database_url, valkey_url, tmp_path) as opened:
        await opened.redis.flushall()
        yield opened


@pytest.fixture
async def workspace(platform: CallPlatform) -> LiveWorkspace:
    """A workspace with a live agent."""
    return await platform.create_workspace()


@pytest.fixture
async def call(platform: CallPlatform, workspace: LiveWorkspace) -> AdmittedCall:
    """A call in progress."""
    return await platform.admit(workspace)


@pytest.fixture
async def node(platform: CallPlatform, valkey_url: str) -> AsyncIterator[Node]:
    """A media node's client."""
    async with running_node(valkey_url) as opened:
        yield opened

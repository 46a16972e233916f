"""The whole platform: programs as processes, both carriers simulated."""

import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest_asyncio

from lab.stage.callers import caller_turns
from lab.stage.platform import Platform, PlatformShape, running_platform
from simulator.carrier.prepared_turn import PreparedTurn
from tests.platform.service_folder import make_service_folder

ROOT = Path(__file__).parents[2]
TURNS = 2
NODES = 2


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def turns() -> Sequence[PreparedTurn]:
    """The turns of every caller."""
    return await caller_turns(ROOT, TURNS)


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def platform() -> AsyncIterator[Platform]:
    """The platform for all tests of this package; its agents record, and so do the carriers."""
    folder = make_service_folder()
    try:
        # Simulated vendors that workspaces connect are on this machine.
        settings = {"VOCALIZED_EGRESS_ALLOW": "127.0.0.0/8"}
        shape = PlatformShape(nodes=NODES, recorded=True, recorder="both", log_level="info", settings=settings)
        async with running_platform(ROOT, folder, shape) as running:
            yield running
    finally:
        shutil.rmtree(folder)

"""The whole platform: programs as processes, both carriers simulated."""

import os
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from tempfile import mkdtemp

import pytest_asyncio

from simulator.carrier.prepared_turn import PreparedTurn
from vocalized.rehearse.callers import caller_turns
from vocalized.rehearse.platform import Platform, PlatformShape, running_platform

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
    folder = mkdtemp(prefix="vocalized-tests-", dir="/tmp")
    os.chmod(folder, 0o711)  # for the user that PostgreSQL runs as
    try:
        shape = PlatformShape(nodes=NODES, recorded=True, recorder="both", log_level="info")
        async with running_platform(ROOT, Path(folder), shape) as running:
            yield running
    finally:
        shutil.rmtree(folder)

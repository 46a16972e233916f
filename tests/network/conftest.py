"""The whole stack: programs as processes, both carriers simulated, people who phone and are phoned."""

import os
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from tempfile import mkdtemp

import pytest_asyncio

from simulator.carrier.prepare import Performance
from vocalized.rehearse.callers import rehearsed
from vocalized.rehearse.stage import Shape, Stage, staged

ROOT = Path(__file__).parents[2]
TURNS = 2
NODES = 2


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def words() -> Sequence[Performance]:
    """What every caller says."""
    return await rehearsed(ROOT, TURNS)


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def stage() -> AsyncIterator[Stage]:
    """The one stage of all these tests; agents record."""
    folder = mkdtemp(prefix="vocalized-tests-", dir="/tmp")
    os.chmod(folder, 0o711)  # for the database's own user
    try:
        async with staged(ROOT, Path(folder), Shape(nodes=NODES, recorded=True)) as made:
            yield made
    finally:
        shutil.rmtree(folder)

"""A bus node on a Valkey that is empty for each test, and plans as control makes them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from media.server.limits import WorkerLimits
from media.server.signature import SignatureCheck
from shared.bus.client import bus_client
from shared.ids import new_id
from shared.plan import CallPlan, decode_plan
from shared.storage import Storage
from tests.media.server.conftest import PLAN
from tests.media.server.phone import UNSIGNED
from tests.platform.bus_node import LIMITS, BusNode, running_bus_node

WORKSPACE = "0193-workspace"


@pytest.fixture
async def redis_url(valkey_url: str) -> str:
    """URL of an empty Valkey."""
    redis = bus_client(valkey_url, 5.0)
    await redis.flushall()
    await redis.aclose()
    return valkey_url


@pytest.fixture
def limits() -> WorkerLimits:
    """Generous limits."""
    return LIMITS


@pytest.fixture
def storage(tmp_path: Path) -> Storage | None:
    """Object storage in a folder."""
    return Storage((tmp_path / "objects").as_uri())


@pytest.fixture
def signatures() -> SignatureCheck:
    """Accepts unsigned upgrades."""
    return UNSIGNED


@pytest.fixture
async def bus_node(
    redis_url: str, tmp_path: Path, limits: WorkerLimits, storage: Storage | None, signatures: SignatureCheck
) -> AsyncIterator[BusNode]:
    """A serving node."""
    async with running_bus_node(
        redis_url, tmp_path / "state", limits=limits, storage=storage, signatures=signatures
    ) as bus_node:
        yield bus_node


@pytest.fixture
def plan() -> CallPlan:
    """Stand-in providers with short delays, for a call of a workspace."""
    return call_plan()


def call_plan(text: bytes = PLAN, *changes: tuple[bytes, bytes]) -> CallPlan:
    """A plan for a new call. changes: (old, new) replacements in the plan's text."""
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    head = b'{"call_id": "%s", "workspace_id": "%s",' % (new_id().encode(), WORKSPACE.encode())
    return decode_plan(text.strip().replace(b"{", head, 1))

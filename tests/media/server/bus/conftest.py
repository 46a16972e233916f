"""A node on a Valkey that each test finds empty, and plans as control makes them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from media.server.limits import Limits
from media.server.signature import Signatures
from shared.bus.client import bus_client
from shared.ids import new_id
from shared.plan import CallPlan, decode_plan
from shared.storage import Storage
from tests.media.server.bus.station import LIMITS, Station, running_station
from tests.media.server.conftest import PLAN
from tests.media.server.phone import UNSIGNED

WORKSPACE = "0193-workspace"


@pytest.fixture
async def redis_url(valkey_url: str) -> str:
    """An empty one."""
    redis = bus_client(valkey_url, 5.0)
    await redis.flushall()
    await redis.aclose()
    return valkey_url


@pytest.fixture
def limits() -> Limits:
    """Roomy ones."""
    return LIMITS


@pytest.fixture
def storage(tmp_path: Path) -> Storage | None:
    """A folder for objects."""
    return Storage((tmp_path / "objects").as_uri())


@pytest.fixture
def signatures() -> Signatures:
    """Of no account: an upgrade needs none."""
    return UNSIGNED


@pytest.fixture
async def station(
    redis_url: str, tmp_path: Path, limits: Limits, storage: Storage | None, signatures: Signatures
) -> AsyncIterator[Station]:
    """The node, serving."""
    async with running_station(
        redis_url, tmp_path / "state", limits=limits, storage=storage, signatures=signatures
    ) as station:
        yield station


@pytest.fixture
def plan() -> CallPlan:
    """Stand-in providers with short delays, for a call of a workspace's."""
    return call_plan()


def call_plan(text: bytes = PLAN, *changes: tuple[bytes, bytes]) -> CallPlan:
    """A plan for a call of its own. changes: what is replaced in the plan's text, by what."""
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    head = b'{"call_id": "%s", "workspace_id": "%s",' % (new_id().encode(), WORKSPACE.encode())
    return decode_plan(text.strip().replace(b"{", head, 1))

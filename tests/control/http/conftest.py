"""The API with probe routes beside the real ones."""

from collections.abc import AsyncIterator

import asyncpg  # type: ignore[import-untyped]
import pytest

from control.app import ROUTES
from control.db.pool import Timeouts
from tests.control.http.probe_routes import ROUTES as PROBE_ROUTES
from tests.control.http.probe_routes import TABLE, Gates, new_gates
from tests.platform.api import Api, running_api
from vocalized.services.postgres import Postgres

# The statements of the API's start must be done in time as well, beside other test processes.
SHORT_TIMEOUTS = Timeouts(acquire=0.2, statement=2)
LIMIT = 4_096


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    """With one database connection, which requests use one after the other, and short timeouts."""
    async with running_api(
        database_url,
        valkey_url,
        routes=(*ROUTES, *PROBE_ROUTES),
        pool_size=1,
        timeouts=SHORT_TIMEOUTS,
        max_body_bytes=LIMIT,
        body_timeout_s=0.3,
    ) as api:
        await api.owner.execute(TABLE)
        yield api


@pytest.fixture
async def wide_api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    """With connections for concurrent requests."""
    async with running_api(database_url, valkey_url, routes=(*ROUTES, *PROBE_ROUTES)) as api:
        await api.owner.execute(TABLE)
        yield api


@pytest.fixture
async def gates() -> Gates:
    """Where the handlers of this test wait."""
    return new_gates()


@pytest.fixture
async def postgres_admin(postgres: Postgres) -> AsyncIterator[asyncpg.Connection]:
    """The owner, connected to another database than the API's."""
    connection = await asyncpg.connect(postgres.url)
    yield connection
    await connection.close()

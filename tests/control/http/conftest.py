"""The application with the tests' own routes beside the real ones."""

from collections.abc import AsyncIterator

import asyncpg  # type: ignore[import-untyped]
import pytest

from control.app import ROUTES
from control.db.pool import Timeouts
from tests.control.http.stage import ROUTES as OURS
from tests.control.http.stage import TABLE, Gates, new_gates
from tests.control.running import Api, running_api
from vocalized.services.postgres import Postgres

QUICK = Timeouts(acquire=0.2, statement=0.3)
LIMIT = 4_096


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    """One connection to the database, so that each request follows another on it; bounds are short."""
    async with running_api(
        database_url, valkey_url, routes=(*ROUTES, *OURS), pool_size=1, timeouts=QUICK, max_body_bytes=LIMIT,
        body_timeout_s=0.3,
    ) as api:  # fmt: skip
        await api.owner.execute(TABLE)
        yield api


@pytest.fixture
async def wide_api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    """With connections for requests at once."""
    async with running_api(database_url, valkey_url, routes=(*ROUTES, *OURS)) as api:
        await api.owner.execute(TABLE)
        yield api


@pytest.fixture
async def gates() -> Gates:
    """Where this test's handlers wait."""
    return new_gates()


@pytest.fixture
async def postgres_admin(postgres: Postgres) -> AsyncIterator[asyncpg.Connection]:
    """The owner in another database, for what cannot be done from within."""
    connection = await asyncpg.connect(postgres.url)
    yield connection
    await connection.close()

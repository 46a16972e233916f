"""The API with a clock of the test's own, and the worker's duties that keep the figures of money."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from control.analytics.rollups.service import roll_up_days
from control.billing.accruals.service import make_accrue
from control.billing.accruals.tasks import make_accruals_duty
from control.billing.periods import service as periods_service
from control.db.pool import Connection, Pool, open_pool
from control.db.scope import enter_platform
from tests.platform.api import Api, running_api
from tests.platform.clients import Client


@dataclass
class Clock:
    """The present moment of the API, set by the test."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True)
class Scene:
    """The API and the worker's connections at one moment."""

    api: Api
    pool: Pool
    clock: Clock

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """As the worker."""
        async with self.pool.transaction() as db:
            await enter_platform(db)
            yield db

    async def roll_up(self) -> None:
        """As the worker's duties do."""
        async with self.transaction() as db:
            await make_accruals_duty().run(db, self.clock.now)
            while await roll_up_days(db, 500, make_accrue(self.clock)):
                pass

    async def open_periods(self) -> None:
        """Opens all periods until now."""
        async with self.transaction() as db:
            while (await periods_service.open_periods(db, self.clock.now, 1_000)).opened:
                pass


@asynccontextmanager
async def open_scene(database_url: str, valkey_url: str, now: datetime) -> AsyncIterator[Scene]:
    """The API at this moment."""
    clock = Clock(now)
    async with (
        running_api(database_url, valkey_url, clock=clock, access_token_s=86_400) as api,
        open_pool(database_url, size=4) as pool,
    ):
        yield Scene(api, pool, clock)


async def get(client: Client, path: str, params: dict[str, str] | None = None) -> Any:
    reply = await client.get(path, params=params or {})
    assert reply.status == 200, (path, reply.body)
    return reply.body


def number(value: Any) -> Decimal:
    """An amount of the answer."""
    return Decimal(str(value))

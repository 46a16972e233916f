"""`vocalized seed-load`: a database as full as a busy platform's, its roll-ups, and how quick the API's lists are."""

import secrets
import sys
import time
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from os import environ
from pathlib import Path

import aiohttp
import asyncpg  # type: ignore[import-untyped]
from rich.console import Console

from control.accounts.hiring import NewAdmin, hire
from control.accounts.passwords import Passwords
from control.accounts.policy import HashPolicy
from control.analytics.rollup import mark_everything, roll_up
from control.db.pool import Timeouts, open_pool
from control.db.scope import enter_platform
from vocalized.api import Api, ApiFault
from vocalized.child import ServerFailed, free_port, migrated, running_server
from vocalized.seed_probe import ProbeFailed, admin_probes, client_probes, measure, show
from vocalized.seed_rows import Amounts, put_rows
from vocalized.services.child import ServiceFailed
from vocalized.services.postgres import running_postgres
from vocalized.services.valkey import running_valkey

_PATIENT = Timeouts(statement=600.0, command=610.0, idle_in_transaction=600.0)
_DAYS_AT_ONCE = 5_000
_ADMIN = "load@example.com"


class SeedFault(Exception):
    """Nothing is put into a database that others use."""


@dataclass(frozen=True, slots=True)
class SeedOptions:
    """database_url: empty for a PostgreSQL of our own in `state`, which is kept, full as it is, for the next time."""

    state: Path
    database_url: str = ""
    amounts: Amounts = field(default_factory=Amounts)


async def run_seed_load(root: Path, options: SeedOptions, console: Console) -> int:
    """Exit code: 0 when every list was quick enough, 1 when one was not or something is not there."""
    try:
        async with AsyncExitStack() as running:
            return 0 if await _run(root, options, console, running) else 1
    except (SeedFault, ProbeFailed, ApiFault, ServiceFailed, ServerFailed, OSError, asyncpg.PostgresError) as error:
        print(f"vocalized seed-load: {error}", file=sys.stderr)
        return 1


async def _run(root: Path, options: SeedOptions, console: Console, running: AsyncExitStack) -> bool:
    state = options.state.resolve()
    state.mkdir(parents=True, exist_ok=True)
    url = options.database_url or (await running.enter_async_context(running_postgres(state, durable=False))).url
    valkey = await running.enter_async_context(running_valkey(state, durable=False))
    port = free_port()
    environment = _environment(state, url, valkey.url, port)
    await migrated(root, environment)
    password = secrets.token_urlsafe(12)
    await fill(url, options.amounts, password, console)
    command = [sys.executable, "-m", "control", "api", "--port", str(port)]
    await running.enter_async_context(
        running_server(command, root, port, state / "api.log", name="control api", environment=environment)
    )
    return await _measure(f"http://127.0.0.1:{port}", url, password, console)


def _environment(state: Path, database_url: str, redis_url: str, port: int) -> dict[str, str]:
    return dict(environ) | {
        "VOCALIZED_DATABASE_URL": database_url,
        "VOCALIZED_REDIS_URL": redis_url,
        "VOCALIZED_SECRET_KEYS": b64encode(secrets.token_bytes(32)).decode(),
        "VOCALIZED_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "VOCALIZED_SMTP_URL": (state / "mail").as_uri(),
        "VOCALIZED_STORAGE_URL": (state / "objects").as_uri(),
    }


async def fill(url: str, amounts: Amounts, password: str, console: Console) -> None:
    """Rows, roll-ups and an admin; a database that is full of our rows already only gets the password.

    Raises SeedFault when it holds somebody else's, or when the roll-ups don't say what the ledger says."""
    async with _owner(url) as db:
        with closing(Passwords(HashPolicy())) as passwords:
            hashed = await passwords.hash(password)
            there = await db.fetchval("SELECT count(*) FROM workspaces")
            if there and not await db.fetchval("SELECT EXISTS (SELECT FROM calls WHERE carrier_call_id = 'made-1')"):
                raise SeedFault(f"this database holds {there} workspaces that are not ours: give an empty one")
            if there:
                console.print("the database is full already")
                await db.execute("UPDATE users SET password_hash = $1", hashed)
                await db.execute("DELETE FROM admins WHERE email = $1", _ADMIN)
            else:
                began = time.perf_counter()
                with console.status("making rows") as status:
                    await put_rows(db, amounts, hashed, lambda what: status.update(f"making rows: {what}"))
                console.print(f"rows made in {time.perf_counter() - began:.0f} s")
                await _roll_up(url, console)
                await db.execute("VACUUM (ANALYZE)")
            await hire(db, passwords, NewAdmin(_ADMIN, "Load", "super_admin", password), datetime.now(UTC))
        await _compare(db, console)


async def _roll_up(url: str, console: Console) -> None:
    """All days, as the worker would make them."""
    began, days = time.perf_counter(), 0
    async with open_pool(url, size=1, timeouts=_PATIENT, name="vocalized-seed-load") as pool:
        with console.status("rolling up"):
            async with pool.transaction() as db:
                await enter_platform(db)
                await mark_everything(db)
            done = -1
            while done:
                async with pool.transaction() as db:
                    await enter_platform(db)
                    done = await roll_up(db, _DAYS_AT_ONCE)
                days += done
    console.print(f"{days:,} days of workspaces rolled up in {time.perf_counter() - began:.0f} s")


async def _compare(db: asyncpg.Connection, console: Console) -> None:
    """Raises SeedFault when the roll-ups don't say what calls and ledger say."""
    row = await db.fetchrow(
        """
        SELECT (SELECT count(*) FROM calls WHERE NOT is_test) AS calls, (SELECT count(*) FROM usage_records) AS records,
               (SELECT sum(price) FROM usage_records) AS price, (SELECT sum(calls) FROM platform_daily) AS told_calls,
               (SELECT sum(price) FROM platform_daily) AS told_price
        """
    )
    console.print(f"{row['calls']:,} calls, {row['records']:,} records of the ledger, {row['price']:,.2f} charged")
    if (row["calls"], row["price"]) != (row["told_calls"], row["told_price"]):
        raise SeedFault(f"the roll-ups tell of {row['told_calls']} calls and {row['told_price']}")


async def _measure(url: str, database_url: str, password: str, console: Console) -> bool:
    async with _owner(database_url) as db, aiohttp.ClientSession() as client:
        busiest, email = await db.fetchrow(
            """
            SELECT workspace_id::text, u.email FROM workspace_totals t
            JOIN workspace_members m USING (workspace_id) JOIN users u ON u.id = m.user_id
            WHERE m.role = 'owner' ORDER BY t.calls DESC LIMIT 1
            """
        )
        agents = await _ids(db, f"agents WHERE workspace_id = '{busiest}'")
        calls = await _ids(db, f"calls WHERE workspace_id = '{busiest}'")
        workspaces, users = await _ids(db, "workspaces"), await _ids(db, "users")
        api = Api(client, url)
        admin = (await api.sign_in(_ADMIN, password, staff=True))["token"]
        owner = (await api.sign_in(email, password))["token"]
        probes = admin_probes(admin, [busiest, *workspaces], users, calls, await _busiest_actor(db))
        probes += client_probes(owner, busiest, agents, calls)
        figures = []
        with console.status("measuring") as status:
            for probe in probes:
                status.update(f"measuring {probe.name}")
                figures.append(await measure(client, url, probe))
        return show(figures, console)


async def _ids(db: asyncpg.Connection, where: str) -> list[str]:
    return [row["id"] for row in await db.fetch(f"SELECT id::text FROM {where} ORDER BY random() LIMIT 100")]


async def _busiest_actor(db: asyncpg.Connection) -> str:
    actor: str = await db.fetchval(
        "SELECT actor_id::text FROM audit_log WHERE actor_id IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC LIMIT 1"
    )
    return actor


@asynccontextmanager
async def _owner(url: str) -> AsyncIterator[asyncpg.Connection]:
    """As the owner of the database, whom no policy binds, with our codecs."""
    async with open_pool(url, size=1, timeouts=_PATIENT, name="vocalized-seed-load") as pool, pool.acquire() as db:
        await db.execute("RESET ROLE")
        yield db

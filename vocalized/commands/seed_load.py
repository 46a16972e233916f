"""`vocalized seed-load`: fills a database like a busy platform's, builds the roll-ups, and measures the API's lists."""

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

from control.accounts.passwords import Passwords
from control.accounts.rules import HashPolicy
from control.accounts.staff.service import NewAdmin, create_admin
from control.analytics.rollups.service import mark_all_days, roll_up_days
from control.billing.accruals.service import make_accrue
from control.billing.jobs import utc_now
from control.db.pool import Pool, Timeouts, open_pool
from control.db.scope import enter_platform
from vocalized.free_port import free_port
from vocalized.seed.invoices import bill_periods, compare_invoices
from vocalized.seed.probe import ProbeFailed, admin_probes, client_probes, measure, print_figures
from vocalized.seed.rows import SeedSize, insert_rows
from vocalized.services.postgres import running_postgres
from vocalized.services.process import ServiceFailed
from vocalized.services.valkey import running_valkey
from vocalized.stack.api_client import ApiClient, ApiError
from vocalized.stack.process import ServerFailed, migrate_database
from vocalized.stack.programs import Programs

_TIMEOUTS = Timeouts(statement=600.0, command=610.0, idle_in_transaction=600.0)
_DAYS_AT_ONCE = 5_000
_ADMIN = "load@example.com"


class SeedError(Exception):
    """The database cannot be filled: it holds other data, or the roll-ups are wrong."""


@dataclass(frozen=True, slots=True)
class SeedOptions:
    """database_url: empty starts PostgreSQL on `state`; its filled database stays for the next run."""

    state: Path
    database_url: str = ""
    size: SeedSize = field(default_factory=SeedSize)


async def run_seed_load(root: Path, options: SeedOptions, console: Console) -> int:
    """Returns the exit code: 0 when every list was fast enough, 1 when one was not, or on an error."""
    try:
        async with AsyncExitStack() as running:
            return 0 if await _run(root, options, console, running) else 1
    except (SeedError, ProbeFailed, ApiError, ServiceFailed, ServerFailed, OSError, asyncpg.PostgresError) as error:
        print(f"vocalized seed-load: {error}", file=sys.stderr)
        return 1


async def _run(root: Path, options: SeedOptions, console: Console, running: AsyncExitStack) -> bool:
    state = options.state.resolve()
    state.mkdir(parents=True, exist_ok=True)
    url = options.database_url or (await running.enter_async_context(running_postgres(state, durable=False))).url
    valkey = await running.enter_async_context(running_valkey(state, durable=False))
    port = free_port()
    environment = _environment(state, url, valkey.url, port)
    await migrate_database(root, environment)
    password = secrets.token_urlsafe(12)
    await fill(url, options.size, password, console)
    await running.enter_async_context(Programs(root, state).api(port, environment))
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


async def fill(url: str, size: SeedSize, password: str, console: Console) -> None:
    """Inserts rows, builds roll-ups and adds an admin; a database that was filled before only gets the password.

    Raises SeedError when it holds other data, or when the roll-ups differ from the ledger."""
    async with _owner(url) as db:
        with closing(Passwords(HashPolicy())) as passwords:
            hashed = await passwords.hash(password)
            existing = await db.fetchval("SELECT count(*) FROM workspaces")
            if existing and not await db.fetchval("SELECT EXISTS (SELECT FROM calls WHERE carrier_call_id = 'made-1')"):
                raise SeedError(f"this database holds {existing} workspaces that are not ours: give an empty one")
            if existing:
                console.print("the database is full already")
                await db.execute("UPDATE users SET password_hash = $1", hashed)
                await db.execute("DELETE FROM admins WHERE email = $1", _ADMIN)
            else:
                began = time.perf_counter()
                with console.status("making rows") as status:
                    await insert_rows(db, size, hashed, lambda what: status.update(f"making rows: {what}"))
                console.print(f"rows made in {time.perf_counter() - began:.0f} s")
                await _roll_up(url, console)
                await _bill(url, console)
                await db.execute("VACUUM (ANALYZE)")
            await create_admin(db, passwords, NewAdmin(_ADMIN, "Load", "super_admin", password), datetime.now(UTC))
        await _compare(db, console)


async def _roll_up(url: str, console: Console) -> None:
    """Rolls up all days, as the worker does."""
    began = time.perf_counter()
    async with open_pool(url, size=1, timeouts=_TIMEOUTS, name="vocalized-seed-load") as pool:
        with console.status("rolling up"):
            async with pool.transaction() as db:
                await enter_platform(db)
                await mark_all_days(db)
            days = await _roll_up_marked(pool)
    console.print(f"{days:,} days of workspaces rolled up in {time.perf_counter() - began:.0f} s")


async def _roll_up_marked(pool: Pool) -> int:
    """Returns the number of days."""
    days, done = 0, -1
    while done:
        async with pool.transaction() as db:
            await enter_platform(db)
            done = await roll_up_days(db, _DAYS_AT_ONCE, make_accrue(utc_now))
        days += done
    return days


async def _bill(url: str, console: Console) -> None:
    """Closes all billing periods that are over, and rolls up what that adds to the ledger."""
    began = time.perf_counter()
    async with open_pool(url, size=1, timeouts=_TIMEOUTS, name="vocalized-seed-load") as pool:
        with console.status("billing"):
            periods = await bill_periods(pool)
            await _roll_up_marked(pool)
    console.print(f"{periods:,} periods of workspaces billed in {time.perf_counter() - began:.0f} s")


async def _compare(db: asyncpg.Connection, console: Console) -> None:
    """Raises SeedError when the roll-ups differ from calls and ledger, or the ledger from the invoices."""
    row = await db.fetchrow(
        """
        SELECT (SELECT count(*) FROM calls WHERE NOT is_test) AS calls, (SELECT count(*) FROM usage_records) AS records,
               (SELECT sum(price) FROM usage_records) AS price, (SELECT sum(calls) FROM platform_daily) AS rolled_calls,
               (SELECT sum(price) FROM platform_daily) AS rolled_price
        """
    )
    console.print(f"{row['calls']:,} calls, {row['records']:,} records of the ledger, {row['price']:,.2f} charged")
    if (row["calls"], row["price"]) != (row["rolled_calls"], row["rolled_price"]):
        raise SeedError(f"the roll-ups hold {row['rolled_calls']} calls and {row['rolled_price']}")
    invoices, ledger, lines = await compare_invoices(db)
    console.print(f"{invoices:,} invoices of {lines:,.2f}, without tax")
    if ledger != lines:
        raise SeedError(f"the ledger's closed periods hold {ledger}, their invoices {lines}")


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
        api = ApiClient(client, url)
        admin = (await api.sign_in(_ADMIN, password, staff=True))["token"]
        owner = (await api.sign_in(email, password))["token"]
        probes = admin_probes(admin, [busiest, *workspaces], users, calls, await _busiest_actor(db))
        invoices = await _ids(db, f"invoices WHERE workspace_id = '{busiest}'")
        probes += client_probes(owner, busiest, agents, calls, invoices)
        figures = []
        with console.status("measuring") as status:
            for probe in probes:
                status.update(f"measuring {probe.name}")
                figures.append(await measure(client, url, probe))
        return print_figures(figures, console)


async def _ids(db: asyncpg.Connection, where: str) -> list[str]:
    return [row["id"] for row in await db.fetch(f"SELECT id::text FROM {where} ORDER BY random() LIMIT 100")]


async def _busiest_actor(db: asyncpg.Connection) -> str:
    actor: str = await db.fetchval(
        "SELECT actor_id::text FROM audit_log WHERE actor_id IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC LIMIT 1"
    )
    return actor


@asynccontextmanager
async def _owner(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection as the owner of the database, who bypasses row-level security, with our codecs."""
    pool = open_pool(url, size=1, timeouts=_TIMEOUTS, name="vocalized-seed-load", role=None)
    async with pool as connections, connections.acquire() as db:
        yield db

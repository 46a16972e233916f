"""The monthly partitions: made ahead, dropped when they are empty, and what comes late."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg  # type: ignore[import-untyped]
import pytest
from structlog.testing import capture_logs

from control.calls.events.service import parse_event
from control.db.duties import Duty
from control.db.partitions import (
    PartitionState,
    drop_empty_partitions,
    ensure_partitions,
    select_partition_states,
)
from control.platform.service import Platform
from control.platform.tasks import platform_tasks
from shared.events import CallerSaid, EventEnvelope, encode_event
from tests.control.billing.scripted_call import write_facts
from tests.control.calls.call_platform import CallPlatform, open_call_platform

NOW = datetime.now(UTC)
OLD = date(2024, 1, 1)
CUTOFF = date(2024, 3, 1)


@pytest.fixture
async def owner(database_url: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
async def program(database_url: str) -> AsyncIterator[Any]:
    """A connection with the rights of our programs."""
    connection = await asyncpg.connect(database_url)
    await connection.execute("SET ROLE vocalized_app")
    yield connection
    await connection.close()


async def make_month(owner: Any, table: str, year: int, month: int) -> str:
    """As it was made when the month was still to come."""
    name, first = f"{table}_{year}_{month:02}", date(year, month, 1)
    after = (first + timedelta(days=32)).replace(day=1)
    await owner.execute(f"CREATE TABLE {name} PARTITION OF {table} FOR VALUES FROM ('{first}+0') TO ('{after}+0')")
    return name


async def drop_months(owner: Any) -> None:
    """All but the default partitions."""
    for (name,) in await owner.fetch(
        "SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r' AND relname NOT LIKE '%default'"
    ):
        await owner.execute(f"DROP TABLE {name}")


async def exists(owner: Any, name: str) -> bool:
    return await owner.fetchval("SELECT to_regclass($1)", name) is not None


async def add_event(owner: Any, at: datetime) -> None:
    await owner.execute(
        "INSERT INTO call_events (call_id, seq, workspace_id, at, event_type, event_data)"
        " VALUES ($1, 1, $2, $3, 'x', '{}')", uuid4(), uuid4(), at,
    )  # fmt: skip


async def test_only_empty_months_of_events_that_ended_long_ago_are_dropped(owner: Any, program: Any) -> None:
    empty, filled, recent = [await make_month(owner, "call_events", 2024, month) for month in (1, 2, 3)]
    ledger = await make_month(owner, "usage_records", 2024, 1)
    await add_event(owner, datetime(2024, 2, 5, tzinfo=UTC))
    assert await drop_empty_partitions(program, CUTOFF) == 1
    assert [await exists(owner, name) for name in (empty, filled, recent, ledger)] == [False, True, True, True]
    await owner.execute("DELETE FROM call_events")
    assert await drop_empty_partitions(program, CUTOFF) == 1
    assert [await exists(owner, name) for name in (filled, recent)] == [False, True]
    await owner.execute(f"DROP TABLE {recent}, {ledger}")


async def test_a_table_in_use_keeps_its_months_until_the_next_run(owner: Any, program: Any) -> None:
    name = await make_month(owner, "call_events", 2024, 1)
    transaction = owner.transaction()
    await transaction.start()
    await owner.fetch("SELECT FROM call_events LIMIT 1")
    assert await drop_empty_partitions(program, CUTOFF) == 0
    await transaction.rollback()
    assert await exists(owner, name)
    assert await drop_empty_partitions(program, CUTOFF) == 1


async def test_the_states_tell_how_far_ahead_partitions_exist(owner: Any, program: Any) -> None:
    await ensure_partitions(program)
    third = (NOW.replace(day=1) + timedelta(days=32 * 3)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    states = await select_partition_states(program)
    assert states == [PartitionState("call_events", third, 0), PartitionState("usage_records", third, 0)]


async def test_rows_in_the_default_partition_block_their_month_only(fresh_database_url: str) -> None:
    owner = await asyncpg.connect(fresh_database_url)
    try:
        await drop_months(owner)
        await add_event(owner, NOW)
        assert await ensure_partitions(owner) == 5, "two months of the events, three of the ledger"
        events, ledger = await select_partition_states(owner)
        assert (events.default_rows, ledger.default_rows) == (1, 0)
        assert events.made_until <= NOW < ledger.made_until
        await owner.execute("DELETE FROM call_events")
        assert await ensure_partitions(owner) == 1
    finally:
        await owner.close()


async def test_an_event_of_a_dropped_month_is_stored_once_and_reported(
    fresh_database_url: str, valkey_url: str, tmp_path: Path
) -> None:
    at = datetime(2024, 1, 15, tzinfo=UTC)
    reported: list[PartitionState] = []
    async with open_call_platform(fresh_database_url, valkey_url, tmp_path) as platform:
        call = await platform.admit(await platform.create_workspace(), at=at)
        said = EventEnvelope(str(call.call_id), 1, at.isoformat(), CallerSaid(1, "Hello", 0, 500))
        for _ in range(2):
            await write_facts(platform, call.carrier_call_id, [parse_event("1-0", encode_event(said))])
        with capture_logs() as logs:
            await run_duty(platform, "partitions", reported.extend)
    assert [state.default_rows for state in reported] == [1, 0]
    (entry,) = [log for log in logs if log["event"] == "partition.default_used"]
    assert (entry["table"], entry["rows"]) == ("call_events", 1)


async def run_duty(platform: CallPlatform, name: str, report: Any) -> None:
    (duty,) = [one for one in platform_tasks(platform.services[Platform], report).duties if one.name == name]
    assert isinstance(duty, Duty)
    await platform.in_platform(lambda db: duty.run(db, NOW))

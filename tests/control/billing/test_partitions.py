"""Partitions of the ledger: who may change their rows, and events of a node whose clock is wrong."""

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]
import pytest

from control.calls.events.service import FURTHEST, parse_event
from control.db.pool import Connection
from shared.events import EventEnvelope, UsageRecorded, encode_event
from tests.control.billing.scripted_call import ledger_rows, write_facts
from tests.control.calls.call_platform import open_call_platform

USED = UsageRecorded("stt", "deepgram", "deepgram", "nova-3", 10_000, "ms")


@pytest.mark.parametrize("days", [400, -400, FURTHEST.days + 1])
async def test_a_wrong_clock_does_not_block_the_partitions_of_a_later_month(
    fresh_database_url: str, valkey_url: str, tmp_path: Path, days: int
) -> None:
    """A row in the default partition would, and none of the ledger's rows can be removed."""
    now = datetime.now(UTC)
    async with open_call_platform(fresh_database_url, valkey_url, tmp_path) as platform:
        await platform.in_platform(lambda db: db.execute("SELECT ensure_partitions()"))
        call = await platform.admit(await platform.create_workspace(), at=now)
        at = now + timedelta(days=days)
        event = parse_event("1-0", encode_event(EventEnvelope(str(call.call_id), 1, at.isoformat(), USED)))
        for _ in range(2):
            await write_facts(platform, call.carrier_call_id, [event])
        (row,) = await ledger_rows(platform, call.call_id)
        assert (row["at"], row["quantity"]) == (now, 10_000), "the time of the call's creation"
        assert row["cost"] is not None
        await platform.in_platform(lambda db: db.execute("SELECT ensure_partitions(14)"))


async def test_a_time_that_a_call_may_have_is_kept(fresh_database_url: str, valkey_url: str, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    async with open_call_platform(fresh_database_url, valkey_url, tmp_path) as platform:
        call = await platform.admit(await platform.create_workspace(), at=now)
        times = [now - timedelta(hours=1), now + timedelta(days=1)]
        for seq, at in enumerate(times, 1):
            event = parse_event("1-0", encode_event(EventEnvelope(str(call.call_id), seq, at.isoformat(), USED)))
            await write_facts(platform, call.carrier_call_id, [event])
        assert [row["at"] for row in await ledger_rows(platform, call.call_id)] == times


async def test_no_rows_can_be_changed_by_a_partitions_name(
    fresh_database_url: str, valkey_url: str, tmp_path: Path
) -> None:
    async with open_call_platform(fresh_database_url, valkey_url, tmp_path) as platform:
        await platform.in_platform(lambda db: db.execute("SELECT ensure_partitions()"))
        month = f"usage_records_{datetime.now(UTC):%Y_%m}"
        for change in ("UPDATE {} SET cost = 0", "DELETE FROM {}", "TRUNCATE {}"):
            for table in ("usage_records", "usage_records_default", month):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await platform.in_platform(partial(_execute, statement=change.format(table)))


async def _execute(db: Connection, statement: str) -> None:
    await db.execute(statement)

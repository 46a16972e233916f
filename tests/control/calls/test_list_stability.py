"""A list that is read by cursors while calls are inserted: each call that was there is read once, in order."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control.calls.records.queries import select_calls
from control.calls.records.reports import CallFilter
from control.db.keyset import PageRequest
from control.db.pool import Connection, Pool, open_pool
from control.db.scope import enter_platform
from tests.platform.catalog import seed_catalog

WORKSPACE = UUID(int=7)
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
# A call: seconds since noon, few, so that many calls have the same time; and its id's number.
Key = tuple[int, int]
keys = st.tuples(st.integers(-2, 2), st.integers(1, 2**64))


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def pool(runner: asyncio.Runner, database_url: str) -> Iterator[Pool]:
    """Of a database with a workspace."""
    opened = open_pool(database_url, size=1)
    pool = runner.run(opened.__aenter__())
    runner.run(create_workspace(pool))
    yield pool
    runner.run(opened.__aexit__(None, None, None))


async def create_workspace(pool: Pool) -> None:
    async with pool.transaction() as db:
        await seed_catalog(db)
        await db.execute(
            "INSERT INTO workspaces (id, name, status, tier_name) VALUES ($1, 'A', 'active', 'trial')", WORKSPACE
        )


@settings(max_examples=40, deadline=None)
@given(
    st.lists(keys, max_size=8, unique_by=lambda key: key[1]),
    st.lists(st.tuples(st.integers(1, 3), st.lists(keys, max_size=3)), min_size=1, max_size=6),
)
def test_each_call_is_read_once_while_others_are_inserted(
    runner: asyncio.Runner, pool: Pool, present: Sequence[Key], steps: Sequence[tuple[int, Sequence[Key]]]
) -> None:
    runner.run(check_reading(pool, present, steps))


async def check_reading(pool: Pool, present: Sequence[Key], steps: Sequence[tuple[int, Sequence[Key]]]) -> None:
    class Done(Exception):
        """Ends the transaction without a trace."""

    with pytest.raises(Done):
        async with pool.transaction() as db:
            await enter_platform(db)
            await insert(db, present)
            read = await read_all(db, steps)
            assert len(set(read)) == len(read) and set(present) <= set(read)
            assert read == sorted(read, reverse=True)
            if read:
                await check_backwards(db, read)
            raise Done


async def read_all(db: Connection, steps: Sequence[tuple[int, Sequence[Key]]]) -> list[Key]:
    """Reads to the end in pages of these sizes; after each page calls are inserted."""
    read: list[Key] = []
    cursor: UUID | None = None
    for turn in range(100):
        limit, inserted = steps[turn % len(steps)]
        page = await select_calls(db, CallFilter(workspace_id=WORKSPACE), PageRequest(limit, starting_after=cursor))
        read += [key_of(call.created_at, call.id) for call in page.rows]
        if not page.has_more:
            return read
        cursor = page.rows[-1].id
        if turn < len(steps):
            await insert(db, inserted)
    raise AssertionError("the list has no end")


async def check_backwards(db: Connection, read: Sequence[Key]) -> None:
    """From the last call back to the beginning: all that are there now, also those inserted since."""
    cursor, found = UUID(int=read[-1][1]), [read[-1]]
    while True:
        page = await select_calls(db, CallFilter(workspace_id=WORKSPACE), PageRequest(2, ending_before=cursor))
        found = [*(key_of(call.created_at, call.id) for call in page.rows), *found]
        if not page.has_more:
            break
        cursor = page.rows[0].id
    assert found == sorted(found, reverse=True) and set(read) <= set(found)


async def insert(db: Connection, new: Sequence[Key]) -> None:
    await db.executemany(
        "INSERT INTO calls (id, workspace_id, direction, carrier, status, created_at) "
        "VALUES ($1, $2, 'inbound', 'twilio', 'completed', $3) ON CONFLICT DO NOTHING",
        [(UUID(int=number), WORKSPACE, NOON + timedelta(seconds=seconds)) for seconds, number in new],
    )


def key_of(at: datetime, call_id: UUID) -> Key:
    return round((at - NOON).total_seconds()), call_id.int

"""Handlers' transactions see their workspace, are few at once, and tell when the database cannot be used."""

import asyncio

import pytest

from control.calls.records.running_calls import AdmittedCall
from control.db.pool import Connection, Timeouts, open_pool
from control.media_requests.handlers import TenantTransactions
from shared.bus.requests import RequestRefused
from tests.control.calls.call_platform import CallPlatform
from tests.control.media_requests.ends import Node, running_api_process
from tests.control.media_requests.test_both_ends import HANDLERS


async def test_no_more_run_at_once_than_allowed(platform: CallPlatform, call: AdmittedCall) -> None:
    transactions, running, most = TenantTransactions(platform.pool, 2), 0, 0

    async def work(db: Connection) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await db.fetchval("SELECT pg_sleep(0.01)")
        running -= 1

    await asyncio.gather(*(transactions.run(call.workspace_id, work) for _ in range(8)))
    assert most == 2


async def test_another_workspace_cannot_be_changed(platform: CallPlatform, call: AdmittedCall) -> None:
    other = await platform.create_workspace()
    changed = await TenantTransactions(platform.pool, 1).run(
        other.workspace_id, lambda db: db.execute("UPDATE calls SET summary = 'x' WHERE id = $1", call.call_id)
    )
    assert changed == "UPDATE 0"


async def test_request_is_refused_while_no_connection_is_free(
    platform: CallPlatform, call: AdmittedCall, node: Node, database_url: str
) -> None:
    async with (
        open_pool(database_url, size=1, timeouts=Timeouts(acquire=0.1)) as pool,
        pool.acquire(),
        running_api_process(platform, HANDLERS, pool=pool),
    ):
        with pytest.raises(RequestRefused, match="unavailable"):
            await node.ask(call, "echo")

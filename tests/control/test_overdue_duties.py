"""Health of the worker names duties that are late, whatever its wall clock says."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import aiohttp
import pytest

from control.db.duties import Duty
from control.db.pool import Pool, open_pool
from control.worker_runtime import serve_status
from tests.control.test_worker import NOON, CountingDuty, make_worker


@pytest.fixture
async def pool(fresh_database_url: str) -> AsyncIterator[Pool]:
    async with open_pool(fresh_database_url, size=4) as pool:
        yield pool


@pytest.mark.parametrize("hours", [1, -1])
async def test_no_duty_is_overdue_because_the_clock_was_set(pool: Pool, fresh_database_url: str, hours: int) -> None:
    clock = [NOON]
    worker = make_worker(pool, fresh_database_url, Duty("d", 10, CountingDuty(), 1), clock=lambda: clock[0])
    await worker.run_duty(Duty("d", 10, CountingDuty(), 1))
    clock[0] += timedelta(hours=hours)
    assert worker.overdue() == []


async def test_health_names_an_overdue_duty(pool: Pool, fresh_database_url: str) -> None:
    clock = [0.0]
    worker = make_worker(pool, fresh_database_url, Duty("d", 10, CountingDuty(), 1), steady_clock=lambda: clock[0])
    await worker.run_duty(Duty("d", 10, CountingDuty(), 1))
    clock[0] = 90
    assert worker.overdue() == []
    clock[0] = 91
    assert worker.overdue() == ["d"]
    async with serve_status(worker, "127.0.0.1", 0) as port, aiohttp.ClientSession() as client:
        async with client.get(f"http://127.0.0.1:{port}/healthz") as response:
            assert (response.status, await response.json()) == (503, {"status": "late", "late": ["d"]})
        async with client.get(f"http://127.0.0.1:{port}/metrics") as response:
            assert "vocalized_worker_duty_last" in await response.text()


async def test_answers_to_broken_http_tell_nothing_about_the_server(pool: Pool, fresh_database_url: str) -> None:
    worker = make_worker(pool, fresh_database_url, Duty("d", 10, CountingDuty(), 1))
    async with serve_status(worker, "127.0.0.1", 0) as port:
        for head in (b"G\x01T /healthz HTTP/1.1\r\n\r\n", b"GET /healthz HTTP/1.1\r\nHost: x\r\nExpect: token\r\n\r\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(head)
            answer = await reader.read()
            assert b"Server: Vocalized" in answer and b"aiohttp" not in answer and b"token" not in answer
            writer.close()
            await writer.wait_closed()

"""Outbound calls by two worker processes, as they run in production, against the simulated Twilio."""

import asyncio
import re
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from control.calls.outbound.service import PLACE_CALL, PlaceCallJob, enqueue_dial
from control.calls.records import queries as records_queries
from control.db.pool import Connection
from shared.bus.client import redis_key
from shared.ids import new_id
from simulator.carrier.network.config import make_config
from simulator.carrier.network.server import running_network
from simulator.carrier.network.twilio.carrier import TwilioCarrier
from tests.control.calls.call_platform import CallPlatform, LiveWorkspace
from tests.control.test_main import get, running
from tests.platform.services import KEY

SID, TOKEN = "AC" + "7" * 32, "token"
PACE = 40.0
CALLS = 200


async def test_200_calls_at_once_are_all_placed_once_at_the_carriers_pace(
    platform: CallPlatform, database_url: str, valkey_url: str, tmp_path: Path
) -> None:
    """Twilio refuses what comes faster, and three requests besides; the answers of two that it processed are lost."""
    await platform.redis.delete(redis_key("dial_pace", "twilio"))
    workspace = await platform.create_workspace()
    numbers = [f"+1212555{index:04}" for index in range(CALLS)]
    ports = unused_port(), unused_port()
    logs = {port: tmp_path / f"{port}.log" for port in ports}
    async with AsyncExitStack() as stack:
        settings, twilio = await stack.enter_async_context(simulated_twilio(workspace.number))
        settings |= {"DATABASE_URL": database_url, "REDIS_URL": valkey_url, "STORAGE_URL": tmp_path.as_uri()}
        workers = [running("worker", port=port, log=logs[port], **settings) for port in ports]
        for stop in await asyncio.gather(*(asyncio.to_thread(start, worker) for worker in workers)):
            stack.callback(stop)
        await platform.in_platform(lambda db: insert_calls(db, workspace, numbers))
        began = asyncio.get_running_loop().time()
        await wait_until(lambda: has_placed(twilio, 1))
        twilio.fail_next.extend([429] * 3)
        twilio.lose_next.extend([500] * 2)
        await wait_until(lambda: has_placed(twilio, CALLS))
        seconds = asyncio.get_running_loop().time() - began
        await wait_until(lambda: are_all_dialed(platform, workspace))
        dialed = [dialed_by((await asyncio.to_thread(get, port, "/metrics")).decode()) for port in ports]
        placed = Counter(call.called for call in twilio.calls.calls.values())
    rows = await platform.call_rows(workspace)
    assert placed == Counter(numbers)
    assert len({row["carrier_call_id"] for row in rows}) == CALLS
    assert not [row["end_detail"] for row in rows if row["status"] == "failed"]
    assert seconds > 0.9 * (CALLS - 1) / PACE
    assert min(dialed) > CALLS / 10, "both workers have dialed"
    refused = sum(log.read_text().count("call.requeued") for log in logs.values())
    assert 3 <= refused < 3 + CALLS / 10, "they keep one pace"


@asynccontextmanager
async def simulated_twilio(number: str) -> AsyncIterator[tuple[dict[str, str], TwilioCarrier]]:
    """Yields the settings of a worker that dials there. Callees are busy; it takes a quarter more than PACE."""
    async with AsyncExitStack() as stack:
        port, sink = unused_port(), web.Application()
        sink.router.add_post("/{path:.*}", _no_content)
        webhooks = await stack.enter_async_context(TestServer(sink, host="127.0.0.1"))
        url = f"http://127.0.0.1:{port}"
        twilio = {"account_sid": SID, "auth_token": TOKEN, "create_requests_per_second": int(PACE * 1.25)}
        owned = [{"carrier": "twilio", "phone_number": number}]
        config = make_config({"twilio": twilio, "numbers": owned, "default": "busy"}, url)
        network = await stack.enter_async_context(running_network(config))
        await stack.enter_async_context(TestServer(network.app, host="127.0.0.1", port=port))
        assert network.twilio is not None
        settings = {
            "SECRET_KEYS": urlsafe_b64encode(KEY).decode(),
            "SMTP_URL": "file:///dev/null",
            "WEBHOOK_URL": str(webhooks.make_url("")).rstrip("/"),
            "TWILIO_ACCOUNT_SID": SID,
            "TWILIO_AUTH_TOKENS": f"{SID}={TOKEN}",
            "TWILIO_API_URL": url,
            "TWILIO_CALL_RATE": str(PACE),
            "CARRIER_TIMEOUT_S": "20",
        }
        yield settings, network.twilio


async def _no_content(request: web.Request) -> web.Response:
    return web.Response(status=204)


def start(process: AbstractContextManager[object]) -> Callable[[], object]:
    """Starts a process, waiting for it; returns what ends it."""
    process.__enter__()
    return lambda: process.__exit__(None, None, None)


async def insert_calls(db: Connection, workspace: LiveWorkspace, numbers: list[str]) -> None:
    """Places calls beyond what one workspace may place at once."""
    now = datetime.now(UTC)
    for number in numbers:
        new = records_queries.NewCall(
            id=UUID(new_id()),
            workspace_id=workspace.workspace_id,
            agent_id=workspace.agent_id,
            agent_version=1,
            number_id=workspace.number_id,
            direction="outbound",
            is_test=False,
            carrier="twilio",
            carrier_call_id=None,
            caller_number=workspace.number,
            called_number=number,
            at=now,
        )
        await records_queries.insert_queued(db, new)
        await enqueue_dial(db, PlaceCallJob(new.id))


async def wait_until(check: Callable[[], object]) -> None:
    """check: a condition, or a coroutine that returns it."""
    async with asyncio.timeout(60):
        while not (await met if asyncio.iscoroutine(met := check()) else met):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def has_placed(twilio: TwilioCarrier, count: int) -> bool:
    return len(twilio.calls.calls) >= count


async def are_all_dialed(platform: CallPlatform, workspace: LiveWorkspace) -> bool:
    """Whether each call has the carrier's id, or has failed."""
    rows = await platform.call_rows(workspace)
    return all(row["carrier_call_id"] or row["status"] == "failed" for row in rows)


def dialed_by(metrics: str) -> float:
    """Jobs that dialed, or waited for their turn, by a worker's metrics."""
    counts = re.findall(rf'^vocalized_worker_jobs_total{{job="{PLACE_CALL}",.*}} (.+)$', metrics, re.MULTILINE)
    return sum(map(float, counts))

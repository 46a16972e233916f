"""A process that sends the worst body of each route, one after the other, again and again.

Making the bodies here delays no measurement. The process reads one line, a SenderJob, from stdin,
sends until stdin ends, and prints one line, a SenderReport.
"""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import aiohttp
import msgspec
from msgspec import Struct

from lab.scenarios.worst_bodies.body_bounds import fill_path, list_operations, worst_agent, worst_bodies

REQUEST_S: Final = 30.0
# Of the slowest requests that are reported.
SHOWN: Final = 5


class SenderJob(Struct, frozen=True):
    """url: of the API. owner, staff: access tokens. known: values of parameters in paths."""

    url: str
    owner: str
    staff: str
    known: dict[str, str]


class SlowRequest(Struct, frozen=True):
    """ms: from its first byte to the answer's last."""

    ms: float
    what: str


class SenderReport(Struct, frozen=True):
    """rounds: how often each body was sent. statuses: requests by their answer's status. slowest: the slowest first."""

    rounds: int
    statuses: dict[str, int]
    slowest: list[SlowRequest]


@dataclass(frozen=True, slots=True)
class WorstRequest:
    """body: JSON. token: empty for an open route."""

    what: str
    method: str
    path: str
    token: str
    body: bytes


@dataclass(slots=True)
class _Tally:
    statuses: Counter[str] = field(default_factory=Counter)
    slow: list[SlowRequest] = field(default_factory=list)

    def add(self, what: str, status: str, seconds: float) -> None:
        self.statuses[status] += 1
        self.slow = sorted([*self.slow, SlowRequest(round(seconds * 1_000, 1), what)], key=_ms, reverse=True)[:SHOWN]


def _ms(one: SlowRequest) -> float:
    return one.ms


def list_requests(document: dict[str, object], job: SenderJob) -> Iterator[WorstRequest]:
    """The worst bodies of all routes, and an agent with all its bounds used through its life."""
    for operation in list_operations(document):
        token = "" if operation.is_open else job.staff if operation.is_staff else job.owner
        path = fill_path(operation.path, job.known)
        for kind, body in worst_bodies(operation):
            yield WorstRequest(f"{operation.method} {operation.path}, {kind}", operation.method, path, token, body)
    agent = fill_path("/workspaces/{workspaceId}/agents/{agentId}", job.known)
    life: list[tuple[str, str, object]] = [
        ("PUT", "", {"config": worst_agent()}),
        ("POST", "/activate", {}),
        ("POST", "/test", {"phone_number_to_call": "+15005550006"}),
    ]
    for method, rest, value in life:
        what, raw = f"{method} agent{rest}, all bounds used", msgspec.json.encode(value)
        yield WorstRequest(what, method, agent + rest, job.owner, raw)


async def send_all(job: SenderJob, stop: asyncio.Event) -> SenderReport:
    """Sends until `stop` is set, one request at a time. Raises aiohttp.ClientError when the API cannot be reached."""
    tally, rounds = _Tally(), 0
    timeout = aiohttp.ClientTimeout(total=REQUEST_S)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        async with session.get(job.url + "/openapi.json") as response:
            document = await response.json()
        while not stop.is_set():
            for request in list_requests(document, job):  # made as they are sent: together they have 500 MB
                if stop.is_set():
                    break
                await _send(session, job.url, request, tally)
            else:
                rounds += 1
    return SenderReport(rounds, dict(tally.statuses), tally.slow)


async def _send(session: aiohttp.ClientSession, url: str, request: WorstRequest, tally: _Tally) -> None:
    headers = {"Content-Type": "application/json"}
    if request.token:
        headers["Authorization"] = f"Bearer {request.token}"
    began = time.perf_counter()
    try:
        async with session.request(request.method, url + request.path, data=request.body, headers=headers) as response:
            await response.read()
            status = str(response.status)
    except TimeoutError:
        status = "none"
    tally.add(request.what, status, time.perf_counter() - began)


async def _run() -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    job = msgspec.json.decode(await reader.readline(), type=SenderJob)
    stop = asyncio.Event()

    async def wait_for_end() -> None:
        await reader.read()
        stop.set()

    waiting = asyncio.create_task(wait_for_end())
    report = await send_all(job, stop)
    await waiting
    print(msgspec.json.encode(report).decode(), flush=True)


if __name__ == "__main__":
    asyncio.run(_run())

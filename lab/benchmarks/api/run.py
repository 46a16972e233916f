"""One run: each endpoint on our API and on the peer, one after the other, with the same closed loop."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import uvloop

from lab.benchmarks.api import servers
from lab.benchmarks.api.client import ConnectionResult, Request, make_request, run_closed_loop
from lab.benchmarks.comparison import paired
from lab.benchmarks.meter import Meter
from lab.benchmarks.results import Spread, spread
from lab.benchmarks.server import ROOT

CONNECTIONS = 16
WARM_S = 2.0
# argon2id with minimal cost, so that the stacks are compared and not the hash that both compute.
CHEAP = {"VOCALIZED_PASSWORD_MEMORY_KIB": "8", "VOCALIZED_PASSWORD_PASSES": "1"}

Say = Callable[[str], None]


class Figure(msgspec.Struct, frozen=True):
    """One endpoint of one server.

    cpu_ms: the server's processor time per request. rate: requests per second in the loop.
    per_core: requests per second of a core, 1000 / cpu_ms. wrong: responses with another status."""

    endpoint: str
    server: str
    requests: int
    rate: float
    cpu_ms: float
    latency: Spread
    wrong: int

    @property
    def per_core(self) -> float:
        """Requests per second that one core of the server can handle."""
        return 1000.0 / self.cpu_ms


@dataclass(frozen=True, slots=True)
class Cores:
    """CPU cores. server: of the API under test. load: of the generator, PostgreSQL and Valkey."""

    server: int
    load: int


@dataclass(frozen=True, slots=True)
class _ComparedApi:
    """An API of a comparison. asks: the requests by endpoint."""

    name: str
    server: servers.Server
    asks: Mapping[str, Request]


def run(cores: Cores, seconds: float, say: Say, *, hash_cost: Mapping[str, str] = CHEAP) -> list[Figure]:
    """Measures all endpoints on both servers, one process each, on the same database."""
    figures: list[Figure] = []
    with TemporaryDirectory(prefix="bench-") as name, servers.services(Path(name) / "state") as services:
        folder = Path(name)
        with servers.ours(servers.settings(services, hash_cost), cores.server, folder / "ours.log") as server:
            data = uvloop.run(servers.make_data(services, server.port))
            figures += _measure("ours", server, data, cores, seconds, say)
        with servers.peer(services, cores.server, folder / "peer.log") as server:
            figures += _measure("FastAPI + SQLAlchemy", server, data, cores, seconds, say)
    return figures


def compare(cores: Cores, base: Path, seconds: float, pairs: int, say: Say) -> Iterator[str]:
    """Yields each endpoint's ratio of CPU a request, this checkout's API to another's. The two of a pair answer on one
    core in the same seconds, each from its own database; which one starts first alternates."""
    checkouts = (("ours", ROOT), ("base", base))
    costs: dict[str, list[dict[str, float]]] = {}
    for pair in range(pairs):
        order = checkouts if pair % 2 == 0 else checkouts[::-1]
        found = _side_by_side(order, cores, seconds, say)
        for endpoint, figures in groupby(found, key=attrgetter("endpoint")):
            costs.setdefault(endpoint, []).append({figure.server: figure.cpu_ms for figure in figures})
    for endpoint, each in costs.items():
        yield f"{endpoint}: {paired(each)}"


def _side_by_side(order: Sequence[tuple[str, Path]], cores: Cores, seconds: float, say: Say) -> list[Figure]:
    """The figures of both, endpoint by endpoint."""
    with TemporaryDirectory(prefix="bench-") as folder, ExitStack() as stack:
        apis = [_ComparedApi(name, *_start(stack, Path(folder) / name, checkout, cores)) for name, checkout in order]
        found = [
            figure for endpoint in apis[0].asks for figure in uvloop.run(_all_at_once(apis, endpoint, cores, seconds))
        ]
    for figure in found:
        say(_line(figure))
    return found


def _start(stack: ExitStack, folder: Path, checkout: Path, cores: Cores) -> tuple[servers.Server, dict[str, Request]]:
    """Starts a checkout's services and API; returns the API, and what is asked of it."""
    folder.mkdir()
    services = stack.enter_context(servers.services(folder / "state", checkout))
    environment = servers.settings(services, CHEAP)
    server = stack.enter_context(servers.ours(environment, cores.server, folder / "log", checkout))
    data = uvloop.run(servers.make_data(services, server.port))
    return server, _asks(servers.sign_in(server.port), data)


async def _all_at_once(apis: Sequence["_ComparedApi"], endpoint: str, cores: Cores, seconds: float) -> list[Figure]:
    return await asyncio.gather(
        *(_once(api.name, endpoint, api.server, api.asks[endpoint], cores, seconds) for api in apis)
    )


def _measure(
    name: str, server: servers.Server, data: servers.Data, cores: Cores, seconds: float, say: Say
) -> list[Figure]:
    token = servers.sign_in(server.port)
    figures = []
    for endpoint, request in _asks(token, data).items():
        figure = uvloop.run(_once(name, endpoint, server, request, cores, seconds))
        say(_line(figure))
        figures.append(figure)
    return figures


def _line(figure: Figure) -> str:
    return (
        f"{figure.server}: {figure.endpoint}: {figure.cpu_ms:.3f} ms of CPU a request, {figure.rate:.0f} a second, "
        f"p50 {figure.latency.p50:.1f} p99 {figure.latency.p99:.1f} ms, {figure.wrong} wrong"
    )


def _asks(token: str, data: servers.Data) -> dict[str, Request]:
    login = json.dumps({"email": servers.EMAIL, "password": servers.PASSWORD}).encode()
    agents = f"/workspaces/{data.workspace_id}/agents"
    return {
        "log in": make_request("POST", "/auth/login", body=login),
        "list agents": make_request("GET", agents, token=token),
        "get agent": make_request("GET", f"{agents}/{data.agent_id}", token=token),
    }


async def _once(
    name: str, endpoint: str, server: servers.Server, request: Request, cores: Cores, seconds: float
) -> Figure:
    await run_closed_loop(server.port, [request], connections=CONNECTIONS, seconds=WARM_S, warm_s=0.0)
    meter = Meter(server.pid, cores.server)
    before = meter.cpu()
    rounds = await run_closed_loop(server.port, [request], connections=CONNECTIONS, seconds=seconds, warm_s=0.0)
    after = meter.cpu()
    return _figure(name, endpoint, rounds, after.used - before.used, after.at - before.at)


def _figure(name: str, endpoint: str, rounds: list[ConnectionResult], cpu_s: float, seconds: float) -> Figure:
    latencies = [latency for one in rounds for latency in one.latencies]
    wrong = sum(one.wrong for one in rounds)
    return Figure(
        endpoint,
        name,
        len(latencies),
        len(latencies) / seconds,
        1000 * cpu_s / len(latencies),
        spread(latencies),
        wrong,
    )

"""The platform for a rehearsal: PostgreSQL, Valkey, the API, the worker and media nodes as processes of their own; the
phone network runs in this process, where its callers are.

A service can be stopped and started again; a node or the worker can be killed.
"""

import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

import aiohttp
import asyncpg  # type: ignore[import-untyped]
from aiohttp import web

from lab.stage.load_balancer import LoadBalancer, balanced
from lab.stage.service import Program, Service
from lab.stage.workspace import Workspace, agent_config, create_workspace, sign_in_staff
from shared.bus.client import bus_client
from shared.bus.events import EventStream
from simulator.carrier.network.config import NetworkConfig, SeededNumber, make_config
from simulator.carrier.network.server import RunningNetwork, running_network
from vocalized.free_port import free_port
from vocalized.services.postgres import Postgres, running_postgres
from vocalized.services.valkey import Valkey, running_valkey, user_url
from vocalized.services.valkey_cluster import ValkeyCluster, running_valkey_cluster
from vocalized.stack.api_client import ApiClient
from vocalized.stack.carrier_keys import CarrierKeys, carrier_keys
from vocalized.stack.key_settings import redis_url_of, share_one_set
from vocalized.stack.ports import Ports, choose_ports
from vocalized.stack.process import migrate_database
from vocalized.stack.programs import Programs
from vocalized.stack.settings import (
    CarrierName,
    api_settings,
    default_settings,
    network_settings,
    node_settings,
    worker_settings,
)

BUS_S: Final = 5.0
NUMBERS: Final[Mapping[CarrierName, str]] = {"twilio": "+14155550100", "telnyx": "+12125550100"}


@dataclass(frozen=True, slots=True)
class PlatformShape:
    """nodes: number of media nodes. workers: of workers. recorded: whether the agents record. recorder: who
    does, as the setting carrier_recordings names it. balanced: whether the API is reached through a load balancer.
    drain_s: how long a node that is stopped waits for its calls. dead_model: whether the agents' first
    language model never answers. log_level: of all programs. language: of the agents. call_rate: outbound calls a
    second at each carrier. redis_cluster: three Valkeys as a cluster, which must not be stopped: it starts empty and
    elsewhere. node_rules: of the nodes' own user in Redis; empty: they are its default user. settings: beside these."""

    nodes: int = 1
    workers: int = 1
    recorded: bool = False
    recorder: Literal["ours", "carrier", "both"] = "ours"
    balanced: bool = False
    dead_model: bool = False
    drain_s: int = 5
    log_level: str = "warning"
    language: str = "en"
    call_rate: float = 1.0
    redis_cluster: bool = False
    node_rules: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Platform:
    """The running platform. state: the folder of the logs and of the nodes' state. settings: the environment of
    control's programs. bus: the stream of media's events. network_config: holds the carriers' secrets. balancer: None
    when the API is reached directly. staff: an API client signed in as an admin. database_url: as the database's owner.
    """

    folder: Path
    state: Path
    api_url: str
    settings: Mapping[str, str]
    bus: EventStream
    network: RunningNetwork
    network_config: NetworkConfig
    postgres: Service[Postgres]
    valkey: Service[Valkey] | Service[ValkeyCluster]
    balancer: LoadBalancer | None
    api: Program
    workers: list[Program]
    nodes: list[Program]
    staff: ApiClient
    workspace: Workspace
    database_url: str

    def log(self, program: str) -> Path:
        """The log of a program: api, worker (others: worker-1…), or a node's name."""
        return self.state / f"{program}.log"

    @property
    def worker(self) -> Program:
        """The first worker."""
        return self.workers[0]

    async def rows(self, sql: str, *values: object) -> list[Any]:
        """A query on the database, as its owner."""
        connection = await asyncpg.connect(self.database_url)
        try:
            found: list[Any] = await connection.fetch(sql, *values)
            return found
        finally:
            await connection.close()


@dataclass(frozen=True, slots=True)
class ProgramFactory:
    """Makes programs of one checkout, all with the same settings."""

    programs: Programs
    settings: Mapping[str, str]

    def api(self, port: int) -> Program:
        """The API."""
        return Program(lambda: self.programs.api(port, api_settings(self.settings)), port)

    def worker(self, port: int, name: str = "worker") -> Program:
        """A worker."""
        return Program(lambda: self.programs.worker(port, worker_settings(self.settings), name), port)

    def node(self, name: str, port: int, public_port: int = 0) -> Program:
        """A media node. public_port: at which carriers reach it, if that is another one."""
        own = node_settings(self.settings, public_port or port) | {"VOCALIZED_MEDIA_NODE": name}
        return Program(lambda: self.programs.node(name, port, own), port)


@dataclass(frozen=True, slots=True)
class Wiring:
    """What lies between the platform's parts. listen: where they listen; others know them by the ports that were
    chosen. settings: beside the platform's own. launcher: starts our programs in the interpreter's place."""

    listen: Ports
    settings: Mapping[str, str] = field(default_factory=dict)
    launcher: Path | None = None


# Lays something between the parts for as long as the stack is open. Gets the chosen ports, and the URLs of PostgreSQL
# and Redis.
Wire = Callable[[AsyncExitStack, Ports, str, str], Awaitable[Wiring]]


async def wire_directly(running: AsyncExitStack, ports: Ports, database_url: str, redis_url: str) -> Wiring:
    """Nothing lies between the parts."""
    return Wiring(ports)


@asynccontextmanager
async def running_platform(
    root: Path,
    folder: Path,
    shape: PlatformShape,
    python: Path = Path(sys.executable),
    *,
    state: Path | None = None,
    wire: Wire = wire_directly,
) -> AsyncIterator[Platform]:
    """Everything is ready when the block begins. root, python: the checkout whose programs run, and the interpreter of
    its environment. folder: a short path that every user may enter. state: for logs and the nodes' state, in the
    folder's place. wire: what lies between the parts."""
    async with AsyncExitStack() as running:
        session = await running.enter_async_context(aiohttp.ClientSession())
        postgres = Service(lambda: running_postgres(folder, durable=True))
        valkey = _redis(folder, shape)
        database_url, redis_url = await _start_service(running, postgres), await _start_service(running, valkey)
        bus = await running.enter_async_context(aclosing(bus_client(redis_url, BUS_S)))
        ports, keys = choose_ports(media_nodes=shape.nodes), carrier_keys(folder)
        wiring = await wire(running, ports, database_url, redis_url)
        settings = _settings(folder, database_url, redis_url, ports, keys) | _shape_settings(shape, wiring)
        settings = await _settings_of(python, settings, redis_url, shape.node_rules)
        config = _network_config(ports, keys)
        network = await running.enter_async_context(phone_network(config, wiring.listen.carrier))
        await migrate_database(root, settings, python)
        programs = ProgramFactory(Programs(root, state or folder, wiring.launcher or python), settings)
        api_port = free_port() if shape.balanced else wiring.listen.control
        balancer = await running.enter_async_context(balanced(ports.control, [api_port])) if shape.balanced else None
        api, workers = programs.api(api_port), _make_workers(programs, ports.worker, shape.workers)
        nodes = _make_nodes(programs, wiring.listen, ports)
        await _start_programs(running, [api, *workers, *nodes])
        staff, workspace = await _make_accounts(session, ports.control_url, database_url, shape)
        yield Platform(
            folder=folder,
            state=state or folder,
            api_url=ports.control_url,
            settings=settings,
            bus=EventStream(bus),
            network=network,
            network_config=config,
            postgres=postgres,
            valkey=valkey,
            balancer=balancer,
            api=api,
            workers=workers,
            nodes=nodes,
            staff=staff,
            workspace=workspace,
            database_url=database_url,
        )


async def _settings_of(python: Path, settings: Mapping[str, str], redis_url: str, rules: str) -> dict[str, str]:
    """The settings as a checkout's programs take them, with the nodes' own user of Redis if it has rules."""
    # One user asks for the records of all calls again and again. A checkout of the version before knows no such limit.
    ours = {"VOCALIZED_RATE_LIMITS": "user=1000000/1", **settings}
    found = ours if python == Path(sys.executable) else share_one_set(settings)
    if not rules:
        return found
    await set_node_rules(redis_url, rules)
    return found | {redis_url_of("media"): user_url(redis_url, "media", _NODE_PASSWORD)}


async def set_node_rules(redis_url: str, rules: str) -> None:
    """Gives the nodes' user in Redis these rules and no others. Running connections keep their user."""
    words = ["reset", "on", f">{_NODE_PASSWORD}", "resetchannels", *rules.split()]
    async with aclosing(bus_client(redis_url, BUS_S)) as admin:
        await admin.execute_command("ACL", "SETUSER", "media", *words)


async def _make_accounts(
    session: aiohttp.ClientSession, url: str, database_url: str, shape: PlatformShape
) -> tuple[ApiClient, Workspace]:
    staff = await sign_in_staff(session, url, database_url)
    agents = agent_config(recorded=shape.recorded, dead_model=shape.dead_model, language=shape.language)
    return staff, await create_workspace(session, url, database_url, NUMBERS, agents)


def _make_workers(programs: ProgramFactory, port: int, count: int) -> list[Program]:
    others = [programs.worker(free_port(), f"worker-{number}") for number in range(1, count)]
    return [programs.worker(port), *others]


def _make_nodes(programs: ProgramFactory, listen: Ports, public: Ports) -> list[Program]:
    each = enumerate(zip(listen.media, public.media, strict=True))
    return [programs.node(f"media-{number}", port, public_port) for number, (port, public_port) in each]


def _redis(folder: Path, shape: PlatformShape) -> Service[Valkey] | Service[ValkeyCluster]:
    if shape.redis_cluster:
        return Service(lambda: running_valkey_cluster(folder, durable=True))
    return Service(lambda: running_valkey(folder, durable=True))


_NODE_PASSWORD: Final = "of-nodes"


async def _start_service(
    running: AsyncExitStack, service: Service[Postgres] | Service[Valkey] | Service[ValkeyCluster]
) -> str:
    """Returns its URL."""
    url = (await service.start()).url
    running.push_async_callback(service.stop)
    return url


async def _start_programs(running: AsyncExitStack, programs: Sequence[Program]) -> None:
    for program in programs:
        await program.start()
        running.push_async_callback(program.stop)


def _shape_settings(shape: PlatformShape, wiring: Wiring) -> dict[str, str]:
    rates = {f"VOCALIZED_{carrier.upper()}_CALL_RATE": str(shape.call_rate) for carrier in NUMBERS}
    return {
        "VOCALIZED_MEDIA_DRAIN_TIMEOUT_S": str(shape.drain_s),
        "VOCALIZED_LOG_LEVEL": shape.log_level,
        "VOCALIZED_CARRIER_RECORDINGS": shape.recorder,
        **rates,
        **shape.settings,
        **wiring.settings,
    }


def _network_config(ports: Ports, keys: CarrierKeys) -> NetworkConfig:
    url = ports.control_url
    config = make_config(network_settings(ports, keys, url, tuple(NUMBERS)))
    numbers = (
        SeededNumber("twilio", NUMBERS["twilio"], f"{url}/webhooks/calls/inbound", f"{url}/webhooks/calls/status"),
        SeededNumber("telnyx", NUMBERS["telnyx"]),
    )
    return replace(config, numbers=numbers)


@asynccontextmanager
async def phone_network(config: NetworkConfig, port: int) -> AsyncIterator[RunningNetwork]:
    """Both simulated carriers, in this process."""
    async with running_network(config) as network:
        runner = web.AppRunner(network.app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
            yield network
        finally:
            await runner.cleanup()


def _settings(folder: Path, database_url: str, redis_url: str, ports: Ports, keys: CarrierKeys) -> dict[str, str]:
    """The environment of the programs; what the user has set is ignored."""
    foreign = {name: value for name, value in os.environ.items() if not name.startswith("VOCALIZED_")}
    return {
        **foreign,
        **default_settings(folder, ports, keys, tuple(NUMBERS)),
        # Nothing listens there before a scenario starts the engine.
        "VOCALIZED_LOCAL_ENGINE_SOCKET": str(folder / "engine.sock"),
        "VOCALIZED_DATABASE_URL": database_url,
        "VOCALIZED_REDIS_URL": redis_url,
        "VOCALIZED_PASSWORD_PASSES": "1",
        "VOCALIZED_PASSWORD_MEMORY_KIB": "8",
    }

"""The stack for a rehearsal: PostgreSQL, Valkey, the API, its worker and media nodes as processes of their own; the
phone network in this one, where its callers are.

What can be done to it: stop and start a service, kill a node or the worker, have everybody phone at once.
"""

import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import aiohttp
from aiohttp import web

from shared.bus.client import bus_client
from shared.bus.events import EventStream
from simulator.carrier.network.config import NetworkConfig, SeededNumber, make_config
from simulator.carrier.network.server import Network, opened
from vocalized.carrier_keys import CarrierKeys, carrier_keys
from vocalized.child import migrated, running_server
from vocalized.rehearse.desk import Desk, open_desk
from vocalized.rehearse.service import Program, Service
from vocalized.services.postgres import Postgres, running_postgres
from vocalized.services.valkey import Valkey, running_valkey
from vocalized.surroundings import CarrierName, Ports, network_settings, node_settings, usual_settings
from vocalized.up import UpOptions, choose_ports

BUS_S: Final = 5.0
NUMBERS: Final[Mapping[CarrierName, str]] = {"twilio": "+14155550100", "telnyx": "+12125550100"}


@dataclass(frozen=True, slots=True)
class Shape:
    """What is put up. nodes: media processes. recorded: the agents record."""

    nodes: int = 1
    recorded: bool = False


@dataclass(slots=True)
class Stage:
    """What stands. url: of the API. bus: the stream on which media's events wait. config: of the network, with the
    carriers' secrets."""

    folder: Path
    url: str
    bus: EventStream
    desk: Desk
    config: NetworkConfig
    network: Network
    postgres: Service[Postgres]
    valkey: Service[Valkey]
    worker: Program
    nodes: list[Program] = field(default_factory=list)


@asynccontextmanager
async def staged(root: Path, folder: Path, shape: Shape) -> AsyncIterator[Stage]:
    """Everything, ready, for as long as the block lasts. folder: short, and one that anybody may walk into."""
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        postgres = Service(lambda: running_postgres(folder, durable=True))
        valkey = Service(lambda: running_valkey(folder, durable=True))
        database = await postgres.start()
        stack.push_async_callback(postgres.stop)
        redis = await valkey.start()
        stack.push_async_callback(valkey.stop)
        bus = await stack.enter_async_context(bus_client(redis.url, BUS_S))
        ports, keys = choose_ports(UpOptions(folder, media_nodes=shape.nodes)), carrier_keys(folder)
        environment = _environment(folder, database.url, redis.url, ports, keys)
        config = _network_config(ports, keys)
        network = await stack.enter_async_context(phone_network(config, ports.carrier))
        await migrated(root, environment)
        programs = _Programs(root, folder, environment)
        api = programs.control("api", ports.control, "/readyz")
        worker = programs.control("worker", ports.worker, "/healthz")
        nodes = [programs.node(number, port) for number, port in enumerate(ports.media)]
        for program in (api, worker, *nodes):
            await program.start()
            stack.push_async_callback(program.stop)
        desk = await open_desk(session, ports.control_url, database.url, NUMBERS, recorded=shape.recorded)
        yield Stage(folder, ports.control_url, EventStream(bus), desk, config, network, postgres, valkey, worker, nodes)


@dataclass(frozen=True, slots=True)
class _Programs:
    """Makes programs of ours, whose logs have their names."""

    root: Path
    folder: Path
    environment: Mapping[str, str]

    def control(self, name: str, port: int, probe: str) -> Program:
        return self._program(name, ["control", name], port, probe, self.environment)

    def node(self, number: int, port: int) -> Program:
        name = f"media-{number}"
        own = node_settings(self.environment, port) | {"VOCALIZED_MEDIA_NODE": name}
        return self._program(name, ["media", "--state", str(self.folder / name)], port, "/readyz", own)

    def _program(
        self, name: str, arguments: list[str], port: int, probe: str, environment: Mapping[str, str]
    ) -> Program:
        command = [sys.executable, "-m", *arguments, "--port", str(port)]
        log = self.folder / f"{name}.log"
        return Program(
            lambda: running_server(command, self.root, port, log, name=name, probe=probe, environment=environment), port
        )


def _network_config(ports: Ports, keys: CarrierKeys) -> NetworkConfig:
    url = ports.control_url
    config = make_config(network_settings(ports, keys, url, tuple(NUMBERS)))
    numbers = (
        SeededNumber("twilio", NUMBERS["twilio"], f"{url}/webhooks/calls/inbound", f"{url}/webhooks/calls/status"),
        SeededNumber("telnyx", NUMBERS["telnyx"]),
    )
    return replace(config, numbers=numbers)


@asynccontextmanager
async def phone_network(config: NetworkConfig, port: int) -> AsyncIterator[Network]:
    """Both carriers, in this process."""
    async with opened(config) as network:
        runner = web.AppRunner(network.app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
            yield network
        finally:
            await runner.cleanup()


def _environment(folder: Path, database_url: str, redis_url: str, ports: Ports, keys: CarrierKeys) -> dict[str, str]:
    """As if the user had set nothing."""
    foreign = {name: value for name, value in os.environ.items() if not name.startswith("VOCALIZED_")}
    return {
        **foreign,
        **usual_settings(folder, ports, keys, tuple(NUMBERS)),
        "VOCALIZED_DATABASE_URL": database_url,
        "VOCALIZED_REDIS_URL": redis_url,
        "VOCALIZED_PASSWORD_PASSES": "1",
        "VOCALIZED_PASSWORD_MEMORY_KIB": "8",
        "VOCALIZED_LOG_LEVEL": "warning",
    }

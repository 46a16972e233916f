"""The stack for a rehearsal: PostgreSQL, Valkey, the API, its worker and media nodes as processes of their own; the
phone network in this one, where its callers are.

What can be done to it: stop and start a service, kill a node or the worker, have everybody phone at once.
"""

import base64
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.secrets import new_key
from simulator.carrier.network.config import NetworkConfig, SeededNumber
from simulator.carrier.network.server import Network, opened
from simulator.carrier.network.telnyx_side.config import TelnyxConfig
from simulator.carrier.network.twilio_side.model import TwilioConfig
from vocalized.child import free_port, migrated, running_server
from vocalized.rehearse.desk import Desk, open_desk
from vocalized.rehearse.service import Service
from vocalized.services.postgres import Postgres, running_postgres
from vocalized.services.valkey import Valkey, running_valkey

NUMBERS = {"twilio": "+14155550100", "telnyx": "+12125550100"}
_ACCOUNT, _API_KEY, _CONNECTION = "AC" + "5" * 32, "KEY-rehearsal", "1494404757140276705"


@dataclass(slots=True)
class Child:
    """A program of ours as a process; started again under the same name."""

    name: str
    command: list[str]
    port: int
    probe: str
    environment: Mapping[str, str]
    folder: Path
    _stack: AsyncExitStack | None = None
    pid: int = 0

    async def start(self, root: Path) -> None:
        """Returns when it is ready. Raises ServerFailed."""
        self._stack = AsyncExitStack()
        process = await self._stack.enter_async_context(
            running_server(
                self.command, root, self.port, self.folder / f"{self.name}.log", name=self.name, probe=self.probe,
                environment=self.environment,
            )
        )  # fmt: skip
        self.pid = process.pid

    def kill(self) -> None:
        """As a machine that is switched off."""
        os.kill(self.pid, signal.SIGKILL)

    async def stop(self) -> None:
        """In order, if it still runs."""
        stack, self._stack = self._stack, None
        if stack is not None:
            await stack.aclose()


@dataclass(frozen=True, slots=True)
class Shape:
    """What is put up. nodes: media processes. recorded: the agents record."""

    nodes: int = 1
    recorded: bool = False


@dataclass(slots=True)
class Stage:
    """What stands. url: of the API. config: of the network, with the carriers' secrets."""

    root: Path
    folder: Path
    url: str
    desk: Desk
    config: NetworkConfig
    network: Network
    postgres: Service[Postgres]
    valkey: Service[Valkey]
    api: Child
    worker: Child
    nodes: list[Child] = field(default_factory=list)


@asynccontextmanager
async def staged(root: Path, folder: Path, shape: Shape) -> AsyncIterator[Stage]:
    """Everything, ready, for as long as the block lasts. folder: short, and one that anybody may walk into."""
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        postgres = Service(lambda: running_postgres(folder, durable=True))
        valkey = Service(lambda: running_valkey(folder, durable=True))
        database, redis = await postgres.start(), await valkey.start()
        stack.push_async_callback(postgres.stop)
        stack.push_async_callback(valkey.stop)
        ports = [free_port() for _ in range(3 + shape.nodes)]
        url, network_url = f"http://127.0.0.1:{ports[0]}", f"http://127.0.0.1:{ports[1]}"
        seed_bytes = secrets.token_bytes(32)
        token = secrets.token_hex(16)
        environment = _environment(folder, database.url, redis.url, url, network_url, seed_bytes, token)
        config = _network_config(url, network_url, seed_bytes, token)
        network = await stack.enter_async_context(_network(config, ports[1]))
        await migrated(root, environment)
        api = _control("api", ports[0], "/readyz", environment, folder)
        worker = _control("worker", ports[2], "/healthz", environment, folder)
        nodes = [_node(number, port, environment, folder) for number, port in enumerate(ports[3:])]
        for child in (api, worker, *nodes):
            await child.start(root)
            stack.push_async_callback(child.stop)
        desk = await open_desk(session, url, database.url, NUMBERS, recorded=shape.recorded)
        yield Stage(root, folder, url, desk, config, network, postgres, valkey, api, worker, nodes)


def _control(name: str, port: int, probe: str, environment: Mapping[str, str], folder: Path) -> Child:
    command = [sys.executable, "-m", "control", name, "--port", str(port)]
    return Child(name, command, port, probe, environment, folder)


def _node(number: int, port: int, environment: Mapping[str, str], folder: Path) -> Child:
    name = f"media-{number}"
    command = [sys.executable, "-m", "media", "--port", str(port), "--state", str(folder / name)]
    own = {**environment, "VOCALIZED_MEDIA_NODE": name, "VOCALIZED_MEDIA_PUBLIC_URL": f"ws://127.0.0.1:{port}"}
    return Child(name, command, port, "/readyz", own, folder)


def _network_config(url: str, network_url: str, seed_bytes: bytes, token: str) -> NetworkConfig:
    return NetworkConfig(
        public_url=network_url,
        twilio=TwilioConfig(_ACCOUNT, token, network_url),
        telnyx=TelnyxConfig(
            api_key=_API_KEY,
            signing_key=base64.b64encode(seed_bytes).decode(),
            connection_id=_CONNECTION,
            webhook_url=f"{url}/webhooks/calls/inbound",
            public_url=network_url,
        ),
        numbers=(
            SeededNumber("twilio", NUMBERS["twilio"], f"{url}/webhooks/calls/inbound", f"{url}/webhooks/calls/status"),
            SeededNumber("telnyx", NUMBERS["telnyx"]),
        ),
    )


@asynccontextmanager
async def _network(config: NetworkConfig, port: int) -> AsyncIterator[Network]:
    async with opened(config) as network:
        runner = web.AppRunner(network.app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
            yield network
        finally:
            await runner.cleanup()


def _environment(
    folder: Path, database_url: str, redis_url: str, url: str, network_url: str, seed_bytes: bytes, token: str
) -> dict[str, str]:
    public = Ed25519PrivateKey.from_private_bytes(seed_bytes).public_key().public_bytes_raw()
    ours = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "SECRET_KEYS": new_key(),
        "STORAGE_URL": (folder / "objects").as_uri(),
        "SMTP_URL": (folder / "mail").as_uri(),
        "PUBLIC_URL": url,
        "STANDIN_PROVIDERS": "true",
        "TWILIO_ACCOUNT_SID": _ACCOUNT,
        "TWILIO_AUTH_TOKENS": f"{_ACCOUNT}={token}",
        "TWILIO_API_URL": network_url,
        "TELNYX_API_KEY": _API_KEY,
        "TELNYX_PUBLIC_KEYS": base64.b64encode(public).decode(),
        "TELNYX_CONNECTION_ID": _CONNECTION,
        "TELNYX_API_URL": f"{network_url}/v2",
        "PASSWORD_PASSES": "1",
        "PASSWORD_MEMORY_KIB": "8",
        "LOG_LEVEL": "warning",
        "MEDIA_DRAIN_TIMEOUT_S": "5",
    }
    foreign = {name: value for name, value in os.environ.items() if not name.startswith("VOCALIZED_")}
    return foreign | {f"VOCALIZED_{name}": value for name, value in ours.items()}

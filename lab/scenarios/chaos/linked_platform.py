"""The platform of the rehearsal, with a link to each neighbor of its programs and surroundings that can be changed."""

import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from aiohttp import web

from lab.scenarios.chaos.host import (
    DOMAIN,
    LAUNCHER,
    LogPipes,
    NameServer,
    ProgramControl,
    build_control,
    running_name_server,
    write_resolver,
)
from lab.scenarios.chaos.vendors import ChaosVendors, connect_vendors, running_chaos_vendors
from lab.stage.conversation import Conversation
from lab.stage.link import (
    Link,
    LinkState,
    Neighbor,
    postgres_socket,
    postgres_through,
    redis_socket,
    running_link,
)
from lab.stage.platform import Platform, PlatformShape, Wiring, running_platform
from lab.stage.service import Program
from simulator.object_storage import ObjectStorage
from vocalized.free_port import free_port
from vocalized.stack.key_settings import REDIS_URL, redis_url_of
from vocalized.stack.ports import Ports

NODES: Final = 2
SHAPE: Final = PlatformShape(nodes=NODES, recorded=True, log_level="info")
LinkName = Literal[
    "postgres",
    "redis-control",
    "redis-media",
    "storage",
    "recogniser",
    "model",
    "voice",
    "carrier",
    "webhooks",
    "streams",
]


@dataclass(frozen=True, slots=True)
class LinkedPlatform:
    """The running platform, its links by name, and what surrounds its programs. control, names: None where this machine
    does not permit them."""

    platform: Platform
    links: Mapping[LinkName, Sequence[Link]]
    storage: ObjectStorage
    logs: LogPipes
    control: ProgramControl | None
    names: NameServer | None

    @property
    def programs(self) -> dict[str, Program]:
        """API, worker and nodes by their names."""
        platform = self.platform
        every = [platform.api, platform.worker, *platform.nodes]
        return dict(zip(program_names(len(platform.nodes)), every, strict=True))

    def set_links(self, name: LinkName, state: LinkState) -> None:
        """Changes all links to a neighbor."""
        for link in self.links[name]:
            link.set(state)


@asynccontextmanager
async def running_linked_platform(
    root: Path, folder: Path, conversation: Conversation, shape: PlatformShape = SHAPE
) -> AsyncIterator[LinkedPlatform]:
    """Everything is ready when the block begins. folder: as `running_platform`'s."""
    async with AsyncExitStack() as running:
        names = await running.enter_async_context(running_name_server())
        control, logs = build_control(folder), LogPipes(folder, program_names(shape.nodes))
        running.callback(logs.close)
        vendors = await running.enter_async_context(running_chaos_vendors(conversation))
        wire = _Wire(vendors, launch_settings(folder, control, names), has_names=names is not None)
        platform = await running.enter_async_context(running_platform(root, folder, shape, wire=wire.wire))
        first = {role: f"{wire.host(name)}:{wire.vendor_ports[name]}" for role, name in _FIRST.items()}
        await connect_vendors(platform, vendors, first)
        yield LinkedPlatform(platform, wire.links, wire.storage, logs, control, names)


def program_names(nodes: int) -> list[str]:
    """API, worker and so many nodes, as their logs are called."""
    return ["api", "worker", *(f"media-{number}" for number in range(nodes))]


def launch_settings(folder: Path, control: ProgramControl | None, names: NameServer | None) -> dict[str, str]:
    """What the launcher reads."""
    found = {"CHAOS_PYTHON": sys.executable}
    if control is not None:
        found |= {"CHAOS_LIBRARY": str(control.library), "CHAOS_CONTROL": str(control.path)}
    if names is not None:
        found |= {"CHAOS_RESOLVER": str(write_resolver(folder, names))}
    return found


_FIRST: Final = {"stt": "recogniser", "llm": "model", "tts": "voice"}


@dataclass(slots=True)
class _Wire:
    """Lays a link between each program and each neighbor. launch: settings for the launcher. has_names: programs find
    neighbors by names. vendor_ports: of the links to first choices."""

    vendors: ChaosVendors
    launch: Mapping[str, str]
    has_names: bool
    links: dict[LinkName, list[Link]] = field(default_factory=dict)
    storage: ObjectStorage = field(default_factory=ObjectStorage)
    vendor_ports: dict[str, int] = field(default_factory=dict)

    def host(self, name: str) -> str:
        """How programs call a neighbor that is found by a name, where there is a name server."""
        return f"{name}.{DOMAIN}" if self.has_names else "127.0.0.1"

    async def wire(self, running: AsyncExitStack, ports: Ports, database_url: str, redis_url: str) -> Wiring:
        listen = Ports(free_port(), ports.worker, free_port(), tuple(free_port() for _ in ports.media))
        postgres = await self._link(running, "postgres", postgres_socket(database_url))
        control = await self._link(running, "redis-control", redis_socket(redis_url))
        media = await self._link(running, "redis-media", redis_socket(redis_url))
        storage = await self._link(running, "storage", Neighbor(await self._serve_storage(running)))
        await self._link(running, "carrier", Neighbor(listen.carrier), ports.carrier)
        await self._link(running, "webhooks", Neighbor(listen.control), ports.control)
        for own, public in zip(listen.media, ports.media, strict=True):
            await self._link(running, "streams", Neighbor(own), public)
        await self._link_vendors(running)
        carrier = f"http://{self.host('carrier')}:{ports.carrier}"
        settings = {
            "VOCALIZED_DATABASE_URL": postgres_through(database_url, postgres),
            REDIS_URL: f"redis://127.0.0.1:{control}/0",
            redis_url_of("media"): f"redis://127.0.0.1:{media}/0",
            "VOCALIZED_STORAGE_URL": f"s3://recordings?endpoint=http://{self.host('storage')}:{storage}&region=auto",
            "VOCALIZED_TWILIO_API_URL": carrier,
            "VOCALIZED_TELNYX_API_URL": f"{carrier}/v2",
            "AWS_ACCESS_KEY_ID": "id",
            "AWS_SECRET_ACCESS_KEY": "secret",
        }
        return Wiring(listen, {**settings, **self.launch}, LAUNCHER)

    async def _link_vendors(self, running: AsyncExitStack) -> None:
        ports: dict[LinkName, int] = {
            "recogniser": self.vendors.deepgram,
            "model": self.vendors.openai,
            "voice": self.vendors.cartesia,
        }
        for name, port in ports.items():
            self.vendor_ports[name] = await self._link(running, name, Neighbor(port))

    async def _link(self, running: AsyncExitStack, name: LinkName, neighbor: Neighbor, port: int = 0) -> int:
        """Returns the port at which the link listens."""
        link, found = await running.enter_async_context(running_link(neighbor, port))
        self.links.setdefault(name, []).append(link)
        return found

    async def _serve_storage(self, running: AsyncExitStack) -> int:
        """Returns its port."""
        runner = web.AppRunner(self.storage.app(), access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await runner.setup()
        running.push_async_callback(runner.cleanup)
        port = free_port()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        return port

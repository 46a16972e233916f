"""All parts of the platform as children of this process: started side by side, ended one room after the other."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from vocalized.carrier_keys import CarrierKeys, carrier_keys
from vocalized.child import migrated, running_child, running_server
from vocalized.number_urls import point_numbers_here
from vocalized.secret_file import write_secret
from vocalized.services.folders import socket_folder
from vocalized.services.postgres import running_postgres
from vocalized.services.thread import in_thread
from vocalized.services.valkey import running_valkey
from vocalized.surroundings import Ports, Stores, network_settings, node_settings, program_settings, simulated

# Tells a part's exit code once it has ended.
Ended = Callable[[], int | None]

_NETWORK = "network.json"
_NODE = "media-"


@dataclass(frozen=True, slots=True)
class Stack:
    """The platform while it runs. parts: by the names of their logs."""

    state: Path
    ports: Ports
    settings: Mapping[str, str]
    database_url: str
    parts: Mapping[str, Ended]

    @property
    def ended(self) -> list[str]:
        """The names of parts that have ended by themselves."""
        return [name for name, ended in self.parts.items() if ended() is not None]

    @property
    def dead(self) -> str | None:
        """The name of a part that has ended, and without which the platform is none: not so a media node while another
        one runs, which takes over its calls."""
        ended = self.ended
        nodes = {name for name in self.parts if name.startswith(_NODE)}
        return next((name for name in ended if name not in nodes or nodes <= set(ended)), None)


@asynccontextmanager
async def running_stack(root: Path, state: Path, ports: Ports) -> AsyncIterator[Stack]:
    """Everything is ready when the block begins. At its end the carrier goes, then media, control, the speech engine
    and the stores.

    Raises ServerFailed and ServiceFailed.
    """
    await asyncio.to_thread(state.mkdir, parents=True, exist_ok=True)
    start, keys = _Start(root, state, ports), carrier_keys(state)
    async with AsyncExitStack() as stores, AsyncExitStack() as engine, AsyncExitStack() as control:
        there = await start.stores(stores)
        settings = program_settings(state, ports, there, keys)
        async with AsyncExitStack() as media, AsyncExitStack() as carrier:
            rooms = (
                start.engine(engine, there.engine),
                start.control(control, settings),
                start.media(media, settings),
                start.carrier(carrier, settings, keys),
            )
            await _together(rooms)
            yield Stack(state, ports, settings, there.database_url, start.parts)


@dataclass(frozen=True, slots=True)
class _Start:
    """Starts room after room; what a method starts is ended by the exit stack that it is given."""

    root: Path
    state: Path
    ports: Ports
    parts: dict[str, Ended] = field(default_factory=dict)

    async def stores(self, running: AsyncExitStack) -> Stores:
        """PostgreSQL and Valkey, and where the speech engine is going to listen."""
        folder = await running.enter_async_context(in_thread(socket_folder(self.state, None)))
        urls = dict[str, str]()

        async def postgres() -> None:
            server = await running.enter_async_context(running_postgres(self.state, durable=True))
            self.parts["postgres"], urls["postgres"] = server.process.poll, server.url

        async def valkey() -> None:
            server = await running.enter_async_context(running_valkey(self.state, durable=True))
            self.parts["valkey"], urls["valkey"] = server.process.poll, server.url

        await _together([postgres(), valkey()])
        return Stores(urls["postgres"], urls["valkey"], folder / "engine.sock")

    async def engine(self, running: AsyncExitStack, path: Path) -> None:
        """The local speech engine, which serves all nodes."""
        command = [sys.executable, "-m", "media.providers.local.host", "--socket", str(path)]
        log = self.state / "engine.log"
        child = running_child(command, self.root, log, lambda: _listens(path), name="speech engine")
        self._note("engine", await running.enter_async_context(child))

    async def control(self, running: AsyncExitStack, settings: Mapping[str, str]) -> None:
        """The database brought up to date, then the API and the worker."""
        await migrated(self.root, settings)
        await _together([
            self._server(running, "api", self.ports.control, settings, ["control", "api"]),
            self._server(running, "worker", self.ports.worker, settings, ["control", "worker"], probe="/healthz"),
        ])  # fmt: skip

    async def media(self, running: AsyncExitStack, settings: Mapping[str, str]) -> None:
        """The nodes, each with a folder of its own."""
        await _together([
            self._server(
                running, f"{_NODE}{number}", port, node_settings(settings, port),
                ["media", "--state", str(self.state / f"{_NODE}{number}")],
            )
            for number, port in enumerate(self.ports.media, 1)
        ])  # fmt: skip

    async def carrier(self, running: AsyncExitStack, settings: Mapping[str, str], keys: CarrierKeys) -> None:
        """The phone network; nothing when the user has set up all carriers for real."""
        if not simulated():
            return
        told = network_settings(self.ports, keys, settings["VOCALIZED_WEBHOOK_URL"], simulated())
        path = self.state / _NETWORK
        write_secret(path, msgspec.json.encode(told))
        arguments = ["simulator.carrier.network", "--config", str(path), "--state", str(self.state / "carrier")]
        await self._server(running, "carrier", self.ports.carrier, os.environ, arguments, probe="/healthz")
        if "twilio" in simulated():
            url = settings["VOCALIZED_WEBHOOK_URL"].rstrip("/")
            await point_numbers_here(self.ports.carrier_url, keys.account_sid, keys.auth_token, url)

    async def _server(
        self, running: AsyncExitStack, name: str, port: int, environment: Mapping[str, str], arguments: list[str],
        probe: str = "/readyz",
    ) -> None:  # fmt: skip
        """A program of ours that listens on a port."""
        command = [sys.executable, "-m", *arguments, "--port", str(port)]
        log = self.state / f"{name}.log"
        child = running_server(command, self.root, port, log, name=name, probe=probe, environment=environment)
        self._note(name, await running.enter_async_context(child))

    def _note(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.parts[name] = lambda: process.returncode


async def _together(steps: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Runs all of them; if one fails the others are broken off, and its error is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            for step in steps:
                group.create_task(step)
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None


async def _listens(path: Path) -> bool:
    try:
        _, writer = await asyncio.open_unix_connection(path)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True

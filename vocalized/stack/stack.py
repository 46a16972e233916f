"""The whole platform as child processes: started side by side, stopped layer by layer."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from vocalized.services.account import server_account
from vocalized.services.folders import make_state, socket_folder
from vocalized.services.postgres import running_postgres
from vocalized.services.thread import in_thread
from vocalized.services.valkey import running_valkey
from vocalized.stack.carrier_keys import CarrierKeys, carrier_keys
from vocalized.stack.key_settings import make_redis_passwords
from vocalized.stack.number_webhooks import update_number_webhooks
from vocalized.stack.ports import Ports
from vocalized.stack.process import migrate_database, running_child
from vocalized.stack.programs import Programs
from vocalized.stack.secret_file import write_secret
from vocalized.stack.settings import (
    Stores,
    api_settings,
    network_settings,
    node_settings,
    program_settings,
    simulated_carriers,
    worker_settings,
)
from vocalized.stack.simulated_integrations import IntegrationsAccess, prepare_integrations
from vocalized.stack.simulated_stripe import StripeAccess, prepare_stripe
from vocalized.stack.simulated_vendors import (
    TRUST_VARIABLE,
    config_path,
    prepare_vendors,
    remove_vendors,
    write_authorities,
)
from vocalized.stack.stores import running_store
from vocalized.stack.supervisor import Report, RunningProgram, Start, supervised
from vocalized.vendors.configuration import VendorsConfig

T = TypeVar("T")
# Returns why a part does not run any more and is not started again; empty as long as there is no such reason.
Failure = Callable[[], str]

_NETWORK = "network.json"


@dataclass(frozen=True, slots=True)
class Stack:
    """The running platform. failures: of each part. vendors, stripe, integrations: the simulated ones, if they run."""

    state: Path
    ports: Ports
    settings: Mapping[str, str]
    database_url: str
    failures: Sequence[Failure]
    vendors: VendorsConfig | None = None
    stripe: StripeAccess | None = None
    integrations: IntegrationsAccess | None = None

    @property
    def failed(self) -> str:
        """Why the platform cannot go on; empty as long as it can."""
        return next(filter(None, (failure() for failure in self.failures)), "")


def report_to_stderr(line: str, name: str = "vocalized") -> None:
    """Prints a line. A reader of stderr that has gone must not end what reports."""
    with suppress(OSError):
        print(f"{name}: {line}", file=sys.stderr, flush=True)


@asynccontextmanager
async def running_stack(
    root: Path,
    state: Path,
    ports: Ports,
    report: Report = report_to_stderr,
    *,
    simulated_vendors: bool = False,
    simulated_stripe: bool = False,
    simulated_integrations: bool = False,
    billing_days_ahead: int = 0,
) -> AsyncIterator[Stack]:
    """Everything is ready when the block begins. At its end the carrier stops first, then media, control, the speech
    engine and the stores. What ends by itself is started again, stores included, and `report` is called with a line.
    billing_days_ahead: of billing's clock and the simulated Stripe's, if that runs.

    Raises ServerFailed and ServiceFailed.
    """
    state = await asyncio.to_thread(make_state, state)
    starter, keys = _Starter(root, state, ports, report), carrier_keys(state)
    vendors = stripe = integrations = None
    async with AsyncExitStack() as stores, AsyncExitStack() as engine, AsyncExitStack() as control:
        available = await starter.stores(stores)
        settings = program_settings(state, ports, available, keys)
        if simulated_vendors:  # once the stores are ours: another platform on this state would lose its vendors' file
            stores.callback(remove_vendors, state)
            vendors = await asyncio.to_thread(prepare_vendors, state)
            settings |= await asyncio.to_thread(_trust, vendors)
        if simulated_stripe:
            url = settings["VOCALIZED_WEBHOOK_URL"]
            stripe = await _prepare(settings, partial(prepare_stripe, state, url, billing_days_ahead))
        if simulated_integrations:
            url = settings["VOCALIZED_PUBLIC_URL"]
            integrations = await _prepare(settings, partial(prepare_integrations, state, url, dict(settings)))
        async with AsyncExitStack() as media, AsyncExitStack() as carrier:
            layers = (
                starter.engine(engine, available.engine),
                starter.vendors(engine, vendors),
                starter.stripe(engine, stripe),
                starter.integrations(engine, integrations),
                starter.control(control, settings),
                starter.media(media, settings),
                starter.carrier(carrier, settings, keys),
            )
            await _together(layers)
            yield Stack(
                state, ports, settings, available.database_url, starter.failures,
                vendors=vendors, stripe=stripe, integrations=integrations,
            )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Starter:
    """Starts layer after layer; the exit stack given to a method stops what that method starts."""

    root: Path
    state: Path
    ports: Ports
    report: Report
    failures: list[Failure] = field(default_factory=list)

    async def stores(self, running: AsyncExitStack) -> Stores:
        """PostgreSQL and Valkey, and the socket path for the speech engine. A store that is started again has the same
        socket, because the programs keep its URL."""
        folder = await running.enter_async_context(in_thread(socket_folder(self.state, None)))
        database_folder = await running.enter_async_context(in_thread(socket_folder(self.state, server_account())))
        urls, passwords = dict[str, str](), make_redis_passwords(self.state)

        def postgres() -> AbstractAsyncContextManager[RunningProgram]:
            server = running_postgres(self.state, durable=True, sockets=database_folder, vector=True)
            return running_store(server, partial(urls.__setitem__, "postgres"))

        def valkey() -> AbstractAsyncContextManager[RunningProgram]:
            server = running_valkey(self.state, durable=True, sockets=folder, passwords=passwords)
            return running_store(server, partial(urls.__setitem__, "valkey"))

        await _together([
            self._start(running, "postgres", postgres, keeps_log=True),
            self._start(running, "valkey", valkey, keeps_log=True),
        ])  # fmt: skip
        return Stores(urls["postgres"], urls["valkey"], folder / "engine.sock", passwords)

    async def engine(self, running: AsyncExitStack, path: Path) -> None:
        """The local speech engine, which serves all nodes."""
        command = [sys.executable, "-m", "media.providers.local.host", "--socket", str(path)]
        log = self.state / "engine.log"
        await self._start(
            running,
            "engine",
            lambda: running_child(command, self.root, log, lambda: _listens(path), name="speech engine"),
        )

    async def vendors(self, running: AsyncExitStack, config: VendorsConfig | None) -> None:
        """The simulated vendors, if they are wanted."""
        if config is not None:
            start = partial(self._programs.vendors, config_path(self.state), config.operation, os.environ)
            await self._start(running, "vendors", start)

    async def stripe(self, running: AsyncExitStack, access: StripeAccess | None) -> None:
        """The simulated Stripe, if it is wanted."""
        if access is not None:
            start = partial(self._programs.stripe, access.config, access.account, access.port, os.environ)
            await self._start(running, "stripe", start)

    async def integrations(self, running: AsyncExitStack, access: IntegrationsAccess | None) -> None:
        """The simulated vendors that workspaces connect, if they are wanted."""
        if access is not None:
            start = partial(self._programs.integrations, access.config, access.tokens, access.port, os.environ)
            await self._start(running, "integrations", start)

    async def control(self, running: AsyncExitStack, settings: Mapping[str, str]) -> None:
        """The migrated database, then the API and the worker."""
        await migrate_database(self.root, settings)
        await _together([
            self._start(running, "api", lambda: self._programs.api(self.ports.control, api_settings(settings))),
            self._start(running, "worker", lambda: self._programs.worker(self.ports.worker, worker_settings(settings))),
        ])  # fmt: skip

    async def media(self, running: AsyncExitStack, settings: Mapping[str, str]) -> None:
        """The media nodes."""
        nodes = [(f"media-{number}", port) for number, port in enumerate(self.ports.media, 1)]
        await _together(
            self._start(running, name, partial(self._programs.node, name, port, node_settings(settings, port)))
            for name, port in nodes
        )

    async def carrier(self, running: AsyncExitStack, settings: Mapping[str, str], keys: CarrierKeys) -> None:
        """The phone network; nothing when the user has configured every carrier for real."""
        if not simulated_carriers():
            return
        config = network_settings(self.ports, keys, settings["VOCALIZED_WEBHOOK_URL"], simulated_carriers())
        path = self.state / _NETWORK
        write_secret(path, msgspec.json.encode(config))
        network = partial(self._programs.phone_network, path, self.ports.carrier, os.environ)
        await self._start(running, "carrier", network)
        if "twilio" in simulated_carriers():
            url = settings["VOCALIZED_WEBHOOK_URL"].rstrip("/")
            await update_number_webhooks(self.ports.carrier_url, keys.account_sid, keys.auth_token, url)

    @property
    def _programs(self) -> Programs:
        return Programs(self.root, self.state)

    async def _start(self, running: AsyncExitStack, name: str, start: Start, *, keeps_log: bool = False) -> None:
        log = self.state / f"{name}.log"
        program = supervised(name, start, log, self.report, keeps_log=keeps_log)
        supervisor = await running.enter_async_context(program)
        self.failures.append(lambda: supervisor.failure)


async def _prepare(settings: dict[str, str], prepare: Callable[[], tuple[T, dict[str, str]]]) -> T:
    """Prepare a simulated part, and add its settings."""
    access, chosen = await asyncio.to_thread(prepare)
    settings |= chosen
    return access


def _trust(vendors: VendorsConfig) -> dict[str, str]:
    """The setting by which programs trust the simulated vendors, beside the authorities that they trusted before."""
    return {TRUST_VARIABLE: str(write_authorities(vendors))}


async def _together(steps: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Runs all of them at once; when one fails the others are cancelled, and its error is raised."""
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

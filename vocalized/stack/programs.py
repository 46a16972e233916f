"""The command lines of the platform's own programs, each run as a child with a log file of its name."""

import sys
from asyncio.subprocess import Process
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from control.db.logins import API, WORKER, with_login
from vocalized.stack.process import running_server

_DATABASE: Final = "VOCALIZED_DATABASE_URL"


@dataclass(frozen=True, slots=True)
class Programs:
    """root: the checkout. state: the folder for logs and the nodes' state. python: the interpreter of the checkout's
    environment. What a method returns runs a program while it is entered, ready when the block begins; entering raises
    ServerFailed."""

    root: Path
    state: Path
    python: Path = Path(sys.executable)

    def api(self, port: int, settings: Mapping[str, str]) -> AbstractAsyncContextManager[Process]:
        """The API."""
        return self._server("api", ["control", "api"], port, "/readyz", self._signed_in(settings, API))

    def worker(
        self, port: int, settings: Mapping[str, str], name: str = "worker"
    ) -> AbstractAsyncContextManager[Process]:
        """A worker of jobs and duties."""
        return self._server(name, ["control", "worker"], port, "/healthz", self._signed_in(settings, WORKER))

    def node(self, name: str, port: int, settings: Mapping[str, str]) -> AbstractAsyncContextManager[Process]:
        """A media node with a state folder of its own."""
        return self._server(name, ["media", "--state", str(self.state / name)], port, "/readyz", settings)

    def phone_network(
        self, config: Path, port: int, settings: Mapping[str, str]
    ) -> AbstractAsyncContextManager[Process]:
        """The simulated carriers. config: a JSON file of simulator.carrier.network.config."""
        arguments = ["simulator.carrier.network", "--config", str(config), "--state", str(self.state / "carrier")]
        return self._server("carrier", arguments, port, "/healthz", settings)

    def vendors(self, config: Path, port: int, settings: Mapping[str, str]) -> AbstractAsyncContextManager[Process]:
        """The simulated vendors. config: a JSON file of vocalized.vendors.configuration. port: of their interface for
        faults."""
        return self._server("vendors", ["vocalized.vendors", "--config", str(config)], port, "/healthz", settings)

    def stripe(
        self, config: Path, account: Path, port: int, settings: Mapping[str, str]
    ) -> AbstractAsyncContextManager[Process]:
        """The simulated Stripe. config: a JSON file of simulator.stripe. account: the file that stores its objects."""
        arguments = ["simulator.stripe", "--config", str(config), "--state", str(account)]
        return self._server("stripe", arguments, port, "/healthz", settings)

    def integrations(
        self, config: Path, tokens: Path, port: int, settings: Mapping[str, str]
    ) -> AbstractAsyncContextManager[Process]:
        """The simulated vendors that workspaces connect. config: a JSON file of simulator.integrations. tokens: the
        file that stores what they granted."""
        arguments = ["simulator.integrations", "--config", str(config), "--state", str(tokens)]
        return self._server("integrations", arguments, port, "/healthz", settings)

    def _signed_in(self, settings: Mapping[str, str], login: str) -> Mapping[str, str]:
        """The settings with the program's own user of PostgreSQL. A checkout of before has none: the owner stays."""
        if not (self.root / "control/db/logins.py").exists():
            return settings
        return {**settings, _DATABASE: with_login(settings[_DATABASE], login)}

    def _server(
        self, name: str, arguments: Sequence[str], port: int, probe: str, settings: Mapping[str, str]
    ) -> AbstractAsyncContextManager[Process]:
        command = [str(self.python), "-m", *arguments, "--port", str(port)]
        log = self.state / f"{name}.log"
        return running_server(command, self.root, port, log, name=name, probe=probe, environment=settings)

"""Runs the services, our API and the peer; creates the same data for both through our API."""

import asyncio
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # ships no types

from lab.benchmarks.server import ROOT, NotReady, free_port, stop, wait_healthy

PASSWORD = "plum tractor 48 violin"
EMAIL = "bench@example.com"
LOGIN = "vocalized_api"
AGENTS = 12
# A closed loop from one address would reach the rate limits of a real installation.
UNLIMITED = {"VOCALIZED_RATE_LIMITS": "login=1000000/1,signup=1000000/1"}


@dataclass(frozen=True, slots=True)
class Services:
    """URLs of the embedded PostgreSQL (as its owner) and Valkey."""

    database_url: str
    redis_url: str


@dataclass(frozen=True, slots=True)
class Server:
    """A server under test. pid: of its first process."""

    pid: int
    port: int


@dataclass(frozen=True, slots=True)
class Program:
    """A server's command, started in the folder of a checkout; port: where it is to listen."""

    command: list[str]
    environment: Mapping[str, str]
    port: int
    checkout: Path


@dataclass(frozen=True, slots=True)
class Data:
    """The data that the requests use."""

    workspace_id: str
    agent_id: str


@contextmanager
def services(state: Path, checkout: Path = ROOT) -> Iterator[Services]:
    """Runs PostgreSQL and Valkey by a checkout's own command. Raises NotReady."""
    command = [sys.executable, "-m", "vocalized", "services", "--state", str(state), "--json", "--no-durable"]
    with subprocess.Popen(command, cwd=checkout, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise NotReady("the embedded services did not start")
            yield Services(**json.loads(line))
        finally:
            process.terminate()
            process.wait()


def settings(services: Services, hash_cost: Mapping[str, str]) -> dict[str, str]:
    """The environment of our API."""
    return {
        **os.environ,
        "VOCALIZED_DATABASE_URL": services.database_url,
        "VOCALIZED_REDIS_URL": services.redis_url,
        "VOCALIZED_SECRET_KEYS": "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=",
        "VOCALIZED_PUBLIC_URL": "http://localhost",
        "VOCALIZED_SMTP_URL": "file:///dev/null",
        "VOCALIZED_LOG_LEVEL": "warning",
        **UNLIMITED,
        **hash_cost,
    }


@contextmanager
def ours(environment: Mapping[str, str], core: int, log: Path, checkout: Path = ROOT) -> Iterator[Server]:
    """Runs the API of a checkout on one core, signed in to PostgreSQL as in production: with the login that its own
    migrations made, as the owner where they made none."""
    # Older checkouts know no limit of this name. The file was in `control/http` before it was in `control/http/limits`.
    if any((checkout / "control" / "http").rglob("local_limits.py")):
        limits = f"{environment['VOCALIZED_RATE_LIMITS']},user=1000000/1"
        environment = {**environment, "VOCALIZED_RATE_LIMITS": limits}
    _run([sys.executable, "-m", "control", "migrate"], environment, checkout)
    port, name = free_port(), "VOCALIZED_DATABASE_URL"
    if asyncio.run(_has_login(environment[name])):
        environment = {**environment, name: environment[name].replace("//owner@", f"//{LOGIN}@", 1)}
    program = Program([sys.executable, "-m", "control", "api", "--port", str(port)], environment, port, checkout)
    with _pinned(program, core, log) as server:
        yield server


async def _has_login(database_url: str) -> bool:
    database = await asyncpg.connect(database_url)
    try:
        return await database.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", LOGIN) is not None
    finally:
        await database.close()


@contextmanager
def peer(services: Services, core: int, log: Path) -> Iterator[Server]:
    """Runs the FastAPI and SQLAlchemy peer on one core."""
    port = free_port()
    url = services.database_url.replace("postgresql://", "postgresql+asyncpg://", 1)
    command = [sys.executable, "-m", "lab.benchmarks.api.peer", "--port", str(port), "--database", url]
    with _pinned(Program(command, os.environ, port, ROOT), core, log) as server:
        yield server


async def make_data(services: Services, port: int) -> Data:
    """Creates a customer with a workspace and agents through our API, and removes the tier's limit."""
    database = await asyncpg.connect(services.database_url)
    try:
        await database.execute("UPDATE tiers SET max_agents = 1000")
        token = call(port, "POST", "/auth/signup", {"email": EMAIL, "password": PASSWORD, "name": "Bench"})["token"]
        body = {"name": "Bench", "industry": "dental", "timezone": "UTC"}
        workspace = call(port, "POST", "/workspaces", body, token)["workspace"]["id"]
        templates = call(port, "GET", "/templates", None, token)["templates"]
        made = [
            call(
                port,
                "POST",
                f"/workspaces/{workspace}/agents",
                {"name": f"Agent {index}", "template_id": templates[index % len(templates)]["id"]},
                token,
            )
            for index in range(AGENTS)
        ]
        await database.execute("ANALYZE")
    finally:
        await database.close()
    return Data(workspace, made[0]["agent"]["id"])


def sign_in(port: int) -> str:
    """Signs in at a server; returns an access token."""
    token: str = call(port, "POST", "/auth/login", {"email": EMAIL, "password": PASSWORD})["token"]
    return token


def call(port: int, method: str, path: str, body: Mapping[str, Any] | None, token: str = "") -> dict[str, Any]:
    """One request; raises NotReady with the server's response unless it succeeded."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {}),
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            found: dict[str, Any] = json.loads(answer.read() or b"{}")
            return found
    except urllib.error.HTTPError as error:
        raise NotReady(f"{method} {path}: {error.code} {error.read()[:500]!r}") from error


@contextmanager
def _pinned(program: Program, core: int, log: Path) -> Iterator[Server]:
    own = os.sched_getaffinity(0)
    with log.open("wb") as output:
        os.sched_setaffinity(0, {core})  # a child inherits it
        try:
            process = subprocess.Popen(
                program.command, cwd=program.checkout, env=dict(program.environment), stdout=output, stderr=output
            )
        finally:
            os.sched_setaffinity(0, own)
        try:
            wait_healthy(process, program.port, log)
            yield Server(process.pid, program.port)
        finally:
            stop(process)


def _run(command: list[str], environment: Mapping[str, str], checkout: Path) -> None:
    done = subprocess.run(command, cwd=checkout, env=dict(environment), capture_output=True, text=True)
    if done.returncode:
        raise NotReady(f"{' '.join(command[1:])} failed:\n{done.stdout}{done.stderr}")

"""`vocalized up`: the platform on this machine in the foreground: PostgreSQL, Valkey, the control API and its worker.

State is kept in one folder between runs. Mails go into a folder; the demo accounts are made through the API itself, as
a customer would make theirs.
"""

import asyncio
import json
import os
import secrets
import signal
import sys
from base64 import b64encode
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console

from vocalized.child import ServerFailed, free_port, running_server
from vocalized.first_accounts import Accounts, first_accounts
from vocalized.services.child import ServiceFailed
from vocalized.services.postgres import running_postgres
from vocalized.services.valkey import running_valkey

_KEYS = "secret-keys"


@dataclass(frozen=True, slots=True)
class UpOptions:
    """state: the folder that everything is kept in. control_port: 0 takes a free one."""

    state: Path
    control_port: int
    as_json: bool


@dataclass(frozen=True, slots=True)
class Addresses:
    """What is told when all is ready."""

    control: str
    admin: Mapping[str, str]
    user: Mapping[str, str]
    workspace_id: str
    agent_id: str


async def run_up(root: Path, options: UpOptions, console: Console) -> int:
    """Until SIGINT or SIGTERM: exit code 0. When a part does not start, or ends by itself: 1."""
    running = asyncio.create_task(_run(root, options, console))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    try:
        ended = await running
    except asyncio.CancelledError:
        return 0
    except (ServiceFailed, ServerFailed) as error:
        print(f"vocalized up: {error}", file=sys.stderr)
        return 1
    print(f"vocalized up: the {ended} ended by itself; see {ended}.log in the state folder", file=sys.stderr)
    return 1


async def _run(root: Path, options: UpOptions, console: Console) -> str:
    """Runs everything until it is cancelled, or a part ends by itself: then that part's name."""
    async with AsyncExitStack() as running:
        return await _first_to_end(await _start(root, options, console, running))


async def _start(
    root: Path, options: UpOptions, console: Console, running: AsyncExitStack
) -> dict[str, asyncio.subprocess.Process]:
    state = options.state.resolve()
    state.mkdir(parents=True, exist_ok=True)
    with console.status("starting PostgreSQL and Valkey"):
        postgres = await running.enter_async_context(running_postgres(state, durable=True))
        valkey = await running.enter_async_context(running_valkey(state, durable=True))
    port = options.control_port or free_port()
    environment = _environment(state, port, postgres.url, valkey.url)
    with console.status("starting the control API and its worker"):
        await _migrate(root, environment)
        parts = {}
        for name, at, probe in (("api", port, "/readyz"), ("worker", free_port(), "/healthz")):
            command = [sys.executable, "-m", "control", name, "--port", str(at)]
            server = running_server(
                command, root, at, state / f"{name}.log", name=name, probe=probe, environment=environment
            )
            parts[name] = await running.enter_async_context(server)
        url = f"http://127.0.0.1:{port}"
        accounts = await first_accounts(root, state, url, environment)
    _announce(url, accounts, options.as_json, console)
    return parts


async def _first_to_end(parts: Mapping[str, asyncio.subprocess.Process]) -> str:
    waits = {asyncio.create_task(process.wait()): name for name, process in parts.items()}
    try:
        done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        return next(waits[task] for task in done)
    finally:
        for task in waits:
            task.cancel()


async def _migrate(root: Path, environment: Mapping[str, str]) -> None:
    """Raises ServerFailed with what the command said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "control", "migrate", cwd=root, env=dict(environment),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    if process.returncode:
        raise ServerFailed(f"the migration failed:\n{output.decode(errors='replace').strip()}")


def _environment(state: Path, port: int, database_url: str, redis_url: str) -> dict[str, str]:
    """The settings of both programs; what the user has set stands."""
    mail = state / "mail"
    mail.mkdir(exist_ok=True)
    ours = {
        "VOCALIZED_DATABASE_URL": database_url,
        "VOCALIZED_REDIS_URL": redis_url,
        "VOCALIZED_SECRET_KEYS": _secret_keys(state / _KEYS),
        "VOCALIZED_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "VOCALIZED_SMTP_URL": mail.as_uri(),
    }
    return {**ours, **os.environ, **{name: ours[name] for name in ("VOCALIZED_DATABASE_URL", "VOCALIZED_REDIS_URL")}}


def _secret_keys(path: Path) -> str:
    """Made at the first start; whoever loses it cannot open what was sealed."""
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(b64encode(secrets.token_bytes(32)).decode())
    return path.read_text().strip()


def _announce(url: str, accounts: Accounts, as_json: bool, console: Console) -> None:
    told = Addresses(url, asdict(accounts.admin), asdict(accounts.user), accounts.workspace_id, accounts.agent_id)
    if as_json:
        print(json.dumps(asdict(told)), flush=True)
        return
    for name, value in (
        ("API", url),
        ("documentation", f"{url}/docs"),
        ("customer", f"{accounts.user.email}  password {accounts.user.password}"),
        ("admin", f"{accounts.admin.email}  password {accounts.admin.password}"),
        ("workspace", accounts.workspace_id),
        ("agent", accounts.agent_id),
    ):
        console.print(f"{name:14}{value}", soft_wrap=True)
    console.print("Ctrl-C stops everything")

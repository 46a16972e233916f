"""`vocalized up`: the platform on this machine in the foreground: PostgreSQL, Valkey, the control API and its worker.

State is kept in one folder between runs. Mails go into a folder; the demo accounts are made through the API itself, as
a customer would make theirs.
"""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console

from shared.secrets import new_key
from vocalized.child import ServerFailed, free_port, running_server
from vocalized.first_accounts import Accounts, first_accounts
from vocalized.secret_file import write_secret
from vocalized.services.child import ServiceFailed
from vocalized.services.postgres import running_postgres
from vocalized.services.valkey import running_valkey

_KEYS, _MAIL = "secret-keys", "mail"
_LOOK_S = 0.5


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
        asyncio.get_running_loop().add_signal_handler(number, _once(running.cancel))
    try:
        ended = await running
    except asyncio.CancelledError:
        return 0
    except (ServiceFailed, ServerFailed) as error:
        print(f"vocalized up: {error}", file=sys.stderr)
        return 1
    print(f"vocalized up: {ended} ended by itself; see {ended}.log in {options.state.resolve()}", file=sys.stderr)
    return 1


def _once(act: Callable[[], object]) -> Callable[[], None]:
    """Acts at the first call only: a second Ctrl-C must not break off the ending in order."""
    left = [act]

    def call() -> None:
        if left:
            left.pop()()

    return call


async def _run(root: Path, options: UpOptions, console: Console) -> str:
    """Runs everything until it is cancelled, or a part ends by itself: then that part's name."""
    async with AsyncExitStack() as running:
        parts = await _start(root, options, console, running)
        while True:
            for name, ended in parts.items():
                if ended() is not None:
                    return name
            await asyncio.sleep(_LOOK_S)


async def _start(
    root: Path, options: UpOptions, console: Console, running: AsyncExitStack
) -> dict[str, Callable[[], int | None]]:
    """By the name of its log, what tells each part's exit code once it has ended."""
    state = options.state.resolve()
    state.mkdir(parents=True, exist_ok=True)
    port = _checked(options.control_port) or free_port()
    with console.status("starting PostgreSQL and Valkey"):
        postgres = await running.enter_async_context(running_postgres(state, durable=True))
        valkey = await running.enter_async_context(running_valkey(state, durable=True))
    environment = _environment(state, port, postgres.url, valkey.url)
    with console.status("starting the control API and its worker"):
        await _migrate(root, environment)
        api, worker = await _control(root, state, port, environment, running)
        url = f"http://127.0.0.1:{port}"
        accounts = await first_accounts(state, url, postgres.url, _mail_folder(state, environment))
    _announce(url, accounts, options.as_json, console)
    return {
        "postgres": postgres.process.poll,
        "valkey": valkey.process.poll,
        "api": lambda: api.returncode,
        "worker": lambda: worker.returncode,
    }


async def _control(
    root: Path, state: Path, port: int, environment: Mapping[str, str], running: AsyncExitStack
) -> list[asyncio.subprocess.Process]:
    """The API and the worker, started side by side; both have come or gone when this returns or raises."""
    servers = [
        running_server(
            [sys.executable, "-m", "control", name, "--port", str(at)],
            root, at, state / f"{name}.log", name=name, probe=probe, environment=environment,
        )
        for name, at, probe in (("api", port, "/readyz"), ("worker", free_port(), "/healthz"))
    ]  # fmt: skip
    started = await asyncio.gather(*map(running.enter_async_context, servers), return_exceptions=True)
    processes = [one for one in started if not isinstance(one, BaseException)]
    for one in started:
        if isinstance(one, BaseException):
            raise one
    return processes


def _checked(port: int) -> int:
    """A port where somebody else listens would answer in our place. Raises ServerFailed."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ServerFailed(f"port {port} cannot be used: {error.strerror}; --control-port takes another") from None
    return port


async def _migrate(root: Path, environment: Mapping[str, str]) -> None:
    """Raises ServerFailed with what the command said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "control", "migrate", cwd=root, env=dict(environment), start_new_session=True,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:  # we are told to stop; PostgreSQL takes back what was not finished
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if process.returncode:
        raise ServerFailed(f"the migration failed:\n{output.decode(errors='replace').strip()}")


def _environment(state: Path, port: int, database_url: str, redis_url: str) -> dict[str, str]:
    """The settings of both programs; what the user has set stands, but for the database and Redis."""
    usual = {
        "VOCALIZED_SECRET_KEYS": _secret_key(state / _KEYS),
        "VOCALIZED_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "VOCALIZED_SMTP_URL": (state / _MAIL).as_uri(),
    }
    return {**usual, **os.environ, "VOCALIZED_DATABASE_URL": database_url, "VOCALIZED_REDIS_URL": redis_url}


def _secret_key(path: Path) -> str:
    """Made at the first start; whoever loses it cannot open what was sealed."""
    if not path.exists():
        write_secret(path, new_key().encode())
    return path.read_text().strip()


def _mail_folder(state: Path, environment: Mapping[str, str]) -> Path | None:
    """Where mails arrive; None when the user has them sent."""
    folder = state / _MAIL
    return folder if environment["VOCALIZED_SMTP_URL"] == folder.as_uri() else None


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

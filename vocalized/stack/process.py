"""A program of ours as a child process: started, waited for until it is ready, and always ended."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp

_READY_S = 180.0
_STOP_S = 15.0
_PR_SET_PDEATHSIG = 1


class ServerFailed(RuntimeError):
    """The server did not start; the message holds the end of its log."""


def media_command(port: int, plan: Path, state: Path) -> list[str]:
    """The command line of a stand-alone media server."""
    return [sys.executable, "-m", "media", "--port", str(port), "--plan", str(plan), "--state", str(state)]


async def migrate_database(folder: Path, environment: Mapping[str, str], python: Path = Path(sys.executable)) -> None:
    """Brings the database of this environment up to date. python: of the checkout in `folder`. Raises ServerFailed with
    the command's output."""
    process = await asyncio.create_subprocess_exec(
        str(python), "-m", "control", "migrate", cwd=folder, env=dict(environment), start_new_session=True,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:  # cancelled: PostgreSQL rolls back what was not finished
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if process.returncode:
        raise ServerFailed(f"the migration failed:\n{output.decode(errors='replace').strip()}")


@asynccontextmanager
async def running_server(
    command: Sequence[str],
    folder: Path,
    port: int,
    log: Path,
    *,
    ready_s: float = _READY_S,
    name: str = "media server",
    probe: str = "/readyz",
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[asyncio.subprocess.Process]:
    """As `running_child`, for a server that is ready when it answers 200 to `probe` on this port."""
    url = f"http://127.0.0.1:{port}{probe}"
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:
        child = running_child(
            command, folder, log, lambda: _answers(session, url), ready_s=ready_s, name=name, environment=environment
        )
        async with child as process:
            yield process


@asynccontextmanager
async def running_child(
    command: Sequence[str],
    folder: Path,
    log: Path,
    ready: Callable[[], Awaitable[bool]],
    *,
    ready_s: float = _READY_S,
    name: str,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Runs a program in `folder` for as long as the block lasts; `ready` has returned true when the block begins.

    name: used in errors. environment: None passes on this process's own. log: the file to which stdout and stderr are
    appended. The program gets SIGTERM at the end of the block, and also when this process dies; its process group is
    then killed. Raises ServerFailed.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *command, cwd=folder, env=environment, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True, preexec_fn=_die_with_parent(),
        )  # fmt: skip
    try:
        await _until_ready(process, name, ready, log, ready_s)
        yield process
    finally:
        await _stop(process)


async def _until_ready(
    process: asyncio.subprocess.Process, name: str, ready: Callable[[], Awaitable[bool]], log: Path, ready_s: float
) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + ready_s
    while not await ready():
        if process.returncode is not None:
            raise ServerFailed(f"the {name} ended with code {process.returncode}:\n{_tail(log)}")
        if loop.time() > deadline:
            raise ServerFailed(f"the {name} was not ready after {ready_s:g} s:\n{_tail(log)}")
        await asyncio.sleep(0.1)


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as response:
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False


async def _stop(process: asyncio.subprocess.Process) -> None:
    """SIGTERM first; then the process group is killed in any case (the child leads a session of its own)."""
    if process.returncode is None:
        process.terminate()
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _STOP_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def _die_with_parent() -> Callable[[], None] | None:
    """Returns what the child runs before exec: it asks the kernel for SIGTERM when its parent dies."""
    if sys.platform != "linux":
        return None
    libc, parent = ctypes.CDLL(None), os.getpid()

    def ask() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return ask


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    return "\n".join(lines[-15:]) or "(it printed nothing)"

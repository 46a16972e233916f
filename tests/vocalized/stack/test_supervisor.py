"""A program that ends by itself is started again, and given up when it keeps ending; with real processes."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from tests.vocalized.processes import linux_only, wait_ended
from vocalized.free_port import free_port
from vocalized.stack.process import ServerFailed, running_server
from vocalized.stack.supervisor import RestartPolicy, Supervisor, supervised

# Ends after the seconds of its second argument.
SERVER = """
import http.server, os, sys, threading
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self): self.send_response(200); self.end_headers()
    def log_message(self, *args): pass
print("started", flush=True)
threading.Timer(float(sys.argv[2]), lambda: os._exit(3)).start()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
QUICK = RestartPolicy(first_s=0.02, longest_s=0.04, most=2)


class Program:
    """A server that is started on one port again and again. pids: of its processes."""

    def __init__(self, folder: Path, lives_s: float) -> None:
        self.pids: asyncio.Queue[int] = asyncio.Queue()
        self.lines: list[str] = []
        self.log = folder / "part.log"
        self.port = free_port()
        self._folder, self._lives_s = folder, lives_s

    def supervised(self, policy: RestartPolicy = QUICK) -> AbstractAsyncContextManager[Supervisor]:
        return supervised("part", self.start, self.log, self.lines.append, policy)

    @asynccontextmanager
    async def start(self) -> AsyncIterator[asyncio.subprocess.Process]:
        command = [sys.executable, "-c", SERVER, str(self.port), str(self._lives_s)]
        async with running_server(command, self._folder, self.port, self.log) as process:
            self.pids.put_nowait(process.pid)
            yield process


async def test_killed_program_runs_again_and_is_stopped_at_the_end(tmp_path: Path) -> None:
    program = Program(tmp_path, lives_s=600)
    program.log.write_text("of the last run")
    async with program.supervised() as supervisor:
        os.kill(await program.pids.get(), signal.SIGKILL)
        async with asyncio.timeout(20):
            second = await program.pids.get()
        assert supervisor.failure == ""
    assert wait_ended(second)
    assert program.lines == [
        f"part ended by itself with code -9; it is started again in 0.02 s; see {program.log}", "part runs again",
    ]  # fmt: skip
    assert program.log.read_text() == "started\nstarted\n"


async def test_log_of_earlier_runs_may_be_kept(tmp_path: Path) -> None:
    program = Program(tmp_path, lives_s=600)
    program.log.write_text("of the last run\n")
    async with supervised("part", program.start, program.log, print, QUICK, keeps_log=True):
        assert program.log.read_text() == "of the last run\nstarted\n"


async def test_program_that_keeps_ending_is_given_up_with_the_reason(tmp_path: Path) -> None:
    program = Program(tmp_path, lives_s=0.3)
    async with program.supervised() as supervisor, asyncio.timeout(30):
        while not supervisor.failure:  # noqa: ASYNC110 -- as `up` does
            await asyncio.sleep(0.02)
    assert supervisor.failure == f"part ended by itself with code 3, after 2 restarts; see {program.log}"
    assert [line for line in program.lines if "started again" in line] == [
        f"part ended by itself with code 3; it is started again in {delay} s; see {program.log}"
        for delay in ("0.02", "0.04")
    ]
    assert program.pids.qsize() == 3


async def test_program_that_cannot_be_started_again_is_given_up(tmp_path: Path) -> None:
    program = Program(tmp_path, lives_s=0.3)
    async with program.supervised() as supervisor, asyncio.timeout(30):
        program.port = 99_999
        while not supervisor.failure:  # noqa: ASYNC110 -- as `up` does
            await asyncio.sleep(0.02)
    assert "part could not be started again (the media server ended with code 3), after 2" in supervisor.failure


async def test_a_program_that_nobody_watches_any_more_is_a_failure(tmp_path: Path) -> None:
    program = Program(tmp_path, lives_s=0.3)

    def report(line: str) -> None:
        raise RuntimeError("no paper")

    async with supervised("part", program.start, program.log, report, QUICK) as supervisor, asyncio.timeout(30):
        while not supervisor.failure:  # noqa: ASYNC110 -- as `up` does
            await asyncio.sleep(0.02)
    assert supervisor.failure == "part is not watched any more (RuntimeError: no paper)"


async def test_first_start_that_fails_is_raised(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no plan')"]
    log = tmp_path / "log"
    with pytest.raises(ServerFailed, match="no plan"):
        async with supervised("part", lambda: running_server(command, tmp_path, free_port(), log), log, print, QUICK):
            pass


@linux_only
async def test_end_during_the_delay_starts_nothing(tmp_path: Path) -> None:
    program = Program(tmp_path, lives_s=600)
    async with program.supervised(RestartPolicy(first_s=600, longest_s=600)):
        os.kill(await program.pids.get(), signal.SIGKILL)
        while not program.lines:  # noqa: ASYNC110 -- the line comes from another task
            await asyncio.sleep(0.01)
    assert program.pids.empty()


def test_delay_doubles_up_to_its_limit() -> None:
    policy = RestartPolicy(first_s=0.5, longest_s=3.0)
    assert [policy.delay_s(restarts) for restarts in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]

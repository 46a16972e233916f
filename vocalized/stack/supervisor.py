"""Keeps a program running: starts it again when it ends by itself, with a growing delay, and gives up at last."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from vocalized.services.process import ServiceFailed
from vocalized.stack.process import ServerFailed


class RunningProgram(Protocol):
    """A process that runs."""

    async def wait(self) -> int:
        """Returns its exit code when it has ended."""


# Runs the program while it is entered; ready when the block begins.
Start = Callable[[], AbstractAsyncContextManager[RunningProgram]]
Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """The delay before a restart is first_s, then doubles up to longest_s. After `most` restarts within `within_s` the
    next end is final."""

    first_s: float = 0.5
    longest_s: float = 10.0
    most: int = 5
    within_s: float = 300.0

    def delay_s(self, restarts: int) -> float:
        """The delay after so many restarts."""
        return min(self.longest_s, self.first_s * 2.0**restarts)


class Supervisor:
    """One program. name: of its log file, `log`. report: called with what happened, a line each.

    failure: why the program is not started any more; empty as long as it runs or will be started again.
    """

    def __init__(self, name: str, start: Start, log: Path, report: Report, policy: RestartPolicy) -> None:
        self.failure = ""
        self.started = asyncio.Event()
        self._name, self._start, self._log, self._report, self._policy = name, start, log, report, policy
        self._restarts: deque[float] = deque()

    async def run(self) -> None:
        """Runs the program until it ended too often. Raises what the first start raises: ServerFailed, ServiceFailed or
        OSError."""
        end = await self._run_once()
        while (delay_s := self._delay_s()) is not None:
            self._report(f"{self._name} {end}; it is started again in {delay_s:g} s; see {self._log}")
            await asyncio.sleep(delay_s)
            self._restarts.append(asyncio.get_running_loop().time())
            try:
                end = await self._run_once()
            except (ServerFailed, ServiceFailed, OSError) as error:
                end = f"could not be started again ({_first_line(error)})"
        self.failure = f"{self._name} {end}, after {self._policy.most} restarts; see {self._log}"

    def note_end(self, running: "asyncio.Task[None]") -> None:
        """Called when `run` has ended. An error that it did not expect is a failure, too: nobody watches any more."""
        if not running.cancelled() and (error := running.exception()) is not None:
            self.failure = f"{self._name} is not watched any more ({type(error).__name__}: {_first_line(error)})"

    async def _run_once(self) -> str:
        """Returns how it ended."""
        async with self._start() as process:
            if self.started.is_set():
                self._report(f"{self._name} runs again")
            self.started.set()
            code = await process.wait()
        return f"ended by itself with code {code}"

    def _delay_s(self) -> float | None:
        """The delay before the next restart; None when there were too many."""
        oldest = asyncio.get_running_loop().time() - self._policy.within_s
        while self._restarts and self._restarts[0] < oldest:
            self._restarts.popleft()
        if len(self._restarts) >= self._policy.most:
            return None
        return self._policy.delay_s(len(self._restarts))


@asynccontextmanager
async def supervised(
    name: str,
    start: Start,
    log: Path,
    report: Report,
    policy: RestartPolicy = RestartPolicy(),
    *,
    keeps_log: bool = False,
) -> AsyncIterator[Supervisor]:
    """Runs the program for as long as the block lasts; it is ready when the block begins. keeps_log: the log of earlier
    runs stays. Raises ServerFailed, ServiceFailed and OSError."""
    supervisor = Supervisor(name, start, log, report, policy)
    if not keeps_log:
        await asyncio.to_thread(log.unlink, missing_ok=True)  # restarts append
    running = asyncio.create_task(supervisor.run(), name=f"supervisor of {name}")
    running.add_done_callback(supervisor.note_end)
    started = asyncio.create_task(supervisor.started.wait())
    try:
        await asyncio.wait({running, started}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
        yield supervisor
    finally:
        started.cancel()
        running.cancel()
        await asyncio.wait({running, started})


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0].rstrip(":")

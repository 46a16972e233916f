"""A scripted model, an observer that counts, and a service at a socket."""

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import chain, repeat
from pathlib import Path

from media.providers.turn_teacher.client import Outcome, TeacherClient, TeacherLimits
from media.providers.turn_teacher.language_model import TeacherError
from media.providers.turn_teacher.service import TeacherService


class ScriptedModel:
    """Says 0.25 of every text once it may; fails of "fail". asked: the batches."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.has_begun = threading.Event()
        self.asked: list[list[str]] = []

    def probabilities(self, texts: Sequence[str]) -> list[float]:
        self.asked.append(list(texts))
        self.has_begun.set()
        assert self.may_answer.wait(30)
        if "fail" in texts:
            raise TeacherError("no answer")
        return [0.25 for _ in texts]


class CountingObserver:
    """Counts, and tells when a count is reached."""

    def __init__(self) -> None:
        self.counts: Counter[Outcome] = Counter()
        self.times: list[float] = []
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    def count_request(self, outcome: Outcome) -> None:
        self.counts[outcome] += 1
        task = asyncio.ensure_future(self._notify())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def time_answer(self, seconds: float) -> None:
        self.times.append(seconds)

    async def reached(self, outcome: Outcome, least: int = 1) -> None:
        async with asyncio.timeout(30), self._changed:
            await self._changed.wait_for(lambda: self.counts[outcome] >= least)

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()


async def wait_until(is_true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        for pause_s in chain(repeat(0.0, 100), repeat(0.005)):
            if is_true():
                return
            await asyncio.sleep(pause_s)


# No deadline passes in a test that does not mean it, however slow the machine.
PATIENT = TeacherLimits(deadline_s=30.0, rest_s=0.0)


@asynccontextmanager
async def served(path: Path, service: TeacherService) -> AsyncIterator[asyncio.Server]:
    server = await asyncio.start_unix_server(service.serve, path)
    try:
        yield server
    finally:
        server.close()
        await service.close()


@asynccontextmanager
async def connected(
    path: Path, observer: CountingObserver, limits: TeacherLimits = PATIENT
) -> AsyncIterator[TeacherClient]:
    client = TeacherClient(path, observer, limits)
    client.start()
    try:
        await wait_until(lambda: client.is_connected)
        yield client
    finally:
        await client.close()


async def ask(client: TeacherClient, text: str) -> float:
    answered: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    client.request(text, answered.set_result)
    async with asyncio.timeout(30):
        return await answered

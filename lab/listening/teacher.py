"""The teacher in virtual calls: the real process, whose answers come after the time that it takes on one core."""

import asyncio
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from media.providers.turn_teacher.client import Outcome, TeacherClient, TeacherLimits
from media.providers.turn_teacher.language_model import last_words
from media.providers.turn_teacher.process import TeacherProcess, running_teacher

# The teacher's time on one core, as measured on the benchmarks' machine: two requests, and more for each word.
TEACHER_MS, TEACHER_WORD_MS = 22.0, 3.7
_READY_S: Final = 60.0
_ANSWER_S: Final = 30.0
_UNHURRIED: Final = TeacherLimits(deadline_s=_ANSWER_S, rest_s=0.0)


class TeacherUnavailable(Exception):
    """The teacher's process did not start, or did not answer."""


class VirtualTeacher:
    """A `SecondJudge` for calls in virtual time, which stands still while the process is asked. Each text is asked
    about once."""

    def __init__(self, client: TeacherClient, loop: asyncio.AbstractEventLoop) -> None:
        """loop: on which the client runs, on another thread."""
        self._client, self._loop = client, loop
        self._known: dict[str, float] = {}
        self.requests = 0

    def request(self, text: str, on_probability: Callable[[float], None]) -> None:
        """Calls `on_probability` after the teacher's time."""
        self.requests += 1
        words = last_words(text).count(" ") + 1
        wait_s = (TEACHER_MS + TEACHER_WORD_MS * words) / 1_000
        asyncio.get_running_loop().call_later(wait_s, on_probability, self.probability(text))

    def probability(self, text: str) -> float:
        """Asks the process. Raises TeacherUnavailable."""
        if text not in self._known:
            answer: Future[float] = Future()
            self._loop.call_soon_threadsafe(self._client.request, text, answer.set_result)
            try:
                self._known[text] = answer.result(_ANSWER_S)
            except TimeoutError as error:
                raise TeacherUnavailable(f"no answer within {_ANSWER_S:g} s") from error
        return self._known[text]


class _NoObserver:
    """Counts nothing."""

    def count_request(self, outcome: Outcome) -> None:
        pass

    def time_answer(self, seconds: float) -> None:
        pass


@contextmanager
def open_teacher() -> Iterator[VirtualTeacher]:
    """Runs the teacher's process. Raises TeacherUnavailable when it does not start."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="teacher-client", daemon=True)
    thread.start()
    with tempfile.TemporaryDirectory(prefix="vocalized-teacher-") as folder:
        path = Path(folder) / "teacher.sock"
        client = TeacherClient(path, _NoObserver(), _UNHURRIED)
        try:
            with running_teacher(path) as process:
                _await_connection(client, process, path, loop)
                yield VirtualTeacher(client, loop)
        finally:
            asyncio.run_coroutine_threadsafe(client.close(), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()


def _await_connection(
    client: TeacherClient, process: TeacherProcess, path: Path, loop: asyncio.AbstractEventLoop
) -> None:
    deadline = time.monotonic() + _READY_S
    while not client.is_connected:
        if process.is_given_up or time.monotonic() > deadline:
            raise TeacherUnavailable("the teacher does not start; it needs the dependency group `model`")
        if path.exists():
            loop.call_soon_threadsafe(client.start)
        time.sleep(0.1)

"""Client of the teacher's process, shared by all calls of one event loop. Nothing waits for it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final, Literal, Protocol

import structlog

from media.providers.engine_process.messages import EngineProtocolError, encode_frame, receive_message
from media.providers.turn_teacher.service import DEADLINE_S
from media.providers.turn_teacher.wire import Judge, JudgeAnswer, Judged, make_judge_answer_decoder

Outcome = Literal["answered", "late", "full", "failed", "off"]
OnProbability = Callable[[float], None]
# Longer texts are cut to their end: the model reads less than that.
MAX_CHARACTERS: Final = 400
# What a process that reads nothing is owed at most: some forty requests.
_MAX_UNSENT_BYTES: Final = 16_384
log = structlog.get_logger()


class TeacherObserver(Protocol):
    """Counts what became of the requests."""

    def count_request(self, outcome: Outcome) -> None:
        """answered: in time. late: its answer is dropped. full: too many wait. failed: the process or its connection
        did. off: the teacher rests or is not connected."""

    def time_answer(self, seconds: float) -> None:
        """An answer came in time, so long after the request."""


@dataclass(frozen=True, slots=True)
class TeacherLimits:
    """deadline_s: later answers are dropped. max_pending: requests that wait at once. most_late: after so many late
    ones in a row the teacher rests, as it does when the connection breaks or cannot be made: for rest_s, twice as long
    each further time, max_rest_s at most, until an answer comes in time. connect_s: timeout of the connection."""

    deadline_s: float = DEADLINE_S
    max_pending: int = 8
    most_late: int = 5
    rest_s: float = 2.0
    max_rest_s: float = 120.0
    connect_s: float = 2.0


_USUAL: Final = TeacherLimits()


@dataclass(frozen=True, slots=True)
class _Pending:
    on_probability: OnProbability
    began: float  # seconds, on the loop's clock
    timer: asyncio.TimerHandle


class TeacherClient:
    """One connection, opened by `start` and again by the first request after it broke and the rest is over."""

    def __init__(self, path: Path, observer: TeacherObserver, limits: TeacherLimits = _USUAL) -> None:
        self._path = path
        self._observer = observer
        self._limits = limits
        self._ids = count(1)
        self._pending: dict[int, _Pending] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._connection: asyncio.Task[None] | None = None
        self._late = 0  # in a row
        self._rest_s = limits.rest_s
        self._rests_until = 0.0

    @property
    def is_connected(self) -> bool:
        """Whether the process can be asked."""
        return self._writer is not None and not self._writer.is_closing()

    def start(self) -> None:
        """Begins to connect; needs the running loop."""
        if self._connection is None or self._connection.done():
            self._connection = asyncio.create_task(self._run())

    def request(self, text: str, on_probability: OnProbability) -> None:
        """Asks whether a caller's turn ends after this text; returns at once. `on_probability` is called within the
        deadline or never."""
        loop = asyncio.get_running_loop()
        writer = self._writer
        if loop.time() < self._rests_until:
            return self._observer.count_request("off")
        if writer is None or not self.is_connected:
            self.start()
            return self._observer.count_request("off")
        is_stuck = writer.transport.get_write_buffer_size() > _MAX_UNSENT_BYTES
        if is_stuck or len(self._pending) >= self._limits.max_pending:
            return self._observer.count_request("full")
        number = next(self._ids)
        timer = loop.call_later(self._limits.deadline_s, self._expire, number)
        self._pending[number] = _Pending(on_probability, loop.time(), timer)
        writer.write(encode_frame(Judge(number, text[-MAX_CHARACTERS:])))

    async def close(self) -> None:
        """Closes the connection; requests that wait get no answer."""
        if self._connection is not None:
            self._connection.cancel()
            await asyncio.gather(self._connection, return_exceptions=True)

    def _expire(self, number: int) -> None:
        del self._pending[number]
        self._count_late()

    def _count_late(self) -> None:
        self._observer.count_request("late")
        self._late += 1
        if self._late >= self._limits.most_late:
            self._late = 0
            self._rest("late")

    def _rest(self, reason: str) -> None:
        now = asyncio.get_running_loop().time()
        if now < self._rests_until:
            return
        log.warning("teacher.rested", reason=reason, seconds=self._rest_s)
        self._rests_until = now + self._rest_s
        self._rest_s = min(self._limits.max_rest_s, 2 * self._rest_s)

    async def _run(self) -> None:
        """Connects and reads answers until the connection ends."""
        try:
            async with asyncio.timeout(self._limits.connect_s):
                reader, writer = await asyncio.open_unix_connection(self._path)
        except OSError as error:  # also TimeoutError
            return self._rest(error.strerror or "the connection timed out")
        self._writer = writer
        reason = "the connection was closed"
        try:
            decoder = make_judge_answer_decoder()
            while (answer := await receive_message(reader, decoder)) is not None:
                self._take(answer)
        except (EngineProtocolError, OSError) as error:
            reason = f"the connection broke: {type(error).__name__}"
        finally:
            self._disconnect(writer)
        self._rest(reason)

    def _disconnect(self, writer: asyncio.StreamWriter) -> None:
        self._writer = None
        writer.transport.abort()  # a process that hangs would never take what is unsent
        for waiting in self._pending.values():
            waiting.timer.cancel()
            self._observer.count_request("failed")
        self._pending.clear()

    def _take(self, answer: JudgeAnswer) -> None:
        waiting = self._pending.pop(answer.id, None)
        if waiting is None:
            return  # late: counted already
        waiting.timer.cancel()
        if isinstance(answer, Judged) and 0 <= answer.probability <= 1:
            self._late, self._rest_s = 0, self._limits.rest_s
            self._observer.count_request("answered")
            self._observer.time_answer(asyncio.get_running_loop().time() - waiting.began)
            # Apart from this connection, which is that of other calls, too: what fails is the one call's.
            asyncio.get_running_loop().call_soon(waiting.on_probability, answer.probability)
        elif isinstance(answer, Judged):
            self._observer.count_request("failed")  # no probability
        elif answer.kind == "late":
            self._count_late()
        else:
            self._observer.count_request(answer.kind)

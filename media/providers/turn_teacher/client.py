"""A client of the teacher's process, shared by all calls of one event loop. No call waits for an answer."""

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
# Longer texts are cut to their end, because the model reads fewer characters.
MAX_CHARACTERS: Final = 400
# The maximum number of unsent bytes for a process that stops reading: about forty requests.
_MAX_UNSENT_BYTES: Final = 16_384
log = structlog.get_logger()


class TeacherObserver(Protocol):
    """Counts the outcomes of the requests."""

    def count_request(self, outcome: Outcome) -> None:
        """Count a request by its outcome.

        Args:
            outcome: "answered" in time; "late", so the answer is dropped; "full" if too many requests wait; "failed" if
                the process or its connection failed; "off" if the teacher is paused or not connected.
        """

    def time_answer(self, seconds: float) -> None:
        """Record the seconds from a request to its answer in time."""


@dataclass(frozen=True, slots=True)
class TeacherLimits:
    """The limits of a teacher's client.

    If the connection breaks or fails, or after most_late late answers in a row, the client pauses for rest_s. The pause
    doubles each further time, up to max_rest_s, until an answer arrives in time.

    Attributes:
        deadline_s: Later answers are dropped.
        max_pending: The maximum number of simultaneous requests.
        connect_s: The timeout of the connection.
    """

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
    """A connection to the teacher. It is opened by `start`, and reopened by the first request after it broke and the
    pause ended."""

    def __init__(self, path: Path, observer: TeacherObserver, limits: TeacherLimits = _USUAL) -> None:
        self._path = path
        self._observer = observer
        self._limits = limits
        self._ids = count(1)
        self._pending: dict[int, _Pending] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._connection: asyncio.Task[None] | None = None
        self._late = 0  # number of late answers in a row
        self._rest_s = limits.rest_s
        self._rests_until = 0.0

    @property
    def is_connected(self) -> bool:
        """Whether the process can receive requests."""
        return self._writer is not None and not self._writer.is_closing()

    def start(self) -> None:
        """Start to connect. Requires the running loop."""
        if self._connection is None or self._connection.done():
            self._connection = asyncio.create_task(self._run())

    def request(self, text: str, on_probability: OnProbability) -> None:
        """Request the probability that the caller's turn ends after this text. Returns at once.

        Args:
            on_probability: Called within the deadline or never.
        """
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
        """Close the connection. Pending requests get no answer."""
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
        """Connect and read answers until the connection ends."""
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
        writer.transport.abort()  # a process that hangs would never read unsent data
        for waiting in self._pending.values():
            waiting.timer.cancel()
            self._observer.count_request("failed")
        self._pending.clear()

    def _take(self, answer: JudgeAnswer) -> None:
        waiting = self._pending.pop(answer.id, None)
        if waiting is None:
            return  # late, and already counted
        waiting.timer.cancel()
        if isinstance(answer, Judged) and 0 <= answer.probability <= 1:
            self._late, self._rest_s = 0, self._limits.rest_s
            self._observer.count_request("answered")
            self._observer.time_answer(asyncio.get_running_loop().time() - waiting.began)
            # Scheduled separately, so that an error in one call does not break the connection, which other calls share.
            asyncio.get_running_loop().call_soon(waiting.on_probability, answer.probability)
        elif isinstance(answer, Judged):
            self._observer.count_request("failed")  # not a probability
        elif answer.kind == "late":
            self._count_late()
        else:
            self._observer.count_request(answer.kind)

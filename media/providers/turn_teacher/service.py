"""The server of the teacher's process, with one bounded queue for all clients and small batches."""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

from media.providers.engine_process.messages import EngineProtocolError, encode_frame, receive_message
from media.providers.turn_teacher.language_model import MAX_WORDS, SLOTS, TeacherError
from media.providers.turn_teacher.wire import Judge, JudgeAnswer, Judged, JudgeRefusal, make_judge_decoder

# The maximum number of waiting texts. A fifth text would wait for more than 150 ms.
CAPACITY: Final = 4
# Clients wait no longer than this for an answer, so a text that has waited for this long is not judged.
DEADLINE_S: Final = 0.15
# The maximum number of words in a batch, at 4 ms per word and 11 ms per text for its mark. A larger batch would exceed
# the deadline.
BATCH_WORDS: Final = 28
# A client that does not read its answers is disconnected.
_MAX_UNREAD_BYTES: Final = 65_536

_log = logging.getLogger(__name__)


class EndJudge(Protocol):
    """A blocking model."""

    def probabilities(self, texts: Sequence[str]) -> list[float]:
        """Return the probability (0 to 1) that each text is the end of a turn. Raises TeacherError."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    request: Judge
    writer: asyncio.StreamWriter
    since: float  # seconds, on the loop's clock

    @property
    def words(self) -> int:
        return min(MAX_WORDS, self.request.text.count(" ") + 1)


class TeacherService:
    """Serves any number of clients; `serve` is the callback of `asyncio.start_unix_server`."""

    def __init__(self, model: EndJudge, *, capacity: int = CAPACITY, deadline_s: float = DEADLINE_S) -> None:
        self._model = model
        self._capacity = capacity
        self._deadline_s = deadline_s
        self._waiting: deque[_Waiting] = deque()
        self._clients: set[asyncio.Task[None]] = set()
        self._thread = ThreadPoolExecutor(1, "teacher")
        self._judging: asyncio.Task[None] | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client until it closes or violates the protocol."""
        client = asyncio.create_task(self._read(reader, writer))
        self._clients.add(client)
        try:
            await asyncio.wait({client})
        finally:
            client.cancel()
            self._clients.discard(client)
            writer.close()

    async def close(self) -> None:
        """Disconnect the clients and wait for the running batch."""
        tasks = [*self._clients, *([self._judging] if self._judging else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(self._thread.shutdown)

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        decoder = make_judge_decoder()
        with suppress(EngineProtocolError, OSError):
            while (request := await receive_message(reader, decoder)) is not None:
                self._add(_Waiting(request, writer, asyncio.get_running_loop().time()))

    def _add(self, waiting: _Waiting) -> None:
        if len(self._waiting) >= self._capacity:
            return _answer(waiting, JudgeRefusal(waiting.request.id, "full"))
        self._waiting.append(waiting)
        if self._judging is None or self._judging.done():
            self._judging = asyncio.create_task(self._judge_waiting())

    async def _judge_waiting(self) -> None:
        while batch := self._next_batch():
            for waiting, answer in zip(batch, await self._judge(batch), strict=True):
                _answer(waiting, answer)

    def _next_batch(self) -> list[_Waiting]:
        """Return the first text of the queue and the texts that fit beside it. Texts that have waited too long are
        refused."""
        batch: list[_Waiting] = []
        now = asyncio.get_running_loop().time()
        while self._waiting and len(batch) < SLOTS:
            first = self._waiting[0]
            if now - first.since >= self._deadline_s:
                _answer(self._waiting.popleft(), JudgeRefusal(first.request.id, "late"))
            elif batch and first.words + sum(each.words for each in batch) > BATCH_WORDS:
                break
            else:
                batch.append(self._waiting.popleft())
        return batch

    async def _judge(self, batch: Sequence[_Waiting]) -> list[JudgeAnswer]:
        texts = [each.request.text for each in batch]
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(self._thread, self._model.probabilities, texts)
        except TeacherError as error:
            _log.error("teacher.failed: %s", error)
            return [JudgeRefusal(each.request.id, "failed") for each in batch]
        return [Judged(each.request.id, chance) for each, chance in zip(batch, found, strict=True)]


def _answer(waiting: _Waiting, answer: JudgeAnswer) -> None:
    writer = waiting.writer
    if writer.is_closing():
        return
    if writer.transport.get_write_buffer_size() > _MAX_UNREAD_BYTES:
        writer.transport.abort()
    else:
        writer.write(encode_frame(answer))

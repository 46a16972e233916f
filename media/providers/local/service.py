"""The engine's service: takes requests from all clients, first come, first served, one lane for each engine."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, Generic, Protocol, TypeVar

from media.providers.local.speech import Speech, Transcript
from media.providers.local.wire import (
    Answer,
    Cancel,
    Refused,
    Request,
    Synthesise,
    Synthesised,
    Transcribe,
    Transcribed,
    WireError,
    pack,
    receive,
    requests,
)

# Requests of a lane, the one in work included; more would wait longer than a caller does.
CAPACITY: Final = 32
# Longer requests would let the others wait: 60 s at 16 kHz, half a minute of speech.
LONGEST_PCM: Final = 2 * 60 * 16_000
LONGEST_TEXT: Final = 600
# Greetings, fillers and questions come again and again; a clause takes about 50 KB.
REMEMBERED: Final = 128

_log = logging.getLogger(__name__)
T = TypeVar("T")


class Recognising(Protocol):
    """A recogniser."""

    def transcribe(self, pcm: bytes, sample_rate: int) -> Transcript:
        """The words of one utterance; takes its time. Raises ValueError."""


class Speaking(Protocol):
    """A voice."""

    def synthesise(self, text: str) -> Speech:
        """Speaks a text; takes its time."""


class Busy(Exception):
    """A lane is full."""


class Lane(Generic[T]):
    """One engine's thread and its bounded queue. At exit, what runs is awaited."""

    def __init__(self, name: str, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._jobs: list[Future[T]] = []

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Puts work into the queue; a future that is cancelled before its turn costs nothing. Raises Busy."""
        self._jobs = [job for job in self._jobs if not job.done()]
        if len(self._jobs) >= self._capacity:
            raise Busy
        job = self._pool.submit(work)
        self._jobs.append(job)
        return job

    def close(self) -> None:
        """Drops what waits, and waits for what runs."""
        self._pool.shutdown(wait=True, cancel_futures=True)


class Service:
    """Serves any number of clients; `serve` is the callback of `asyncio.start_unix_server`."""

    def __init__(self, recogniser: Recognising, voice: Speaking, capacity: int = CAPACITY) -> None:
        self._recogniser = recogniser
        self._voice = Remembering(voice)
        self._ears: Lane[Transcript] = Lane("recogniser", capacity)
        self._mouth: Lane[Speech] = Lane("voice", capacity)
        self._clients: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client, until it closes or talks nonsense."""
        client = asyncio.create_task(_Client(self, writer).run(reader))
        self._clients.add(client)
        try:
            await asyncio.wait({client})
        finally:
            client.cancel()
            self._clients.discard(client)

    async def close(self) -> None:
        """Drops all clients and what they wait for."""
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        self._ears.close()
        self._mouth.close()

    async def answer(self, request: Transcribe | Synthesise) -> Answer:
        """Does what is asked. Cancelling drops the request, if it was not begun."""
        try:
            if isinstance(request, Transcribe):
                return await self._transcribe(request)
            return await self._synthesise(request)
        except Busy:
            return Refused(request.id, "busy", "the queue is full")

    async def _transcribe(self, request: Transcribe) -> Answer:
        if len(request.pcm) > LONGEST_PCM:
            return Refused(request.id, "bad", "too much audio")
        job = self._ears.submit(lambda: self._recogniser.transcribe(request.pcm, request.sample_rate))
        return await _outcome(request.id, job, lambda transcript: Transcribed(request.id, transcript))

    async def _synthesise(self, request: Synthesise) -> Answer:
        if len(request.text) > LONGEST_TEXT:
            return Refused(request.id, "bad", "too much text")
        job = self._mouth.submit(lambda: self._voice.synthesise(request.text))
        return await _outcome(request.id, job, lambda speech: Synthesised(request.id, speech))


class Remembering:
    """A voice that need not say again what it said lately."""

    def __init__(self, voice: Speaking, most: int = REMEMBERED) -> None:
        self._voice = voice
        self._most = most
        self._said: OrderedDict[str, Speech] = OrderedDict()

    def synthesise(self, text: str) -> Speech:
        """What it said lately, or new speech."""
        speech = self._said.pop(text, None) or self._voice.synthesise(text)
        self._said[text] = speech
        if len(self._said) > self._most:
            self._said.popitem(last=False)
        return speech


class _Client:
    """One connection: what it asked and is not answered yet."""

    def __init__(self, service: Service, writer: asyncio.StreamWriter) -> None:
        self._service = service
        self._writer = writer
        self._open: dict[int, asyncio.Task[None]] = {}

    async def run(self, reader: asyncio.StreamReader) -> None:
        decoder = requests()
        try:
            while (request := await receive(reader, decoder)) is not None:
                self._take(request)
        except (WireError, OSError) as error:
            _log.warning("a client of the speech engine was dropped: %s", type(error).__name__)
        finally:
            for task in self._open.values():
                task.cancel()
            self._writer.close()

    def _take(self, request: Request) -> None:
        if isinstance(request, Cancel):
            if task := self._open.get(request.id):
                task.cancel()
            return
        task = asyncio.create_task(self._respond(request))
        self._open[request.id] = task
        task.add_done_callback(lambda _: self._open.pop(request.id, None))

    async def _respond(self, request: Transcribe | Synthesise) -> None:
        answer = await self._service.answer(request)
        if not self._writer.is_closing():
            self._writer.write(pack(answer))


async def _outcome(request_id: int, job: Future[T], answer: Callable[[T], Answer]) -> Answer:
    """Waits for a job without waiting in its way: an engine's error of any kind is an answer too."""
    waiting = asyncio.wrap_future(job)
    try:
        await asyncio.wait({waiting})
    except asyncio.CancelledError:
        waiting.cancel()
        raise
    error = waiting.exception()
    if error is None:
        return answer(waiting.result())
    if isinstance(error, ValueError):
        return Refused(request_id, "bad", str(error))
    _log.error("the speech engine failed", exc_info=error)
    return Refused(request_id, "failed", type(error).__name__)

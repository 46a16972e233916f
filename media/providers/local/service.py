"""The engine process's server, which answers the requests of all clients in order of arrival, with a queue for each
engine."""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, Generic, Protocol, TypeVar

from media.providers.engine_process.messages import EngineProtocolError, receive_message
from media.providers.local.speech import Recognition, RecognitionAbandoned, RecognitionStop, SynthesizedSpeech
from media.providers.local.wire import (
    Cancel,
    EngineAnswer,
    EngineRefusal,
    EngineRequest,
    Synthesize,
    Synthesized,
    Transcribe,
    Transcribed,
    encode_message,
    make_request_decoder,
)

# The maximum number of requests in a queue, including the running one. Further requests would wait longer than a caller
# does.
CAPACITY: Final = 32
# Bytes of 60 s at 16 kHz. Longer requests would delay the others.
MAX_PCM_BYTES: Final = 2 * 60 * 16_000
MAX_TEXT_LENGTH: Final = 600
# The number of cached clauses, because greetings, fillers and questions repeat. A clause takes about 50 KB.
CACHE_SIZE: Final = 128

_log = logging.getLogger(__name__)
T = TypeVar("T")


class SpeechRecognizer(Protocol):
    """A blocking recognizer."""

    def transcribe(
        self, pcm: bytes, sample_rate: int, stop: RecognitionStop | None, *, others_wait: Callable[[], bool]
    ) -> Recognition:
        """Transcribe one utterance, without optional passes if others wait.

        Raises:
            ValueError: The audio is invalid.
            RecognitionAbandoned: `stop` was set.
        """


class SpeechSynthesizer(Protocol):
    """A blocking voice."""

    def synthesize(self, text: str) -> SynthesizedSpeech:
        """Synthesize a text."""


class QueueFull(Exception):
    """The queue of an engine is full."""


class EngineQueue(Generic[T]):
    """One engine's thread and its bounded queue. The interpreter waits for running work before it exits."""

    def __init__(self, name: str, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._jobs: list[Future[T]] = []

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Queue work and return its future. Work whose future is canceled before its turn does not run. Raises
        QueueFull."""
        self._jobs = [job for job in self._jobs if not job.done()]
        if len(self._jobs) >= self._capacity:
            raise QueueFull
        job = self._pool.submit(work)
        self._jobs.append(job)
        return job

    @property
    def is_idle(self) -> bool:
        """Whether no work is queued or running."""
        return all(job.done() for job in self._jobs)

    def has_waiting(self) -> bool:
        """Return whether work is queued behind the running work. The running work may call this."""
        return sum(not job.done() for job in self._jobs) > 1

    def close(self) -> None:
        """Cancel queued work and wait for running work."""
        self._pool.shutdown(wait=True, cancel_futures=True)


class EngineService:
    """Serves any number of clients; `serve` is the callback of `asyncio.start_unix_server`."""

    def __init__(
        self,
        recognizer: SpeechRecognizer,
        voice: SpeechSynthesizer,
        capacity: int = CAPACITY,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Create the service with empty queues.

        Args:
            clock: Returns the time in seconds.
        """
        self._clock = clock
        self._recognizer = recognizer
        self._voice = CachedVoice(voice)
        self._recognizer_queue: EngineQueue[Recognition] = EngineQueue("recogniser", capacity)
        self._voice_queue: EngineQueue[SynthesizedSpeech] = EngineQueue("voice", capacity)
        self._clients: set[asyncio.Task[None]] = set()
        self._partial_stop = RecognitionStop()  # stops the latest partial transcription
        self._rests_until = 0.0  # no partial transcription runs before this time

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client until it closes or violates the protocol."""
        client = asyncio.create_task(_Client(self, writer).run(reader))
        self._clients.add(client)
        try:
            await asyncio.wait({client})
        finally:
            client.cancel()
            self._clients.discard(client)

    async def close(self) -> None:
        """Disconnect all clients and drop their requests."""
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        self._recognizer_queue.close()
        self._voice_queue.close()

    async def answer(self, request: Transcribe | Synthesize) -> EngineAnswer:
        """Answer a request. A cancellation drops the request, unless it is running."""
        try:
            if isinstance(request, Transcribe):
                return await self._transcribe(request)
            return await self._synthesize(request)
        except QueueFull:
            return EngineRefusal(request.id, "busy", "the queue is full")

    async def _transcribe(self, request: Transcribe) -> EngineAnswer:
        if len(request.pcm) > MAX_PCM_BYTES:
            return EngineRefusal(request.id, "bad", "too much audio")
        if request.is_partial:
            return await self._transcribe_partial(request)
        self._partial_stop.set()
        job = self._recognizer_queue.submit(lambda: self._run_recognizer(request, None))
        return await _answer_job(request.id, job, lambda transcript: Transcribed(request.id, transcript))

    def _run_recognizer(self, request: Transcribe, stop: RecognitionStop | None) -> Recognition:
        others_wait = self._recognizer_queue.has_waiting
        return self._recognizer.transcribe(request.pcm, request.sample_rate, stop, others_wait=others_wait)

    async def _transcribe_partial(self, request: Transcribe) -> EngineAnswer:
        """Transcribe an incomplete utterance. Uses the recognizer only while no other request needs it, and at most
        half of the time."""
        began = self._clock()
        if began < self._rests_until or not self._recognizer_queue.is_idle:
            raise QueueFull
        stop = self._partial_stop = RecognitionStop()
        job = self._recognizer_queue.submit(lambda: self._run_recognizer(request, stop))
        try:
            return await _answer_job(request.id, job, lambda transcript: Transcribed(request.id, transcript))
        except asyncio.CancelledError:
            stop.set()  # no client waits for the text any longer
            raise
        finally:
            ended = self._clock()
            self._rests_until = ended + (ended - began)

    async def _synthesize(self, request: Synthesize) -> EngineAnswer:
        if len(request.text) > MAX_TEXT_LENGTH:
            return EngineRefusal(request.id, "bad", "too much text")
        job = self._voice_queue.submit(lambda: self._voice.synthesize(request.text))
        return await _answer_job(request.id, job, lambda speech: Synthesized(request.id, speech))


class CachedVoice:
    """A voice with a cache of its speech. The least recently used speech is removed first."""

    def __init__(self, voice: SpeechSynthesizer, size: int = CACHE_SIZE) -> None:
        self._voice = voice
        self._size = size
        self._cache: OrderedDict[str, SynthesizedSpeech] = OrderedDict()

    def synthesize(self, text: str) -> SynthesizedSpeech:
        """Return cached or new speech."""
        speech = self._cache.pop(text, None) or self._voice.synthesize(text)
        self._cache[text] = speech
        if len(self._cache) > self._size:
            self._cache.popitem(last=False)
        return speech


class _Client:
    """A connection and its unanswered requests."""

    def __init__(self, service: EngineService, writer: asyncio.StreamWriter) -> None:
        self._service = service
        self._writer = writer
        self._open: dict[int, asyncio.Task[None]] = {}

    async def run(self, reader: asyncio.StreamReader) -> None:
        decoder = make_request_decoder()
        try:
            while (request := await receive_message(reader, decoder)) is not None:
                self._handle(request)
        except (EngineProtocolError, OSError) as error:
            _log.warning("engine_client.dropped error=%s", type(error).__name__)
        finally:
            for task in self._open.values():
                task.cancel()
            self._writer.close()

    def _handle(self, request: EngineRequest) -> None:
        if isinstance(request, Cancel):
            if task := self._open.get(request.id):
                task.cancel()
            return
        task = asyncio.create_task(self._respond(request))
        self._open[request.id] = task
        task.add_done_callback(lambda _: self._open.pop(request.id, None))

    async def _respond(self, request: Transcribe | Synthesize) -> None:
        answer = await self._service.answer(request)
        if not self._writer.is_closing():
            self._writer.write(encode_message(answer))


async def _answer_job(request_id: int, job: Future[T], answer: Callable[[T], EngineAnswer]) -> EngineAnswer:
    """Await a job and convert its result or error to the answer. A cancellation cancels the job, unless it is
    running."""
    future = asyncio.wrap_future(job)
    try:
        await asyncio.wait({future})
    except asyncio.CancelledError:
        future.cancel()
        raise
    error = future.exception()
    if error is None:
        return answer(future.result())
    if isinstance(error, RecognitionAbandoned):
        return EngineRefusal(request_id, "busy", "a whole utterance came first")
    if isinstance(error, ValueError):
        return EngineRefusal(request_id, "bad", str(error))
    _log.error("engine_request.failed", exc_info=error)
    return EngineRefusal(request_id, "failed", type(error).__name__)

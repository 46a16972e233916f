"""A client of the engine process, shared by all calls of one event loop."""

import asyncio
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Final, TypeVar

from media.providers.engine_process.messages import EngineProtocolError, receive_message
from media.providers.local.speech import Recognition, SynthesizedSpeech
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
    make_answer_decoder,
)
from media.providers.ports import ProviderBusy, ProviderError, ProviderSlow

NAME: Final = "local"
T = TypeVar("T", bound=EngineAnswer)


def require_english(language: str) -> None:
    """Raise ProviderError unless the language is English, which is the engines' only language."""
    if language.partition("-")[0].lower() != "en":
        raise ProviderError(NAME, f"language {language} is not supported", retryable=False, cause="refused")


class EngineClient:
    """A connection to the engine, opened at the first request and reopened after it breaks.

    All methods raise ProviderError: ProviderBusy if the queue is full, and ProviderSlow after the deadline. A canceled
    request is removed from the engine's queue.
    """

    def __init__(self, path: Path, *, connect_s: float = 2.0, answer_s: float = 20.0) -> None:
        self._path = path
        self._connect_s = connect_s
        self._answer_s = answer_s
        self._ids = count(1)
        self._pending: dict[int, asyncio.Future[EngineAnswer]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._listener: asyncio.Task[None] | None = None
        self._connect_lock = asyncio.Lock()

    async def transcribe(self, pcm: bytes, sample_rate: int, *, is_partial: bool = False) -> Recognition:
        """Transcribe one utterance of up to 60 s.

        Args:
            pcm: 16-bit little-endian mono audio.
            is_partial: The utterance is not complete. ProviderBusy is raised unless the engine is idle and remains
                idle.
        """
        request = await self._request(lambda number: Transcribe(number, pcm, sample_rate, is_partial), Transcribed)
        return request.transcript

    async def synthesize(self, text: str) -> SynthesizedSpeech:
        """Synthesize a clause or a short sentence."""
        return (await self._request(lambda number: Synthesize(number, text), Synthesized)).speech

    async def connect(self) -> None:
        """Open the connection, unless it is open."""
        await self._ensure_connected()

    async def close(self) -> None:
        """Close the connection. Pending requests fail."""
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)

    async def _request(self, make: Callable[[int], EngineRequest], expected: type[T]) -> T:
        number = next(self._ids)
        message = _encode(make(number))
        writer = await self._ensure_connected()
        answer = self._pending[number] = asyncio.get_running_loop().create_future()
        try:
            writer.write(message)
            async with asyncio.timeout(self._answer_s):
                return _require_answer(await answer, expected)
        except TimeoutError as error:
            raise ProviderSlow(NAME, f"no answer within {self._answer_s:g} s") from error
        finally:
            del self._pending[number]
            if not writer.is_closing() and (answer.cancelled() or not answer.done()):
                writer.write(encode_message(Cancel(number)))

    async def _ensure_connected(self) -> asyncio.StreamWriter:
        async with self._connect_lock:
            if self._writer is not None:
                return self._writer
            try:
                async with asyncio.timeout(self._connect_s):
                    reader, self._writer = await asyncio.open_unix_connection(self._path)
            except TimeoutError as error:
                raise ProviderSlow(NAME, f"no connection within {self._connect_s:g} s") from error
            except OSError as error:
                raise ProviderError(
                    NAME, f"the speech engine cannot be reached: {error.strerror}", cause="refused"
                ) from error
            self._listener = asyncio.create_task(self._listen(reader, self._writer))
            return self._writer

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reason, decoder = "the speech engine closed the connection", make_answer_decoder()
        try:
            while (answer := await receive_message(reader, decoder)) is not None:
                future = self._pending.get(answer.id)
                if future is not None and not future.done():
                    future.set_result(answer)
        except (EngineProtocolError, OSError) as error:
            reason = f"the connection to the speech engine broke: {type(error).__name__}"
        finally:
            self._writer = None
            writer.close()
            for future in self._pending.values():
                if not future.done():
                    future.set_exception(ProviderError(NAME, reason, cause="cut"))


def _encode(request: EngineRequest) -> bytes:
    try:
        return encode_message(request)
    except EngineProtocolError as error:
        raise ProviderError(NAME, str(error), retryable=False, cause="refused") from error


def _require_answer(answer: EngineAnswer, expected: type[T]) -> T:
    if isinstance(answer, expected):
        return answer
    if isinstance(answer, EngineRefusal):
        if answer.kind == "busy":
            raise ProviderBusy(NAME, answer.reason)
        has_failed = answer.kind == "failed"
        raise ProviderError(NAME, answer.reason, retryable=has_failed, cause="error" if has_failed else "refused")
    raise ProviderError(NAME, "the engine returned an answer of another type", cause="unreadable")

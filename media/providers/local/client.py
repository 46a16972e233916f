"""Talks to the engine process, for all calls of one event loop."""

import asyncio
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Final, TypeVar

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
    answers,
    pack,
    receive,
)
from media.providers.ports import ProviderBusy, ProviderError, ProviderSlow

NAME: Final = "local"
T = TypeVar("T", bound=Answer)


def english_only(language: str) -> None:
    """Raises ProviderError for any other language: the engines know only one."""
    if language.partition("-")[0].lower() != "en":
        raise ProviderError(NAME, f"knows no {language}", retryable=False)


class EngineClient:
    """One connection, opened when it is first needed and again after it broke.

    All methods raise ProviderError; ProviderBusy for a full queue, ProviderSlow for a limit that passed. A request
    that is cancelled is taken out of the engine's queue."""

    def __init__(self, path: Path, *, connect_s: float = 2.0, answer_s: float = 20.0) -> None:
        self._path = path
        self._connect_s = connect_s
        self._answer_s = answer_s
        self._ids = count(1)
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._listener: asyncio.Task[None] | None = None
        self._opening = asyncio.Lock()

    async def transcribe(self, pcm: bytes, sample_rate: int) -> Transcript:
        """The words of one utterance: 16-bit little-endian mono, up to 60 s."""
        return (await self._ask(lambda number: Transcribe(number, pcm, sample_rate), Transcribed)).transcript

    async def synthesise(self, text: str) -> Speech:
        """Speaks a clause or a short sentence."""
        return (await self._ask(lambda number: Synthesise(number, text), Synthesised)).speech

    async def connect(self) -> None:
        """Makes sure that there is a connection."""
        await self._connected()

    async def close(self) -> None:
        """Closes the connection; what waits for an answer gets an error."""
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)

    async def _ask(self, make: Callable[[int], Request], expected: type[T]) -> T:
        number = next(self._ids)
        message = _packed(make(number))
        writer = await self._connected()
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            writer.write(message)
            async with asyncio.timeout(self._answer_s):
                return _unwrap(await answer, expected)
        except TimeoutError as error:
            raise ProviderSlow(NAME, f"no answer within {self._answer_s:g} s") from error
        finally:
            del self._waiting[number]
            if not writer.is_closing() and (answer.cancelled() or not answer.done()):
                writer.write(pack(Cancel(number)))

    async def _connected(self) -> asyncio.StreamWriter:
        async with self._opening:
            if self._writer is not None:
                return self._writer
            try:
                async with asyncio.timeout(self._connect_s):
                    reader, self._writer = await asyncio.open_unix_connection(self._path)
            except TimeoutError as error:
                raise ProviderSlow(NAME, f"no connection within {self._connect_s:g} s") from error
            except OSError as error:
                raise ProviderError(NAME, f"the speech engine cannot be reached: {error.strerror}") from error
            self._listener = asyncio.create_task(self._listen(reader, self._writer))
            return self._writer

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reason, decoder = "the speech engine closed the connection", answers()
        try:
            while (answer := await receive(reader, decoder)) is not None:
                waiting = self._waiting.get(answer.id)
                if waiting is not None and not waiting.done():
                    waiting.set_result(answer)
        except (WireError, OSError) as error:
            reason = f"the connection to the speech engine broke: {type(error).__name__}"
        finally:
            self._writer = None
            writer.close()
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(ProviderError(NAME, reason))


def _packed(request: Request) -> bytes:
    try:
        return pack(request)
    except WireError as error:
        raise ProviderError(NAME, str(error), retryable=False) from error


def _unwrap(answer: Answer, expected: type[T]) -> T:
    if isinstance(answer, expected):
        return answer
    if isinstance(answer, Refused):
        if answer.kind == "busy":
            raise ProviderBusy(NAME, answer.reason)
        raise ProviderError(NAME, answer.reason, retryable=answer.kind == "failed")
    raise ProviderError(NAME, "an answer to another question")

"""The local recogniser behind the port Hear: a caller's turn is heard again as a whole each time its text is asked for.

The recogniser is best with whole utterances, and quick. Only a long turn is heard in parts: while the caller goes on
speaking, what lies behind a quiet moment is transcribed and done with.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, Protocol

import numpy as np

from media.audio import mulaw
from media.providers.local.client import NAME, english_only
from media.providers.local.speech import Transcript as Heard
from media.providers.ports import HearFailed, HearSession, HearSink, ProviderError, Transcript

_MS: Final = mulaw.RATE // 1_000  # bytes
# Kept from before the caller began: the first sound is often too soft for the detector.
BEFORE: Final = 700 * _MS
# Kept while nobody speaks, should the text of it be asked for.
IDLE: Final = 10_000 * _MS
# A turn that grew longer than this is done with up to its quietest moment within these limits.
LONG: Final = 10_000 * _MS
EARLIEST_CUT: Final = 4_000 * _MS
LATEST_CUT: Final = LONG - 500 * _MS
_FRAME: Final = 100 * _MS


class Engine(Protocol):
    """What transcribes."""

    async def connect(self) -> None:
        """Raises ProviderError."""

    async def transcribe(self, pcm: bytes, sample_rate: int) -> Heard:
        """Raises ProviderError."""


class LocalHear:
    """The recogniser of this machine; English only."""

    name = NAME

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def open(self, language: str, sink: HearSink) -> HearSession:
        """Raises ProviderError for another language or when the engine is not there."""
        english_only(language)
        await self._engine.connect()
        return _Session(self._engine, sink)


class _Session:
    """One caller's ear. Positions are bytes since the session began."""

    def __init__(self, engine: Engine, sink: HearSink) -> None:
        self._engine = engine
        self._sink = sink
        self._audio = bytearray()
        self._start = 0  # position of the audio's first byte
        self._done = ""  # text of the turn before that
        self._in_turn = False
        self._asked = 0  # position up to which a text was asked for
        self._finalising: asyncio.Task[None] | None = None
        self._settling: asyncio.Task[None] | None = None
        self._closed = False

    def push(self, ulaw: bytes) -> None:
        self._audio += ulaw
        if not self._in_turn:
            if len(self._audio) > 2 * IDLE:
                self._drop(len(self._audio) - IDLE)
        elif len(self._audio) > LONG and self._is_idle:
            self._settling = self._run(self._settle())

    def started(self) -> None:
        if not self._in_turn:
            self._in_turn = True
            self._drop(len(self._audio) - BEFORE)

    def finalise(self, token: int) -> None:
        if self._closed:
            return
        if self._finalising is not None:
            self._finalising.cancel()
        self._asked = self._start + len(self._audio)
        self._finalising = self._run(self._finalise(token, self._asked))

    def next_turn(self) -> None:
        self._stop()
        self._in_turn = False
        self._done = ""
        self._drop(self._asked - self._start)

    async def close(self) -> None:
        self._closed = True
        await asyncio.gather(*self._stop(), return_exceptions=True)

    @property
    def _is_idle(self) -> bool:
        tasks = (self._finalising, self._settling)
        return not self._closed and all(task is None or task.done() for task in tasks)

    def _run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(work)

    def _stop(self) -> list[asyncio.Task[None]]:
        tasks = [task for task in (self._finalising, self._settling) if task is not None]
        for task in tasks:
            task.cancel()
        return tasks

    def _drop(self, count: int) -> None:
        """Forgets the first `count` bytes, if any."""
        dropped = max(0, count)
        del self._audio[:dropped]
        self._start += dropped

    async def _finalise(self, token: int, end: int) -> None:
        if self._settling is not None:
            await asyncio.wait({self._settling})  # it may be half done
        if self._closed:
            return
        try:
            while end - self._start > LONG:
                await self._done_with(quietest(bytes(self._audio[:LONG])))
            text = await self._text(end - self._start)
        except ProviderError as error:
            self._fail(error)
        else:
            self._sink(Transcript(text, final=True, token=token))

    async def _settle(self) -> None:
        try:
            await self._done_with(quietest(bytes(self._audio[:LONG])))
        except ProviderError as error:
            self._fail(error)

    async def _done_with(self, count: int) -> None:
        """Takes the text of the first `count` bytes as final."""
        end = self._start + count
        self._done = await self._text(count)
        self._drop(end - self._start)

    async def _text(self, count: int) -> str:
        """The turn's text, up to the first `count` bytes of the audio."""
        if count <= 0:
            return self._done
        heard = await self._engine.transcribe(mulaw.decode(bytes(self._audio[:count])), mulaw.RATE)
        return f"{self._done} {heard.text}".strip()

    def _fail(self, error: ProviderError) -> None:
        self._closed = True
        self._sink(HearFailed(error))


def quietest(ulaw: bytes) -> int:
    """Where to cut LONG bytes of speech: in the middle of the quietest 100 ms between EARLIEST_CUT and LATEST_CUT."""
    linear = np.frombuffer(mulaw.decode(ulaw[EARLIEST_CUT:LATEST_CUT]), "<i2").astype(np.float32)
    energy = np.square(linear[: len(linear) // _FRAME * _FRAME].reshape(-1, _FRAME)).sum(axis=1)
    return EARLIEST_CUT + int(np.argmin(energy)) * _FRAME + _FRAME // 2

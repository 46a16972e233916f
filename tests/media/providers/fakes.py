"""Scripted providers behind the ports: each does exactly what its script says, and records what was done to it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from media.providers.ports import (
    Ask,
    HearEvent,
    HearSession,
    HearSink,
    ProviderError,
    Spoken,
    ThinkEvent,
    Transcript,
    Words,
)

Step = ThinkEvent | Spoken | ProviderError | float | None  # seconds to wait; None: for ever


def words(text: str) -> list[Words]:
    """One Words for each word, its space behind it."""
    return [Words(word + " ") for word in text.split()]


async def _play(steps: Sequence[Step]) -> AsyncIterator[ThinkEvent | Spoken]:
    for step in steps:
        if step is None:
            await asyncio.get_running_loop().create_future()
        elif isinstance(step, float):
            await asyncio.sleep(step)
        elif isinstance(step, ProviderError):
            raise step
        else:
            yield step


class FakeThink:
    """Plays one script per request; the last one again and again."""

    def __init__(self, name: str, *scripts: Sequence[Step]) -> None:
        self.name = name
        self.asked: list[Ask] = []
        self.closed = 0
        self._scripts = scripts

    async def stream(self, ask: Ask) -> AsyncIterator[ThinkEvent]:
        self.asked.append(ask)
        steps = self._scripts[min(len(self.asked), len(self._scripts)) - 1]
        try:
            async for step in _play(steps):
                assert not isinstance(step, Spoken)
                yield step
        finally:
            self.closed += 1


class FakeSpeak:
    """Reads the whole text, or `reads` pieces of it, then plays its script."""

    def __init__(
        self, name: str, *steps: Step, reads: int | None = None, times_words: bool = True, streams_text: bool = True
    ) -> None:
        self.name = name
        self.times_words = times_words
        self.streams_text = streams_text
        self.given: list[str] = []
        self.closed = 0
        self._steps = steps
        self._reads = reads

    async def stream(self, text: AsyncIterator[str], language: str) -> AsyncIterator[Spoken]:
        self.given.append("")
        count = 0
        try:
            while self._reads is None or count < self._reads:
                try:
                    self.given[-1] += await anext(text)
                except StopAsyncIteration:
                    break
                count += 1
            async for step in _play(self._steps):
                assert isinstance(step, Spoken)
                yield step
        finally:
            self.closed += 1


@dataclass
class FakeEar:
    """A recogniser's session: keeps what it was given, in order, and says what the test tells it to."""

    sink: HearSink
    log: list[str | bytes | int] = field(default_factory=list)
    closed: bool = False

    def push(self, ulaw: bytes) -> None:
        self.log.append(ulaw)

    def started(self) -> None:
        self.log.append("started")

    def finalise(self, token: int) -> None:
        self.log.append(token)

    def next_turn(self) -> None:
        self.log.append("next_turn")

    async def close(self) -> None:
        self.closed = True

    @property
    def audio(self) -> bytes:
        return b"".join(item for item in self.log if isinstance(item, bytes))


class FakeHear:
    """Opens FakeEars; `errors` are raised by the first so many openings, `delay` seconds pass in each."""

    def __init__(self, name: str, *errors: ProviderError, delay: float = 0.0) -> None:
        self.name = name
        self.ears: list[FakeEar] = []
        self.opened = 0
        self._errors = list(errors)
        self._delay = delay

    async def open(self, language: str, sink: HearSink) -> HearSession:
        self.opened += 1
        await asyncio.sleep(self._delay)
        if self._errors:
            raise self._errors.pop(0)
        self.ears.append(FakeEar(sink))
        return self.ears[-1]


def texts(events: Sequence[HearEvent]) -> list[str]:
    """The texts of the transcripts."""
    return [event.text for event in events if isinstance(event, Transcript)]

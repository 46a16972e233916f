"""Scripted providers: each follows its script and records how it is used."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from media.providers.ports import (
    ChatRequest,
    LanguageModelEvent,
    ProviderError,
    RecognizedText,
    SpeechChunk,
    SpeechToTextEvent,
    SpeechToTextSession,
    SpeechToTextSink,
    TextDelta,
)

Step = LanguageModelEvent | SpeechChunk | ProviderError | float | None  # float: seconds to wait; None: waits for ever


def text_deltas(text: str) -> list[TextDelta]:
    """One TextDelta for each word, with a space after it."""
    return [TextDelta(word + " ") for word in text.split()]


async def _play(steps: Sequence[Step]) -> AsyncIterator[LanguageModelEvent | SpeechChunk]:
    for step in steps:
        if step is None:
            await asyncio.get_running_loop().create_future()
        elif isinstance(step, float):
            await asyncio.sleep(step)
        elif isinstance(step, ProviderError):
            raise step
        else:
            yield step


class FakeLanguageModel:
    """Plays one script per request, and the last one for all further requests."""

    def __init__(self, name: str, *scripts: Sequence[Step]) -> None:
        self.name = name
        self.requests: list[ChatRequest] = []
        self.closed = 0
        self._scripts = scripts

    async def stream(self, request: ChatRequest) -> AsyncIterator[LanguageModelEvent]:
        self.requests.append(request)
        steps = self._scripts[min(len(self.requests), len(self._scripts)) - 1]
        try:
            async for step in _play(steps):
                assert not isinstance(step, SpeechChunk)
                yield step
        finally:
            self.closed += 1


class FakeTextToSpeech:
    """Reads the whole text, or `reads` pieces of it, then plays its script."""

    def __init__(
        self, name: str, *steps: Step, reads: int | None = None, times_words: bool = True, streams_text: bool = True
    ) -> None:
        self.name = name
        self.times_words = times_words
        self.streams_text = streams_text
        self.texts: list[str] = []
        self.closed = 0
        self._steps = steps
        self._reads = reads

    async def stream(self, text: AsyncIterator[str], language: str) -> AsyncIterator[SpeechChunk]:
        self.texts.append("")
        count = 0
        try:
            while self._reads is None or count < self._reads:
                try:
                    self.texts[-1] += await anext(text)
                except StopAsyncIteration:
                    break
                count += 1
            async for step in _play(self._steps):
                assert isinstance(step, SpeechChunk)
                yield step
        finally:
            self.closed += 1


@dataclass
class FakeSpeechToTextSession:
    """A recognizer's session: records its calls in order; the test sends events through `sink`."""

    sink: SpeechToTextSink
    log: list[str | bytes | int] = field(default_factory=list)
    closed: bool = False
    language: str = ""

    def push(self, ulaw: bytes) -> None:
        self.log.append(ulaw)

    def started(self) -> None:
        self.log.append("started")

    def finalize(self, token: int) -> None:
        self.log.append(token)

    def next_turn(self) -> None:
        self.log.append("next_turn")

    async def close(self) -> None:
        self.closed = True

    @property
    def audio(self) -> bytes:
        return b"".join(item for item in self.log if isinstance(item, bytes))


class FakeSpeechToText:
    """Opens fake sessions after `delay` seconds; the first calls of `open` raise `errors`, one each. languages:
    in which sessions were asked for."""

    def __init__(self, name: str, *errors: ProviderError, delay: float = 0.0) -> None:
        self.name = name
        self.sessions: list[FakeSpeechToTextSession] = []
        self.opened = 0
        self.languages: list[str] = []
        self._errors = list(errors)
        self._delay = delay

    async def open(self, language: str, sink: SpeechToTextSink) -> SpeechToTextSession:
        self.opened += 1
        self.languages.append(language)
        await asyncio.sleep(self._delay)
        if self._errors:
            raise self._errors.pop(0)
        self.sessions.append(FakeSpeechToTextSession(sink, language=language))
        return self.sessions[-1]

    def refuse(self, error: ProviderError) -> None:
        """The next call of `open` raises this."""
        self._errors.append(error)


def texts(events: Sequence[SpeechToTextEvent]) -> list[str]:
    """The texts of the recognized-text events."""
    return [event.text for event in events if isinstance(event, RecognizedText)]

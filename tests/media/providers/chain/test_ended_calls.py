"""Whatever fails, stalls or crashes when calls end: no probe, wait, session or task of theirs is left behind."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from random import Random

import pytest

from media.providers.chain.chain_health import ChainHealth
from media.providers.chain.llm import LanguageModelChain
from media.providers.chain.stt import SpeechToTextChain
from media.providers.chain.tts import TextToSpeechChain
from media.providers.cleanup import close_stream
from media.providers.health import HealthBoard, HealthKey
from media.providers.ports import (
    ChatRequest,
    LanguageModelEvent,
    Message,
    ProviderError,
    ProviderKind,
    RecognizedText,
    SpeechChunk,
    SpeechToTextFailed,
    SpeechToTextSession,
    SpeechToTextSink,
    TextDelta,
)
from media.providers.usage import UsageMeter
from shared.events import ProviderFailed, UsageRecorded
from tests.media.providers.virtual import run

REQUEST = ChatRequest("", [Message("user", "Are you open?")])


class RandomProviders:
    """Providers that fail and stall by chance, and the bill that each would write. sessions: that are open."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.bills = Counter[str]()
        self.sessions = set[RandomSession]()

    async def pause(self, *seconds: float) -> None:
        await asyncio.sleep(self.random.choice(seconds))

    def fail(self, name: str, chance: float) -> None:
        if self.random.random() < chance:
            raise self.random.choice([ProviderError(name, "down"), ProviderError(name, "no", retryable=False)])


class RandomModel:
    def __init__(self, name: str, world: RandomProviders) -> None:
        self.name, self._world = name, world

    async def stream(self, request: ChatRequest) -> AsyncIterator[LanguageModelEvent]:
        for _ in range(6):
            await self._world.pause(0.0, 0.2, 0.2, 5.0)
            self._world.fail(self.name, 0.1)
            yield TextDelta("word ")


class RandomVoice:
    streams_text, times_words = True, False

    def __init__(self, name: str, world: RandomProviders) -> None:
        self.name, self._world = name, world

    async def stream(self, text: AsyncIterator[str], language: str) -> AsyncIterator[SpeechChunk]:
        try:
            async for piece in text:
                self._world.bills[self.name] += len(piece)
                await self._world.pause(0.0, 0.0, 0.1, 2.5)
                self._world.fail(self.name, 0.15)
                yield SpeechChunk(bytes(80 * len(piece)))
        finally:
            await self._world.pause(0.0, 0.0, 0.5, 3.0)


class RandomSession:
    def __init__(self, name: str, world: RandomProviders, sink: SpeechToTextSink) -> None:
        self._name, self._world, self._sink, self._closed = name, world, sink, False
        world.sessions.add(self)

    def push(self, ulaw: bytes) -> None:
        if self._closed:
            return
        self._world.bills[self._name] += len(ulaw) // 8
        if self._world.random.random() < 0.02:
            self._sink(SpeechToTextFailed(ProviderError(self._name, "down")))

    def started(self) -> None:
        pass

    def finalize(self, token: int) -> None:
        if self._world.random.random() < 0.7:
            asyncio.get_running_loop().call_later(0.1, self._answer, RecognizedText("hello", True, token))

    def next_turn(self) -> None:
        pass

    async def close(self) -> None:
        await self._world.pause(0.0, 0.3)
        self._closed = True
        self._world.sessions.discard(self)

    def _answer(self, text: RecognizedText) -> None:
        if not self._closed:
            self._sink(text)


class RandomRecognizer:
    def __init__(self, name: str, world: RandomProviders) -> None:
        self.name, self._world = name, world

    async def open(self, language: str, sink: SpeechToTextSink) -> SpeechToTextSession:
        await self._world.pause(0.0, 0.1, 4.0)
        self._world.fail(self.name, 0.2)
        return RandomSession(self.name, self._world, sink)


def ignore(failed: ProviderFailed) -> None:
    """Takes what a chain reports of failures."""


class RandomCall:
    """A call over two providers of each kind, which it may be in the middle of using when it ends."""

    def __init__(self, world: RandomProviders, board: HealthBoard, reported: Counter[str]) -> None:
        self._random = world.random

        def health(kind: ProviderKind, names: str) -> ChainHealth:
            return ChainHealth(board, [HealthKey(kind, name) for name in names], self._random.choice("ab"))

        def add(usage: UsageRecorded) -> None:
            reported[usage.provider] += usage.quantity

        def meters(kind: ProviderKind, names: str) -> list[UsageMeter]:
            return [UsageMeter(kind, name, add) for name in names]

        models = [RandomModel(name, world) for name in "mn"]
        self._llm = LanguageModelChain(models, ignore, health=health("llm", "mn"))
        voices = [RandomVoice(name, world) for name in "vw"]
        recognizers = [RandomRecognizer(name, world) for name in "rs"]
        self._tts = TextToSpeechChain(voices, ignore, meters=meters("tts", "vw"), health=health("tts", "vw"))
        self._stt = SpeechToTextChain(recognizers, ignore, meters=meters("stt", "rs"), health=health("stt", "rs"))

    async def run(self) -> None:
        tasks = [asyncio.create_task(work) for work in (self._listen(), self._speak(), self._speak())]
        await asyncio.sleep(self._random.choice([0.01, 0.5, 3.0, 8.0, 20.0]))
        for _ in range(self._random.choice([1, 2])):
            for task in tasks:
                task.cancel()
            await asyncio.sleep(0.1)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _listen(self) -> None:
        session = await self._stt.open("en", lambda event: None)
        try:
            for number in range(self._random.randrange(60)):
                session.push(bytes(160))
                if number % 10 == 3:
                    session.started()
                elif number % 10 == 9:
                    session.finalize(number)
                await asyncio.sleep(self._random.choice([0.02, 0.5]))
        finally:
            await asyncio.shield(asyncio.create_task(session.close()))

    async def _speak(self) -> None:
        text = self._text()
        speech = self._tts.stream(text, "en")
        try:
            async for _ in speech:
                pass
        finally:
            await close_stream(speech)
            await close_stream(text)

    async def _text(self) -> AsyncIterator[str]:
        events = self._llm.stream(REQUEST)
        try:
            async for event in events:
                if isinstance(event, TextDelta):
                    yield event.text
        finally:
            await close_stream(events)


@pytest.mark.parametrize("seed", range(5))
def test_ended_calls_leave_nothing_and_every_unit_is_reported_once(seed: int) -> None:
    async def main() -> None:
        world, reported = RandomProviders(Random(seed)), Counter[str]()
        board = HealthBoard(asyncio.get_running_loop().time, chance=lambda: 0.0)
        for _ in range(5):
            await asyncio.gather(*(RandomCall(world, board, reported).run() for _ in range(4)))
        await asyncio.sleep(8.0)  # closing is bounded
        assert not world.sessions
        for record in board._records.values():
            assert not record._waiting and record._probe is None
        assert reported == world.bills

    run(main())

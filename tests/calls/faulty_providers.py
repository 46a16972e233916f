"""Providers that fail by script, one fault a request, in chains with the deadlines of a server."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from media.call.phrase_audio import PhraseAudioCache, SentenceKey
from media.call.phrases import phrases_in
from media.providers.chain.llm import LanguageModelChain
from media.providers.chain.stt import SpeechToTextChain
from media.providers.chain.tts import TextToSpeechChain
from media.providers.factory import Providers
from media.providers.ports import (
    ChatRequest,
    LanguageModelEvent,
    ProviderError,
    RecognizedText,
    SpeechChunk,
    SpeechToTextFailed,
    SpeechToTextSession,
    SpeechToTextSink,
    TextDelta,
    TimedWord,
    ToolCall,
)
from media.tools.fillers import late_fillers
from shared.events import ProviderFailed

# What a provider does with one request: refuse it, never answer, answer late, stop or fail after two words.
Fault = Literal["ok", "refuses", "silent", "late", "stalls", "breaks"]
FAULTS: Final[tuple[Fault, ...]] = ("ok", "refuses", "silent", "late", "stalls", "breaks")
LATE_S: Final = 3.0
WORD_MS: Final = 300
ANSWER: Final = "We are open on Monday until nine."
FILLERS: Final = frozenset(words for group in late_fillers("en") for words in group)
SENTENCES: Final = FILLERS | {phrases_in("en").apology, phrases_in("en").connecting, phrases_in("en").closing}


@dataclass
class Faults:
    """The faults of one provider's requests, in order; the last one for all further requests."""

    script: Sequence[Fault] = ("ok",)
    requests: int = 0

    def next(self) -> Fault:
        self.requests += 1
        return self.script[min(self.requests, len(self.script)) - 1]


async def misbehave(fault: Fault, name: str, delivered: int) -> None:
    """Does what the fault is, if its moment has come. delivered: units so far."""
    if fault == "refuses" or (fault == "breaks" and delivered == 2):
        raise ProviderError(name, fault)
    if fault == "silent" or (fault == "stalls" and delivered == 2):
        await asyncio.get_running_loop().create_future()
    if not delivered:
        await asyncio.sleep(LATE_S if fault == "late" else 0.1)


class FaultyRecognizer:
    """Knows one text. A fault concerns the answer to a `finalize`; "refuses" and "breaks" end the session."""

    def __init__(self, name: str, faults: Faults) -> None:
        self.name, self.faults = name, faults

    async def open(self, language: str, sink: SpeechToTextSink) -> SpeechToTextSession:
        return _FaultySession(self, sink)


class _FaultySession:
    def __init__(self, recognizer: FaultyRecognizer, sink: SpeechToTextSink) -> None:
        self._recognizer, self._sink = recognizer, sink
        self._timer: asyncio.TimerHandle | None = None
        self._heard = False

    def push(self, ulaw: bytes) -> None:
        pass

    def started(self) -> None:
        self._heard = True

    def finalize(self, token: int) -> None:
        fault = self._recognizer.faults.next()
        if fault in ("silent", "stalls"):
            return
        delay_s = LATE_S if fault == "late" else 0.1
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._answer, token, fault)

    def next_turn(self) -> None:
        self._heard = False
        self._cancel()

    async def close(self) -> None:
        self._cancel()

    def _answer(self, token: int, fault: Fault) -> None:
        if fault in ("refuses", "breaks"):
            self._sink(SpeechToTextFailed(ProviderError(self._recognizer.name, fault)))
        else:
            text = "when do you close" if self._heard else ""
            self._sink(RecognizedText(text, final=True, token=token))

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()


@dataclass
class FaultyModel:
    """Answers with `first` once, then with ANSWER. A fault concerns the requests after the first answer."""

    name: str
    faults: Faults
    first: deque[Sequence[LanguageModelEvent]] = field(default_factory=deque)

    async def stream(self, request: ChatRequest) -> AsyncIterator[LanguageModelEvent]:
        if self.first:
            await asyncio.sleep(0.1)
            for event in self.first.popleft():
                yield event
            return
        fault = self.faults.next()
        for delivered, word in enumerate(ANSWER.split()):
            await misbehave(fault, self.name, delivered)
            yield TextDelta(word + " ")


class FaultyVoice:
    """Says a word in 300 ms."""

    streams_text = True
    times_words = True

    def __init__(self, name: str, faults: Faults) -> None:
        self.name, self.faults = name, faults

    async def stream(self, text: AsyncIterator[str], language: str) -> AsyncIterator[SpeechChunk]:
        fault, delivered = self.faults.next(), 0
        async for piece in text:
            for word in piece.split():
                await misbehave(fault, self.name, delivered)
                yield spoken([word], delivered)
                delivered += 1


def spoken(words: Iterable[str], at: int = 0) -> SpeechChunk:
    """Audio of the words. at: how many came before."""
    timed = [TimedWord(word, i * WORD_MS, (i + 1) * WORD_MS) for i, word in enumerate(words, at)]
    return SpeechChunk(b"\x30" * (WORD_MS * 8 * len(timed)), tuple(timed))


def faulty_chains(
    stt: Sequence[Sequence[Fault]],
    llm: Sequence[Sequence[Fault]],
    tts: Sequence[Sequence[Fault]],
    first: Sequence[LanguageModelEvent] | None = None,
    failed: list[ProviderFailed] | None = None,
) -> Providers:
    """One provider for each script. first: of the first model's first answer. failed: takes the reports."""
    report = (failed if failed is not None else []).append
    models = [FaultyModel(f"llm{i}", Faults(script)) for i, script in enumerate(llm)]
    if first is not None:
        models[0].first.append(first)
    return Providers(
        SpeechToTextChain([FaultyRecognizer(f"stt{i}", Faults(script)) for i, script in enumerate(stt)], report),
        LanguageModelChain(models, report),
        TextToSpeechChain([FaultyVoice(f"tts{i}", Faults(script)) for i, script in enumerate(tts)], report),
    )


class WarmPhrases(PhraseAudioCache):
    """Has every fixed sentence at hand, as a process has that ran for a while."""

    def find(self, key: SentenceKey) -> SpeechChunk | None:
        return spoken(key.text.split()) if key.text in SENTENCES else None

    def claim(self, key: SentenceKey) -> bool:
        return False


def booking() -> list[LanguageModelEvent]:
    """The model calls a tool without a word."""
    return [ToolCall("1", "book", '{"people": 4}')]

"""The smallest request that shows whether a provider works, one for each role, by media's own adapters.

A model is asked for one word; a voice speaks one; a recognizer gets two seconds of a recording, because vendors need
not answer for less, and a session that opens may be deaf or silent for ever.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final

from media.providers.cleanup import close_stream
from media.providers.ports import (
    ChatRequest,
    LanguageModel,
    Message,
    ProviderError,
    ProviderSlow,
    RecognizedText,
    SpeechToText,
    SpeechToTextEvent,
    SpeechToTextFailed,
    TextToSpeech,
    TokenUsage,
    ToolCall,
    TurnSignal,
)
from media.providers.usage import UsageMeter
from shared.providers.chat import estimate_tokens

QUESTION: Final = "Say hello in one word."
WORD: Final = "Yes. "  # ElevenLabs wants a blank at the end, and bills it
# Of the reply to the question: enough for a word of any model.
MAX_TOKENS: Final = 16
_PIECE_BYTES: Final = 160
_PER_MS: Final = 8


@dataclass(frozen=True, slots=True)
class Stopwatch:
    """Milliseconds since it was made."""

    _began: float = field(default_factory=time.perf_counter)

    @property
    def ms(self) -> float:
        return (time.perf_counter() - self._began) * 1_000


async def ask_model(model: LanguageModel, meter: UsageMeter, language: str) -> float:
    """Milliseconds to the first word. Raises ProviderError."""
    watch, first_ms, usage = Stopwatch(), None, TokenUsage(0, 0)
    request = ChatRequest("", [Message("user", QUESTION)], language=language)
    events = model.stream(request)
    try:
        async for event in events:
            if isinstance(event, TokenUsage):
                usage = event
                meter.record_tokens(event)
            elif first_ms is None and (isinstance(event, ToolCall) or event.text):
                first_ms = watch.ms
    except (asyncio.CancelledError, ProviderSlow) as error:
        if usage == TokenUsage(0, 0) and getattr(error, "may_bill", True):  # it has the question, and bills it
            meter.record_tokens(estimate_tokens(request, ""))
        raise
    finally:
        await close_stream(events)
    if first_ms is None and (usage.estimated or not usage.completion):  # else the tokens went into thoughts
        raise ProviderError(model.name, "the answer had no word", retryable=False)
    return watch.ms if first_ms is None else first_ms


async def speak_word(voice: TextToSpeech, meter: UsageMeter, language: str) -> float:
    """Milliseconds to the first audio. Raises ProviderError."""
    watch, first_ms = Stopwatch(), None

    async def words() -> AsyncIterator[str]:
        meter.record(len(WORD), "characters")  # read once it can be sent, and paid for from then on
        yield WORD

    chunks = voice.stream(words(), language)
    try:
        async for chunk in chunks:
            if chunk.audio and first_ms is None:
                first_ms = watch.ms
    finally:
        await close_stream(chunks)
    if first_ms is None:
        raise ProviderError(voice.name, "it spoke nothing", retryable=False)
    return first_ms


async def recognize_clip(recognizer: SpeechToText, meter: UsageMeter, language: str, clip: bytes) -> float:
    """Milliseconds to the text of a recording. clip: mu-law at 8 kHz. Raises ProviderError."""
    watch = Stopwatch()
    answered: asyncio.Future[RecognizedText | SpeechToTextFailed] = asyncio.get_running_loop().create_future()

    def receive(event: SpeechToTextEvent) -> None:
        if isinstance(event, TurnSignal) or answered.done():
            return
        if isinstance(event, SpeechToTextFailed) or (event.final and event.token == 1):
            answered.set_result(event)

    session = await recognizer.open(language, receive)
    try:
        session.started()
        for at in range(0, len(clip), _PIECE_BYTES):
            session.push(clip[at : at + _PIECE_BYTES])
        meter.record(len(clip) // _PER_MS, "ms")
        session.finalize(1)
        answer = await answered
    finally:
        await session.close()
    if isinstance(answer, SpeechToTextFailed):
        raise answer.error
    if not answer.text:
        raise ProviderError(recognizer.name, "it heard no word of a recording of speech", retryable=False)
    return watch.ms

"""TextToSpeech with the local engine, clause by clause, so that the first clause plays early."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final, Protocol

from media.audio import mulaw
from media.providers.local.clauses import pause_ms, split_clauses
from media.providers.local.client import NAME, require_english
from media.providers.local.speech import SynthesizedSpeech
from media.providers.ports import SpeechChunk, TimedWord

_MS: Final = mulaw.RATE // 1_000  # bytes


class SynthesizEngine(Protocol):
    """The synthesis method of EngineClient."""

    async def synthesize(self, text: str) -> SynthesizedSpeech:
        """Synthesize a text. Raises ProviderError."""


class LocalTextToSpeech:
    """The local engine's voice. English only."""

    streams_text = False
    times_words = True

    def __init__(self, engine: SynthesizEngine, name: str = NAME) -> None:
        self.name = name
        self._engine = engine

    async def stream(self, text: AsyncIterator[str], language: str) -> AsyncGenerator[SpeechChunk, None]:
        """Speak whole clauses or sentences. Raises ProviderError."""
        require_english(language)
        sent, pause = 0, 0
        async for piece in text:
            for clause in split_clauses(piece):
                speech = await self._engine.synthesize(clause)
                chunk = _chunk(speech, sent, pause)
                if chunk.audio:
                    yield chunk
                    sent += len(chunk.audio)
                    pause = pause_ms(clause)


def _chunk(speech: SynthesizedSpeech, sent: int, pause: int) -> SpeechChunk:
    """Return the clause's audio after a pause of `pause` ms.

    Args:
        sent: The number of bytes of audio before the clause.
    """
    if not speech.pcm:
        return SpeechChunk(b"")
    at = sent / _MS + pause
    words = tuple(TimedWord(word.text, at + word.start_ms, at + word.end_ms) for word in speech.words)
    return SpeechChunk(mulaw.SILENCE * (pause * _MS) + mulaw.encode(speech.pcm), words)

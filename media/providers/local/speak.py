"""The local voice behind the port Speak: clause by clause, so that the first one sounds early."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final, Protocol

from media.audio import mulaw
from media.providers.local.clauses import clauses, pause_ms
from media.providers.local.client import NAME, english_only
from media.providers.local.speech import Speech
from media.providers.ports import Spoken, TimedWord

_MS: Final = mulaw.RATE // 1_000  # bytes


class Engine(Protocol):
    """What speaks."""

    async def synthesise(self, text: str) -> Speech:
        """Raises ProviderError."""


class LocalSpeak:
    """The voice of this machine; English only."""

    name = NAME
    streams_text = False
    times_words = True

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def stream(self, text: AsyncIterator[str], language: str) -> AsyncGenerator[Spoken, None]:
        """Speaks whole clauses or sentences. Raises ProviderError."""
        english_only(language)
        sent, pause = 0, 0
        async for piece in text:
            for clause in clauses(piece):
                speech = await self._engine.synthesise(clause)
                spoken = _spoken(speech, sent, pause)
                if spoken.audio:
                    yield spoken
                    sent += len(spoken.audio)
                    pause = pause_ms(clause)


def _spoken(speech: Speech, sent: int, pause: int) -> Spoken:
    """A clause behind `sent` bytes and a pause in ms."""
    if not speech.pcm:
        return Spoken(b"")
    at = sent / _MS + pause
    words = tuple(TimedWord(word.text, at + word.start_ms, at + word.end_ms) for word in speech.words)
    return Spoken(mulaw.SILENCE * (pause * _MS) + mulaw.encode(speech.pcm), words)

"""Audio of fixed sentences, synthesized in advance in case the voice fails."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from media.audio.mulaw import BYTES_PER_MS
from media.providers.cleanup import close_stream
from media.providers.ports import ProviderError, SpeechChunk, TextToSpeech, TimedWord
from shared.plan import Pronunciation, ProviderPlan

# Each has about 2 s of audio: 8 MB in total.
MOST_SENTENCES: Final = 512
# The maximum time for the synthesis of a sentence, and the maximum length of its audio.
SYNTHESIS_S: Final = 10.0
LONGEST_MS: Final = 20_000
# The pause after a failure, so that requests to a failed voice are rare.
RETRY_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class SentenceKey:
    """Identifies a sentence of a voice.

    Attributes:
        voices: A digest of the chain's providers with their options, and of the agent's pronunciations.
    """

    voices: bytes
    language: str
    text: str


class PhraseAudioCache:
    """The cache of one event loop for the calls of all workspaces, because a sentence sounds the same with the same
    voices.

    The call that first needs a sentence pays for it. The least recently used sentence is evicted.
    """

    def __init__(self, most: int = MOST_SENTENCES) -> None:
        self._most = most
        self._found: OrderedDict[SentenceKey, SpeechChunk] = OrderedDict()
        self._blocked_until: dict[SentenceKey, float] = {}  # a call synthesizes it, or it failed recently

    def find(self, key: SentenceKey) -> SpeechChunk | None:
        """Return the sentence's audio, or None if there is none yet."""
        if key in self._found:
            self._found.move_to_end(key)
        return self._found.get(key)

    def claim(self, key: SentenceKey) -> bool:
        """Return whether the caller of this method should synthesize the sentence now."""
        now = asyncio.get_running_loop().time()
        if key in self._found or now < self._blocked_until.get(key, now):
            return False
        self._blocked_until = {one: until for one, until in self._blocked_until.items() if until > now}
        self._blocked_until[key] = now + RETRY_S
        return True

    def put(self, key: SentenceKey, audio: SpeechChunk) -> None:
        """Store the sentence."""
        self._blocked_until.pop(key, None)
        self._found[key] = audio
        if len(self._found) > self._most:
            self._found.popitem(last=False)

    def release(self, key: SentenceKey) -> None:
        """Release the claim, because the synthesis was cancelled without a fault of the voice."""
        self._blocked_until.pop(key, None)


class PhraseAudio:
    """The fixed sentences of one call. Without a cache there are none.

    Args:
        sentences: The sentences to synthesize in advance, in this order.
        pronunciations: The agent's pronunciations, which change how the sentences sound.
    """

    def __init__(
        self,
        cache: PhraseAudioCache | None,
        tts: TextToSpeech,
        voices: Sequence[ProviderPlan],
        language: str,
        sentences: Sequence[str] = (),
        pronunciations: Sequence[Pronunciation] = (),
    ) -> None:
        self._cache, self._tts = cache, tts
        self._voices = hashlib.sha256(
            msgspec.json.encode((voices, pronunciations))
        ).digest()  # options may contain a key
        self._missing: list[SentenceKey] = []
        self._task: asyncio.Task[None] | None = None
        self.set_language(language, sentences)

    def set_language(self, language: str, sentences: Sequence[str]) -> None:
        """Switch the call to this language. `sentences` are its sentences to synthesize in advance."""
        self._language = language
        self._missing = [self._key(text) for text in dict.fromkeys(sentences)]

    def find(self, text: str | None) -> SpeechChunk | None:
        """Return the audio of a text, or None if it is not available."""
        return self._cache.find(self._key(text)) if self._cache is not None and text else None

    def prepare(self) -> None:
        """Start to synthesize the next missing sentence, unless a synthesis is running.

        A sentence that was available once is not synthesized again for this call.
        """
        if not self._missing or self._cache is None or (self._task is not None and not self._task.done()):
            return
        self._missing = [key for key in self._missing if self._cache.find(key) is None]
        for key in self._missing:
            if self._cache.claim(key):
                self._task = asyncio.create_task(self._synthesize(self._cache, key))
                return

    async def close(self) -> None:
        """Stop the synthesis."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def _key(self, text: str) -> SentenceKey:
        return SentenceKey(self._voices, self._language, text)

    async def _synthesize(self, cache: PhraseAudioCache, key: SentenceKey) -> None:
        """Synthesize a sentence. The chain reports a failure, and the sentence is tried again later."""
        try:
            async with asyncio.timeout(SYNTHESIS_S):
                spoken = await speak(self._tts, key.text, key.language)
        except (TimeoutError, ProviderError):
            return
        except asyncio.CancelledError:
            cache.release(key)
            raise
        if 0 < len(spoken.audio) <= LONGEST_MS * BYTES_PER_MS:
            cache.put(key, spoken)


async def speak(tts: TextToSpeech, text: str, language: str) -> SpeechChunk:
    """Return all audio of a text in one piece. Raises ProviderError."""
    audio, words = bytearray(), list[TimedWord]()
    speech = tts.stream(_once(text), language)
    try:
        async for chunk in speech:
            audio += chunk.audio
            words += chunk.words
    finally:
        await close_stream(speech)
    return SpeechChunk(bytes(audio), tuple(words))


async def _once(text: str) -> AsyncIterator[str]:
    yield text

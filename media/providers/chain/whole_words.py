"""Passes a voice's audio on word by word, so that the next voice can repeat a word that breaks off."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from media.audio.mulaw import BYTES_PER_MS
from media.providers.chain.voice_segment import VoiceSegment
from media.providers.ports import SpeechChunk, TimedWord
from shared.providers.word_timing import MISSING_MS

# Audio that must be sent before its word is complete is sent this long before the earlier audio has been played, so
# that the caller hears no gap.
MARGIN_S: Final = 0.15
# The length of a pause and a long word. If more audio than this has no word end, its word times are wrong or missing.
LONGEST_MS: Final = 1_500.0


class WholeWords:
    """Holds back an incomplete word at the end of a voice's audio until its rest arrives or the next voice says the
    word.

    Audio that was passed on cannot be taken back, because a carrier can only drop all audio that it has not played.
    Incomplete words are sent in time to avoid a gap in three cases: a voice's first word, because the caller waits for
    the answer; a voice that no other voice can replace; and audio without word times. Must be closed.

    Args:
        next_event: Returns the voice's next audio, or None at the end.
        can_be_replaced: Another voice is left.
        played_until: Returns when the audio that was passed on has been played, by the event loop's clock.
        on_audio: Called once, when the first audio arrives.
    """

    def __init__(
        self,
        segment: VoiceSegment,
        next_event: Callable[[], Awaitable[SpeechChunk | None]],
        *,
        can_be_replaced: bool,
        played_until: Callable[[], float],
        on_audio: Callable[[], None],
    ) -> None:
        self._segment = segment
        self._next_event = next_event
        self._can_be_replaced = can_be_replaced
        self._played_until = played_until
        self._on_audio = on_audio
        self._audio = bytearray()
        self._words: list[TimedWord] = []
        self._passed_ms = 0.0
        self._has_audio = False
        self._pending: asyncio.Future[SpeechChunk | None] | None = None

    @property
    def held_ms(self) -> float:
        """The length of the audio that is held back."""
        return len(self._audio) / BYTES_PER_MS

    async def next(self) -> SpeechChunk | None:
        """Return the next audio to pass on, or None at the end. Raises ProviderError."""
        while True:
            if self._audio and not await self._comes_in_time():
                return self.release()
            chunk = await self._take_event()
            if chunk is None:
                return self.release()
            if chunk.audio and not self._has_audio:
                self._has_audio = True
                self._on_audio()
            if ready := self._add(chunk):
                return ready

    def release(self) -> SpeechChunk | None:
        """Return all audio that is held back, or None."""
        chunk = SpeechChunk(bytes(self._audio), tuple(self._words))
        self._passed_ms += self.held_ms
        self._audio.clear()
        self._words.clear()
        return chunk if chunk.audio or chunk.words else None

    async def close(self) -> None:
        """Stop waiting for the voice."""
        if self._pending is not None:
            self._pending.cancel()
            await asyncio.gather(self._pending, return_exceptions=True)

    async def _comes_in_time(self) -> bool:
        """Whether the voice's next audio, or its end, arrives before the held audio must be sent."""
        if self._pending is None:
            self._pending = asyncio.ensure_future(self._next_event())
        left_s = self._left_s()
        await asyncio.wait({self._pending}, timeout=None if left_s is None else max(0.0, left_s))
        return self._pending.done()

    async def _take_event(self) -> SpeechChunk | None:
        pending, self._pending = self._pending, None
        return await (self._next_event() if pending is None else pending)

    def _add(self, chunk: SpeechChunk) -> SpeechChunk | None:
        """Add audio. Return the audio that can be passed on."""
        whole_ms, length_ms = self._segment.whole_ms, len(chunk.audio) / BYTES_PER_MS
        if not self._audio and not self._words and self._passed_ms + length_ms <= whole_ms:
            self._passed_ms += length_ms
            return chunk
        self._audio += chunk.audio
        self._words += chunk.words
        left_s = self._left_s()
        return self.release() if left_s is not None and left_s <= 0 else self._take(whole_ms)

    def _left_s(self) -> float | None:
        """Return how long the held audio may be kept. None means until its word is complete."""
        if self._can_be_replaced and self._segment.whole_ms > 0 and self.held_ms <= LONGEST_MS:
            return None
        return self._played_until() - MARGIN_S - asyncio.get_running_loop().time()

    def _take(self, whole_ms: float) -> SpeechChunk | None:
        """Return the held audio up to the end of the last complete word."""
        count = min(len(self._audio), max(0, round((whole_ms - self._passed_ms) * BYTES_PER_MS)))
        words = [word for word in self._words if word.end_ms <= whole_ms + MISSING_MS]
        chunk = SpeechChunk(bytes(self._audio[:count]), tuple(words))
        del self._audio[:count]
        del self._words[: len(words)]
        self._passed_ms += count / BYTES_PER_MS
        return chunk if chunk.audio or chunk.words else None

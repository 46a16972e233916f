"""Passes a voice's audio on word by word, so that the next voice can say the word in which this one breaks off."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from media.audio.mulaw import BYTES_PER_MS
from media.providers.chain.voice_segment import VoiceSegment
from media.providers.ports import SpeechChunk, TimedWord
from shared.providers.word_timing import MISSING_MS

# What has to go out before it is a whole word goes out so long before the audio in front of it has been played, lest
# the caller hears a gap.
MARGIN_S: Final = 0.15
# A pause and a long word. More audio than this without the end of a word has times that came wrong, or not at all.
LONGEST_MS: Final = 1_500.0


class WholeWords:
    """What one voice delivered, without the part of a word at its end: that is held until the rest of it came, or until
    the next voice says the word. What was passed on cannot be taken back: a carrier can only forget all that it has not
    played. Three parts go out when they are needed, lest the caller hears a gap: that of a voice's first word, because
    the caller waits for the answer; that of a voice which no other one can replace; and audio for which no times come.

    can_be_replaced: another voice is left.
    next_event: gives the voice's next audio, None at the end. played_until: when what was passed on has been played, by
    the event loop's clock. on_audio: called once, when the first audio comes. Close it in the end.
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
        """Length of the audio that is held."""
        return len(self._audio) / BYTES_PER_MS

    async def next(self) -> SpeechChunk | None:
        """What can be passed on next; None at the end. Raises ProviderError."""
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
        """All that is held."""
        chunk = SpeechChunk(bytes(self._audio), tuple(self._words))
        self._passed_ms += self.held_ms
        self._audio.clear()
        self._words.clear()
        return chunk if chunk.audio or chunk.words else None

    async def close(self) -> None:
        """Ends the wait for the voice."""
        if self._pending is not None:
            self._pending.cancel()
            await asyncio.gather(self._pending, return_exceptions=True)

    async def _comes_in_time(self) -> bool:
        """Whether the voice's next audio, or its end, comes before what is held has to go out."""
        if self._pending is None:
            self._pending = asyncio.ensure_future(self._next_event())
        left_s = self._left_s()
        await asyncio.wait({self._pending}, timeout=None if left_s is None else max(0.0, left_s))
        return self._pending.done()

    async def _take_event(self) -> SpeechChunk | None:
        pending, self._pending = self._pending, None
        return await (self._next_event() if pending is None else pending)

    def _add(self, chunk: SpeechChunk) -> SpeechChunk | None:
        """Takes audio; returns what can be passed on."""
        whole_ms, length_ms = self._segment.whole_ms, len(chunk.audio) / BYTES_PER_MS
        if not self._audio and not self._words and self._passed_ms + length_ms <= whole_ms:
            self._passed_ms += length_ms
            return chunk
        self._audio += chunk.audio
        self._words += chunk.words
        left_s = self._left_s()
        return self.release() if left_s is not None and left_s <= 0 else self._take(whole_ms)

    def _left_s(self) -> float | None:
        """How long what is held may stay; None: until it is a whole word."""
        if self._can_be_replaced and self._segment.whole_ms > 0 and self.held_ms <= LONGEST_MS:
            return None
        return self._played_until() - MARGIN_S - asyncio.get_running_loop().time()

    def _take(self, whole_ms: float) -> SpeechChunk | None:
        """What is held up to the end of the last whole word."""
        count = min(len(self._audio), max(0, round((whole_ms - self._passed_ms) * BYTES_PER_MS)))
        words = [word for word in self._words if word.end_ms <= whole_ms + MISSING_MS]
        chunk = SpeechChunk(bytes(self._audio[:count]), tuple(words))
        del self._audio[:count]
        del self._words[: len(words)]
        self._passed_ms += count / BYTES_PER_MS
        return chunk if chunk.audio or chunk.words else None

"""The part of a speech that one voice delivered, and the timing of its words, which is reported or estimated."""

from media.audio.mulaw import BYTES_PER_MS
from media.providers.chain.audio_deadline import is_speakable
from media.providers.chain.text_buffer import TextBuffer, TextReader
from media.providers.ports import ProviderError, SpeechChunk, TextToSpeech, TimedWord
from shared.providers.word_timing import (
    MISSING_MS,
    TYPICAL_MS_PER_CHARACTER,
    count_spoken,
    spread_words,
    timing_length,
    word_starts,
)


class VoiceSegment:
    """One voice's segment of a speech, from the character `start` on.

    Args:
        pace: The voice's ms per character, which is used if the voice reports no times. None before its first speech in
            this call.
    """

    def __init__(self, text: TextBuffer, start: int, voice: TextToSpeech, pace: float | None) -> None:
        self._buffer = text
        self.start = start
        self.voice = voice
        self._knows_words = voice.times_words or pace is not None
        self._pace = pace or TYPICAL_MS_PER_CHARACTER
        self.reader = TextReader(text, start)
        self.audio_ms = 0.0
        self.words: list[TimedWord] = []  # words so far, in ms from this voice's first audio

    @property
    def times_words(self) -> bool:
        """Whether the voice reports word times."""
        return self.voice.times_words

    @property
    def whole_ms(self) -> float:
        """The end of the last word whose audio is complete. All audio counts if its words cannot be distinguished."""
        if not self._knows_words:
            return self.audio_ms
        latest = self.audio_ms + MISSING_MS
        return min(self.audio_ms, next((word.end_ms for word in reversed(self.words) if word.end_ms <= latest), 0.0))

    def add(self, chunk: SpeechChunk) -> list[TimedWord]:
        """Add audio, and return the words that begin in it."""
        self.audio_ms += len(chunk.audio) / BYTES_PER_MS
        words = list(chunk.words) if self.voice.times_words else self._estimated()
        self.words.extend(words)
        return words

    def finish(self) -> list[TimedWord]:
        """End the segment, and return the words not returned yet. Raises ProviderError if text or audio is missing."""
        if not self.reader.finished:
            raise ProviderError(self.voice.name, "stopped before the end of the text")
        if not self.audio_ms and is_speakable(self._buffer.text[self.start :]):
            raise ProviderError(self.voice.name, "no audio")
        if self.voice.times_words:
            return []
        left = self._texts()[len(self.words) :]
        share = (self.audio_ms - self._timed_ms()) / timing_length(left) if left else 0.0
        return spread_words(left, self._timed_ms(), max(0.0, share))

    def next_character(self) -> int:
        """Return the offset of the first character that was not spoken."""
        starts, texts = self._starts(), self._texts()
        if self.voice.times_words and self.words:
            count = count_spoken(texts, self.words, self.audio_ms)
        else:
            count = len(self.words) or len(self._estimated())
        return starts[count] if count < len(starts) else self.reader.position

    def measured_pace(self) -> float:
        """Return the ms per character over the whole segment."""
        return self.audio_ms / max(1, timing_length(self._texts()))

    def _estimated(self) -> list[TimedWord]:
        timed = spread_words(self._texts()[len(self.words) :], self._timed_ms(), self._pace)
        return [word for word in timed if word.end_ms <= self.audio_ms]

    def _timed_ms(self) -> float:
        return self.words[-1].end_ms if self.words else 0.0

    def _starts(self) -> list[int]:
        return word_starts(self._buffer.text, self.start, self.reader.position)

    def _texts(self) -> list[str]:
        return self._buffer.text[self.start : self.reader.position].split()

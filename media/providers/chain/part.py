"""What one voice delivered of a script, and the timing of its words: told by it, or estimated."""

from media.providers.chain.debt import is_speakable
from media.providers.chain.progress import cost, spoken_by_timing, spread, word_starts
from media.providers.chain.script import Reading, Script
from media.providers.ports import ProviderError, Speak, Spoken, TimedWord

BYTES_PER_MS = 8


class Part:
    """One voice's part. pace: ms per character at which it is taken to speak where it tells no timings."""

    def __init__(self, script: Script, start: int, voice: Speak, pace: float) -> None:
        self._script = script
        self._start = start
        self._voice = voice
        self._pace = pace
        self.reading = Reading(script, start)
        self.audio_ms = 0.0
        self.words: list[TimedWord] = []  # known so far, in ms from this voice's first audio

    def take(self, spoken: Spoken) -> list[TimedWord]:
        """Audio came; returns the words that came with it."""
        self.audio_ms += len(spoken.audio) / BYTES_PER_MS
        words = list(spoken.words) if self._voice.times_words else self._estimated()
        self.words.extend(words)
        return words

    def end(self) -> list[TimedWord]:
        """The voice says that it is done; returns words not told yet. Raises ProviderError when it can't be done."""
        if not self.reading.finished:
            raise ProviderError(self._voice.name, "stopped before the end of the text")
        if not self.audio_ms and is_speakable(self._script.text[self._start :]):
            raise ProviderError(self._voice.name, "no audio")
        if self._voice.times_words:
            return []
        left = self._texts()[len(self.words) :]
        share = (self.audio_ms - self._at_ms()) / cost(left) if left else 0.0
        return spread(left, self._at_ms(), max(0.0, share))

    def reached(self) -> int:
        """The first character that was not spoken."""
        starts, texts = self._starts(), self._texts()
        if self._voice.times_words and self.words:
            told = spoken_by_timing(texts, self.words, self.audio_ms)
        else:
            told = len(self.words) or len(self._estimated())
        return starts[told] if told < len(starts) else self.reading.handed

    def measured_pace(self) -> float:
        """Ms per character, over all of the text."""
        return self.audio_ms / max(1, cost(self._texts()))

    def _estimated(self) -> list[TimedWord]:
        timed = spread(self._texts()[len(self.words) :], self._at_ms(), self._pace)
        return [word for word in timed if word.end_ms <= self.audio_ms]

    def _at_ms(self) -> float:
        return self.words[-1].end_ms if self.words else 0.0

    def _starts(self) -> list[int]:
        return word_starts(self._script.text, self._start, self.reading.handed)

    def _texts(self) -> list[str]:
        return self._script.text[self._start : self.reading.handed].split()

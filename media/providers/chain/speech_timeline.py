"""One speech by one voice after another, on one timeline; no I/O."""

from collections.abc import Callable

from media.audio.mulaw import BYTES_PER_MS
from media.providers.chain.voice_segment import VoiceSegment
from media.providers.ports import SpeechChunk, TimedWord
from shared.providers.word_timing import shift_words


class SpeechTimeline:
    """What has been delivered of a speech. next_character: offset of the first character not spoken yet. played_until:
    when the audio so far has been played, by `clock` (seconds).

    Once a second voice speaks, every word comes with a timing, the first voice's words without timing included.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._base_ms = 0.0  # audio of earlier voices
        self._untimed: list[TimedWord] = []  # words of the first voice, if it reports no timings
        self.next_character = 0
        self.played_until = 0.0

    @property
    def is_continued(self) -> bool:
        """Whether an earlier voice spoke a part of it."""
        return self._base_ms > 0

    def place(self, chunk: SpeechChunk) -> SpeechChunk:
        """The voice's audio with its words on the whole speech's timeline, after the first voice's words that had no
        timing. It is played when the audio before it has been."""
        if chunk.audio:
            self.played_until = max(self.played_until, self._clock()) + len(chunk.audio) / BYTES_PER_MS / 1_000
        if not self.is_continued:
            return chunk
        base, untimed = self._base_ms, self._untimed
        self._untimed = []
        return SpeechChunk(chunk.audio, (*untimed, *shift_words(chunk.words, base)))

    def stop(self, segment: VoiceSegment, held_ms: float) -> None:
        """A voice has failed; the next one continues at `next_character`. held_ms: of its audio, not placed."""
        if not segment.audio_ms:
            return
        if not segment.times_words and not self._base_ms:
            self._untimed = segment.words
        self.next_character = segment.next_character()
        self._base_ms += segment.audio_ms - held_ms

"""The timeline of one speech that several voices speak in turn. No I/O."""

from collections.abc import Callable

from media.audio.mulaw import BYTES_PER_MS
from media.providers.chain.voice_segment import VoiceSegment
from media.providers.ports import SpeechChunk, TimedWord
from shared.providers.word_timing import shift_words


class SpeechTimeline:
    """The part of a speech that has been delivered.

    Once a second voice speaks, every word has a time, including words of a first voice without timing.

    Attributes:
        next_character: The offset of the first unspoken character.
        played_until: When the audio so far has been played, in seconds of `clock`.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._base_ms = 0.0  # audio of earlier voices
        self._untimed: list[TimedWord] = []  # words of the first voice, if it reports no timings
        self.next_character = 0
        self.played_until = 0.0

    @property
    def is_continued(self) -> bool:
        """Whether an earlier voice spoke a part of the speech."""
        return self._base_ms > 0

    def place(self, chunk: SpeechChunk) -> SpeechChunk:
        """Return the voice's audio with its words placed on the whole speech's timeline, after any untimed words of the
        first voice. The audio is played after all earlier audio."""
        if chunk.audio:
            self.played_until = max(self.played_until, self._clock()) + len(chunk.audio) / BYTES_PER_MS / 1_000
        if not self.is_continued:
            return chunk
        base, untimed = self._base_ms, self._untimed
        self._untimed = []
        return SpeechChunk(chunk.audio, (*untimed, *shift_words(chunk.words, base)))

    def stop(self, segment: VoiceSegment, held_ms: float) -> None:
        """Continue at `next_character` with the next voice, because a voice failed.

        Args:
            held_ms: The length of the voice's audio that was not placed.
        """
        if not segment.audio_ms:
            return
        if not segment.times_words and not self._base_ms:
            self._untimed = segment.words
        self.next_character = segment.next_character()
        self._base_ms += segment.audio_ms - held_ms

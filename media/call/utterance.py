"""One agent utterance: its words and their places in its audio."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from media.audio.level import BLOCK_MS, find_sound
from media.audio.mulaw import BYTES_PER_MS
from media.providers.ports import TimedWord
from media.providers.word_timing import TYPICAL_MS_PER_CHARACTER, spread_words, timing_length

# A word counts as heard once this share of it has sounded: enough to be understood.
HEARD_SHARE = 0.6


@dataclass(slots=True)
class Utterance:
    """What the agent says at once (a reply, the greeting, a nudge). Times are in ms from its first audio.

    turn: the caller's turn that it answers (0 for the greeting).
    interruptible: whether the caller may interrupt it; if not, what the caller says meanwhile is answered after it.
    text: the words planned so far, exactly as the model wrote them.
    audio: all of it so far, mu-law 8 kHz, kept until the utterance is over so that it can be resumed after a hold.
    complete: no more audio will come.
    sound_ms: where the first audible sound begins; None before it came. Voices often begin with silence.
    """

    turn: int
    text: str = ""
    interruptible: bool = True
    audio: bytearray = field(default_factory=bytearray)
    complete: bool = False
    sound_ms: int | None = None
    words: list[TimedWord] = field(default_factory=list)

    def plan(self, text: str) -> None:
        """Adds words that will be spoken."""
        self.text += text

    def receive(self, audio: bytes, words: Iterable[TimedWord]) -> None:
        """Adds audio from the voice."""
        searched_ms = int(self.audio_ms) // BLOCK_MS * BLOCK_MS
        self.audio += audio
        self.words.extend(words)
        if self.sound_ms is None:
            self.sound_ms = find_sound(self.audio, searched_ms)

    @property
    def audio_ms(self) -> float:
        """Length of the audio received so far."""
        return len(self.audio) / BYTES_PER_MS

    def heard_text(self, heard_ms: float) -> str:
        """Returns the words that sounded in the first `heard_ms` of the utterance; the whole text if all of it did."""
        if heard_ms <= 0:
            return ""
        if self.complete and heard_ms >= self.audio_ms - 1:
            return self.text.strip()
        return _as_written(self.text, [word.text for word in self.timeline() if _is_heard(word, heard_ms)])

    def resume_point(self, heard_ms: float) -> float:
        """Returns where to continue after a false interruption: the start of the first word not fully heard."""
        for word in self.timeline():
            if word.end_ms > heard_ms:
                return min(word.start_ms, heard_ms)
        return heard_ms

    def timeline(self) -> list[TimedWord]:
        """Returns every word with its timing: the voice's own if it has them, otherwise by the share of characters."""
        return self.words or self._estimated()

    def _estimated(self) -> list[TimedWord]:
        tokens = self.text.split()
        if not tokens:
            return []
        # Until the whole audio is known, a typical pace is assumed.
        pace = self.audio_ms / timing_length(tokens) if self.complete else TYPICAL_MS_PER_CHARACTER
        return spread_words(tokens, 0.0, pace)


def _is_heard(word: TimedWord, heard_ms: float) -> bool:
    return heard_ms >= word.start_ms + HEARD_SHARE * (word.end_ms - word.start_ms)


def _as_written(text: str, heard: list[str]) -> str:
    """Returns the heard words as the model wrote them.

    A voice may split and punctuate them its own way, so letters are compared; where it says something else ("3" as
    "three"), its words are used."""
    letters = _letters("".join(heard))
    if not _letters(text).startswith(letters):
        return " ".join(word.strip() for word in heard)
    tokens, at = [], 0
    for token in text.split():
        end = at + len(_letters(token))
        if at == len(letters) or end > len(letters):
            break
        tokens.append(token)
        at = end
    return " ".join(tokens)


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))

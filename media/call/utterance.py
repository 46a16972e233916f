"""One utterance of the agent: its words and their positions in its audio."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from media.audio.level import BLOCK_MS, find_sound
from media.audio.mulaw import BYTES_PER_MS
from media.providers.ports import TimedWord
from shared.providers.word_timing import TYPICAL_MS_PER_CHARACTER, align_words, spread_words, timing_length

# A word counts as heard once this share of it has sounded, which is enough to be understood.
HEARD_SHARE = 0.6
_FIGURES: Final = re.compile(r"\d")


@dataclass(frozen=True, slots=True)
class Insertion:
    """A filler in an utterance's audio: words that are not part of its text.

    Attributes:
        start_ms: Where it begins in the audio.
        end_ms: Where it ends in the audio.
        began: When it began to sound, in ms on the call's clock.
    """

    text: str
    start_ms: float
    end_ms: float
    began: float

    def heard_text(self, heard_ms: float) -> str:
        """Return the words that sounded in the first `heard_ms` of the utterance, by their share of the audio."""
        words = self.text.split()
        share = (heard_ms - self.start_ms) / max(1.0, self.end_ms - self.start_ms)
        return " ".join(words[: max(0, int(share * len(words) + 1 - HEARD_SHARE))])


@dataclass(slots=True)
class Utterance:
    """What the agent says as a unit (a reply, the greeting, a nudge).

    Times are in ms from its first audio. Times of words are in ms of the voice's own audio, without insertions.

    Attributes:
        turn: The caller's turn that it answers (0 for the greeting).
        interruptible: Whether the caller may interrupt it. If not, what the caller says meanwhile is answered after it.
        text: The words planned so far, exactly as the model wrote them.
        audio: All audio so far, mu-law 8 kHz, kept until the utterance is over so that it can be resumed after a hold.
        complete: No more audio will come.
        is_answer: The model writes the text. Otherwise the text is fixed.
        insertions: Fillers in the audio, in order.
        speech_at: Where the voice's own audio begins. None while there is none.
        sound_ms: Where the voice's first audible sound begins. None before it arrives. Voices often begin with silence.
        is_secret: Events have its words without their digits.
    """

    turn: int
    text: str = ""
    interruptible: bool = True
    audio: bytearray = field(default_factory=bytearray)
    complete: bool = False
    sound_ms: int | None = None
    words: list[TimedWord] = field(default_factory=list)
    is_answer: bool = False
    insertions: list[Insertion] = field(default_factory=list)
    speech_at: float | None = None
    is_secret: bool = False

    def public(self, words: str) -> str:
        """Return the first words of this utterance as events have them.

        A voice may report digits as words ("four"), so the words of a secret utterance are taken from its text.
        """
        if not self.is_secret:
            return words
        return _FIGURES.sub("*", " ".join(self.text.split()[: len(words.split())]))

    def plan(self, text: str) -> None:
        """Add words that will be spoken."""
        self.text += text

    def receive(self, audio: bytes, words: Iterable[TimedWord]) -> None:
        """Add audio from the voice."""
        searched_ms = int(self.audio_ms) // BLOCK_MS * BLOCK_MS
        if audio and self.speech_at is None:
            self.speech_at = self.audio_ms
        self.audio += audio
        self.words.extend(words)
        if self.sound_ms is None:
            self.sound_ms = find_sound(self.audio, searched_ms)

    def insert(self, text: str, audio: bytes, began: float) -> None:
        """Add a filler. `began` is when it will begin to sound, in ms on the call's clock."""
        start_ms = self.audio_ms
        self.audio += audio
        self.insertions.append(Insertion(text, start_ms, self.audio_ms, began))

    def is_filler_at(self, position_ms: float) -> bool:
        """Return whether a filler sounds, or has just ended, at this place of the audio."""
        return any(insertion.start_ms <= position_ms <= insertion.end_ms for insertion in self.insertions)

    @property
    def audio_ms(self) -> float:
        """The length of the audio received so far."""
        return len(self.audio) / BYTES_PER_MS

    def heard_text(self, heard_ms: float) -> str:
        """Return the words that sounded in the first `heard_ms` of the utterance; the whole text if all of it did."""
        if heard_ms <= 0:
            return ""
        if self.complete and heard_ms >= self.audio_ms - 1:
            return self.text.strip()
        spoken_ms = self._spoken_ms(heard_ms)
        if spoken_ms <= 0:
            return ""
        return _as_written(self.text, [word.text for word in self.timeline() if _is_heard(word, spoken_ms)])

    def resume_point(self, heard_ms: float) -> float:
        """Return where to continue after a false interruption: the start of the first word that was not fully heard.

        The rest of a filler is left out if words follow it.
        """
        spoken_ms = self._spoken_ms(heard_ms)
        for word in self.timeline():
            if word.end_ms > spoken_ms:
                return self._place(min(word.start_ms, spoken_ms))
        return heard_ms

    def place_words(self, heard: str) -> list[TimedWord]:
        """Return the words of the heard text with their places in the audio, by the voice's times; none if it reports
        none."""
        words = align_words(heard, self.words)
        return [TimedWord(word.text, self._place(word.start_ms), self._place(word.end_ms)) for word in words]

    def timeline(self) -> list[TimedWord]:
        """Return every word with its time: the voice's own if it reports times, otherwise by the share of
        characters."""
        return self.words or self._estimated()

    def _estimated(self) -> list[TimedWord]:
        tokens = self.text.split()
        if not tokens:
            return []
        # Until the whole audio is known, a typical pace is assumed.
        pace = self._spoken_ms(self.audio_ms) / timing_length(tokens) if self.complete else TYPICAL_MS_PER_CHARACTER
        return spread_words(tokens, 0.0, pace)

    def _spoken_ms(self, position_ms: float) -> float:
        """Return how much of the voice's own audio lies before this place of the audio."""
        inserted = (min(position_ms, insertion.end_ms) - insertion.start_ms for insertion in self.insertions)
        return position_ms - sum(ms for ms in inserted if ms > 0)

    def _place(self, spoken_ms: float) -> float:
        """Return the place in the audio of a moment of the voice's own audio, after insertions at that moment."""
        for insertion in self.insertions:
            if insertion.start_ms <= spoken_ms:
                spoken_ms += insertion.end_ms - insertion.start_ms
        return spoken_ms


def _is_heard(word: TimedWord, heard_ms: float) -> bool:
    return heard_ms >= word.start_ms + HEARD_SHARE * (word.end_ms - word.start_ms)


def _as_written(text: str, heard: list[str]) -> str:
    """Return the heard words as the model wrote them.

    A voice may split and punctuate them differently, so letters are compared. If it says something else ("3" as
    "three"), its words are used.
    """
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

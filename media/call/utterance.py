"""One agent utterance: its words, and where each of them lies in the audio."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from media.providers.ports import TimedWord

BYTES_PER_MS = 8  # mu-law, 8 kHz
# A voice that tells no word timings is taken to speak this fast until its whole audio is known.
TYPICAL_MS_PER_CHARACTER = 65.0
# A word counts as heard once this share of it has sounded: enough to be understood.
HEARD_SHARE = 0.6


@dataclass(slots=True)
class Utterance:
    """What the agent says in one go (a reply, the greeting, a nudge). Times in ms from its first audio.

    turn: the caller's turn that it answers (0 for the greeting).
    text: the words planned so far, exactly as the model wrote them.
    audio: all of it so far, mu-law 8 kHz, kept until the utterance is over so that it can be resumed after a cough.
    complete: no more audio will come.
    """

    turn: int
    text: str = ""
    audio: bytearray = field(default_factory=bytearray)
    complete: bool = False
    words: list[TimedWord] = field(default_factory=list)

    def plan(self, text: str) -> None:
        """More words will be spoken."""
        self.text += text

    def receive(self, audio: bytes, words: Iterable[TimedWord]) -> None:
        """More audio came from the voice."""
        self.audio += audio
        self.words.extend(words)

    @property
    def audio_ms(self) -> float:
        """Length of the audio received so far."""
        return len(self.audio) / BYTES_PER_MS

    def heard_text(self, heard_ms: float) -> str:
        """The words that sounded in the first `heard_ms` of the utterance; the whole text when all of it did."""
        if heard_ms <= 0:
            return ""
        if self.complete and heard_ms >= self.audio_ms - 1:
            return self.text.strip()
        return _original(self.text, [word.text for word in self.timeline() if _is_heard(word, heard_ms)])

    def resume_point(self, heard_ms: float) -> float:
        """Where to go on after a false interruption: the start of the first word not (fully) heard."""
        for word in self.timeline():
            if word.end_ms > heard_ms:
                return min(word.start_ms, heard_ms)
        return heard_ms

    def timeline(self) -> list[TimedWord]:
        """Every word with its timing: the voice's own where it tells them, otherwise by the share of characters."""
        return self.words or self._estimated()

    def _estimated(self) -> list[TimedWord]:
        tokens = self.text.split()
        characters = sum(len(token) + 1 for token in tokens)
        if not characters:
            return []
        pace = self.audio_ms / characters if self.complete else TYPICAL_MS_PER_CHARACTER
        words, at = [], 0.0
        for token in tokens:
            end = at + (len(token) + 1) * pace
            words.append(TimedWord(token, at, end))
            at = end
        return words


def _is_heard(word: TimedWord, heard_ms: float) -> bool:
    return heard_ms >= word.start_ms + HEARD_SHARE * (word.end_ms - word.start_ms)


def _original(text: str, heard: list[str]) -> str:
    """The heard words as the model wrote them. A voice may split and punctuate them its own way, so letters are
    compared; where it says something else ("3" as "three"), its words are used."""
    said = _letters("".join(heard))
    if not _letters(text).startswith(said):
        return " ".join(word.strip() for word in heard)
    tokens, at = [], 0
    for token in text.split():
        end = at + len(_letters(token))
        if at == len(said) or end > len(said):
            break
        tokens.append(token)
        at = end
    return " ".join(tokens)


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))

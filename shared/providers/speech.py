"""What recognizers and voices produce: texts, evidence of the turn, and audio with times of words.

All audio is G.711 mu-law, 8 kHz, mono (1 byte = 0.125 ms), as the phone network carries it.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word and when it sounds, in ms from the stream's first audio. is_estimated: by us, from the words' lengths; the
    vendor did not tell."""

    text: str
    start_ms: float
    end_ms: float
    is_estimated: bool = False


@dataclass(frozen=True, slots=True)
class RecognizedText:
    """One result of a recognizer for the caller's current turn.

    text: the whole turn so far (cumulative, replaces what came before), never a delta.
    final: the recognizer will not change this text unless more audio is pushed.
    token: the `finalize` request that this answers, or None for a result that was not asked for.
    words: of an answer, those of `text` with the vendor's times in the audio that was pushed, or the last of them where
        several recognizers heard the turn; empty where the vendor tells no times.
    language: of an answer, the code of the language that most of it was spoken in ("es"), as the vendor told it; empty
        where it told none.
    """

    text: str
    final: bool
    token: int | None = None
    words: tuple[TimedWord, ...] = ()
    language: str = ""


@dataclass(frozen=True, slots=True)
class TurnSignal:
    """What a recognizer that is trained for turns believes of the caller's; takes the place of the one before.

    It is evidence beside others and ends no turn: nothing waits for one, and one about other words than the latest
    counts for nothing. A recognizer without them sends none.

    text: the whole turn so far, which it is about, as in `RecognizedText`; that has been reported before.
    finished: probability (0-1) that the turn ends there, made of the vendor's own figure (`turn_calibration.py`);
        None: it says nothing of it any more.
    resumed: the caller goes on, after a signal that they may have finished.
    """

    text: str
    finished: float | None
    resumed: bool = False


# Nothing is known any more, because the session that sent the last one is not listened to any longer.
NO_TURN_SIGNAL: Final = TurnSignal("", None)


@dataclass(frozen=True, slots=True)
class SpeechChunk:
    """A piece of speech: mu-law 8 kHz audio, and the words known to begin in it (none where the voice times none)."""

    audio: bytes
    words: tuple[TimedWord, ...] = field(default=())


def read_language(told: Any) -> str:
    """The code of a language without its region ("es" of "es-US"), of a list the first; empty for anything else: no
    message is refused because of it."""
    first = told[0] if isinstance(told, list | tuple) and told else told
    return first.replace("_", "-").partition("-")[0].lower() if isinstance(first, str) else ""


def most_spoken(parts: Iterable[tuple[str, str]]) -> str:
    """The language of most of the text. parts: language and text; those without a language say nothing."""
    letters: Counter[str] = Counter()
    for language, text in parts:
        if language and text.strip():
            letters[language] += len(text.strip())
    return letters.most_common(1)[0][0] if letters else ""

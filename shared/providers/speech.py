"""The output of recognizers and voices: texts, evidence of the turn, and audio with times of words.

All audio is G.711 mu-law, 8 kHz, mono (1 byte = 0.125 ms), as the phone network carries it.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word and its time, in ms from the stream's first audio. If `is_estimated`, we estimated the time from the
    words' lengths."""

    text: str
    start_ms: float
    end_ms: float
    is_estimated: bool = False


@dataclass(frozen=True, slots=True)
class RecognizedText:
    """One result of a recognizer for the caller's current turn.

    Attributes:
        text: The whole turn so far. It replaces the previous text and is never a delta.
        final: The recognizer will not change this text unless more audio is pushed.
        token: The `finalize` request that this answers, or None for a result that was not requested.
        words: In an answer, the words of `text` with the vendor's times in the audio that was pushed. If several
            recognizers heard the turn, only the last words. Empty if the vendor reports no times.
        language: In an answer, the language code of most of the text ("es"), as the vendor reported it. Empty if it
            reported none.
    """

    text: str
    final: bool
    token: int | None = None
    words: tuple[TimedWord, ...] = ()
    language: str = ""


@dataclass(frozen=True, slots=True)
class TurnSignal:
    """What a recognizer that is trained for turns signals about the caller's turn. Replaces the previous signal.

    The signal is one kind of evidence and ends no turn by itself. Nothing waits for a signal, and a signal about other
    words than the latest is ignored. A recognizer without this ability sends none.

    Attributes:
        text: The whole turn so far to which the signal applies, as in `RecognizedText`. It has been reported before.
        finished: The probability (0-1) that the turn ends there, calculated from the vendor's own number
            (`turn_calibration.py`). None withdraws the previous signal.
        resumed: The caller continues after a signal that they may have finished.
    """

    text: str
    finished: float | None
    resumed: bool = False


# Withdraws the last signal, because the session that sent it is no longer used.
NO_TURN_SIGNAL: Final = TurnSignal("", None)


@dataclass(frozen=True, slots=True)
class SpeechChunk:
    """A piece of mu-law 8 kHz audio, and the words known to begin in it (none if the voice reports no times)."""

    audio: bytes
    words: tuple[TimedWord, ...] = field(default=())


def read_language(told: Any) -> str:
    """Return a language code without its region ("es" for "es-US"). Of a list, return the first.

    Returns an empty text for anything else, so that no message is rejected because of its language.
    """
    first = told[0] if isinstance(told, list | tuple) and told else told
    return first.replace("_", "-").partition("-")[0].lower() if isinstance(first, str) else ""


def most_spoken(parts: Iterable[tuple[str, str]]) -> str:
    """Return the language of most of the text. `parts` are pairs of language and text; parts without a language are
    ignored."""
    letters: Counter[str] = Counter()
    for language, text in parts:
        if language and text.strip():
            letters[language] += len(text.strip())
    return letters.most_common(1)[0][0] if letters else ""

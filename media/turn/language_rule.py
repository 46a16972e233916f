"""The rule for switching a call to another language. Pure.

The rule ignores names, places, borrowed words ("Calle Mayor"), backchannels and short texts, whose language recognizers
detect badly ("no" and "ok" exist in many languages).
"""

import re
import unicodedata
from collections.abc import Container
from dataclasses import dataclass
from typing import Final

from media.turn.backchannels import split_words, without_backchannels

# The number of words in another language that switches the call at once. A short sentence has this many.
ENOUGH_AT_ONCE: Final = 4
# Fewer words than this are ignored. This many words switch the call with the second turn in the same language.
ENOUGH_FOR_A_SIGN: Final = 2

_SIGN_OF_WORD: Final = re.compile(r"\w")
_ENDS_SENTENCE: Final = frozenset(".?!\u2026")
# Thai, Lao, Burmese, Khmer, Chinese and Japanese do not separate words with spaces.
_UNPARTED: Final = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
_LETTERS_OF_A_WORD: Final = 2


@dataclass(frozen=True, slots=True)
class LanguageState:
    """The language of a call.

    Attributes:
        current: The code of the call's language ("es").
        sign: The other language of the last turn that had enough words, or "".
    """

    current: str
    sign: str = ""


def hear_turn(
    state: LanguageState, spoken: str, text: str, allowed: Container[str], *, is_dictated: bool = False
) -> LanguageState:
    """Return the state after a turn of the caller.

    Args:
        spoken: The code of the turn's language as reported by the recognizer, or "".
        allowed: The codes of the languages that the call may use.
        is_dictated: The agent has asked for spelled or dictated text. Most of the turn may be a street or a name, so
            the turn is at most a sign.
    """
    if spoken not in allowed or state == LanguageState(spoken):  # nothing can change, so nothing is counted
        return state
    words = count_telling_words(text)
    if words < ENOUGH_FOR_A_SIGN:
        return state
    if spoken == state.current:
        return LanguageState(state.current)
    if state.sign == spoken or (words >= ENOUGH_AT_ONCE and not is_dictated):
        return LanguageState(spoken)
    return LanguageState(state.current, spoken)


def count_telling_words(text: str) -> int:
    """Return how many words of a text show its language. Names (as written) and backchannels do not."""
    is_all_capital = text.upper() == text
    words: list[str] = []
    begins = True  # whether a sentence begins, whose first word is capitalized anyway
    for token in text.split():
        first = next(filter(str.isalpha, token), "")
        if first and (begins or is_all_capital or not first.isupper()):
            words += _plain_words(token)
        begins = _begins_after(token, begins)
    return sum(map(_weight, without_backchannels(words)))


def _begins_after(token: str, begins: bool) -> bool:
    """Return whether a sentence begins after a token.

    Args:
        begins: Whether a sentence began before the token.
    """
    *before, tail = _SIGN_OF_WORD.split(token)
    return not _ENDS_SENTENCE.isdisjoint(tail) or (begins and not before)


def _plain_words(token: str) -> list[str]:
    """Return the words of a token. In scripts such as Devanagari, the token itself is the word, because `split_words`
    would treat the script's marks as word ends."""
    has_marks = any(unicodedata.category(sign).startswith("M") for sign in token)
    return [token] if has_marks else split_words(token)


def _weight(word: str) -> int:
    """Return 1, or the estimated number of words in letters without spaces."""
    unparted = len(_UNPARTED.findall(word))
    return max(1, unparted // _LETTERS_OF_A_WORD)


class LanguageRule:
    """Applies the rule to the turns of one call. A continued turn is evaluated again with all its words."""

    def __init__(self, allowed: Container[str], current: str) -> None:
        """Create the rule of a call.

        Args:
            allowed: The codes of the allowed languages, without regions.
            current: The code of the call's language, without a region.
        """
        self._allowed = allowed
        self._before = self._state = LanguageState(current)
        self._turn = 0

    @property
    def current(self) -> str:
        """The code of the call's language."""
        return self._state.current

    def preview(self, turn: int, spoken: str, text: str, *, is_dictated: bool = False) -> LanguageState:
        """Return the state as it will be if a turn of the caller ends with this text (`take_turn`)."""
        before = self._before if turn == self._turn else self._state
        return hear_turn(before, spoken, text, self._allowed, is_dictated=is_dictated)

    def take_turn(self, turn: int, spoken: str, text: str, *, is_dictated: bool = False) -> None:
        """Apply the rule to a turn of the caller that has ended, or that was continued and has ended again. See
        `hear_turn`."""
        after = self.preview(turn, spoken, text, is_dictated=is_dictated)
        if turn != self._turn:
            self._turn, self._before = turn, self._state
        self._state = after

"""The rule for switching a call to another language. Pure.

It has to resist what is no change: a name, a place or a borrowed word ("Calle Mayor"), a nod, and a short text, of
which recognizers tell the language badly ("no" and "ok" are of many).
"""

import re
import unicodedata
from collections.abc import Container
from dataclasses import dataclass
from typing import Final

from media.turn.backchannels import split_words, without_backchannels

# Words of its own in another language that change the call's at once; a sentence has as many.
ENOUGH_AT_ONCE: Final = 4
# Fewer than these say nothing. As many change it with the second turn of the same language.
ENOUGH_FOR_A_SIGN: Final = 2

_SIGN_OF_WORD: Final = re.compile(r"\w")
_ENDS_SENTENCE: Final = frozenset(".?!\u2026")
# Thai, Lao, Burmese, Khmer, Chinese, Japanese: words are not parted by spaces.
_UNPARTED: Final = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
_LETTERS_OF_A_WORD: Final = 2


@dataclass(frozen=True, slots=True)
class LanguageState:
    """current: code of the language that the call is in ("es"). sign: the other one that the last turn which said
    enough was in; empty for none."""

    current: str
    sign: str = ""


def hear_turn(
    state: LanguageState, spoken: str, text: str, allowed: Container[str], *, is_dictated: bool = False
) -> LanguageState:
    """The state after a turn of the caller's.

    spoken: code of the turn's language as the recognizer told it; empty where it told none. allowed: codes of those
    that the call may be in. is_dictated: the agent has asked for something that is spelled or dictated, of which a
    street or a name may be most: it is a sign at most.
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
    """How many words of a text tell its language: without names, as they are written, and without backchannels."""
    is_all_capital = text.upper() == text
    words: list[str] = []
    begins = True  # a sentence, whose first word has a capital anyway
    for token in text.split():
        first = next(filter(str.isalpha, token), "")
        if first and (begins or is_all_capital or not first.isupper()):
            words += _plain_words(token)
        begins = _begins_after(token, begins)
    return sum(map(_weight, without_backchannels(words)))


def _begins_after(token: str, begins: bool) -> bool:
    """Whether a sentence begins behind a token. begins: whether one did before it."""
    *before, tail = _SIGN_OF_WORD.split(token)
    return not _ENDS_SENTENCE.isdisjoint(tail) or (begins and not before)


def _plain_words(token: str) -> list[str]:
    """As `split_words`, which takes the marks of scripts such as Devanagari and Thai for the ends of words."""
    has_marks = any(unicodedata.category(sign).startswith("M") for sign in token)
    return [token] if has_marks else split_words(token)


def _weight(word: str) -> int:
    """One, or as many words as there are in letters that no spaces part."""
    unparted = len(_UNPARTED.findall(word))
    return max(1, unparted // _LETTERS_OF_A_WORD)


class LanguageRule:
    """The rule over the turns of one call. A turn that was continued is judged anew, with all its words."""

    def __init__(self, allowed: Container[str], current: str) -> None:
        """allowed, current: codes without regions."""
        self._allowed = allowed
        self._before = self._state = LanguageState(current)
        self._turn = 0

    @property
    def current(self) -> str:
        """Code of the language that the call is in."""
        return self._state.current

    def preview(self, turn: int, spoken: str, text: str, *, is_dictated: bool = False) -> LanguageState:
        """The state as it will be if a turn of the caller's ends with this text (`take_turn`)."""
        before = self._before if turn == self._turn else self._state
        return hear_turn(before, spoken, text, self._allowed, is_dictated=is_dictated)

    def take_turn(self, turn: int, spoken: str, text: str, *, is_dictated: bool = False) -> None:
        """A turn of the caller's has ended, or was continued and has ended again; as `hear_turn`."""
        after = self.preview(turn, spoken, text, is_dictated=is_dictated)
        if turn != self._turn:
            self._turn, self._before = turn, self._state
        self._state = after

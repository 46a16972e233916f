"""Which of the scripted turns answers what the agent said. Pure functions.

The caller says the turns in their order. Another turn is taken if the words that it reacts to resemble the agent's
words clearly more: so a version that asks its questions in another order, or asks one again, gets the right answers.
"""

import re
from collections.abc import Collection, Sequence
from typing import Final

from control.agent_tests.rules import ScriptedTurn

# Likeness is the share of content words that two texts have in common (Dice). Another turn than the next one needs
# this likeness, and so much more than the next one has. A turn that was said before needs the higher one.
LEAST: Final = 0.5
LEAST_AGAIN: Final = 0.7
CLEARLY: Final = 0.2
_WORD: Final = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
# English words that say nothing about what is asked.
_COMMON: Final = (
    "a an and are as at be but can could do does for from have i i'd i'll i'm if in is it it's just may me my of okay "
    "on or our please so sure thank thanks that the then there this to very was we well will with would yes you your"
)
_COMMON_WORDS: Final = frozenset(_COMMON.split())


def find_likeness(one: str, other: str) -> float:
    """Returns how much two texts resemble each other, from 0 to 1."""
    words, others = _content(one), _content(other)
    return 2 * len(words & others) / (len(words) + len(others)) if words and others else 0.0


def choose_turn(turns: Sequence[ScriptedTurn], said: Sequence[int], heard: str) -> int | None:
    """Returns the place of the turn that the caller says next; None if nothing is left to say.

    Args:
        said: The places of the turns so far; each turn is said twice at most.
        heard: The agent's words since the caller's last turn.
    """
    following = next((place for place, turn in enumerate(turns) if not turn.is_optional and place not in said), None)
    usual = 0.0 if following is None else find_likeness(heard, turns[following].reacts_to)
    likeliest = max(
        (place for place in _eligible(turns, said) if place != following),
        key=lambda place: find_likeness(heard, turns[place].reacts_to),
        default=None,
    )
    if likeliest is None:
        return following
    likeness = find_likeness(heard, turns[likeliest].reacts_to)
    least = LEAST_AGAIN if likeliest in said else LEAST
    return likeliest if likeness >= max(least, usual + CLEARLY) else following


def _eligible(turns: Sequence[ScriptedTurn], said: Collection[int]) -> list[int]:
    counts = list(said)
    return [place for place in range(len(turns)) if counts.count(place) < 2]


def _content(text: str) -> set[str]:
    words = set(_WORD.findall(text.lower()))
    return words - _COMMON_WORDS or words

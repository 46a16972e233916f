"""Runs of numbers that belong together although pauses, turns and other words separate them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from control.redaction.number_words import DigitGroup
from control.redaction.tokens import Token, word_set

# Maximum number of other words between two numbers of a run: within a text ("and then", "wait a moment"), and between
# two turns of a speaker ("yes, got it, the next ones are").
MOST_BETWEEN: Final = 6
MOST_BETWEEN_TURNS: Final = 12
# Maximum number of digits in a correction, such as "one two, no, one three".
LONGEST_CORRECTION: Final = 4
_CORRECTIONS: Final = word_set(
    "no nope sorry correction mean rather actually scratch nein quatsch falsch sondern korrektur entschuldigung perdon"
    " perdona corrijo mejor digo non pardon erreur plutot scusi scusa anzi errore nee fout bedoel nao desculpe"
    " desculpa alias"
)


@dataclass(frozen=True, slots=True)
class DigitRun:
    """Numbers that belong together, in the order in which they were spoken."""

    groups: Sequence[DigitGroup]

    @property
    def size(self) -> int:
        """Return the number of digits."""
        return sum(len(group.digits) for group in self.groups)


def split_runs(
    tokens: Sequence[Token], groups: Sequence[DigitGroup], most_between: int | None = None
) -> Iterator[DigitRun]:
    """Yield the runs in a stream of one speaker's tokens.

    Args:
        groups: The numbers of the stream, in order.
        most_between: Maximum number of words between two numbers of a run; None for MOST_BETWEEN within a turn and
            MOST_BETWEEN_TURNS across two turns.
    """
    run: list[DigitGroup] = []
    words = _count_words(tokens)
    for group in groups:
        if run:
            end = run[-1].last
            is_same = tokens[end].utterance == tokens[group.first].utterance
            usual = MOST_BETWEEN if is_same else MOST_BETWEEN_TURNS
            most = usual if most_between is None else most_between
            if words[group.first] - words[end + 1] > most:
                yield DigitRun(run)
                run = []
        run.append(group)
    if run:
        yield DigitRun(run)


def correct_run(tokens: Sequence[Token], run: DigitRun) -> Iterator[DigitRun]:
    """Yield the run as spoken and, if it contains words of correction, as corrected.

    The digits after a correction replace as many digits before it. These are either the next number or all numbers up
    to the next pause; both readings are yielded.
    """
    yield run
    marks = [place for place in range(1, len(run.groups)) if _is_corrected(tokens, run.groups, place)]
    if marks:
        yield DigitRun(_without_errors(run.groups, {place: len(run.groups[place].digits) for place in marks}))
        sizes = {place: _size_of_correction(run.groups, place) for place in marks}
        yield DigitRun(_without_errors(run.groups, sizes))


def _is_corrected(tokens: Sequence[Token], groups: Sequence[DigitGroup], place: int) -> bool:
    between = tokens[groups[place - 1].last + 1 : groups[place].first]
    return any(token.text in _CORRECTIONS for token in between)


def _size_of_correction(groups: Sequence[DigitGroup], place: int) -> int:
    size = len(groups[place].digits)
    for before, group in pairwise(groups[place : place + LONGEST_CORRECTION]):
        if group.first - before.last > 1 or size + len(group.digits) > LONGEST_CORRECTION:
            break
        size += len(group.digits)
    return size


def _without_errors(groups: Sequence[DigitGroup], sizes: dict[int, int]) -> list[DigitGroup]:
    kept: list[DigitGroup] = []
    for place, group in enumerate(groups):
        surplus = sizes.get(place, 0)
        while surplus > 0 and kept:
            last = kept.pop()
            if len(last.digits) > surplus:
                kept.append(last._replace(digits=last.digits[:-surplus]))
            surplus -= len(last.digits)
        kept.append(group)
    return kept


def _count_words(tokens: Sequence[Token]) -> list[int]:
    """Return the number of words before each token, with one more entry for the end."""
    counts = [0]
    for token in tokens:
        counts.append(counts[-1] + token.is_word)
    return counts

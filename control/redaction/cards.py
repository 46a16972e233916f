"""Detection of card numbers and their security codes."""

from collections.abc import Iterator, Sequence
from typing import Final

from stdnum import luhn

from control.redaction.digit_runs import DigitRun
from control.redaction.number_words import DigitGroup

SHORTEST: Final = 12
LONGEST: Final = 19
# First digits of the issuers (ISO/IEC 7812) with the lengths of their card numbers: Visa, Mastercard, American Express,
# Discover, Diners Club, JCB, UnionPay, Maestro, RuPay, Mir. Numbers of other issuers are found only where people talk
# about a card.
_ISSUERS: Final[Sequence[tuple[range, frozenset[int]]]] = (
    (range(4000, 5000), frozenset({13, 16, 18, 19})),
    (range(5100, 5600), frozenset({16})),
    (range(2221, 2721), frozenset({16})),
    (range(3400, 3500), frozenset({15})),
    (range(3700, 3800), frozenset({15})),
    (range(3000, 3060), frozenset(range(14, 20))),
    (range(3600, 3700), frozenset(range(14, 20))),
    (range(3800, 4000), frozenset(range(14, 20))),
    (range(3528, 3590), frozenset(range(16, 20))),
    (range(6000, 7000), frozenset(range(12, 20))),
    (range(5000, 5100), frozenset(range(12, 20))),
    (range(5600, 5900), frozenset(range(12, 20))),
    (range(8100, 8300), frozenset({16})),
    (range(2200, 2205), frozenset(range(16, 20))),
)


def is_card_number(digits: str) -> bool:
    """Return whether the digits are a card number of a known issuer, with a correct length and check digit."""
    if not SHORTEST <= len(digits) <= LONGEST:
        return False
    head, size = int(digits[:4]), len(digits)
    return any(head in heads and size in sizes for heads, sizes in _ISSUERS) and bool(luhn.is_valid(digits))


def find_card_numbers(run: DigitRun) -> Iterator[tuple[int, int]]:
    """Yield the tokens (first, last) of each card number in a run.

    A card number consists of whole groups, or of a part of a longer group. At most eight candidates begin at each
    group.
    """
    for start, group in enumerate(run.groups):
        if len(group.digits) > SHORTEST and _holds_card_number(group.digits):
            yield group.first, group.last
            continue
        digits = ""
        for end in run.groups[start : start + LONGEST]:
            digits += end.digits
            if len(digits) > LONGEST:
                break
            if is_card_number(digits):
                yield group.first, end.last


def may_be_card_number(run: DigitRun) -> bool:
    """Return whether a run has as many digits as a card number, although its check digit may be wrong.

    The number may be misheard, or contain further digits. Call this only where people talk about a card.
    """
    return SHORTEST <= run.size <= LONGEST + 4


def may_be_rest(run: DigitRun) -> bool:
    """Return whether a run may be the end of a card number that began earlier. A single digit may be any number."""
    return 2 <= run.size <= LONGEST - SHORTEST


def find_security_codes(groups: Sequence[DigitGroup]) -> Iterator[tuple[int, int]]:
    """Yield the tokens (first, last) of a run that has exactly as many digits as a security code.

    A code has three digits, or four at American Express.
    """
    if sum(len(group.digits) for group in groups) in (3, 4):
        yield groups[0].first, groups[-1].last


def _holds_card_number(digits: str) -> bool:
    return any(
        is_card_number(digits[start : start + size])
        for start in range(len(digits) - SHORTEST + 1)
        for size in range(SHORTEST, LONGEST + 1)
        if start + size <= len(digits)
    )

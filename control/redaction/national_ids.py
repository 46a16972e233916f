"""Detection of personal identity and tax numbers by their check digits (python-stdnum)."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from stdnum.br import cpf
from stdnum.de import idnr
from stdnum.es import dni, nie
from stdnum.fr import nir
from stdnum.it import codicefiscale
from stdnum.nl import bsn
from stdnum.pt import nif
from stdnum.us import ssn

from control.redaction.contexts import KeywordContext
from control.redaction.number_words import DigitGroup
from control.redaction.tokens import Token

# A piece of a number: written or spoken letters or digits, with the positions of its tokens.
Piece = DigitGroup
# Maximum length of an id (codice fiscale). Longer words cannot be part of a spelled id.
LONGEST: Final = 16
_LONGEST_LETTERS: Final = 3
# Maximum number of words between two pieces: a pause is accepted, "B as in Bravo" is not.
_MOST_BETWEEN: Final = 1


@dataclass(frozen=True, slots=True)
class IdKind:
    """A kind of national id.

    Attributes:
        shape: Pattern of the whole id in lower case.
        is_valid: Verifies the check digits.
        needs_context: Whether the id counts only where people talk about an id, because many other numbers pass its
            check. For example, one number in eleven passes the check of a BSN.
    """

    shape: re.Pattern[str]
    is_valid: Callable[[str], bool]
    needs_context: bool = False


def _always(number: str) -> bool:
    """Accept any number, because a UK National Insurance number has no check digit and its shape decides."""
    return True


KINDS: Final[Sequence[IdKind]] = (
    IdKind(re.compile(r"\d{9}"), ssn.is_valid, needs_context=True),
    # Source: https://www.gov.uk/hmrc-internal-manuals/national-insurance-manual/nim39110
    IdKind(re.compile(r"(?!bg|gb|kn|nk|nt|tn|zz)[abceghj-prstw-z][abceghj-nprstw-z]\d{6}[a-d]"), _always),
    IdKind(re.compile(r"[1-9]\d{10}"), idnr.is_valid),
    IdKind(re.compile(r"\d{8}[a-z]"), dni.is_valid),
    IdKind(re.compile(r"[xyz]\d{7}[a-z]"), nie.is_valid),
    IdKind(re.compile(r"[1-478]\d{14}"), nir.is_valid),
    IdKind(re.compile(r"[a-z]{6}\d{2}[a-z]\d{2}[a-z]\d{3}[a-z]"), codicefiscale.is_valid),
    IdKind(re.compile(r"\d{9}"), bsn.is_valid, needs_context=True),
    IdKind(re.compile(r"\d{11}"), cpf.is_valid),
    IdKind(re.compile(r"[123]\d{8}"), nif.is_valid, needs_context=True),
)
_ANY_SHAPE: Final = re.compile("|".join(f"(?:{kind.shape.pattern})" for kind in KINDS))
_SSN_WRITTEN: Final = ("3", "2", "4")


def find_national_ids(
    tokens: Sequence[Token], groups: Sequence[DigitGroup], context: KeywordContext
) -> Iterator[tuple[int, int]]:
    """Yield the tokens (first, last) of each id.

    Args:
        context: The positions at which people talk about an id.
    """
    pieces = _pieces(tokens, groups)
    for start, piece in enumerate(pieces):
        text, before = "", piece
        for place, end in enumerate(pieces[start : start + LONGEST], start):
            text += end.digits
            if len(text) > LONGEST or not _is_next(before, end):
                break
            before = end
            if _ANY_SHAPE.fullmatch(text):
                known = context.holds(tokens[piece.first])
                if (known or _is_apart(pieces, start, place)) and _is_id(text, known):
                    yield piece.first, end.last
        if _is_written_ssn(tokens, pieces[start : start + 3]):
            yield piece.first, pieces[start + 2].last


def _is_next(before: Piece, piece: Piece) -> bool:
    return piece.first - before.last <= 1 + 2 * _MOST_BETWEEN


def _is_apart(pieces: Sequence[Piece], start: int, end: int) -> bool:
    """Return whether no digits directly precede or follow these pieces.

    Otherwise the pieces are part of a longer number, such as a card number; one substring in a hundred would pass as an
    id.
    """
    before = start > 0 and pieces[start - 1].digits.isdigit() and _is_next(pieces[start - 1], pieces[start])
    after = end + 1 < len(pieces) and pieces[end + 1].digits.isdigit() and _is_next(pieces[end], pieces[end + 1])
    return not before and not after


def _is_id(text: str, in_context: bool) -> bool:
    return any(
        (in_context or not kind.needs_context) and kind.shape.fullmatch(text) and kind.is_valid(text.upper())
        for kind in KINDS
    )


def _is_written_ssn(tokens: Sequence[Token], pieces: Sequence[Piece]) -> bool:
    """Return whether the pieces are three, two and four digits with hyphens.

    This form is an SSN without further context.
    """
    if tuple(str(len(piece.digits)) for piece in pieces) != _SSN_WRITTEN:
        return False
    text = "".join(piece.digits for piece in pieces)
    between = [tokens[piece.last + 1 : other.first] for piece, other in pairwise(pieces)]
    is_hyphenated = all(len(part) == 1 and part[0].text == "-" for part in between)
    return is_hyphenated and text.isdigit() and bool(ssn.is_valid(text))


def _pieces(tokens: Sequence[Token], groups: Sequence[DigitGroup]) -> list[Piece]:
    """Return the pieces of possible ids in order: numbers, short words of letters, and words of letters and digits."""
    spoken = {group.first: group for group in groups}
    pieces, at = [], 0
    while at < len(tokens):
        group = spoken.get(at)
        if group is None and _may_be_piece(tokens[at]):
            group = DigitGroup(tokens[at].text, at, at)
        if group is not None:
            pieces.append(group)
            at = group.last
        at += 1
    return pieces


def _may_be_piece(token: Token) -> bool:
    text = token.text
    if not token.is_word or len(text) > LONGEST or not text.isascii():
        return False
    return len(text) <= _LONGEST_LETTERS or any(map(str.isdigit, text))

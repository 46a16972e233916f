"""Derives from the agent's question which text the caller will dictate and how long it is. English only."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from media.turn.backchannels import word_list


class DictationKind(StrEnum):
    """The kind of text that is dictated."""

    PHONE = "phone"
    CARD = "card"
    CODE = "code"  # digits: a PIN, the last four, a postal or verification code, an account number
    REFERENCE = "reference"  # digits and letters
    DATE = "date"
    EMAIL = "email"


@dataclass(frozen=True, slots=True)
class ExpectedDictation:
    """The text that the caller is asked to dictate.

    Attributes:
        lengths: The possible numbers of digits (for a reference: characters). Empty if unknown.
        country: The two-letter country code for phone numbers.
        needs_year: A date needs a year.
    """

    kind: DictationKind
    lengths: frozenset[int] = frozenset()
    country: str = "US"
    needs_year: bool = False


_NUMBERS: Final = {
    word: number
    for number, word in enumerate(word_list("three four five six seven eight nine ten eleven twelve"), 3)
} | {"sixteen": 16}  # fmt: skip
_COUNT: Final = re.compile(
    rf"\b(\d{{1,2}}|{'|'.join(_NUMBERS)})[- ]?(?:digits?|characters?|letters?|figures?)\b|"
    rf"\blast (\d|{'|'.join(_NUMBERS)})\b"
)
_KINDS: Final = (
    (DictationKind.EMAIL, re.compile(r"\be-?mail\b")),
    (DictationKind.CODE, re.compile(r"\b(pin|passcode|post ?code|last (four|4|three|3)|security code|cvc|cvv)\b")),
    (DictationKind.CODE, re.compile(r"\b(zip|postal)( code)?\b|\b(verification|access|confirmation|one-time) code\b")),
    (
        DictationKind.CARD,
        re.compile(r"\b(credit|debit|bank|payment)? ?card\b.*\bnumber\b|\bnumber (on|of)\b.*\bcard\b"),
    ),
    (
        DictationKind.REFERENCE,
        re.compile(
            r"\b(reference|booking|confirmation|tracking|order|policy|serial|record locator|membership|invoice)\b"
        ),
    ),
    (DictationKind.DATE, re.compile(r"\b(date|birthday|day)\b|\bwhen were you born\b")),
    (
        DictationKind.PHONE,
        re.compile(r"\b(phone|telephone|mobile|cell|call-?back|contact|fax)\b.*\bnumber\b|\bnumber (to|where|that)\b"),
    ),
    (DictationKind.CODE, re.compile(r"\b(account|social security|customer|member|id) number\b|\bdigit by digit\b")),
    (DictationKind.PHONE, re.compile(r"\b(your|best|the) number\b")),
)
_BIRTH: Final = re.compile(r"\b(birth|birthday|born)\b|\bdate of expiry\b")
# The lengths of codes by their name, if the question does not specify them.
_CODE_LENGTHS: Final = (
    (re.compile(r"\bzip\b"), frozenset({5, 9})),
    (re.compile(r"\bsocial security\b"), frozenset({9})),
    (re.compile(r"\b(cvc|cvv|security code)\b"), frozenset({3, 4})),
    (re.compile(r"\bpin\b"), frozenset({4, 5, 6})),
    (re.compile(r"\b(verification|access|one-time|confirmation) code\b"), frozenset({4, 5, 6, 7, 8})),
)


def expected_dictation(question: str, country: str = "US") -> ExpectedDictation | None:
    """Return the text that the agent's question asks the caller to dictate, or None.

    Args:
        country: The country whose phone numbers are usual.
    """
    plain = question.lower()
    kind = next((kind for kind, pattern in _KINDS if pattern.search(plain)), None)
    count = _COUNT.search(plain)
    if kind is None:
        return ExpectedDictation(DictationKind.CODE, _counted(count)) if count is not None else None
    if kind is DictationKind.CODE and count is None:
        return ExpectedDictation(
            kind, next((sizes for name, sizes in _CODE_LENGTHS if name.search(plain)), frozenset())
        )
    return ExpectedDictation(kind, _counted(count), country, needs_year=bool(_BIRTH.search(plain)))


def _counted(count: re.Match[str] | None) -> frozenset[int]:
    if count is None:
        return frozenset()
    word = count[1] or count[2]
    return frozenset({int(word) if word.isdecimal() else _NUMBERS[word]})

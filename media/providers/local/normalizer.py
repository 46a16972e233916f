"""Text normalization for speech: converts numbers, dates, addresses and abbreviations to words, one written word at a
time.

Each written word holds its spoken words, so that timings of the speech are timings of the text. A spoken item is a word
in lower case, a single capital letter (spoken as the letter's name), or a comma (a short pause).
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from media.providers.english import word_list
from media.providers.local.text_normalization import addresses, amounts, dates, identifiers, measures
from media.providers.local.text_normalization.abbreviations import Abbreviation, expand
from media.providers.local.text_normalization.context import WordContext, is_shouting
from media.providers.local.text_normalization.phone_numbers import find_phone_numbers, read_phone_part

PAUSE: Final = ","
# A longer word cannot be read aloud. The longest e-mail address has 254 characters.
LONGEST_WORD: Final = 260

_TOKEN: Final = re.compile(r"\s*\S+\s*")
_CORE: Final = re.compile(
    r"[\s\"'(\[{<*_\u201c\u201d\u2018\u2019]*(.*?)([\"')\]}>*_\u201c\u201d\u2019.,;:!?…\u2013\u2014-]*)\s*", re.DOTALL
)
# A comparison with a number: <5, >= 3.
_COMPARISON: Final = re.compile(r"\s*[\"'(\u201c]*(<=|>=|[<>\u2264\u2265])\s*(?=[$€£]?\d|$)")
_COMPARED: Final = {
    **{"<": ("less", "than"), ">": ("more", "than")},
    **dict.fromkeys(("<=", "\u2264"), ("at", "most")),
    **dict.fromkeys((">=", "\u2265"), ("at", "least")),
}
_STOPS: Final = {".": ".", "!": "!", "?": "?", "…": ".", ",": ",", ";": ",", ":": ",", "\u2013": ",", "\u2014": ","}
_SYMBOLS: Final = {"&": "and", "+": "plus", "=": "equals", "@": "at", "%": "percent", "#": "number", ".": "point"}
_PARTS: Final = re.compile(r"[a-z']+|\d+|[&+=@%#]|(?<=\d)\.(?=\d)", re.IGNORECASE)
# Words of up to three letters that are read as words even in capitals.
_SHORT_WORDS: Final = word_list(
    "a i am an and any are as at be but by can car day did do for get go had has he her him his how if in is it its "
    "job let lot may me my new no not now of off oh ok old on one or our out pay pin put run see she sir so the to "
    "too top try two up us use was way we who why yes yet you"
)

WordReader = Callable[[str, WordContext], Sequence[str] | None]
# The first reader that returns words is used.
_READERS: Final[Sequence[WordReader]] = (
    amounts.read_fraction,
    dates.read_date_or_time,
    addresses.read_address,
    measures.read_measure,
    identifiers.read_identifier,
    amounts.read_amount,
)


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A written word and its spoken items.

    Attributes:
        written: The word with the white space around it. The concatenation of all words is the text.
        spoken: The spoken items, which are empty for a word without sound.
        stop: The punctuation mark that follows in speech: one of ",.?!" or "".
    """

    written: str
    spoken: tuple[str, ...]
    stop: str = ""


def normalize(text: str) -> list[SpokenWord]:
    """Return the spoken words of a text, or an empty list for a text without words."""
    tokens = [match.group() for match in _TOKEN.finditer(text)]
    phones = find_phone_numbers(text)
    shouting = is_shouting(tokens)
    words: list[SpokenWord] = []
    at = 0
    for index, token in enumerate(tokens):
        within = [(start - at, end - at) for start, end in phones if start < at + len(token) and end > at]
        context = WordContext.of(tokens, index, shouting=shouting)
        words.append(_read(token, context, within))
        at += len(token)
    return words


def _read(token: str, context: WordContext, phones: Sequence[tuple[int, int]]) -> SpokenWord:
    if len(token) > LONGEST_WORD:
        return SpokenWord(token, ())
    if (compared := _COMPARISON.match(token)) and not phones:
        return _read_compared(token, compared, context)
    match = _CORE.fullmatch(token)
    core, tail = (match.group(1), match.group(2)) if match else (token.strip(), "")
    stop = next((_STOPS[mark] for mark in tail if mark in _STOPS), "")
    if phones:
        return SpokenWord(token, tuple(read_phone_part(token, phones)), stop)
    if abbreviation := expand(core, tail, context):
        return SpokenWord(token, abbreviation.spoken, _full_stop(abbreviation, context) if stop == "." else stop)
    return SpokenWord(token, tuple(_say(core, context)), stop)


def _read_compared(token: str, compared: re.Match[str], context: WordContext) -> SpokenWord:
    """Read a comparison sign with its number. A sign alone belongs to the number in the next word."""
    said, number = _COMPARED[compared[1]], token[compared.end() :]
    if not number:
        return SpokenWord(token, said if context.after[:1].isdecimal() else ())
    word = _read(number, context, ())
    return SpokenWord(token, (*said, *word.spoken), word.stop)


def _full_stop(abbreviation: Abbreviation, context: WordContext) -> str:
    """Return the stop after an abbreviation with a full stop: "." at the end of the text, "," where a sentence may
    end."""
    if context.is_last:
        return "."
    return "," if context.next_is_capital and abbreviation.may_end else ""


def _say(core: str, context: WordContext) -> Sequence[str]:
    for reader in _READERS:
        if (spoken := reader(core, context)) is not None:
            return spoken
    return spell_or_say(_plain(core), shouting=context.shouting)


def spell_or_say(word: str, *, shouting: bool = False) -> list[str]:
    """Return words as they are, capitals that are not a word as letters, and digits among letters as numbers."""
    spoken: list[str] = []
    has_digits_or_signs = not word.replace("'", "").isalpha() and word.isupper()  # B12, AT&T
    for part in _PARTS.findall(word):
        if part.isdecimal():
            spoken += amounts.read_number(part)
        elif part in _SYMBOLS:
            spoken.append(_SYMBOLS[part])
        elif _is_spelled(part, has_digits_or_signs=has_digits_or_signs, shouting=shouting):
            spoken += [letter for letter in part.upper() if letter.isalpha()]
        else:
            spoken += [part.lower().strip("'")] if part.strip("'") else []
    return spoken


def _is_spelled(part: str, *, has_digits_or_signs: bool, shouting: bool) -> bool:
    """Whether a part is spelled: FAQ, ID and B are; HELLO, OK and I'm are not."""
    letters = part.replace("'", "")
    if has_digits_or_signs and len(letters) <= 2:
        return True
    if shouting or not letters.isupper() or letters.lower() in _SHORT_WORDS:
        return False
    return len(letters) <= 3 or not re.search("[AEIOUY]", letters)


def _plain(word: str) -> str:
    """Remove accents and typographic apostrophes: José becomes Jose."""
    decomposed = unicodedata.normalize("NFKD", word.replace("\u2019", "'"))
    return "".join(character for character in decomposed if not unicodedata.combining(character))

"""What is written, as it is read out: numbers, dates, addresses and abbreviations in words, word by word.

Each written word keeps what is said for it, so that timings of the speech are timings of the text.
A spoken item is a word in lower case, a single capital letter (said as the letter's name), or a comma (a short pause).
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from media.providers.local.reading import addresses, amounts, moments
from media.providers.local.reading.abbreviations import Abbreviation, expand
from media.providers.local.reading.context import Context, word_list
from media.providers.local.reading.phones import phone_spans, read_phone_part

PAUSE: Final = ","

_TOKEN: Final = re.compile(r"\s*\S+\s*")
_CORE: Final = re.compile(
    r"[\s\"'(\[{<*_\u201c\u201d\u2018\u2019]*(.*?)([\"')\]}>*_\u201c\u201d\u2019.,;:!?…\u2013\u2014-]*)\s*", re.DOTALL
)
_STOPS: Final = {".": ".", "!": "!", "?": "?", "…": ".", ",": ",", ";": ",", ":": ",", "\u2013": ",", "\u2014": ","}
_SYMBOLS: Final = {"&": "and", "+": "plus", "=": "equals", "@": "at", "%": "percent", "#": "number"}
_PARTS: Final = re.compile(r"[a-z']+|\d+|[&+=@%#]", re.IGNORECASE)
# Words of up to three letters that stay words even when shouted.
_SHORT_WORDS: Final = word_list(
    "a i am an and any are as at be but by can car day did do for get go had has he her him his how if in is it its "
    "job let lot may me my new no not now of off oh ok old on one or our out pay pin put run see she sir so the to "
    "too top try two up us use was way we who why yes yet you"
)

Reader = Callable[[str, Context], Sequence[str] | None]
# The first that knows the word reads it.
_READERS: Final[Sequence[Reader]] = (
    amounts.read_fraction,
    moments.read,
    addresses.read,
    amounts.read,
)


@dataclass(frozen=True, slots=True)
class Reading:
    """A written word and what is said for it.

    written: the word with the white space around it; the readings' `written` joined are the text.
    spoken: nothing for what has no sound. stop: the punctuation mark that follows in speech: one of ",.?!" or "".
    """

    written: str
    spoken: tuple[str, ...]
    stop: str = ""


def read_out(text: str) -> list[Reading]:
    """How a text is read out. Text without any word gives no readings."""
    tokens = [match.group() for match in _TOKEN.finditer(text)]
    phones = phone_spans(text)
    readings: list[Reading] = []
    at = 0
    for index, token in enumerate(tokens):
        within = [(start - at, end - at) for start, end in phones if start < at + len(token) and end > at]
        context = Context.of(tokens, index)
        readings.append(_read(token, context, within))
        at += len(token)
    return readings


def _read(token: str, context: Context, phones: Sequence[tuple[int, int]]) -> Reading:
    match = _CORE.fullmatch(token)
    core, tail = (match.group(1), match.group(2)) if match else (token.strip(), "")
    stop = next((_STOPS[mark] for mark in tail if mark in _STOPS), "")
    if phones:
        return Reading(token, tuple(read_phone_part(token, phones)), stop)
    if abbreviation := expand(core, tail, context):
        return Reading(token, abbreviation.spoken, _full_stop(abbreviation, context) if stop == "." else stop)
    return Reading(token, tuple(_say(core, context)), stop)


def _full_stop(abbreviation: Abbreviation, context: Context) -> str:
    """An abbreviation's full stop ends a sentence at the end of the text; before a capital it may, hence a comma."""
    if context.is_last:
        return "."
    return "," if context.next_is_capital and abbreviation.may_end else ""


def _say(core: str, context: Context) -> Sequence[str]:
    for reader in _READERS:
        if (spoken := reader(core, context)) is not None:
            return spoken
    return spell_or_say(_plain(core), shouting=context.shouting)


def spell_or_say(word: str, *, shouting: bool = False) -> list[str]:
    """Words as they are, capitals that make no word by letters, digits among letters one by one."""
    spoken: list[str] = []
    a_name = not word.replace("'", "").isalpha() and word.isupper()  # B12, AT&T
    for part in _PARTS.findall(word):
        if part.isdecimal():
            spoken += amounts.read_number(part)
        elif part in _SYMBOLS:
            spoken.append(_SYMBOLS[part])
        elif _is_spelled(part, a_name=a_name, shouting=shouting):
            spoken += [letter for letter in part.upper() if letter.isalpha()]
        else:
            spoken += [part.lower().strip("'")] if part.strip("'") else []
    return spoken


def _is_spelled(part: str, *, a_name: bool, shouting: bool) -> bool:
    """FAQ, ID and B are spelled; HELLO, OK and I'm are words."""
    letters = part.replace("'", "")
    if a_name and len(letters) <= 2:
        return True
    if shouting or not letters.isupper() or letters.lower() in _SHORT_WORDS:
        return False
    return len(letters) <= 3 or not re.search("[AEIOUY]", letters)


def _plain(word: str) -> str:
    """Accents and typographic apostrophes taken off: José is Jose."""
    decomposed = unicodedata.normalize("NFKD", word.replace("\u2019", "'"))
    return "".join(character for character in decomposed if not unicodedata.combining(character))

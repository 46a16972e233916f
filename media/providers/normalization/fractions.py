"""Reads common fractions in German, Spanish and French, with the noun after them if it changes their form. Pure."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from media.providers.normalization.languages import NumberLanguage
from media.providers.normalization.numerals import say_integer

GLYPHS: Final = "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"
# 3/4, 2 1/2, ½, 1½, and the next word, which may be the fraction's noun.
PATTERN: Final = (
    r"(?:(?:(?P<whole>\d{1,3}) )?(?P<parts>[1-9]/(?:10|[2-9]))"
    rf"|(?:(?P<glyph_whole>\d{{1,3}}) ?)?(?P<glyph>[{GLYPHS}]))"
    r"(?P<behind> (?P<noun>[^\W\d_]+))?"
)
# After these Spanish and French words, 3/4 is a day in April.
BEFORE_DATES: Final = frozenset(
    (
        *("el", "del", "al", "día", "lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"),
        *("le", "du", "au", "lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
    )
)
_PARTS: Final[Mapping[str, Mapping[int, str]]] = {
    "de": {3: "Drittel", 4: "Viertel", 5: "Fünftel", 6: "Sechstel", 8: "Achtel", 10: "Zehntel"},
    "es": {3: "tercio", 4: "cuarto", 5: "quinto", 6: "sexto", 8: "octavo", 10: "décimo"},
    "fr": {3: "tiers", 4: "quart", 5: "cinquième", 6: "sixième", 8: "huitième", 10: "dixième"},
}
# Words that are not the noun of a fraction. German nouns are recognized by their capitals.
_NO_NOUNS: Final = frozenset(
    (
        *("de", "del", "y", "o", "en", "por", "para", "con", "es", "son", "a", "al", "el", "la", "más", "menos", "que"),
        *("du", "des", "d", "et", "ou", "à", "au", "pour", "par", "avec", "est", "sont", "le", "les", "plus", "sur"),
        *("dans", "si", "no", "pas", "se", "ya", "cada", "chaque"),
    )
)
_FEMININE: Final = ("eine", "una", "une")
_GERMAN_FEMININE: Final = ("e", "ung", "ion", "heit", "keit", "tät")
_SPANISH_FEMININE: Final = ("a", "as", "ción", "ciones")
_SPANISH_MASCULINE: Final = frozenset(("día", "días", "programa", "programas", "sistema", "sistemas"))
_FRENCH_FEMININE: Final = ("e", "es", "tion", "tions")
_FRENCH_MASCULINE: Final = frozenset(
    ("litre", "verre", "kilomètre", "mètre", "centimètre", "gramme", "siècle", "trimestre", "semestre", "pamplemousse")
)


@dataclass(frozen=True, slots=True)
class WrittenFraction:
    """A fraction in a text.

    Attributes:
        whole: The integer before the fraction, or 0.
        noun: The noun after the fraction, or "".
    """

    whole: int
    parts: int
    of: int
    noun: str


def read_fraction(match: re.Match[str]) -> WrittenFraction | None:
    """Return the fraction of a match of PATTERN, or None if it is greater than a whole, such as a score."""
    found = match.groupdict()
    whole = int(found["whole"] or found["glyph_whole"] or 0)
    if found["glyph"]:
        value = Fraction(unicodedata.numeric(found["glyph"])).limit_denominator(10)
        parts, of = value.numerator, value.denominator
    else:
        parts, of = map(int, found["parts"].split("/"))
    return WrittenFraction(whole, parts, of, found["noun"] or "") if parts < of else None


def say_fraction(language: NumberLanguage, written: WrittenFraction) -> str | None:
    """Return the words for a fraction with its noun, or None if no words are known."""
    if (written.parts, written.of) != (1, 2) and written.of not in _PARTS[language.code]:
        return None
    one, many = language.units.get(written.noun, ("", ""))
    if one:
        article, _, noun = one.partition(" ")
        return _SAY[language.code](language, written, many if written.whole > 1 else noun, article in _FEMININE)
    return _SAY[language.code](language, written, written.noun, _is_feminine(language.code, written.noun))


def has_noun(language: NumberLanguage, word: str) -> bool:
    """Return whether the word after a fraction may be its noun."""
    if language.code == "de":
        return word[:1].isupper() or word in language.units
    return word.lower() not in _NO_NOUNS


def _is_feminine(code: str, noun: str) -> bool:
    word = noun.lower()
    if code == "de":
        return word.endswith(_GERMAN_FEMININE)
    if code == "es":
        return word.endswith(_SPANISH_FEMININE) and word not in _SPANISH_MASCULINE
    return word.endswith(_FRENCH_FEMININE) and word.removesuffix("s") not in _FRENCH_MASCULINE


def _say_german(language: NumberLanguage, written: WrittenFraction, noun: str, is_feminine: bool) -> str:
    """Return German words: eineinhalb Stunden, eine halbe Tasse, drei Viertel Liter."""
    whole = say_integer(language, written.whole, before_noun=True) if written.whole else ""
    if written.of == 2:
        said = f"{whole}einhalb" if whole else "eine halbe" if noun and is_feminine else "ein halb"
    else:
        parts = f"{say_integer(language, written.parts, before_noun=True)} {_PARTS['de'][written.of]}"
        said = f"{whole} {parts}".strip()
    return f"{said} {noun}".strip()


def _say_spanish(language: NumberLanguage, written: WrittenFraction, noun: str, is_feminine: bool) -> str:
    """Return Spanish words: media taza, tres cuartos de taza, una hora y media."""
    half = "media" if noun and is_feminine else "medio"
    if written.of == 2 and not written.whole:
        return f"{half} {noun}" if noun else "un medio"
    name = "" if written.of == 2 else _PARTS["es"][written.of]
    parts = (
        half if not name else "un " + name if written.parts == 1 else f"{say_integer(language, written.parts)} {name}s"
    )
    if not written.whole:
        return f"{parts} de {noun}" if noun else parts
    return f"{_spanish_whole(language, written.whole, noun, is_feminine)} y {parts}"


def _spanish_whole(language: NumberLanguage, whole: int, noun: str, is_feminine: bool) -> str:
    if not noun:
        return say_integer(language, whole)
    if whole > 1:
        return f"{say_integer(language, whole, before_noun=True)} {noun}"
    return f"{'una' if is_feminine else 'un'} {noun.removesuffix('s')}"


def _say_french(language: NumberLanguage, written: WrittenFraction, noun: str, is_feminine: bool) -> str:
    """Return French words: une demi-heure, trois quarts d'heure, deux heures et demie."""
    article = "une" if is_feminine else "un"
    if written.of == 2 and not written.whole:
        return f"{article} demi-{noun}" if noun else "un demi"
    name = "" if written.of == 2 else _PARTS["fr"][written.of]
    plural = "" if written.parts == 1 or name.endswith("s") else "s"
    parts = f"{say_integer(language, written.parts)} {name}{plural}"
    if not written.whole:
        return f"{parts} {_of(noun)}" if noun else parts
    whole = article if written.whole == 1 and noun else say_integer(language, written.whole)
    ending = parts if name else "demie" if noun and is_feminine else "demi"
    return f"{whole} {noun} et {ending}" if noun else f"{whole} et {ending}"


def _of(noun: str) -> str:
    return f"d'{noun}" if noun[0].lower() in "aeiouyhéèêàâîôœ" else f"de {noun}"


_SAY: Final[Mapping[str, Callable[[NumberLanguage, WrittenFraction, str, bool], str]]] = {
    "de": _say_german,
    "es": _say_spanish,
    "fr": _say_french,
}

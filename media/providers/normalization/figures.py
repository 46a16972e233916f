"""Converts figures, dates, times, amounts and addresses to words, in languages with decimal commas."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from media.providers.local.normalizer import LONGEST_WORD
from media.providers.normalization import fractions
from media.providers.normalization.languages import Currency, NumberLanguage
from media.providers.normalization.numerals import (
    LONG_NUMBER,
    parse_number,
    say_decimal,
    say_digit_groups,
    say_digits,
    say_integer,
    say_ordinal,
    say_year,
)
from media.providers.normalization.spans import SpokenSpan, split_tokens

# Characters that may precede and follow an expression.
_OPENING: Final = "\"'([\u00ab\u201c\u201e\u2018\u00bf\u00a1"
_END: Final = r"(?=[.,;:!?)\]\"'\u00bb\u201c\u201d\u2019\u2026]*(?:\s|$))"
_BLANK: Final = r"[ \u00a0\u202f]"
_NUMBER: Final = rf"\d{{1,3}}(?:{_BLANK}\d{{3}}){{1,4}}(?:,\d+)?|\d+(?:[.,]\d+)*"
_CODES: Final = {"EUR": "€", "USD": "$", "GBP": "£", "US$": "$"}
_MONEY_SIGN: Final = "|".join(("[€$£]", *map(re.escape, _CODES)))
# A bank account number (ISO 13616), in groups of four or in one piece.
_IBAN: Final = r"[A-Z]{2}\d\d(?=[A-Z0-9 ]{11})(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?"
_TIME: Final = r"(\d\d?)(?::(\d\d)|h(\d\d)?| h)"
_EMAIL: Final = r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+"
_URL: Final = (
    r"(?i:https?://)?((?:[a-z0-9-]+\.)+(?:com|org|net|es|de|fr|eu|mx|ch|at|be|info|app|io|example)(?:/[\w./-]*)?)"
)
_ADDRESS_PART: Final = re.compile(r"[^\W\d_]+|\d|[^\w]|_")
_VOWEL: Final = re.compile("[aeiouyáéíóúäöüàèéêî]", re.IGNORECASE)
# After these words, a German ordinal has its weak or dative ending.
_DATIVE: Final = frozenset(("am", "vom", "zum", "zur", "dem", "den", "des", "ab", "bis", "seit", "im", "beim"))
_BEFORE_DATIVE: Final = frozenset(("an", "auf", "aus", "ab", "bei", "in", "mit", "nach", "seit", "von", "vor", "zu"))
_NOMINATIVE: Final = frozenset(("der", "die", "das"))
_ORDINAL_NOUNS: Final = "Stock|Etage|Obergeschoss|Tag|Monat|Quartal|Jahrhundert|Mal|Platz|Klasse"
# Masculine Spanish nouns that end in -as in the plural.
_MASCULINE: Final = frozenset(("dí", "problem", "sistem", "program", "tem", "idiom", "map", "clim"))

# Returns the words for a match after the preceding text, or None if the next rule must be tried.
_Say = Callable[[re.Match[str], str], str | None]


class FigureReader:
    """Reads the figures of one language."""

    def __init__(self, language: NumberLanguage) -> None:
        self._language = language
        months = "|".join(language.months)
        units = "|".join(re.escape(unit) for unit in sorted(language.units, key=len, reverse=True))
        by_length = sorted(language.abbreviations, key=len, reverse=True)
        shortened = "|".join(re.escape(one).replace(r"\.", r"\.\s?") for one in by_length)
        rules: list[tuple[str, _Say]] = [
            (_EMAIL, lambda match, _: self._address(match[0])),
            (_URL, lambda match, _: self._address(match[1].rstrip("/"))),
            (_IBAN, lambda match, _: self._account(match[0])),
            (r"(?P<y>\d{4})-(?P<m>\d\d?)-(?P<d>\d\d?)", self._date),
            (r"(?P<d>\d\d?)(?:[./-]|\. )(?P<m>\d\d?)(?:[./-]|\. )(?P<y>\d{4})", self._date),
            (r"(?P<d>\d\d)([./-])(?P<m>\d\d)\2(?P<y>\d\d)", self._date),
            (r"(?P<d>\d\d?)\.(?P<m>\d\d?)\.", self._german_date),
            (rf"(?P<d>\d\d?)(?:er|\.)?(?: de)? (?P<name>{months})(?: (?:de |del )?(?P<y>\d{{4}}))?", self._date),
            (fractions.PATTERN, self._fraction),
            (rf"{_TIME}[-\u2013]{_TIME}(?: (?:Uhr|horas|h))?", self._clock_range),
            (r"(\d\d?)\.(\d\d)( (?:Uhr|horas|h))?", self._pointed_clock),
            (r"(\d\d?)(?::|h| h )(\d\d)(?: (?:Uhr|horas|h))?", self._clock),
            (r"(\d\d?)()(?: Uhr| ?h)", self._whole_clock),
            (
                rf"([-\u2212])?({_MONEY_SIGN}){_BLANK}?({_NUMBER})",
                lambda match, _: self._money(match[1], match[3], match[2]),
            ),
            (
                rf"([-\u2212])?({_NUMBER})(?:,[-\u2013\u2014])?{_BLANK}?({_MONEY_SIGN})",
                lambda match, _: self._money(match[1], match[2], match[3], is_behind=True),
            ),
            (r"()(\d+)([€$£])(\d\d)", lambda match, _: self._money(None, f"{match[2]},{match[4]}", match[3])),
            (rf"({_NUMBER})[-\u2013]((?:{_NUMBER}){_BLANK}?(?:{_MONEY_SIGN}|%|{units}))", self._amounts),
            (rf"([-\u2212])?({_NUMBER}){_BLANK}?%", self._percent),
            (rf"([-\u2212])?({_NUMBER}){_BLANK}?({units})(?:\.(?= [a-zäöüàé\d]))?", self._measure),
            (rf"(\d{{1,2}})\.(?= (?:{_ORDINAL_NOUNS}))", self._german_ordinal),
            (r"(\d{1,3})(er|re|ère|e|ème|\.?º|\.?ª)", self._ordinal),
            (r"\+?\(?\d[\d ()./-]{6,24}\d", self._phone),
            (r"(\d{1,4})[-\u2013](\d{1,4})", self._range),
            (r"(?=\S*\d)(?=\S*[A-Z])[A-Z0-9]+(?:-[A-Z0-9]+)*", self._identifier),
            (rf"([-\u2212])?({_NUMBER})", self._plain),
            (r"([^\W\d_]{3,})str\.(?=.)", lambda match, _: f"{match[1]}straße" if language.code == "de" else None),
            (rf"(?i:({shortened}))(\.?)", self._abbreviation),
        ]
        self._rules = [(re.compile(f"(?:{rule}){_END}"), say) for rule, say in rules]

    def read(self, text: str) -> list[SpokenSpan]:
        """Divide the text into spans: an expression with its punctuation, or a word as it is written."""
        spans: list[SpokenSpan] = []
        at = covered = 0
        for token in split_tokens(text):
            if covered <= at:  # otherwise, the previous span includes this word
                spans.append(self._read_at(text, at, token))
                covered = at + len(spans[-1].written)
            at += len(token)
        return spans

    def _read_at(self, text: str, at: int, token: str) -> SpokenSpan:
        if len(token) > LONGEST_WORD:
            return SpokenSpan(token, token)
        begin = at + len(token) - len(token.lstrip())
        while begin < len(text) and text[begin] in _OPENING:
            begin += 1
        for rule, say in self._rules:
            if (match := rule.match(text, begin)) and (said := say(match, text[:begin])):
                end = match.end()
                rest = re.compile(r"\S*\s*").match(text, end)
                tail = rest[0] if rest else ""
                return SpokenSpan(text[at:end] + tail, text[at:begin] + said + tail)
        return SpokenSpan(token, token)

    def _address(self, address: str) -> str:
        return " ".join(self._say_part(part) for part in _ADDRESS_PART.findall(address))

    def _say_part(self, part: str) -> str:
        if part.isdecimal():
            return say_integer(self._language, int(part))
        if part.isalpha():
            return part if len(part) > 2 and _VOWEL.search(part) else " ".join(part.upper())
        return self._language.signs.get(part, part)

    def _date(self, match: re.Match[str], before: str) -> str | None:
        found = match.groupdict()
        day = int(found["d"])
        month = found.get("name") or (self._month(int(found["m"])) if found.get("m") else None)
        if not (1 <= day <= 31 and month):
            return None
        year = self._year(found.get("y") or "")
        return self._language.date.format(day=self._day(day, before), month=month, year=year)

    def _fraction(self, match: re.Match[str], before: str) -> str | None:
        """Read a fraction with its noun. Other words after it stay as they are."""
        written = fractions.read_fraction(match)
        if written is None:
            return None
        if match["parts"] and not written.whole and _last_word(before) in fractions.BEFORE_DATES:
            day, month = self._day(written.parts, before), self._month(written.of)
            return self._language.date.format(day=day, month=month, year="") + (match["behind"] or "")
        if written.noun and fractions.has_noun(self._language, written.noun):
            return fractions.say_fraction(self._language, written)
        said = fractions.say_fraction(self._language, replace(written, noun=""))
        return said and said + (match["behind"] or "")

    def _german_date(self, match: re.Match[str], before: str) -> str | None:
        """Read a short date such as "3.5.", which is a date only in German."""
        return self._date(match, before) if self._language.code == "de" else None

    def _year(self, written: str) -> str:
        """Return the words for a year, with the preposition before it. Two figures are a year from 1950 to 2049."""
        if not written:
            return ""
        number = int(written)
        if len(written) == 2:
            number += 2000 if number < 50 else 1900
        return f"{' de ' if self._language.code == 'es' else ' '}{say_year(self._language, number)}"

    def _month(self, number: int) -> str | None:
        return self._language.months[number - 1] if 1 <= number <= 12 else None

    def _day(self, day: int, before: str) -> str:
        if self._language.code == "de":
            return _german_ordinal(self._language, day, before)
        return self._language.first_day if day == 1 and self._language.first_day else say_integer(self._language, day)

    def _whole_clock(self, match: re.Match[str], before: str) -> str | None:
        """Read a whole hour (8 Uhr, 20h), which is a duration in Spanish."""
        return None if self._language.code == "es" else self._clock(match, before)

    def _clock(self, match: re.Match[str], _: str) -> str | None:
        return self._say_clock(int(match[1]), int(match[2] or 0))

    def _clock_range(self, match: re.Match[str], _: str) -> str | None:
        """Read a range of times: 9:00-17:00, 9h-17h30."""
        first = self._say_clock(int(match[1]), int(match[2] or match[3] or 0))
        last = self._say_clock(int(match[4]), int(match[5] or match[6] or 0))
        return f"{first} {self._language.to} {last}" if first and last else None

    def _pointed_clock(self, match: re.Match[str], before: str) -> str | None:
        """Read a time with a point (9.30 Uhr, las 9.30). In other contexts it is a number."""
        unit, code = (match[3] or "").strip(), self._language.code
        is_time = unit == "Uhr" or (unit and code != "de") or (code == "es" and _last_word(before) in ("la", "las"))
        return self._clock(match, before) if is_time else None

    def _say_clock(self, hour: int, minute: int) -> str | None:
        language = self._language
        if hour > 24 or minute > 59:
            return None
        said = language.hours.get(hour) or say_integer(language, hour)
        form = language.clock if minute else language.whole_hour
        spoken = form.format(hour=said, minute=say_integer(language, minute))
        return spoken.replace("heures", "heure") if hour <= 1 else spoken

    def _money(self, minus: str | None, number: str, sign: str, *, is_behind: bool = False) -> str:
        """Read an amount of money.

        Args:
            is_behind: The sign follows the number. "1,459 €" has decimals, even in a language that writes "$1,459".
        """
        language = self._language
        currency = language.currencies[_CODES.get(sign, sign)]
        whole, fraction = parse_number(language, number, comma_groups=not (is_behind and sign in ("€", "EUR")))
        if len(fraction) not in (0, 2):
            said = f"{say_decimal(language, whole, fraction)} {currency.many}"
        else:
            said = self._coins(currency, int(whole), int(fraction or 0))
        return f"{language.minus} {said}" if minus else said

    def _coins(self, currency: Currency, whole: int, cents: int) -> str:
        language = self._language
        units = currency.one if whole == 1 else self._units(currency.many, whole)
        if not cents:
            return units
        hundredths = (
            currency.cent if cents == 1 else f"{say_integer(language, cents, before_noun=True)} {currency.cents}"
        )
        if not whole:
            return hundredths
        named = hundredths if language.code == "es" else say_integer(language, cents)
        return f"{units}{language.and_cents}{named}"

    def _units(self, many: str, whole: int) -> str:
        """Return the number with its unit. After a million, the unit needs a preposition: un millón de euros, un
        million d'euros."""
        said = say_integer(self._language, whole, before_noun=True)
        if not said.endswith(self._language.millions):
            return f"{said} {many}"
        return f"{said} d'{many}" if self._language.code == "fr" and many[0] == "e" else f"{said} de {many}"

    def _amounts(self, match: re.Match[str], before: str) -> str | None:
        """Read a range with one sign for both ends: 10-15 €, 2-3 km, 5-10 %."""
        last = self.read(match[2])
        if len(last) != 1 or not last[0].is_changed:
            return None
        return f"{self._signed(None, match[1])} {self._language.to} {last[0].spoken}"

    def _percent(self, match: re.Match[str], _: str) -> str:
        return f"{self._signed(match[1], match[2])} {self._language.percent}"

    def _measure(self, match: re.Match[str], _: str) -> str:
        one, many = self._language.units[match[3]]
        if match[2] == "1":
            return f"{self._language.minus} {one}" if match[1] else one
        return f"{self._signed(match[1], match[2], before_noun=True)} {many}"

    def _signed(self, minus: str | None, number: str, *, before_noun: bool = False) -> str:
        said = say_decimal(self._language, *parse_number(self._language, number), before_noun=before_noun)
        return f"{self._language.minus} {said}" if minus else said

    def _german_ordinal(self, match: re.Match[str], before: str) -> str | None:
        return _german_ordinal(self._language, int(match[1]), before) if self._language.code == "de" else None

    def _ordinal(self, match: re.Match[str], _: str) -> str | None:
        language, number, ending = self._language, int(match[1]), match[2]
        if language.code == "de" or (language.code == "es") != (ending[-1] in "ºª"):
            return None
        said = say_ordinal(language, number)
        if ending[-1] == "ª":
            return said.removesuffix("o") + "a"
        return "première" if number == 1 and ending in ("re", "ère") else said

    def _account(self, written: str) -> str:
        """Read a bank account number in groups of four, as it is printed."""
        plain = written.replace(" ", "")
        groups = (plain[at : at + 4] for at in range(0, len(plain), 4))
        return ", ".join(" ".join(self._say_sign(sign) for sign in group) for group in groups)

    def _say_sign(self, sign: str) -> str:
        return say_digits(self._language, sign) if sign.isdecimal() else sign

    def _phone(self, match: re.Match[str], _: str) -> str | None:
        """Read a telephone number with a country or area code, or with nine or ten digits in groups (55 1234 5678)."""
        written = match[0]
        groups = re.findall(r"\d+", written)
        digits = "".join(groups)
        if not 7 <= len(digits) <= 15 or not (written[0] in "+(0" or self._is_grouped(groups)):
            return None
        if len(groups) == 1:
            said = say_digit_groups(self._language, digits)
        else:
            said = ", ".join(self._say_group(group) for group in groups)
        return f"{self._language.plus} {said}" if written.startswith("+") else said

    def _is_grouped(self, groups: list[str]) -> bool:
        length = sum(map(len, groups))
        return len(groups) > 1 and (length == 9 or (length == 10 and len(groups[-1]) == 4))

    def _say_group(self, group: str) -> str:
        if self._language.pairs and len(group) == 2 and group[0] != "0":
            return say_integer(self._language, int(group))
        return say_digits(self._language, group)

    def _range(self, match: re.Match[str], _: str) -> str:
        first, last = (say_integer(self._language, int(end)) for end in match.groups())
        return f"{first} {self._language.to} {last}"

    def _identifier(self, match: re.Match[str], _: str) -> str:
        """Read an identifier. A short identifier has a number (B12); a longer one is spelled."""
        is_short = sum(map(str.isalnum, match[0])) < LONG_NUMBER - 1
        parts = re.findall(r"[A-Z]|\d+|-", match[0])
        return " ".join(self._say_identifier_part(part, is_short=is_short) for part in parts).replace(" ,", ",")

    def _say_identifier_part(self, part: str, *, is_short: bool) -> str:
        if not part.isdecimal():
            return "," if part == "-" else part
        as_number = is_short and part[0] != "0"
        return say_integer(self._language, int(part)) if as_number else say_digits(self._language, part)

    def _plain(self, match: re.Match[str], before: str) -> str | None:
        number = match[2]
        if number.isdecimal() and (len(number) >= LONG_NUMBER or (number[0] == "0" and len(number) > 1)):
            return say_digit_groups(self._language, number)
        if re.fullmatch(r"\d+(?:\.\d+){2,}", number) and not re.fullmatch(r"\d{1,3}(?:\.\d{3})+", number):
            return None  # a version or an IP address
        if _last_word(before) in ("version", "versión"):
            return None
        if self._language.counts_one(number) and re.match(r" [^\W\d_]", match.string[match.end() :]):
            return None  # the number agrees with its noun: "1 Person", "21 personnes"
        if len(number) == 4 and number.isdecimal() and not match[1]:
            return say_year(self._language, int(number))
        said = self._signed(match[1], number)
        return _agree(said, match.string[match.end() :]) if self._language.code == "es" else said

    def _abbreviation(self, match: re.Match[str], before: str) -> str | None:
        """Expand an abbreviation with its full stop, or one that is written without a full stop (Mme, nº)."""
        word, stop = re.sub(r"\s", "", match[1].lower()), match[2]
        is_bare = word in ("mme", "mlle", "dr", "bd", "n°", "nº", "c/", "n.º")
        return self._language.abbreviations.get(word) if stop or is_bare else None


def _last_word(text: str) -> str:
    return (text.split() or [""])[-1].lower()


def _german_ordinal(language: NumberLanguage, number: int, before: str) -> str:
    *_, earlier, word = "", "", *before.lower().split()
    said = say_ordinal(language, number)
    if word in _DATIVE or (word == "der" and earlier in _BEFORE_DATIVE):
        return said + "n"
    return said if word in _NOMINATIVE else said + "r"


def _agree(said: str, after: str) -> str:
    """Return a Spanish number that agrees with its noun: veintiuna personas, treinta y un días, doscientas casas."""
    noun = re.match(r" (\w+?)(as|os|es)\b", after)
    if noun is None:
        return said
    is_feminine = noun[2] == "as" and noun[1] not in _MASCULINE
    if is_feminine:
        head, millions, rest = said.rpartition("mill")
        said = f"{head}{millions}{rest.replace('ientos', 'ientas')}"
    if not said.endswith("uno"):
        return said
    if is_feminine:
        return said.removesuffix("o") + "a"
    return said.removesuffix("veintiuno") + "veintiún" if said.endswith("veintiuno") else said.removesuffix("o")

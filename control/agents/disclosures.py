"""The sentence that discloses the artificial voice to callers, where the law requires it. Pure functions.

The countries and area codes of a call's numbers determine the law.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

import phonenumbers

from control.workspaces.settings import DisclosureChoice

FALLBACK: Final = "en"


@dataclass(frozen=True, slots=True)
class DisclosureRule:
    """A law that requires the disclosure from a given day on.

    It applies to numbers of these countries (ISO 3166), and to numbers that begin with one of the prefixes.
    """

    jurisdiction: str
    countries: frozenset[str]
    prefixes: tuple[str, ...]
    since: date

    def holds_for(self, number: str, on: date) -> bool:
        """Return whether the law applies to a number on a day.

        Args:
            number: The number as the carrier sends it, usually E.164.
        """
        if on < self.since:
            return False
        return number.startswith(self.prefixes) or (_find_country(number) in self.countries)


@dataclass(frozen=True, slots=True)
class Disclosures:
    """Legally required disclosures.

    Attributes:
        texts: Texts by language (ISO 639, two letters).
        rules: The rules of all known jurisdictions.
    """

    texts: Mapping[str, str] = field(default_factory=dict)
    rules: Sequence[DisclosureRule] = ()

    def find_text(self, choice: DisclosureChoice, numbers: Iterable[str], on: date, language: str) -> str:
        """Return the text for callers of a workspace with this choice; empty for none.

        Args:
            numbers: The numbers of both sides, because the laws of both may apply.
            language: BCP 47. If there is no text in this language, the English text is returned.
        """
        if choice.mode == "text":
            return choice.text
        known = [number for number in numbers if number]
        if choice.mode == "off" or not any(rule.holds_for(number, on) for rule in self.rules for number in known):
            return ""
        return self.texts.get(language.partition("-")[0].lower(), self.texts[FALLBACK])


NO_DISCLOSURES: Final = Disclosures()


def make_disclosures(shipped: Mapping[str, Any]) -> Disclosures:
    """Parse the data that the product ships with (config/data/disclosures.json)."""
    rules = [
        DisclosureRule(rule["jurisdiction"], frozenset(rule["countries"]), tuple(rule["prefixes"]), rule["since"])
        for rule in shipped["rules"]
    ]
    return Disclosures(shipped["texts"], tuple(rules))


def _find_country(number: str) -> str | None:
    try:
        country: str | None = phonenumbers.region_code_for_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return None
    return country

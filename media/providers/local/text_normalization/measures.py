"""Reads units and currency codes after a number."""

import re
from collections.abc import Sequence
from typing import Final

from media.providers.local.text_normalization.context import WordContext
from media.providers.local.text_normalization.numerals import decimal

# Names by written unit: singular, plural.
_UNITS: Final = {
    "km": ("kilometer", "kilometers"),
    "cm": ("centimeter", "centimeters"),
    "mm": ("millimeter", "millimeters"),
    "m": ("meter", "meters"),
    "mi": ("mile", "miles"),
    "ft": ("foot", "feet"),
    "sqft": ("square foot", "square feet"),
    "mph": ("mile an hour", "miles an hour"),
    "km/h": ("kilometer an hour", "kilometers an hour"),
    "kg": ("kilogram", "kilograms"),
    "g": ("gram", "grams"),
    "mg": ("milligram", "milligrams"),
    "lb": ("pound", "pounds"),
    "lbs": ("pounds", "pounds"),
    "oz": ("ounce", "ounces"),
    "ml": ("milliliter", "milliliters"),
    "l": ("liter", "liters"),
    "GB": ("gigabyte", "gigabytes"),
    "MB": ("megabyte", "megabytes"),
    "Mbps": ("megabit a second", "megabits a second"),
    "kWh": ("kilowatt hour", "kilowatt hours"),
    "USD": ("US dollar", "US dollars"),
    "EUR": ("euro", "euros"),
    "GBP": ("pound", "pounds"),
    "$": ("dollar", "dollars"),
    "€": ("euro", "euros"),
    "£": ("pound", "pounds"),
    "°": ("degree", "degrees"),
    "°C": ("degree celsius", "degrees celsius"),
    "°F": ("degree fahrenheit", "degrees fahrenheit"),
}
_NUMBER: Final = r"[-\u2212]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
_JOINED: Final = re.compile(
    rf"({_NUMBER})({'|'.join(unit for unit in sorted(_UNITS, key=len, reverse=True) if unit[0].isalpha())})"
)
_BARE: Final = re.compile(_NUMBER)


def read_measure(word: str, context: WordContext) -> Sequence[str] | None:
    """Read a unit after its number (5 km), or both (5km). Returns None for any other word."""
    if word in _UNITS and _BARE.fullmatch(context.before):
        return _say_unit(word, context.before)
    if match := _JOINED.fullmatch(word):
        sign = ["minus"] if match[1][0] in "-\u2212" else []
        return [*sign, *decimal(match[1].lstrip("-\u2212")), *_say_unit(match[2], match[1])]
    return None


def _say_unit(unit: str, number: str) -> list[str]:
    said = _UNITS[unit][number != "1"].split()
    return ["U", "S", *said[1:]] if said[0] == "US" else said

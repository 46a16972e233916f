"""The words and rules of languages with decimal commas: Spanish, German and French."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Currency:
    """The names of a currency.

    Attributes:
        one: One unit, such as "un euro".
        many: The plural, such as "euros".
        cent: One hundredth, such as "un céntimo".
        cents: The plural of the hundredth.
    """

    one: str
    many: str
    cent: str
    cents: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberLanguage:
    """How a language reads numbers.

    Attributes:
        code: The language's name in num2words.
        comma_groups: "1,250" is a thousand, as in Mexico. Otherwise, a comma begins decimals.
        decimal: The word for the decimal sign.
        to: The word between the ends of a range.
        and_cents: The text between euros and cents.
        months: The names of the months, January first.
        currencies: The currencies by sign.
        units: Each symbol's unit, in the singular with "one" and in the plural.
        signs: The words for the signs in addresses.
        abbreviations: Expansions by abbreviation, in lower case and without the last full stop.
        elision: Endings of a number that change before a noun.
        date: The template that joins day, month and year.
        first_day: The word for the first of a month. If it is empty, the number is read.
        clock: The template of a time with {hour} and {minute}.
        whole_hour: The template of a time without minutes.
        hours: Hours whose words differ from the number.
        pairs: Telephone numbers are read in pairs of digits.
        millions: Endings of numbers that need "de" before a noun.
        ones: A pattern of numbers in figures that agree with their noun, besides 1 itself. Empty if there are none.
    """

    code: str
    comma_groups: bool = False
    decimal: str
    minus: str
    plus: str
    percent: str
    to: str
    and_cents: str
    months: tuple[str, ...]
    currencies: Mapping[str, Currency]
    units: Mapping[str, tuple[str, str]]
    signs: Mapping[str, str]
    abbreviations: Mapping[str, str]
    elision: Mapping[str, str] = field(default_factory=dict)
    date: str
    first_day: str = ""
    clock: str
    whole_hour: str
    hours: Mapping[int, str]
    pairs: bool = False
    millions: tuple[str, ...] = ()
    ones: str = ""

    def counts_one(self, number: str) -> bool:
        """Return whether the word for a number (in figures) has a gender that depends on its noun."""
        return number == "1" or bool(self.ones and re.fullmatch(self.ones, number))


SPANISH: Final = NumberLanguage(
    code="es",
    comma_groups=True,
    decimal="coma",
    minus="menos",
    plus="más",
    percent="por ciento",
    to="a",
    and_cents=" con ",
    months=(
        *("enero", "febrero", "marzo", "abril", "mayo", "junio"),
        *("julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"),
    ),
    currencies={
        "€": Currency("un euro", "euros", "un céntimo", "céntimos"),
        "$": Currency("un dólar", "dólares", "un centavo", "centavos"),
        "£": Currency("una libra", "libras", "un penique", "peniques"),
    },
    units={
        "km": ("un kilómetro", "kilómetros"),
        "m": ("un metro", "metros"),
        "cm": ("un centímetro", "centímetros"),
        "kg": ("un kilo", "kilos"),
        "g": ("un gramo", "gramos"),
        "l": ("un litro", "litros"),
        "min": ("un minuto", "minutos"),
        "h": ("una hora", "horas"),
        "km/h": ("un kilómetro por hora", "kilómetros por hora"),
        "m²": ("un metro cuadrado", "metros cuadrados"),
        "°C": ("un grado", "grados"),
        "°": ("un grado", "grados"),
        "GB": ("un gigabyte", "gigabytes"),
    },
    signs={"@": "arroba", ".": "punto", "-": "guion", "_": "guion bajo", "/": "barra", "+": "más", ":": "dos puntos"},
    abbreviations={
        "sr": "señor",
        "sra": "señora",
        "dr": "doctor",
        "dra": "doctora",
        "avda": "avenida",
        "av": "avenida",
        "c/": "calle",
        "núm": "número",
        "n.º": "número",
        "nº": "número",
        "tel": "teléfono",
        "ud": "usted",
    },
    elision={"veintiuno": "veintiún", "uno": "un"},
    date="{day} de {month}{year}",
    clock="{hour} y {minute}",
    whole_hour="{hour}",
    hours={1: "una", 21: "veintiuna"},
    millions=("millón", "millones"),
)

GERMAN: Final = NumberLanguage(
    code="de",
    decimal="Komma",
    minus="minus",
    plus="plus",
    percent="Prozent",
    to="bis",
    and_cents=" ",
    months=(
        *("Januar", "Februar", "März", "April", "Mai", "Juni"),
        *("Juli", "August", "September", "Oktober", "November", "Dezember"),
    ),
    currencies={
        "€": Currency("ein Euro", "Euro", "ein Cent", "Cent"),
        "$": Currency("ein Dollar", "Dollar", "ein Cent", "Cent"),
        "£": Currency("ein Pfund", "Pfund", "ein Penny", "Pence"),
    },
    units={
        "km": ("ein Kilometer", "Kilometer"),
        "m": ("ein Meter", "Meter"),
        "cm": ("ein Zentimeter", "Zentimeter"),
        "kg": ("ein Kilo", "Kilo"),
        "g": ("ein Gramm", "Gramm"),
        "l": ("ein Liter", "Liter"),
        "min": ("eine Minute", "Minuten"),
        "Min": ("eine Minute", "Minuten"),
        "Std": ("eine Stunde", "Stunden"),
        "h": ("eine Stunde", "Stunden"),
        "km/h": ("ein Kilometer pro Stunde", "Kilometer pro Stunde"),
        "m²": ("ein Quadratmeter", "Quadratmeter"),
        "°C": ("ein Grad", "Grad"),
        "°": ("ein Grad", "Grad"),
        "GB": ("ein Gigabyte", "Gigabyte"),
    },
    signs={
        "@": "at",
        ".": "Punkt",
        "-": "minus",
        "_": "Unterstrich",
        "/": "Schrägstrich",
        "+": "plus",
        ":": "Doppelpunkt",
    },
    abbreviations={
        "nr": "Nummer",
        "str": "Straße",
        "dr": "Doktor",
        "z.b": "zum Beispiel",
        "ca": "circa",
        "tel": "Telefon",
        "bzw": "beziehungsweise",
        "inkl": "inklusive",
        "usw": "und so weiter",
        "d.h": "das heißt",
        "mio": "Millionen",
        "mrd": "Milliarden",
    },
    elision={"eins": "ein"},
    date="{day} {month}{year}",
    clock="{hour} Uhr {minute}",
    whole_hour="{hour} Uhr",
    hours={1: "ein"},
)

FRENCH: Final = NumberLanguage(
    code="fr",
    decimal="virgule",
    minus="moins",
    plus="plus",
    percent="pour cent",
    to="à",
    and_cents=" ",
    months=(
        *("janvier", "février", "mars", "avril", "mai", "juin"),
        *("juillet", "août", "septembre", "octobre", "novembre", "décembre"),
    ),
    currencies={
        "€": Currency("un euro", "euros", "un centime", "centimes"),
        "$": Currency("un dollar", "dollars", "un cent", "cents"),
        "£": Currency("une livre", "livres", "un penny", "pence"),
    },
    units={
        "km": ("un kilomètre", "kilomètres"),
        "m": ("un mètre", "mètres"),
        "cm": ("un centimètre", "centimètres"),
        "kg": ("un kilo", "kilos"),
        "g": ("un gramme", "grammes"),
        "l": ("un litre", "litres"),
        "min": ("une minute", "minutes"),
        "h": ("une heure", "heures"),
        "km/h": ("un kilomètre heure", "kilomètres heure"),
        "m²": ("un mètre carré", "mètres carrés"),
        "°C": ("un degré", "degrés"),
        "°": ("un degré", "degrés"),
        "Go": ("un gigaoctet", "gigaoctets"),
    },
    signs={
        "@": "arobase",
        ".": "point",
        "-": "tiret",
        "_": "tiret bas",
        "/": "barre oblique",
        "+": "plus",
        ":": "deux points",
    },
    abbreviations={
        "m": "monsieur",
        "mme": "madame",
        "mlle": "mademoiselle",
        "dr": "docteur",
        "av": "avenue",
        "bd": "boulevard",
        "n°": "numéro",
        "tél": "téléphone",
    },
    date="{day} {month}{year}",
    first_day="premier",
    clock="{hour} heures {minute}",
    whole_hour="{hour} heures",
    hours={1: "une", 21: "vingt et une"},
    pairs=True,
    millions=("million", "millions", "milliard", "milliards"),
    ones=r"\d*(?:[2-6]1|01|81)",
)

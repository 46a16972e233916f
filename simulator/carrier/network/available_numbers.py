"""Numbers that can be bought: the same each time, most of them from ranges reserved for fiction.

Sources: NANPA's 555 line numbers; Ofcom's for drama (020 7946 0xxx, 0161 496 0xxx, 0808 157 0xxx) and
Bundesnetzagentur's for media (030 23125 xxx, 0152 28817386 and after). Validators reject Ofcom's mobile numbers for
drama, so British mobiles are ordinary ones.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

NumberKind = Literal["local", "toll_free", "mobile"]

_AREAS = {
    "415": ("San Francisco", "CA"),
    "212": ("New York", "NY"),
    "512": ("Austin", "TX"),
    "206": ("Seattle", "WA"),
    "312": ("Chicago", "IL"),
    "305": ("Miami", "FL"),
}
_TOLL_FREE = ("833", "844", "855", "866", "877", "888")


@dataclass(frozen=True, slots=True)
class AvailableNumber:
    """A number that exists: E.164, ISO country, kind; locality and region are "" without one."""

    phone_number: str
    country: str
    kind: NumberKind
    locality: str = ""
    region: str = ""


def list_available_numbers(country: str, kind: NumberKind, area_code: str = "") -> Iterator[AvailableNumber]:
    """Every number of that kind, in a fixed order, bought or not; none for an unknown country.

    area_code: the national destination code, as 415 in the US or 20 in GB.
    """
    for prefix, digits, locality, region in _ranges(country, kind, area_code):
        for number in range(10**digits):
            yield AvailableNumber(f"{prefix}{number:0{digits}}", country, kind, locality, region)


def _ranges(country: str, kind: NumberKind, area_code: str) -> Iterator[tuple[str, int, str, str]]:
    """Prefix, number of digits after the prefix, locality, region."""
    match country, kind:
        case (("US" | "CA"), "local"):
            for code in [area_code] if area_code else _AREAS:
                yield (f"+1{code}555", 4, *_AREAS.get(code, ("", "")))
        case (("US" | "CA"), "toll_free"):
            for code in [area_code] if area_code in _TOLL_FREE else [] if area_code else _TOLL_FREE:
                yield f"+1{code}555", 4, "", ""
        case "GB", "local":
            places = {"20": ("+442079460", "London"), "161": ("+441614960", "Manchester")}
            for code, (prefix, place) in places.items():
                if area_code in ("", code):
                    yield prefix, 3, place, ""
        case "GB", "mobile":
            yield "+447400555", 3, "", ""
        case "GB", "toll_free":
            yield "+448081570", 3, "", ""
        case "DE", "local" if area_code in ("", "30"):
            yield "+493023125", 3, "Berlin", ""
        case "DE", "mobile":
            yield "+4915228817", 3, "", ""

"""Numbers that can be bought. The list is always the same, and most numbers come from ranges reserved for fiction.

Sources: NANPA's 555 line numbers; Ofcom's numbers for drama (020 7946 0xxx, 0161 496 0xxx, 0808 157 0xxx) and
Bundesnetzagentur's numbers for media (030 23125 xxx, 0152 28817386 and after). Validators reject Ofcom's mobile numbers
for drama, so British mobile numbers are ordinary ones.
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
    """A number that can be bought. The locality and region are empty if unknown."""

    phone_number: str
    country: str
    kind: NumberKind
    locality: str = ""
    region: str = ""


def list_available_numbers(country: str, kind: NumberKind, area_code: str = "") -> Iterator[AvailableNumber]:
    """Yield all numbers of a kind in a fixed order, whether bought or not. Yields nothing for an unknown country.

    Args:
        area_code: The national destination code, such as 415 in the US or 20 in GB. Empty for all codes.
    """
    for prefix, digits, locality, region in _ranges(country, kind, area_code):
        for number in range(10**digits):
            yield AvailableNumber(f"{prefix}{number:0{digits}}", country, kind, locality, region)


def _ranges(country: str, kind: NumberKind, area_code: str) -> Iterator[tuple[str, int, str, str]]:
    """Yield prefix, number of digits after the prefix, locality and region of each range."""
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

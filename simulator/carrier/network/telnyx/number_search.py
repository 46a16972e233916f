"""The search for available numbers, with Telnyx's filters (API reference: List available phone numbers)."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import get_args

from simulator.carrier.network.available_numbers import AvailableNumber, NumberKind, list_available_numbers
from simulator.carrier.network.telnyx.errors import invalid, out_of_range

Json = dict[str, object]

_COUNTRIES = ("US", "CA", "GB", "DE")
_COSTS = {"local": "1.00000", "toll_free": "1.50000", "mobile": "3.00000"}
_MAX_LIMIT = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberSearch:
    """The filters of a search, as in `filter[…]`. "" matches anything."""

    country: str = "US"
    kind: str = "local"
    code: str = ""
    locality: str = ""
    region: str = ""
    contains: str = ""
    starts_with: str = ""
    ends_with: str = ""
    features: frozenset[str] = frozenset()
    limit: int = 10


def read_number_search(query: Mapping[str, str]) -> NumberSearch:
    """Read the query of GET /available_phone_numbers. Filters that this network lacks are ignored. Raises
    TelnyxError.
    """
    limit = query.get("filter[limit]", "10")
    if not limit.isdecimal():
        raise invalid("filter/limit", "The limit must be an integer.")
    if not 1 <= int(limit) <= _MAX_LIMIT:
        raise out_of_range("filter/limit", 1, _MAX_LIMIT)
    features = query.get("filter[features]", "") + "," + query.get("filter[features][]", "")
    return NumberSearch(
        country=query.get("filter[country_code]", "US"),
        kind=query.get("filter[phone_number_type]", "local"),
        code=query.get("filter[national_destination_code]", ""),
        locality=query.get("filter[locality]", ""),
        region=query.get("filter[administrative_area]", ""),
        contains=query.get("filter[phone_number][contains]", ""),
        starts_with=query.get("filter[phone_number][starts_with]", ""),
        ends_with=query.get("filter[phone_number][ends_with]", ""),
        features=frozenset(filter(None, features.split(","))),
        limit=int(limit),
    )


def search_numbers(query: NumberSearch, free: Callable[[str], bool]) -> list[AvailableNumber]:
    """Return the matching free numbers in a fixed order."""
    kind = _kind(query.kind)
    if kind is None or not query.features <= set(_features(query.country)):
        return []
    matching = (
        available
        for available in list_available_numbers(query.country, kind, query.code)
        if _matches(available, query) and free(available.phone_number)
    )
    return list(itertools.islice(matching, query.limit))


def find_available_number(number: str) -> AvailableNumber | None:
    """Return a number that can be bought; None if it does not exist."""
    for country, kind in itertools.product(_COUNTRIES, get_args(NumberKind)):
        code = number[2:5] if country in ("US", "CA") else ""
        for available in list_available_numbers(country, kind, code):
            if available.phone_number == number:
                return available
    return None


def available_number_json(available: AvailableNumber) -> Json:
    """Return an available number in the API's format."""
    places = (("country_code", available.country), ("location", available.locality), ("state", available.region))
    return {
        "record_type": "available_phone_number",
        "phone_number": available.phone_number,
        "vanity_format": None,
        "best_effort": False,
        "quickship": True,
        "reservable": True,
        "cost_information": {
            "upfront_cost": _COSTS[available.kind],
            "monthly_cost": _COSTS[available.kind],
            "currency": "USD",
        },
        "features": [{"name": name} for name in _features(available.country)],
        "region_information": [{"region_type": kind, "region_name": name} for kind, name in places if name],
    }


def _kind(name: str) -> NumberKind | None:
    kinds: tuple[NumberKind, ...] = get_args(NumberKind)
    return next((kind for kind in kinds if kind == name), None)


def _features(country: str) -> tuple[str, ...]:
    return ("voice", "sms", "mms", "fax") if country in ("US", "CA") else ("voice", "fax")


def _matches(available: AvailableNumber, query: NumberSearch) -> bool:
    """Return whether a number matches. Patterns match digits of the whole number or of the national number."""
    digits = available.phone_number[1:]
    national = digits[1:] if digits.startswith("1") else digits[2:]
    starts = query.starts_with.lstrip("+")
    return (
        query.locality.lower() in ("", available.locality.lower())
        and query.region.lower() in ("", available.region.lower())
        and query.contains.strip("*+") in digits
        and digits.endswith(query.ends_with)
        and (digits.startswith(starts) or national.startswith(starts))
    )

"""Numbers that can be bought: Telnyx's filters over the network's stock."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import get_args

from simulator.carrier.network.stock import ForSale, Kind, for_sale
from simulator.carrier.network.telnyx_side.problems import invalid, out_of_range

Json = dict[str, object]

_COUNTRIES = ("US", "CA", "GB", "DE")
_COSTS = {"local": "1.00000", "toll_free": "1.50000", "mobile": "3.00000"}
_MOST = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is looked for, as in `filter[…]`; "" stands for anything."""

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


def read_wanted(query: Mapping[str, str]) -> Wanted:
    """The query of GET /available_phone_numbers. Filters that say nothing about a number here are ignored.

    Raises TelnyxProblem.
    """
    limit = query.get("filter[limit]", "10")
    if not limit.isdecimal():
        raise invalid("filter/limit", "The limit must be an integer.")
    if not 1 <= int(limit) <= _MOST:
        raise out_of_range("filter/limit", 1, _MOST)
    features = query.get("filter[features]", "") + "," + query.get("filter[features][]", "")
    return Wanted(
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


def search(wanted: Wanted, free: Callable[[str], bool]) -> list[ForSale]:
    """What fits and is free, in a fixed order."""
    kind = _kind(wanted.kind)
    if kind is None or not wanted.features <= set(_features(wanted.country)):
        return []
    fitting = (
        offer
        for offer in for_sale(wanted.country, kind, wanted.code)
        if _fits(offer, wanted) and free(offer.phone_number)
    )
    return list(itertools.islice(fitting, wanted.limit))


def offer_of(number: str) -> ForSale | None:
    """The number as it stands in the stock; None: it isn't sold here."""
    for country, kind in itertools.product(_COUNTRIES, get_args(Kind)):
        code = number[2:5] if country in ("US", "CA") else ""
        for offer in for_sale(country, kind, code):
            if offer.phone_number == number:
                return offer
    return None


def shown_offer(offer: ForSale) -> Json:
    """An offer as the API shows it."""
    places = (("country_code", offer.country), ("location", offer.locality), ("state", offer.region))
    return {
        "record_type": "available_phone_number",
        "phone_number": offer.phone_number,
        "vanity_format": None,
        "best_effort": False,
        "quickship": True,
        "reservable": True,
        "cost_information": {
            "upfront_cost": _COSTS[offer.kind],
            "monthly_cost": _COSTS[offer.kind],
            "currency": "USD",
        },
        "features": [{"name": name} for name in _features(offer.country)],
        "region_information": [{"region_type": kind, "region_name": name} for kind, name in places if name],
    }


def _kind(name: str) -> Kind | None:
    kinds: tuple[Kind, ...] = get_args(Kind)
    return next((kind for kind in kinds if kind == name), None)


def _features(country: str) -> tuple[str, ...]:
    return ("voice", "sms", "mms", "fax") if country in ("US", "CA") else ("voice", "fax")


def _fits(offer: ForSale, wanted: Wanted) -> bool:
    """Patterns are digits of the whole number or of the national one."""
    digits = offer.phone_number[1:]
    national = digits[1:] if digits.startswith("1") else digits[2:]
    starts = wanted.starts_with.lstrip("+")
    return (
        wanted.locality.lower() in ("", offer.locality.lower())
        and wanted.region.lower() in ("", offer.region.lower())
        and wanted.contains.strip("*+") in digits
        and digits.endswith(wanted.ends_with)
        and (digits.startswith(starts) or national.startswith(starts))
    )

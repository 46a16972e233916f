"""Which numbers may be called."""

import pytest

from control.agents.destinations import country_of, parse_destination, require_allowed
from shared.errors import Invalid


@pytest.mark.parametrize(
    ("number", "country"),
    [
        ("+12125550123", "US"), ("+14165550123", "CA"), ("+442079460123", "GB"), ("+4915228817386", "DE"),
        ("+18005551212", "US"), ("+15550001234", "US"), ("+447700900123", "GB"), ("+18765551234", "JM"),
    ],
)  # fmt: skip
def test_ordinary_numbers(number: str, country: str) -> None:
    assert parse_destination(number) == (number, country)
    assert country_of(number) == country


@pytest.mark.parametrize(
    "number", ["", "2125550123", "+0123456789", "+1212555012", "+12125550123x", "+1999", "+99912345678",
               "+1 2125550123", "+12125550123;ext=1", "\u0661\u0662\u0663", "+4420794601"],
)  # fmt: skip
def test_invalid_numbers_are_refused(number: str) -> None:
    with pytest.raises(Invalid) as raised:
        parse_destination(number)
    assert (raised.value.code, raised.value.param) == ("number_invalid", "phone_number_to_call")


@pytest.mark.parametrize(
    "number",
    [
        "+19005551234",  # premium rate, US
        "+19005550100",  # the same, although it looks like a reserved one
        "+12129761234",  # North America's premium exchange
        "+14169761234",
        "+15559761234",
        "+15005550100",  # personal number, US
        "+449098790123",  # premium rate, GB
        "+448431234567",  # shared cost, GB
        "+447012345678",  # personal number, GB
        "+4990012345678"[:13],  # premium rate, DE
        "+870773111632",  # Inmarsat
        "+881612345678",  # Globalstar, Iridium
        "+882161234567",  # international networks
        "+979123456789",  # international premium rate
        "+80012345678",  # international freephone: no country
    ],
)
def test_premium_and_satellite_numbers_are_refused(number: str) -> None:
    with pytest.raises(Invalid) as raised:
        parse_destination(number)
    assert raised.value.code in ("number_refused", "number_invalid")


def test_allowed_countries() -> None:
    require_allowed("US", [], [])
    require_allowed("CA", [], [])
    require_allowed("DE", ["DE"], [])
    require_allowed("FR", ["DE"], ["FR"])
    for country, own, chosen in (("JM", ["US"], []), ("US", ["US"], ["FR"]), ("DE", [], [])):
        with pytest.raises(Invalid) as raised:
            require_allowed(country, own, chosen)
        assert raised.value.code == "country_not_allowed"

"""What numbering plans allow."""

import pytest

from control.carriers.rules import country_of, require_area
from shared.errors import Invalid


@pytest.mark.parametrize(
    ("number", "country"),
    [("+14155550123", "US"), ("+16045550123", "CA"), ("+442071838750", "GB"), ("+4930123456", "DE"),
     ("+80012345678", None)],
)  # fmt: skip
def test_country_of_a_number(number: str, country: str | None) -> None:
    assert country_of(number) == country


@pytest.mark.parametrize(
    "number", ["", "+", "14155550123", "+1 415 555 0123", "+1-4155550123", "+99912345678", "+1555"]
)
def test_invalid_numbers_are_refused(number: str) -> None:
    with pytest.raises(Invalid) as caught:
        country_of(number)
    assert caught.value.param == "phone_number"


@pytest.mark.parametrize(("country", "area"), [("US", ""), ("US", "415"), ("CA", "604"), ("GB", "20"), ("DE", "30")])
def test_valid_area_codes(country: str, area: str) -> None:
    require_area(country, area)


@pytest.mark.parametrize(
    ("country", "area", "param"), [("US", "41", "area_code"), ("CA", "6045", "area_code"), ("QX", "", "country")]
)
def test_invalid_area_codes_are_refused(country: str, area: str, param: str) -> None:
    with pytest.raises(Invalid) as caught:
        require_area(country, area)
    assert caught.value.param == param

"""Countries and area codes of phone numbers. Pure."""

import re
from typing import Final

import phonenumbers

from shared.errors import Invalid

E164: Final = r"^\+[1-9][0-9]{1,14}$"
# Country code of North America, whose area codes have three digits.
_NANP: Final = 1


def country_of(phone_number: str) -> str | None:
    """ISO 3166 code of a number's country; None for a number without a country.

    Raises Invalid (code phone_number_invalid) for a text that is not E.164, or not a possible number."""
    try:
        number = phonenumbers.parse(phone_number)
    except phonenumbers.NumberParseException:
        raise _invalid() from None
    whole = phonenumbers.is_possible_number_with_reason(number) == phonenumbers.ValidationResult.IS_POSSIBLE
    if not re.fullmatch(E164, phone_number) or not whole:
        raise _invalid()
    country: str | None = phonenumbers.region_code_for_number(number)
    return country if country is not None and len(country) == 2 and country.isalpha() else None


def require_area(country: str, area_code: str) -> None:
    """Raises Invalid (codes country_unknown, area_code_invalid)."""
    prefix = phonenumbers.country_code_for_region(country)
    if not prefix:
        raise Invalid("There is no such country.", code="country_unknown", param="country")
    if prefix == _NANP and area_code and len(area_code) != 3:
        raise Invalid("This country's area codes have three digits.", code="area_code_invalid", param="area_code")


def _invalid() -> Invalid:
    return Invalid(
        "Not a phone number in international form, such as +14155550123.",
        code="phone_number_invalid",
        param="phone_number",
    )

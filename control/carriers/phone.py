"""What a phone number tells of itself."""

from typing import Literal

import phonenumbers
from phonenumbers import PhoneNumberType

Kind = Literal["local", "mobile", "toll_free"]
_KINDS: dict[int, Kind] = {PhoneNumberType.MOBILE: "mobile", PhoneNumberType.TOLL_FREE: "toll_free"}


def kind_of(phone_number: str) -> Kind:
    """How it is priced; local where its plan does not tell."""
    try:
        return _KINDS.get(phonenumbers.number_type(phonenumbers.parse(phone_number)), "local")
    except phonenumbers.NumberParseException:
        return "local"


def is_valid(phone_number: str) -> bool:
    """Whether it is an E.164 number that its country gives out."""
    try:
        return phone_number.startswith("+") and phonenumbers.is_valid_number(phonenumbers.parse(phone_number))
    except phonenumbers.NumberParseException:
        return False


def country_prefix(country: str) -> str:
    """The digits before a country's numbers, such as 49; empty for a country that has none."""
    code: int = phonenumbers.country_code_for_region(country)
    return str(code) if code else ""

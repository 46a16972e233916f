"""Properties that follow from a phone number."""

from typing import Literal

import phonenumbers
from phonenumbers import PhoneNumberType

NumberKind = Literal["local", "mobile", "national", "toll_free"]
_KINDS: dict[int, NumberKind] = {
    PhoneNumberType.MOBILE: "mobile",
    PhoneNumberType.TOLL_FREE: "toll_free",
    # Numbers without a place, such as 03 in the United Kingdom and 050 in Japan.
    PhoneNumberType.UAN: "national",
    PhoneNumberType.VOIP: "national",
}


def number_kind(phone_number: str) -> NumberKind:
    """Returns the kind by which a number is priced and regulated; local where its numbering plan does not say."""
    try:
        return _KINDS.get(phonenumbers.number_type(phonenumbers.parse(phone_number)), "local")
    except phonenumbers.NumberParseException:
        return "local"


def is_valid(phone_number: str) -> bool:
    """Whether it is an E.164 number that its country's numbering plan assigns."""
    try:
        return phone_number.startswith("+") and phonenumbers.is_valid_number(phonenumbers.parse(phone_number))
    except phonenumbers.NumberParseException:
        return False


def country_prefix(country: str) -> str:
    """Returns a country's calling code, such as 49; empty for an unknown country."""
    code: int = phonenumbers.country_code_for_region(country)
    return str(code) if code else ""

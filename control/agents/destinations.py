"""Which numbers calls and transfers may go to: the protection against toll fraud that a number alone allows. Pure."""

import re
from collections.abc import Collection
from typing import Final

import phonenumbers
from phonenumbers import PhoneNumberType

from shared.errors import Invalid

# Countries that calls may go to, besides those of the workspace's own numbers.
ALWAYS: Final = frozenset({"US", "CA"})
# Types that cost about as much as an ordinary call. Premium-rate and shared-cost numbers, personal numbers (often used
# for fraud), pagers and unknown types are not called.
ORDINARY: Final = frozenset(
    {
        PhoneNumberType.FIXED_LINE,
        PhoneNumberType.MOBILE,
        PhoneNumberType.FIXED_LINE_OR_MOBILE,
        PhoneNumberType.TOLL_FREE,
        PhoneNumberType.VOIP,
        PhoneNumberType.UAN,
    }
)
PARAM: Final = "phone_number_to_call"
_FALLBACK: Final = "fallback_number"
# Reserved for films and tests: they reach nobody and cost nothing. They are treated as ordinary numbers of their area.
_FICTION: Final = re.compile(r"\+1555\d{7}|\+1(?P<area>[2-9]\d{2})55501\d{2}|\+447700900\d{3}")
# North America's premium exchange, in every area; phonenumbers takes it for an ordinary one.
_PREMIUM: Final = re.compile(r"\+1\d{3}976\d{4}")
_EXPENSIVE: Final = "Premium-rate, shared-cost and personal numbers are not called."


def parse_destination(text: str, param: str = PARAM) -> tuple[str, str]:
    """The number in E.164 and its country (ISO 3166, two letters). Raises Invalid (codes number_invalid,
    number_refused)."""
    if not re.fullmatch(r"\+[1-9][0-9]{6,14}", text):
        raise _invalid(param, "must be a number in E.164, like +14155550100")
    if _PREMIUM.fullmatch(text):
        raise _refused(param, _EXPENSIVE)
    try:
        number = phonenumbers.parse(ordinary_number(text))
    except phonenumbers.NumberParseException:
        raise _invalid(param, "is no phone number") from None
    if not phonenumbers.is_valid_number(number):
        raise _invalid(param, "is no phone number of its country")
    country = phonenumbers.region_code_for_number(number) or ""
    if len(country) != 2:
        # Codes without a country, such as those of satellite phones.
        raise _refused(param, "Numbers without a country, such as those of satellite phones, are not called.")
    if phonenumbers.number_type(number) not in ORDINARY:
        raise _refused(param, _EXPENSIVE)
    return text, country


def is_ordinary_destination(number: str) -> bool:
    """Whether the number alone allows a call: it is one of a country, and of a type that is not expensive."""
    try:
        parse_destination(number)
    except Invalid:
        return False
    return True


def require_allowed(country: str, own: Collection[str], chosen: Collection[str], param: str = PARAM) -> None:
    """chosen: the countries that were set for the workspace; without any, ALWAYS and those of its own numbers (`own`)
    are allowed. Raises Invalid (code country_not_allowed)."""
    allowed = set(chosen) if chosen else ALWAYS | set(own)
    if country not in allowed:
        countries = ", ".join(sorted(allowed))
        raise Invalid(
            f"This workspace does not call {country}; it may call {countries}.", code="country_not_allowed", param=param
        )


def callable_number(text: str) -> str:
    """The number itself, if it is empty or may be called. Raises ValueError."""
    if not text:
        return text
    try:
        parse_destination(text, _FALLBACK)
    except Invalid as fault:
        # The answer names the field.
        raise ValueError(fault.message.removeprefix(f"{_FALLBACK} ")) from None
    return text


def country_of(number: str) -> str | None:
    """The country of one of our own numbers; None when it is unknown."""
    try:
        return parse_destination(number)[1]
    except Invalid:
        return None


def ordinary_number(number: str) -> str:
    """The number itself; for a reserved one, which phonenumbers does not know, an ordinary one of the same area."""
    fiction = _FICTION.fullmatch(number)
    if fiction is None:
        return number
    return "+447400123456" if number.startswith("+44") else f"+1{fiction['area'] or 212}2340101"


def _invalid(param: str, what: str) -> Invalid:
    return Invalid(f"{param} {what}.", code="number_invalid", param=param)


def _refused(param: str, why: str) -> Invalid:
    return Invalid(why, code="number_refused", param=param)

"""Rules for the numbers that calls and transfers may reach, as protection against toll fraud. Pure functions."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any, Final

import phonenumbers
from phonenumbers import PhoneNumberType
from pydantic import ValidationInfo

from control.agents.rules import Config
from control.workspaces.settings import OUTBOUND_COUNTRIES
from shared.errors import Invalid

# Countries that may be called in addition to the countries of the workspace's own numbers.
ALWAYS: Final = frozenset({"US", "CA"})
# Types of numbers that cost about as much as an ordinary call. Premium-rate and shared-cost numbers, personal numbers
# (often used for fraud), pagers and unknown types are not called.
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
# Numbers reserved for films and tests: they reach nobody and cost nothing. They are treated as ordinary numbers of
# their area.
_FICTION: Final = re.compile(r"\+1555\d{7}|\+1(?P<area>[2-9]\d{2})55501\d{2}|\+447700900\d{3}")
# North America's premium exchange, in every area. phonenumbers classifies it as ordinary.
_PREMIUM: Final = re.compile(r"\+1\d{3}976\d{4}")
# RFC 3966 writes an extension as ";ext=". The examples of Telnyx and Twilio have at most 12 keys.
_EXTENSION: Final = re.compile(r"(?P<number>\+[1-9][0-9]{6,14});ext=(?P<keys>[0-9*#]{1,12})")
# RFC 3261, section 19.1: user and host are required here; passwords, parameters and headers are not accepted.
_SIP: Final = re.compile(
    r"[sS][iI][pP][sS]?:(?P<user>[A-Za-z0-9_.!~*'()&=+$,;?/-]{1,64})@(?P<host>[A-Za-z0-9.-]{1,100})(?P<port>:[0-9]{2,5})?"
)
_HOST_NAME: Final = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}", re.IGNORECASE)
# Names that only a private network resolves (RFC 6761, RFC 6762).
_PRIVATE_NAMES: Final = (".local", ".localhost", ".internal", ".invalid", ".test", ".example", ".home.arpa")
# The form of a stored target; `parse_target` checks the rest.
TARGET: Final = r"^(\+[1-9][0-9]{6,14}(;ext=[0-9*#]{1,12})?|[sS][iI][pP][sS]?:.+)?$"
# A carrier may treat a number at its own domain as an ordinary call, which bypasses the rules of countries and prices.
_CARRIERS: Final = (".twilio.com", ".telnyx.com")
LONGEST_TARGET: Final = 180
_EXPENSIVE: Final = "Premium-rate, shared-cost and personal numbers are not called."


def parse_destination(text: str, param: str = PARAM) -> tuple[str, str]:
    """Return the number in E.164 and its country (ISO 3166, two letters).

    Raises Invalid (codes number_invalid, number_refused).
    """
    if not re.fullmatch(r"\+[1-9][0-9]{6,14}", text):
        raise _invalid(param, "must be a number in E.164, like +14155550100")
    if _PREMIUM.fullmatch(text):
        raise _refused(param, _EXPENSIVE)
    try:
        number = phonenumbers.parse(ordinary_number(text))
    except phonenumbers.NumberParseException:
        raise _invalid(param, "is not a phone number") from None
    if not phonenumbers.is_valid_number(number):
        raise _invalid(param, "is not a phone number of its country")
    country = phonenumbers.region_code_for_number(number) or ""
    if len(country) != 2:
        # Codes without a country, such as codes of satellite phones.
        raise _refused(param, "Numbers without a country, such as numbers of satellite phones, are not called.")
    if phonenumbers.number_type(number) not in ORDINARY:
        raise _refused(param, _EXPENSIVE)
    return text, country


@dataclass(frozen=True, slots=True)
class TransferTarget:
    """The target of a transfer: a number, optionally with an extension, or a SIP address.

    Attributes:
        number: E.164; empty for a SIP address.
        country: Country of the number, ISO 3166 with two letters; empty for a SIP address.
        extension: Keys to press after the number has answered; empty for none.
        sip: The SIP URI; empty for a number.
    """

    number: str = ""
    country: str = ""
    extension: str = ""
    sip: str = ""


def parse_target(text: str, param: str = PARAM) -> TransferTarget:
    """Parse the target of a transfer: "+14155550100", "+14155550100;ext=204" or "sip:desk@pbx.acme.com".

    Raises:
        Invalid: The text has another form (codes number_invalid, sip_invalid), or the number may not be called (code
            number_refused).
    """
    if text.lower().startswith(("sip:", "sips:")):
        return TransferTarget(sip=_parse_sip(text, param))
    extended = _EXTENSION.fullmatch(text)
    if extended is None and ";" in text:
        raise _invalid(param, "must have an extension of 1 to 12 keys, like +14155550100;ext=204")
    number, country = parse_destination(extended["number"] if extended else text, param)
    return TransferTarget(number, country, extended["keys"] if extended else "")


def _parse_sip(text: str, param: str) -> str:
    found = _SIP.fullmatch(text)
    if found is None or not _is_public_host(found["host"]) or int((found["port"] or ":5060")[1:]) > 65_535:
        what = "must be a SIP address with a public host and no parameters, like sip:desk@pbx.acme.com"
        raise Invalid(f"{param} {what}.", code="sip_invalid", param=param)
    at_carrier = f".{found['host'].lower()}".endswith(_CARRIERS)
    if at_carrier and not any(character.isalpha() for character in found["user"]):
        raise _refused(param, "At a carrier's domain, a SIP address must name a user and no telephone number.")
    return text


def _is_public_host(host: str) -> bool:
    if re.fullmatch(r"[0-9.]+", host):
        try:
            return IPv4Address(host).is_global
        except ValueError:
            return False
    return _HOST_NAME.fullmatch(host) is not None and not host.lower().endswith(_PRIVATE_NAMES)


def is_ordinary_destination(target: str) -> bool:
    """Return whether the target is allowed regardless of the workspace.

    This holds for a number of a country that is not expensive, and for a SIP address.
    """
    try:
        parse_target(target)
    except Invalid:
        return False
    return True


def require_allowed(country: str, own: Collection[str], chosen: Collection[str], param: str = PARAM) -> None:
    """Raise Invalid (code country_not_allowed) if the country may not be called.

    Args:
        own: Countries of the workspace's own numbers.
        chosen: The countries set for the workspace. If it is empty, ALWAYS and `own` are allowed.
    """
    allowed = set(chosen) if chosen else ALWAYS | set(own)
    if country not in allowed:
        countries = ", ".join(sorted(allowed))
        raise Invalid(
            f"This workspace does not call {country}; it may call {countries}.", code="country_not_allowed", param=param
        )


def callable_target(text: str) -> str:
    """Return the target if it is empty or callers may be transferred to it. Raises ValueError otherwise."""
    if not text:
        return text
    try:
        parse_target(text, _FALLBACK)
    except Invalid as fault:
        # The answer already names the field.
        raise ValueError(fault.message.removeprefix(f"{_FALLBACK} ")) from None
    return text


def require_direct(mode: str, info: ValidationInfo) -> str:
    """Return the transfer mode of an agent's config.

    Raises ValueError for a warm transfer to an extension: the phone system that answers would hear the brief before the
    person does.
    """
    if mode == "warm" and ";ext=" in info.data.get(_FALLBACK, ""):
        raise ValueError("cannot be warm for a fallback_number with an extension")
    return mode


def country_of(number: str) -> str | None:
    """Return the country of one of our own numbers, or None if it is unknown."""
    try:
        return parse_destination(number)[1]
    except Invalid:
        return None


def ordinary_number(number: str) -> str:
    """Return the number.

    A reserved number, which phonenumbers does not recognize, is replaced by an ordinary number of its area.
    """
    fiction = _FICTION.fullmatch(number)
    if fiction is None:
        return number
    return "+447400123456" if number.startswith("+44") else f"+1{fiction['area'] or 212}2340101"


def _invalid(param: str, what: str) -> Invalid:
    return Invalid(f"{param} {what}.", code="number_invalid", param=param)


def _refused(param: str, why: str) -> Invalid:
    return Invalid(why, code="number_refused", param=param)


FALLBACK: Final = "fallback_number"
FALLBACK_PARAM: Final = f"config.{FALLBACK}"


@dataclass(frozen=True, slots=True)
class DialScope:
    """The destinations that a workspace's calls may reach.

    Attributes:
        own: Countries of its numbers, without dangerous countries.
        chosen: Countries set for the workspace; may be empty.
        is_ours: Whether the number in question belongs to a workspace here, within the transaction's scope.
        trial_numbers: The only numbers that a workspace on trial may call; None for other workspaces, and while staff
            allow trials to call any number.
    """

    own: Collection[str]
    chosen: Sequence[str]
    is_ours: bool
    trial_numbers: Collection[str] | None = None


def make_dial_scope(row: Any, dangerous: Collection[str]) -> DialScope:
    """Create the scope from a row.

    The row has settings, homes (each number's country, or the number if no country is stored), is_ours and
    trial_numbers.

    Args:
        dangerous: Countries that are called only if staff chose them. A number of the workspace in the country is not
            enough, because fraudsters buy a number near their accomplices.
    """
    own = {country_of(home) or "" if home.startswith("+") else home for home in row["homes"]}
    own.difference_update(dangerous)
    return DialScope(own, OUTBOUND_COUNTRIES.read(row["settings"]), bool(row["is_ours"]), row["trial_numbers"])


def require_not_ours(scope: DialScope, param: str = FALLBACK_PARAM) -> None:
    """Refuse our own numbers. Raises Invalid (code number_is_own).

    Two agents could otherwise transfer a caller to each other endlessly.
    """
    if scope.is_ours:
        raise Invalid("Agents of this platform answer this number.", code="number_is_own", param=param)


def require_verified(number: str, country: str, scope: DialScope, param: str = FALLBACK_PARAM) -> None:
    """Refuse numbers that a workspace on trial may not call.

    Raises Invalid (codes number_unverified, country_not_allowed).

    A trial is free, so its calls reach only verified phones of its members, in the country of the number that it calls
    from. Nobody can thus make phones of strangers or foreign networks ring for free.
    """
    if scope.trial_numbers is None:
        return
    if country not in scope.own:
        text = "On trial, a workspace calls only phones in the country of its own number."
        raise Invalid(text, code="country_not_allowed", param=param)
    if number not in scope.trial_numbers:
        text = "On trial, a workspace calls only phone numbers that its members have verified."
        raise Invalid(text, code="number_unverified", param=param)


def require_sip_allowed(scope: DialScope, param: str = FALLBACK_PARAM) -> None:
    """Refuse SIP addresses on trial, when calls may reach only phones of members.

    Raises:
        Invalid: The workspace is on trial (code number_unverified).
    """
    if scope.trial_numbers is not None:
        text = "On trial, a workspace cannot transfer to a SIP address."
        raise Invalid(text, code="number_unverified", param=param)


def find_transfer_fault(text: str, scope: DialScope, param: str = FALLBACK_PARAM) -> Invalid | None:
    """Return why callers cannot be transferred to this target, or None if it is allowed or empty."""
    if not text:
        return None
    try:
        target = parse_target(text, param)
        if target.sip:
            require_sip_allowed(scope, param)
            return None
        require_allowed(target.country, scope.own, scope.chosen, param)
        require_not_ours(scope, param)
        require_verified(target.number, target.country, scope, param)
    except Invalid as fault:
        return fault
    return None


def stored_fallback(config: Config) -> str:
    """Return the fallback number as stored.

    Returns an empty text for other types, which an older schema may have allowed.
    """
    number = config.get(FALLBACK)
    return number if isinstance(number, str) else ""


def remove_refused_fallback(config: Config, scope: DialScope) -> Config:
    """Return the config without a fallback number that is not allowed. The agent then takes a message instead."""
    return config if find_transfer_fault(stored_fallback(config), scope) is None else {**config, FALLBACK: ""}

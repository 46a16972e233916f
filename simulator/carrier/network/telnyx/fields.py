"""Reads fields of a request's JSON. Errors name the parameter."""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence

from simulator.carrier.network.telnyx.errors import invalid, missing, not_e164, not_one_of, out_of_range

Body = Mapping[str, object]

_E164 = re.compile(r"\+[1-9]\d{6,14}")
_SIP = re.compile(r"sips?:[^@\s]+@[^@\s]+", re.IGNORECASE)


def text(body: Body, name: str, default: str = "") -> str:
    """Return a string. Raises TelnyxError."""
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, str):
        raise invalid(name, f"The '{name}' parameter must be a string.")
    return value


def required(body: Body, name: str) -> str:
    """Return a non-blank string. Raises TelnyxError."""
    value = text(body, name)
    if not value.strip():
        raise missing(name)
    return value


def phone(body: Body, name: str) -> str:
    """Return an E.164 number. Raises TelnyxError."""
    value = required(body, name)
    if not _E164.fullmatch(value):
        raise not_e164(name)
    return value


def destination(body: Body, name: str) -> str:
    """Return an E.164 number or a SIP URI. Raises TelnyxError."""
    value = required(body, name)
    return value if _SIP.fullmatch(value) else phone(body, name)


def is_e164(value: str) -> bool:
    """Return whether the value is an E.164 number: + and digits."""
    return _E164.fullmatch(value) is not None


def whole(body: Body, name: str, default: int, least: int, most: int) -> int:
    """Return a whole number in its range. Raises TelnyxError."""
    value = body.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool):
        raise invalid(name, f"The '{name}' parameter must be an integer.")
    if not least <= value <= most:
        raise out_of_range(name, least, most)
    return value


def choice(body: Body, name: str, allowed: Sequence[str], default: str) -> str:
    """Return one of the allowed strings, case-sensitive. Raises TelnyxError."""
    value = body.get(name, default)
    if value not in allowed or not isinstance(value, str):
        raise not_one_of(name, allowed)
    return value


def client_state(body: Body) -> str | None:
    """Return the base64 text that is repeated in every later webhook; None if it is missing. Raises TelnyxError."""
    value = text(body, "client_state")
    if not value:
        return None
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise invalid("client_state", "The 'client_state' parameter must be a valid Base-64 encoded string.") from None
    return value


def web_url(body: Body, name: str, schemes: Sequence[str]) -> str:
    """Return a URL with one of the schemes, unchanged; "" if it is missing. Raises TelnyxError."""
    value = text(body, name)
    if value and not value.startswith(tuple(f"{scheme}://" for scheme in schemes)):
        raise invalid(name, f"The '{name}' parameter must begin with {' or '.join(schemes)}.")
    return value

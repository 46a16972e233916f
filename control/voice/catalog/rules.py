"""Checks a provider's options by kind, as staff and customers set them, including pipecat services. Pure functions."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from control.voice.routing.rules import BASE_URL, KINDS, QUALITY, VENDOR
from shared.egress import EgressGuard, EgressRefused
from shared.errors import ErrorDetail, Invalid
from shared.pipecat_services import find_faults
from vendors.registry import find_option_faults

MAX_OPTIONS: Final = 30
MAX_TEXT: Final = 500
# Greater integers are not exact in JSON (RFC 8259, section 6), and JSON in PostgreSQL has no infinity.
MAX_NUMBER: Final = 2**53 - 1
_VALUE: Final = f"a value is a number up to 2^53, true, false or a text of at most {MAX_TEXT} characters"
_SCHEMES: Final = ("http", "https", "ws", "wss")


def require_options(
    config: Mapping[str, Any], allowed: Mapping[str, Any], *, address_kinds: Collection[str] = ()
) -> None:
    """Check the option names of each kind. Raises Invalid, which names each unknown kind and option.

    Args:
        allowed: The option names by kind.
        address_kinds: Kinds that also have the option `base_url`.
    """
    faults = [
        ErrorDetail(f"config.{at}", "option_unknown", f"config.{at}: {message}")
        for at, message in _option_faults(config, allowed, address_kinds)
    ]
    if faults:
        raise Invalid(faults[0].message, code="option_unknown", param=faults[0].param, errors=faults)


def require_values(config: Mapping[str, Any], vendor: str) -> None:
    """Check that media accepts each value. Call `require_options` and `require_address` first.

    Raises Invalid (code option_invalid).

    Args:
        vendor: The vendor whose adapter uses the values.
    """
    faults = [
        ErrorDetail(f"config.{kind}.{fault.option}", "option_invalid", fault.reason)
        for kind in KINDS
        for fault in find_option_faults(vendor, kind, config.get(kind, {}))
    ]
    if faults:
        first = faults[0]
        raise Invalid(f"{first.param}: {first.message}.", code="option_invalid", param=first.param, errors=faults)


def require_address(url: str, param: str, guard: EgressGuard | None = None) -> None:
    """Check a server address. Raises Invalid (code address_invalid).

    Args:
        guard: Checks an address given by a customer. None for an address given by staff.
    """
    try:
        parts = urlsplit(url)
        fine = parts.scheme in _SCHEMES and bool(parts.hostname) and not (parts.query or parts.fragment)
        fine = fine and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        fine = False
    if not fine or not url.isascii() or not url.isprintable() or " " in url:
        message = "It must be an address like https://api.example.com/v1."
        raise Invalid(message, code="address_invalid", param=param)
    if guard is None:
        return
    try:
        guard.check_url(url)
    except EgressRefused as refused:
        raise Invalid(f"{str(refused).capitalize()}.", code="address_invalid", param=param) from None


def addresses(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each kind's address with the name of its field."""
    for kind in KINDS:
        options = config.get(kind)
        if isinstance(options, Mapping) and BASE_URL in options:
            yield f"config.{kind}.{BASE_URL}", str(options[BASE_URL])


def _option_faults(
    config: Mapping[str, Any], allowed: Mapping[str, Any], address_kinds: Collection[str]
) -> Iterator[tuple[str, str]]:
    for kind, options in config.items():
        if kind in (VENDOR, QUALITY):
            continue
        if kind not in allowed:
            yield kind, f"it is for none of {', '.join(allowed)}"
        elif not isinstance(options, Mapping) or len(options) > MAX_OPTIONS:
            yield kind, f"options are an object of at most {MAX_OPTIONS} fields"
        else:
            names = (*allowed[kind], BASE_URL) if kind in address_kinds else tuple(allowed[kind])
            for name, value in options.items():
                if name not in names:
                    yield f"{kind}.{name}", f"there is no such option, only {', '.join(names) or 'none'}"
                elif not _is_plain(value):
                    yield f"{kind}.{name}", _VALUE


def _is_plain(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= MAX_TEXT and "\0" not in value
    if isinstance(value, list):
        return len(value) <= MAX_OPTIONS and all(isinstance(item, str) and _is_plain(item) for item in value)
    return isinstance(value, bool) or (isinstance(value, int | float) and -MAX_NUMBER <= value <= MAX_NUMBER)


# Settings of providers that run pipecat services, which only staff configure. Each kind names a service class and its
# settings. They are checked against the catalog that media reads.

OPTIONS: Final = ("service", "settings")
KEY_FIELD: Final = "api_key"


def require_services(config: Mapping[str, Any], kinds: Sequence[str], *, has_key: bool) -> None:
    """Check the whole config of a pipecat provider with these kinds.

    Raises Invalid, which names each invalid field (codes option_unknown, key_missing, key_invalid).
    """
    faults = list(_pipecat_faults(config, kinds, has_key=has_key))
    if faults:
        raise Invalid(faults[0].message, code=faults[0].code, param=faults[0].param, errors=faults)


def is_moved(before: Mapping[str, Any], changed: Mapping[str, Any]) -> bool:
    """Return whether a change may send the key to another server. Any setting of a service can do this."""
    return any(changed[kind] != before.get(kind) for kind in KINDS if kind in changed)


def _pipecat_faults(config: Mapping[str, Any], kinds: Sequence[str], *, has_key: bool) -> Iterator[ErrorDetail]:
    for name in config:
        if name not in (VENDOR, QUALITY, *kinds):
            yield _pipecat_fault(f"config.{name}", f"it is for none of {', '.join(kinds)}")
    for kind in kinds:
        options = config.get(kind)
        if not isinstance(options, Mapping):
            yield _pipecat_fault(f"config.{kind}", "options are an object with `service` and `settings`")
            continue
        for option in options:
            if option not in OPTIONS:
                yield _pipecat_fault(f"config.{kind}.{option}", f"there is no such option, only {', '.join(OPTIONS)}")
        found = find_faults(kind, options.get("service"), options.get("settings", {}), has_key=has_key)
        for field, reason in found:
            yield (
                _key_fault(reason, has_key) if field == KEY_FIELD else _pipecat_fault(f"config.{kind}.{field}", reason)
            )


def _pipecat_fault(param: str, reason: str) -> ErrorDetail:
    return ErrorDetail(param, "option_unknown", f"{param}: {reason}")


def _key_fault(reason: str, has_key: bool) -> ErrorDetail:
    return ErrorDetail(KEY_FIELD, "key_invalid" if has_key else "key_missing", f"{KEY_FIELD}: {reason}")

"""A provider's config where it runs services of pipecat: for each kind a service by its class, and its settings.

Only the staff set it up. Checks against the catalogue that media reads, too; no I/O.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from control.voice.offers import KINDS, QUALITY, VENDOR
from shared.errors import ErrorDetail, Invalid
from shared.pipecat_services import find_faults

OPTIONS: Final = ("service", "settings")
KEY_FIELD: Final = "api_key"


def require_services(config: Mapping[str, Any], kinds: Sequence[str], *, has_key: bool) -> None:
    """Checks the whole config of a provider of these kinds. Raises Invalid, which names each field at fault: codes
    option_unknown, key_missing and key_invalid."""
    faults = list(_faults(config, kinds, has_key=has_key))
    if faults:
        raise Invalid(faults[0].message, code=faults[0].code, param=faults[0].param, errors=faults)


def is_moved(before: Mapping[str, Any], changed: Mapping[str, Any]) -> bool:
    """Whether a change may send the key to another server: any setting of a service can do that."""
    return any(changed[kind] != before.get(kind) for kind in KINDS if kind in changed)


def _faults(config: Mapping[str, Any], kinds: Sequence[str], *, has_key: bool) -> Iterator[ErrorDetail]:
    for name in config:
        if name not in (VENDOR, QUALITY, *kinds):
            yield _fault(f"config.{name}", f"it is for none of {', '.join(kinds)}")
    for kind in kinds:
        options = config.get(kind)
        if not isinstance(options, Mapping):
            yield _fault(f"config.{kind}", "options are an object with `service` and `settings`")
            continue
        for option in options:
            if option not in OPTIONS:
                yield _fault(f"config.{kind}.{option}", f"there is no such option, only {', '.join(OPTIONS)}")
        found = find_faults(kind, options.get("service"), options.get("settings", {}), has_key=has_key)
        for field, reason in found:
            yield _key_fault(reason, has_key) if field == KEY_FIELD else _fault(f"config.{kind}.{field}", reason)


def _fault(param: str, reason: str) -> ErrorDetail:
    return ErrorDetail(param, "option_unknown", f"{param}: {reason}")


def _key_fault(reason: str, has_key: bool) -> ErrorDetail:
    return ErrorDetail(KEY_FIELD, "key_invalid" if has_key else "key_missing", f"{KEY_FIELD}: {reason}")

"""Finds what is wrong with the options of a provider, field by field; pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from msgspec import Struct

from shared.vendor_options import VENDOR_OPTIONS

# Where in a value the fault is, as msgspec appends it.
_PATH: Final = " - at `$"


@dataclass(frozen=True, slots=True)
class OptionFault:
    """An option that the vendor's adapter does not take. reason: without the value, which may be a key."""

    option: str
    reason: str


def find_option_faults(vendor: str, kind: str, options: Mapping[str, Any]) -> list[OptionFault]:
    """The faults of these options, in their order; none of those that are missing, which other settings may add. A
    vendor that is not in VENDOR_OPTIONS has no faults that are known here."""
    struct = VENDOR_OPTIONS.get(vendor, {}).get(kind)  # type: ignore[call-overload]
    if struct is None:
        return []
    return list(_field_faults(struct, options)) or list(_joint_faults(struct, options))


def _field_faults(struct: type[Struct], options: Mapping[str, Any]) -> Iterator[OptionFault]:
    types = {field.encode_name: field.type for field in msgspec.structs.fields(struct)}
    for name, value in options.items():
        if name not in types:
            yield OptionFault(name, "there is no such option")
            continue
        try:
            msgspec.convert(value, types[name])
        except msgspec.ValidationError as error:
            yield OptionFault(name, _explain(error))


def _joint_faults(struct: type[Struct], options: Mapping[str, Any]) -> Iterator[OptionFault]:
    """Those of a struct's own check, whose message begins with the option."""
    needed = {field.encode_name for field in msgspec.structs.fields(struct) if field.required}
    if not needed <= options.keys():
        return
    try:
        msgspec.convert(dict(options), struct)
    except msgspec.ValidationError as error:
        option, _, reason = str(error).partition(": ")
        yield OptionFault(option, reason)


def explain_fault(error: msgspec.ValidationError) -> str:
    """msgspec's words with the place of the fault, without the value of an invalid enumeration, which may be a key."""
    _, path, place = str(error).partition(_PATH)
    return _explain(error) + path + place


def _explain(error: msgspec.ValidationError) -> str:
    """msgspec's words ("Expected `float`, got `str`") without the value of an invalid enumeration."""
    text = str(error).partition(_PATH)[0]
    return "it is none of the known values" if text.startswith("Invalid enum value") else text[:1].lower() + text[1:]

"""The list of vendors and the lookup of their modules. Each vendor is a folder of this package.

A folder contains the modules that the vendor needs: `facts.py` (options and features), `wire.py` (messages), `media.py`
(adapter of the media server), `check.py` (how control checks a key) and `simulator.py` (simulated vendor). Modules are
imported by name, so a process loads only the kinds that it uses.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

import msgspec
from msgspec import Struct

from shared.providers.check import VendorCheck
from shared.providers.facts import VendorFacts

NAMES: Final = (
    "anthropic",
    "assemblyai",
    "azure-speech",
    "cartesia",
    "deepgram",
    "elevenlabs",
    "google",
    "google-speech",
    "local",
    "openai",
    "pipecat",
    "receptionist",
    "rime",
    "soniox",
    "standin",
    "xai",
)
# msgspec appends the place of a fault in this form.
_PATH: Final = " - at `$"


def load(vendor: str, module: str) -> Any:
    """Import a module of a vendor's folder: `facts`, `media`, `check` or `simulator`."""
    return import_module(f"vendors.{vendor.replace('-', '_')}.{module}")


VENDORS: Final[Mapping[str, VendorFacts]] = {name: load(name, "facts").FACTS for name in NAMES}


def find_check(vendor: str) -> VendorCheck | None:
    """Return how control checks the vendor's keys; None for a vendor without keys."""
    facts = VENDORS.get(vendor)
    if facts is None or not facts.takes_key:
        return None
    check: VendorCheck = load(vendor, "check").CHECK
    return check


def hear_languages(vendor: str, options: Struct, languages: Sequence[str]) -> Struct | None:
    """Return options with which a recognizer detects all these languages (BCP 47); None if the recognizer cannot."""
    facts = VENDORS.get(vendor)
    return None if facts is None or facts.hears is None else facts.hears(options, languages)


def speaks(vendor: str, options: Mapping[str, Any], language: str) -> bool:
    """Return whether a voice speaks a language (BCP 47), as far as is known without a request to the vendor.

    Args:
        vendor: The vendor's name.
        options: The plan's options. Missing options have the vendor's defaults.
        language: The language's code.
    """
    facts = VENDORS.get(vendor)
    return facts is None or facts.speaks is None or facts.speaks(options, language)


def takes_ipa(vendor: str, options: Mapping[str, Any]) -> bool:
    """Return whether a voice accepts IPA.

    Args:
        vendor: The vendor's name.
        options: The plan's options. Missing options have the vendor's defaults.
    """
    facts = VENDORS.get(vendor)
    return facts is not None and facts.takes_ipa is not None and facts.takes_ipa(options)


@dataclass(frozen=True, slots=True)
class OptionFault:
    """An option that the vendor's adapter refuses.

    Attributes:
        reason: Does not quote the value, which may be a key.
    """

    option: str
    reason: str


def find_option_faults(vendor: str, kind: str, options: Mapping[str, Any]) -> list[OptionFault]:
    """Return the faults of these options, in their order.

    Missing options are not reported, because other settings may add them. Returns no faults for an unknown vendor.
    """
    facts = VENDORS.get(vendor)
    struct = None if facts is None else facts.schemas.get(kind)  # type: ignore[call-overload]
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
    """Yield the fault found by a struct's own check, whose message begins with the option."""
    needed = {field.encode_name for field in msgspec.structs.fields(struct) if field.required}
    if not needed <= options.keys():
        return
    try:
        msgspec.convert(dict(options), struct)
    except msgspec.ValidationError as error:
        option, _, reason = str(error).partition(": ")
        yield OptionFault(option, reason)


def explain_fault(error: msgspec.ValidationError) -> str:
    """Return msgspec's message with the place of the fault. The value of an invalid enumeration is removed, because it
    may be a key.
    """
    _, path, place = str(error).partition(_PATH)
    return _explain(error) + path + place


def _explain(error: msgspec.ValidationError) -> str:
    """Return msgspec's message ("Expected `float`, got `str`"). The value of an invalid enumeration is removed."""
    text = str(error).partition(_PATH)[0]
    return "it is none of the known values" if text.startswith("Invalid enum value") else text[:1].lower() + text[1:]

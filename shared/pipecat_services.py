"""The speech services and language models of pipecat, and their settings. Does not import pipecat.

`pipecat_services.json` is written from pipecat's source by `tools/pipecat_catalog.py`.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

SettingKind = Literal["text", "integer", "number", "boolean", "list", "object", "any"]
MAX_SETTINGS: Final = 60
MAX_SETTING_BYTES: Final = 4_096  # of a setting's JSON
MOST_INTEGER: Final = 2**53  # JSON parsers agree on integers up to this
MOST_NUMBER: Final = 1e300
SAMPLE_RATES: Final = (8_000, 16_000, 24_000, 32_000, 48_000)  # the rates that media converts
# Names as in headers and bodies of requests: `Authorization`, `xi-api-key`, `accessToken`.
_SECRET_NAME: Final = re.compile(
    r"(authorization|cookie|api_?key|(api|access|auth|session)_?token|(access|secret|subscription|private)_?key|secret"
    r"|password|credentials?)$"
)
_SECRET_ADDRESS: Final = re.compile(
    r"^\w+://(?:[^/?#]*@|\S*[?&][\w-]*(?:key|token|secret|password|signature)=)", re.IGNORECASE
)
_PATH: Final = Path(__file__).with_name("pipecat_services.json")
_WORDS: Final[Mapping[SettingKind, str]] = {
    "text": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "list": "a list",
    "object": "an object",
    "any": "a JSON value",
}


class PipecatService(Struct, frozen=True):
    """One service.

    Attributes:
        settings: The settings of the service, with the kind of each value.
        required: The settings without a default.
        key: Whether the service takes an API key.
        wants_session: The service needs an HTTP session.
    """

    kind: Literal["stt", "llm", "tts"]
    settings: dict[str, SettingKind]
    required: tuple[str, ...] = ()
    key: Literal["", "optional", "required"] = ""
    wants_session: bool = False


class PipecatCatalog(Struct, frozen=True):
    """The services by the full names of their classes. `version` is the pipecat release from which they were read."""

    version: str
    services: dict[str, PipecatService]


@lru_cache
def read_catalog() -> PipecatCatalog:
    """Return the catalog, which is read once."""
    return msgspec.json.decode(_PATH.read_bytes(), type=PipecatCatalog)


def find_service(name: str) -> tuple[str, PipecatService] | None:
    """Return the full name and the service for a class name, with or without its module."""
    services = read_catalog().services
    if name in services:
        return name, services[name]
    return next(((full, service) for full, service in services.items() if full.rpartition(".")[2] == name), None)


def list_names(kind: str) -> list[str]:
    """Return the names of the classes of one kind, in order."""
    services = read_catalog().services
    return sorted(full.rpartition(".")[2] for full, service in services.items() if service.kind == kind)


def find_faults(kind: str, name: object, settings: object, *, has_key: bool) -> Iterator[tuple[str, str]]:
    """Yield the faults of a service and its settings: the field (`service`, `settings.…`, `api_key`) and the reason."""
    found = find_service(name) if isinstance(name, str) else None
    if found is None or found[1].kind != kind:
        yield "service", f"pipecat has no such {kind} service, only {', '.join(list_names(kind))}"
        return
    service = found[1]
    if has_key and not service.key:
        yield "api_key", "this service takes no key"
    if not has_key and service.key == "required":
        yield "api_key", "this service needs a key"
    if not isinstance(settings, Mapping) or len(settings) > MAX_SETTINGS:
        yield "settings", f"settings are an object of at most {MAX_SETTINGS} fields"
        return
    yield from _find_setting_faults(service, settings)


def _find_setting_faults(service: PipecatService, settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in settings.items():
        kind = service.settings.get(name)
        if kind is None:
            known = ", ".join(sorted(service.settings)) or "none"
            yield f"settings.{name}", f"the service has no such setting, only {known}"
        elif name == "sample_rate" and value not in SAMPLE_RATES:
            yield f"settings.{name}", f"it must be one of {', '.join(map(str, SAMPLE_RATES))}"
        elif _holds_secret(name, value):
            yield f"settings.{name}", "no secret may be in settings, which are shown: the key is `api_key`"
        elif not _is_of_kind(value, kind) or len(msgspec.json.encode(value)) > MAX_SETTING_BYTES:
            yield f"settings.{name}", f"it must be {_WORDS[kind]} of at most {MAX_SETTING_BYTES} bytes"
    for name in service.required:
        if name not in settings:
            yield f"settings.{name}", "the service needs it"


def _holds_secret(name: str, value: object) -> bool:
    """Return whether a value, or a value inside of it, has the name of a secret, or is a URL that contains a secret."""
    if isinstance(value, str):
        return bool(_SECRET_NAME.search(name.lower().replace("-", "_")) or _SECRET_ADDRESS.search(value))
    if isinstance(value, Mapping):
        return any(_holds_secret(str(inner), item) for inner, item in value.items())
    return isinstance(value, list) and any(_holds_secret(name, item) for item in value)


def _is_of_kind(value: object, kind: SettingKind) -> bool:
    match kind:
        case "text":
            return isinstance(value, str) and "\0" not in value
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MOST_INTEGER
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MOST_NUMBER
        case "boolean":
            return isinstance(value, bool)
        case "list":
            return isinstance(value, list)
        case "object":
            return isinstance(value, dict)
        case "any":
            return value is not None

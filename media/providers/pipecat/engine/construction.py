"""Creates a pipecat service from the name of its class and its settings."""

import dataclasses
import importlib
from collections.abc import Mapping
from typing import Any, get_type_hints

from aiohttp import ClientSession
from pipecat.processors.frame_processor import FrameProcessor
from pydantic import ConfigDict, PydanticSchemaGenerationError, PydanticUserError, TypeAdapter, ValidationError

from media.providers.pipecat.engine.failures import ServiceRefused
from media.providers.pipecat.wire import OpenService, ServiceFailed
from shared.pipecat_services import PipecatService, find_faults, find_service

_LANGUAGE = "language"


def import_service(name: str) -> None:
    """Import the module of a catalog service, which may take a second. Blocking. Raises ServiceRefused."""
    found = find_service(name)
    if found is not None:
        _import(found[0])


def make_service(wanted: OpenService, http: ClientSession) -> FrameProcessor:
    """Return the service without starting it. Imports only classes of the catalog. Raises ServiceRefused."""
    found = find_service(wanted.service)
    for field, reason in find_faults(wanted.kind, wanted.service, wanted.settings, has_key=bool(wanted.api_key)):
        raise _refuse(f"{field}: {reason}")
    assert found is not None
    service_class = _import(found[0])
    try:
        arguments = _arguments(service_class, found[1], wanted)
        if found[1].wants_session:
            arguments["aiohttp_session"] = http
        service = service_class(**arguments)
    except ServiceRefused:
        raise
    except ImportError as error:
        raise _refuse(f"service: a package is missing: {error.name}") from error
    except Exception as error:  # vendors' constructors raise their own errors
        raise _refuse(f"settings: the service's constructor raised {type(error).__name__}") from error
    _end_own_retries(service)
    made: FrameProcessor = service
    return made


def _import(full_name: str) -> Any:
    module, _, name = full_name.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except ImportError as error:  # pipecat replaces the original error
        cause = error.__cause__ or error.__context__ or error
        missing = getattr(cause, "name", None) or "of its vendor"
        raise _refuse(f"service: a package is missing: {missing}") from error


def _arguments(service_class: Any, service: PipecatService, wanted: OpenService) -> dict[str, Any]:
    """Return the constructor's arguments. Fields of the service's `Settings` are passed in a `Settings` object, and
    other settings by name."""
    settings_class = getattr(service_class, "Settings", None)
    fields = {field.name for field in dataclasses.fields(settings_class)} if settings_class else set()
    own = {name: value for name, value in wanted.settings.items() if name in fields}
    if _LANGUAGE in fields and wanted.language:
        own.setdefault(_LANGUAGE, wanted.language)
    arguments = {name: value for name, value in wanted.settings.items() if name not in fields}
    arguments = _convert(arguments, _hints(service_class.__init__, service_class.__mro__, "__init__"))
    if service.key and wanted.api_key:
        arguments["api_key"] = wanted.api_key
    if settings_class is not None and own:
        arguments["settings"] = settings_class(**_convert(own, _hints(settings_class, settings_class.__mro__, "")))
    return arguments


def _hints(annotated: Any, classes: tuple[type, ...], member: str) -> Mapping[str, Any]:
    """Return types by name. If some types cannot be read, because a package for type checkers is missing, only the
    readable ones are returned."""
    try:
        return get_type_hints(annotated)
    except (NameError, TypeError):
        owners = [class_.__dict__.get(member, class_) if member else class_ for class_ in reversed(classes)]
        found = [item for owner in owners for item in getattr(owner, "__annotations__", {}).items()]
        return {name: hint for name, hint in found if not isinstance(hint, str)}


def _convert(values: Mapping[str, Any], hints: Mapping[str, Any]) -> dict[str, Any]:
    """Convert JSON values to the service's types: enumerations and pydantic models. Raises ServiceRefused."""
    return {name: _convert_value(name, value, hints.get(name)) for name, value in values.items()}


def _convert_value(name: str, value: Any, hint: Any) -> Any:
    if hint is None:
        return value
    try:
        return TypeAdapter(hint, config=ConfigDict(arbitrary_types_allowed=True)).validate_python(value)
    except (PydanticUserError, PydanticSchemaGenerationError):
        return value
    except ValidationError as error:
        raise _refuse(f"settings.{name}: {error.errors()[0]['msg']}") from error


def _end_own_retries(service: Any) -> None:
    """Disable the service's own retries, because only the chain retries, in the order of the call's providers."""
    if hasattr(service, "_reconnect_on_error"):
        service._reconnect_on_error = False
    client: Any = getattr(service, "_client", None)  # the client of the vendor's SDK
    if client is not None and hasattr(client, "max_retries"):
        client.max_retries = 0


def _refuse(reason: str) -> ServiceRefused:
    return ServiceRefused(ServiceFailed("refused", reason))

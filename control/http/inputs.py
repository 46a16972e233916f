"""Converts path, query and body to the types of the handler's parameters."""

from typing import Any, Final

from aiohttp import web
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import from_json

from control.http.errors import map_validation_error
from control.platform.validation_errors import list_faults, make_invalid
from shared.errors import ErrorDetail, Malformed, NotFound

# The range of PostgreSQL's integer: no row has a larger id.
MAX_INTEGER = 2**31 - 1
# Names in a body: of its fields and of all that is in them. Each may be a fault, and 80,000 unknown ones kept the event
# loop busy for half a second. A config that uses all its bounds has about 1,200.
MOST_NAMES: Final = 3_000
# The shortest entry of an object: "":1,
_SHORTEST_ENTRY: Final = 5


def read_path_value(kind: TypeAdapter[Any], text: str, name: str) -> Any:
    """Raises NotFound for a value that cannot be an id; it names the parameter."""
    try:
        value = kind.validate_strings(text)
    except ValidationError as error:
        raise _not_found(list_faults(error, name)[0]) from None
    if isinstance(value, int) and not -MAX_INTEGER <= value <= MAX_INTEGER:
        raise _not_found(ErrorDetail(name, "too_large", "is beyond any id"))
    if isinstance(value, str) and "\0" in value:
        raise _not_found(ErrorDetail(name, "wrong_format", "must not hold the character NUL"))
    return value


def read_query(kind: type[BaseModel], request: web.Request) -> BaseModel:
    """Raises Invalid, and Malformed for a repeated parameter, because one of the two values would be ignored."""
    pairs = request.query
    values = dict(pairs)
    if len(values) != len(pairs):
        doubled = next(name for name in values if len(pairs.getall(name)) > 1)
        raise Malformed(f"The query names {doubled} more than once.", code="repeated_parameter", param=doubled)
    try:
        return kind.model_validate_strings(values)
    except ValidationError as error:
        raise map_validation_error(error) from None


def read_model(kind: type[BaseModel], raw: bytes) -> BaseModel:
    """An empty body counts as {}. Raises Malformed and Invalid."""
    _require_few_names(raw)
    try:
        return kind.model_validate_json(raw or b"{}")
    except ValidationError as error:
        raise map_validation_error(error) from None


def _require_few_names(raw: bytes) -> None:
    """Raises Invalid."""
    if len(raw) < _SHORTEST_ENTRY * MOST_NAMES:
        return
    try:
        parts = [from_json(raw)]
    except ValueError:
        return  # the validation tells it
    names = 0
    while parts:
        part = parts.pop()
        if isinstance(part, dict):
            names += len(part)
            parts.extend(part.values())
        elif isinstance(part, list):
            parts.extend(part)
    if names > MOST_NAMES:
        text = f"must have at most {MOST_NAMES:,} names, those inside its fields included"
        raise make_invalid([ErrorDetail("body", "too_long", text)])


def _not_found(fault: ErrorDetail) -> NotFound:
    text = f"There is nothing at this address: {fault.param} {fault.message}."
    return NotFound(text, param=fault.param, errors=[fault])

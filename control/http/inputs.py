"""Converts path, query and body to the types of the handler's parameters."""

from typing import Any

from aiohttp import web
from pydantic import BaseModel, TypeAdapter, ValidationError

from control.http.errors import map_validation_error
from shared.errors import Malformed, NotFound

# The range of PostgreSQL's integer: no row has a larger id.
MAX_INTEGER = 2**31 - 1


def read_path_value(kind: TypeAdapter[Any], text: str) -> Any:
    """Raises NotFound for a value that cannot be an id."""
    try:
        value = kind.validate_strings(text)
    except ValidationError:
        raise _not_found() from None
    if (isinstance(value, int) and not -MAX_INTEGER <= value <= MAX_INTEGER) or (
        isinstance(value, str) and "\0" in value
    ):
        raise _not_found()
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
    try:
        return kind.model_validate_json(raw or b"{}")
    except ValidationError as error:
        raise map_validation_error(error) from None


def _not_found() -> NotFound:
    return NotFound("There is nothing at this address.")

"""Path, query and body as the handler's types; what doesn't fit is named."""

from typing import Any

from aiohttp import web
from pydantic import BaseModel, TypeAdapter, ValidationError

from control.http.faults import invalid
from shared.errors import Malformed, Missing

# PostgreSQL's integer; a number in a path names something that has one of these.
MOST = 2**31 - 1


def path_value(kind: TypeAdapter[Any], text: str) -> Any:
    """What cannot be an id at all is simply not there. Raises Missing."""
    try:
        value = kind.validate_strings(text)
    except ValidationError:
        raise _nothing() from None
    if (isinstance(value, int) and not -MOST <= value <= MOST) or (isinstance(value, str) and "\0" in value):
        raise _nothing()
    return value


def query_of(kind: type[BaseModel], request: web.Request) -> BaseModel:
    """Raises Invalid, and Malformed for a parameter that is there twice: one of the two would be dropped unseen."""
    given = request.query
    plain = dict(given)
    if len(plain) != len(given):
        doubled = next(name for name in plain if len(given.getall(name)) > 1)
        raise Malformed(f"The query names {doubled} more than once.", code="repeated_parameter", param=doubled)
    try:
        return kind.model_validate_strings(plain)
    except ValidationError as error:
        raise invalid(error) from None


def body_of(kind: type[BaseModel], raw: bytes) -> BaseModel:
    """Raises Malformed and Invalid."""
    try:
        return kind.model_validate_json(raw or b"{}")
    except ValidationError as error:
        raise invalid(error) from None


def _nothing() -> Missing:
    return Missing("There is nothing at this address.")

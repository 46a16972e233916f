"""Converts path, query and body to the types of the handler's parameters."""

from typing import Any, Final

from aiohttp import web
from pydantic import BaseModel, TypeAdapter, ValidationError

from control.http.responses.errors import map_validation_error
from control.validation import list_faults, make_invalid
from shared.errors import ErrorDetail, Malformed, NotFound

# The range of PostgreSQL's integer. No row has a larger id.
MAX_INTEGER = 2**31 - 1
# Maximum number of field names in a body, at all levels. Each may cause an error, and 80,000 unknown names blocked the
# event loop for half a second. A config that uses all its limits has about 1,200 names.
MOST_NAMES: Final = 3_000
# Maximum number of values in a body, at all levels. 330,000 empty lists in 1 MB blocked the event loop for a second.
MOST_VALUES: Final = 10_000


def read_path_value(kind: TypeAdapter[Any], text: str, name: str) -> Any:
    """Return the value of a path parameter.

    Raises NotFound, with the parameter's name, if the value cannot be an id.
    """
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
    """Read the query.

    Raises Invalid. Raises Malformed for a repeated parameter, because all but one of its values would be ignored.
    """
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
    """Read a body. An empty body counts as {}. Raises Malformed and Invalid."""
    _require_few_parts(raw)
    try:
        return kind.model_validate_json(raw or b"{}", strict=True)
    except ValidationError as error:
        raise map_validation_error(error) from None


def _require_few_parts(raw: bytes) -> None:
    """Raise Invalid if the body has too many parts.

    A body that is not JSON may pass, because the parser stops at the first error.
    """
    if len(raw) < MOST_NAMES:
        return
    names, values = count_parts(raw)
    if names > MOST_NAMES:
        text = f"must have at most {MOST_NAMES:,} names, those inside its fields included"
    elif values > MOST_VALUES:
        text = f"must have at most {MOST_VALUES:,} values, those inside its fields included"
    else:
        return
    raise make_invalid([ErrorDetail("body", "too_long", text)])


def count_parts(raw: bytes) -> tuple[int, int]:
    """Return the number of names in a JSON text, and a lower bound of the number of its values, without parsing it.

    Counts the punctuation outside of strings, which takes about 2 ms for 1 MB.
    """
    plain = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    quotes = plain.count(b'"')
    if quotes > 2 * (MOST_NAMES + MOST_VALUES):  # too many strings; splitting the text would take longer
        return 0, quotes // 2
    outside = b"".join(plain.split(b'"')[::2])
    return outside.count(b":"), outside.count(b",") + outside.count(b"[") + outside.count(b"{")


def _not_found(fault: ErrorDetail) -> NotFound:
    text = f"There is nothing at this address: {fault.param} {fault.message}."
    return NotFound(text, param=fault.param, errors=[fault])

"""Maps pydantic's and aiohttp's errors to Problems, which have a status, a code and a message."""

from aiohttp import web
from pydantic import ValidationError

from shared.errors import Invalid, Malformed, NotFound, Problem

MAX_FIELDS_NAMED = 5


class MethodNotAllowed(Problem):
    """The path has no route for this method; the response's Allow header names the methods that have one."""

    status, type, default_code = 405, "invalid_request", "method_not_allowed"


def map_validation_error(error: ValidationError) -> Problem:
    """Malformed for a body that is not JSON, else Invalid. Its `param` names the first invalid field, its message up to
    MAX_FIELDS_NAMED of them."""
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    if faults[0]["type"] == "json_invalid":
        return Malformed("The body is not valid JSON.", code="not_json")
    messages = [f"{_name(fault['loc'])}: {fault['msg']}" for fault in faults[:MAX_FIELDS_NAMED]]
    more = len(faults) - len(messages)
    text = "; ".join(messages) + (f"; and {more} more" if more else "")
    return Invalid(text, param=_name(faults[0]["loc"]))


def map_aiohttp_error(error: web.HTTPException) -> Problem:
    """An error response of aiohttp itself as a Problem."""
    if isinstance(error, web.HTTPMethodNotAllowed):
        return MethodNotAllowed(f"{error.method} is not known here.")
    if error.status == 404:
        return NotFound("There is nothing at this address.", code="no_route")
    problem = Malformed(error.reason)
    problem.status = error.status  # type: ignore[misc]  # set on this instance only
    return problem


def _name(path: tuple[int | str, ...]) -> str:
    """Dotted; without "[key]", which pydantic appends for an invalid key of a mapping."""
    return ".".join(str(part) for part in path if part != "[key]") or "body"

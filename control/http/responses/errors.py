"""Maps pydantic's and aiohttp's errors to Problems, which have a status, a code and a message."""

from aiohttp import web
from pydantic import ValidationError

from control.validation import list_faults, make_invalid
from shared.errors import Malformed, NotFound, Problem


class MethodNotAllowed(Problem):
    """The path has no route for this method. The response's Allow header lists the supported methods."""

    status, type, default_code = 405, "invalid_request", "method_not_allowed"


def map_validation_error(error: ValidationError) -> Problem:
    """Return Malformed for a body that is not JSON, and otherwise Invalid, which names each fault."""
    if error.error_count() == 1 and error.errors(include_url=False)[0]["type"] == "json_invalid":
        return Malformed("The body is not valid JSON.", code="not_json")
    return make_invalid(list_faults(error))


def map_aiohttp_error(error: web.HTTPException) -> Problem:
    """Return an error response of aiohttp itself as a Problem."""
    if isinstance(error, web.HTTPMethodNotAllowed):
        return MethodNotAllowed(f"{error.method} is not known here.")
    if error.status == 404:
        return NotFound("There is nothing at this address.", code="no_route")
    problem = Malformed(error.reason)
    problem.status = error.status  # type: ignore[misc]  # set on this instance only
    return problem

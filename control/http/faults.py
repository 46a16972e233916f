"""Everything that can go wrong with a request, brought to one kind: a Problem, which knows its status and sentence."""

from typing import Final

import asyncpg  # type: ignore[import-untyped]
from aiohttp import web
from pydantic import ValidationError

from control.db.away import AWAY
from control.db.pool import PoolExhausted
from shared.errors import Invalid, Malformed, Missing, Problem, Unavailable

MOST_TOLD = 5

# The same transaction, tried again, may well pass.
COLLISIONS: Final = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
# PostgreSQL's text knows no NUL, which JSON and URLs do.
_NUL: Final = (asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError)


class MethodNotAllowed(Problem):
    """The path is known, but not for this method; the answer's Allow header names those that are."""

    status, type, default_code = 405, "invalid_request", "method_not_allowed"


def invalid(error: ValidationError) -> Problem:
    """Malformed when it is no JSON at all, else Invalid with `param` naming the first field at fault."""
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    if faults[0]["type"] == "json_invalid":
        return Malformed("The body is not valid JSON.", code="not_json")
    told = [f"{_name(fault['loc'])}: {fault['msg']}" for fault in faults[:MOST_TOLD]]
    more = len(faults) - len(told)
    text = "; ".join(told) + (f"; and {more} more" if more else "")
    return Invalid(text, param=_name(faults[0]["loc"]))


def of_database(error: Exception) -> Problem | None:
    """What PostgreSQL or the way to it says, if that is no fault of our program."""
    if isinstance(error, _NUL):
        return Invalid("Text may not hold the character NUL.", code="nul")
    if isinstance(error, (PoolExhausted, TimeoutError, ConnectionError, *AWAY, *COLLISIONS)):
        return Unavailable("The database is busy or away. Try again in a moment.")
    return None


def of_aiohttp(error: web.HTTPException) -> Problem:
    """aiohttp's own refusals in our shape."""
    if isinstance(error, web.HTTPMethodNotAllowed):
        return MethodNotAllowed(f"{error.method} is not known here.")
    if error.status == 404:
        return Missing("There is nothing at this address.", code="no_route")
    problem = Malformed(error.reason)
    problem.status = error.status  # type: ignore[misc]  # this one's own, not the class's
    return problem


def _name(path: tuple[int | str, ...]) -> str:
    """Without the mark that pydantic puts behind a name which may not be one."""
    return ".".join(str(part) for part in path if part != "[key]") or "body"

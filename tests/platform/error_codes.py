"""Every error that the API answers in a test must be among those that its document lists for the operation."""

import re
from collections.abc import Iterator
from functools import cache

from control.api.reference import REFERENCE
from control.app import ROUTES
from control.http.openapi.document import operation_errors, operation_id
from control.http.route import Route

_PARAMETER = re.compile(r"\\\{\w+\\\}")


def require_documented(method: str, path: str, status: int, code: str) -> None:
    """Fails for an undocumented error. An address that is no route's, for us or for the server, is not checked."""
    route = _find_route("GET" if method == "HEAD" else method, path)
    if route is None or code == "no_route" or (status, code) in _codes(route):
        return
    raise AssertionError(
        f"{method} {route.path} answered {status} {code}, which its document does not list: add it to"
        f" `errors` of the route of {operation_id(route)!r}"
    )


def _find_route(method: str, path: str) -> Route | None:
    """The first one that matches, as the server chooses."""
    plain = path.partition("?")[0]
    return next((route for pattern, route in _patterns(method) if pattern.fullmatch(plain)), None)


@cache
def _patterns(method: str) -> list[tuple[re.Pattern[str], Route]]:
    return list(_make_patterns(method))


def _make_patterns(method: str) -> Iterator[tuple[re.Pattern[str], Route]]:
    for route in ROUTES:
        if route.method == method:
            yield re.compile(_PARAMETER.sub("[^/]+", re.escape(route.path))), route


@cache
def _codes(route: Route) -> frozenset[tuple[int, str]]:
    return frozenset((error.status, error.code) for error in operation_errors(route, REFERENCE))

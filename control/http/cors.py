"""Which web pages may call the API from a browser: those of the origins that the setting names, exactly."""

from collections.abc import Collection, Sequence

from aiohttp import web
from multidict import CIMultiDict

ASKED = "Authorization, Content-Type, Idempotency-Key, If-Match"
SHOWN = "X-Request-Id, Retry-After"
REMEMBER_S = 600


class Cors:
    """No cookies are used, so no credentials are allowed: pages send the bearer token themselves."""

    def __init__(self, origins: Collection[str] = ()) -> None:
        """`origins`: "https://app.vocalized.app"."""
        self._origins = frozenset(origins)

    def preflight(self, request: web.Request) -> web.Response | None:
        """The answer, if this is a browser's question about a path of ours; aiohttp knows no route for OPTIONS."""
        asked = request.headers.get("Access-Control-Request-Method")
        fault = request.match_info.http_exception
        if asked is None or "Origin" not in request.headers or not isinstance(fault, web.HTTPMethodNotAllowed):
            return None
        response = web.Response(status=204)
        if request.headers["Origin"] in self._origins:
            _allow(response.headers, sorted(fault.allowed_methods))
        return response

    def mark(self, request: web.Request, headers: CIMultiDict[str]) -> None:
        """Adds what the browser wants to see before it shows the answer to the page."""
        if not self._origins:
            return
        headers.add("Vary", "Origin")
        origin = request.headers.get("Origin")
        if origin in self._origins:
            headers["Access-Control-Allow-Origin"] = origin
            headers["Access-Control-Expose-Headers"] = SHOWN
            headers["Cross-Origin-Resource-Policy"] = "cross-origin"


def _allow(headers: CIMultiDict[str], methods: Sequence[str]) -> None:
    headers["Access-Control-Allow-Methods"] = ", ".join(methods)
    headers["Access-Control-Allow-Headers"] = ASKED
    headers["Access-Control-Max-Age"] = str(REMEMBER_S)

"""CORS: pages of the configured origins may call the API from a browser. Origins are compared exactly."""

from collections.abc import Collection, Sequence

from aiohttp import web
from multidict import CIMultiDict

ALLOWED_HEADERS = (
    "Authorization, Content-Type, Idempotency-Key, If-Match, Mcp-Method, Mcp-Name, Mcp-Protocol-Version, X-Request-Id"
)
EXPOSED_HEADERS = (
    "X-Request-Id, Vocalized-Request-Id, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, "
    "Idempotent-Replayed"
)
PREFLIGHT_MAX_AGE_S = 600


class Cors:
    """Allows requests without credentials. Pages of other origins send the bearer token themselves and cannot use
    cookies.
    """

    def __init__(self, origins: Collection[str] = ()) -> None:
        """Create the policy.

        Args:
            origins: Allowed origins, such as "https://app.vocalized.app".
        """
        self._origins = frozenset(origins)

    def preflight(self, request: web.Request) -> web.Response | None:
        """Return the response to a preflight request for a known path, else None.

        No route has the method OPTIONS: for a known path aiohttp reports HTTPMethodNotAllowed, with the methods that
        the path has.
        """
        asked = request.headers.get("Access-Control-Request-Method")
        fault = request.match_info.http_exception
        if asked is None or "Origin" not in request.headers or not isinstance(fault, web.HTTPMethodNotAllowed):
            return None
        response = web.Response(status=204)
        if request.headers["Origin"] in self._origins:
            _allow(response.headers, sorted(fault.allowed_methods))
        return response

    def add_headers(self, request: web.Request, headers: CIMultiDict[str]) -> None:
        """Add the headers without which the browser hides the response from the page."""
        if not self._origins:
            return
        headers.add("Vary", "Origin")
        origin = request.headers.get("Origin")
        if origin in self._origins:
            headers["Access-Control-Allow-Origin"] = origin
            headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS
            headers["Cross-Origin-Resource-Policy"] = "cross-origin"


def _allow(headers: CIMultiDict[str], methods: Sequence[str]) -> None:
    headers["Access-Control-Allow-Methods"] = ", ".join(methods)
    headers["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
    headers["Access-Control-Max-Age"] = str(PREFLIGHT_MAX_AGE_S)

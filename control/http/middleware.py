"""The edge of the API, around every route: request id, origin, errors to JSON, headers, metrics and one log line."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import perf_counter

import msgspec
import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware
from multidict import CIMultiDict, MultiMapping

from control.http.context import AdminContext, MemberContext, UserContext
from control.http.cors import Cors
from control.http.faults import of_aiohttp, of_database
from control.http.metrics import UNMATCHED, HttpMetrics
from control.http.origin import Origins
from control.http.request import CALLER, ORIGIN
from shared.errors import Problem, TooMany, Unavailable
from shared.ids import new_id
from shared.logs import told

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
TRY_AGAIN_S = 1

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Edge:
    """One middleware instead of seven: each layer of aiohttp's costs a call and a coroutine per request.

    Outermost to innermost: request id, origin, log, metrics, standing headers, CORS, errors.
    """

    origins: Origins
    cors: Cors
    headers: MultiMapping[str]
    metrics: HttpMetrics

    def middleware(self) -> Middleware:
        """As aiohttp takes it."""

        @web.middleware
        async def edge(request: web.Request, handler: Handler) -> web.StreamResponse:
            begun = perf_counter()
            request_id = new_id()
            request[ORIGIN] = self.origins.of(request, request_id)
            response = await self._answered(request, handler, request_id)
            self._dress(request, response.headers, request_id)
            self._note(request, response.status, request_id, perf_counter() - begun)
            return response

        return edge

    async def _answered(self, request: web.Request, handler: Handler, request_id: str) -> web.StreamResponse:
        try:
            if request.method == "OPTIONS":
                response = self.cors.preflight(request)
                if response is not None:
                    return response
            return await handler(request)
        except Problem as problem:
            return answer(problem, request_id)
        except web.HTTPException as error:
            return _converted(error, request_id)
        except Exception as error:
            return _surprise(error, request_id)

    def _dress(self, request: web.Request, headers: CIMultiDict[str], request_id: str) -> None:
        for name, value in self.headers.items():
            headers.setdefault(name, value)
        headers["X-Request-Id"] = request_id
        self.cors.mark(request, headers)

    def _note(self, request: web.Request, status: int, request_id: str, seconds: float) -> None:
        route = template(request)
        self.metrics.answered(route, request.method, status, seconds)
        log.info(
            "http.request",
            request_id=request_id,
            method=request.method if request.method.isalpha() else "?",
            route=route,
            status=status,
            ms=round(seconds * 1_000, 2),
            address=request[ORIGIN].address,
            **_who(request),
        )


def answer(problem: Problem, request_id: str) -> web.Response:
    """A Problem as the API tells it."""
    body = {
        "type": problem.type,
        "code": problem.code,
        "message": _short(problem.message, MOST_MESSAGE),
        "param": problem.param and _short(problem.param, MOST_PARAM),
        "request_id": request_id,
    }
    response = web.Response(status=problem.status, body=msgspec.json.encode({"error": body}), content_type=JSON)
    match problem:
        case TooMany(retry_after_s=seconds):
            response.headers["Retry-After"] = str(seconds)
        case Unavailable():
            response.headers["Retry-After"] = str(TRY_AGAIN_S)
    if problem.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def template(request: web.Request) -> str:
    """The path as its route's line has it: values in paths are for no log and no metric."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else UNMATCHED


JSON = "application/json"
# Sentences may hold what was sent: an error is not to be as long as a body.
MOST_MESSAGE, MOST_PARAM = 2_000, 200


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _converted(error: web.HTTPException, request_id: str) -> web.StreamResponse:
    if error.status < 400:
        return web.Response(status=error.status, headers={"Location": error.headers.get("Location", "/")})
    response = answer(of_aiohttp(error), request_id)
    if "Allow" in error.headers:
        response.headers["Allow"] = error.headers["Allow"]
    return response


def _surprise(error: Exception, request_id: str) -> web.Response:
    """Nothing from inside is told; the log has the place under the same request id."""
    problem = of_database(error)
    if problem is None:
        log.error("http.crash", request_id=request_id, **told(error))
        problem = Problem("Something went wrong on our side.")
    elif isinstance(problem, Unavailable):
        log.warning("http.unavailable", request_id=request_id, error=type(error).__name__)
    return answer(problem, request_id)


def _who(request: web.Request) -> dict[str, str]:
    match request.get(CALLER):
        case MemberContext(user_id=user_id, workspace_id=workspace_id):
            return {"user_id": str(user_id), "workspace_id": str(workspace_id)}
        case UserContext(user_id=user_id):
            return {"user_id": str(user_id)}
        case AdminContext(admin_id=admin_id):
            return {"admin_id": str(admin_id)}
    return {}

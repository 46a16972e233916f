"""The middleware around all routes: request id, origin, errors as JSON, headers, metrics and a log line."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Final

import msgspec
import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware
from multidict import CIMultiDict, MultiMapping

from control.db.errors import map_database_error
from control.http.context import AdminContext, CallingKey, MemberContext, UserContext
from control.http.cors import Cors
from control.http.limits.rate_limits import QUOTA
from control.http.metrics import UNMATCHED, HttpMetrics
from control.http.origin import OriginReader
from control.http.request import KEY_ID, ORIGIN, PRINCIPAL
from control.http.responses.error_answer import ErrorAnswer, ErrorBody
from control.http.responses.errors import map_aiohttp_error
from control.validation import element_path
from shared.errors import ErrorDetail, Problem, TooManyRequests, Unavailable
from shared.ids import new_id
from shared.logs import error_fields

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
RETRY_AFTER_S = 1

log = structlog.get_logger()


# --- The two ids of a request -----------------------------------------------------------------------------------------

HEADER: Final = "X-Request-Id"
OWN_HEADER: Final = "Vocalized-Request-Id"
# UUIDs, hexadecimal, base64, and AWS's trace ids. Without white space, quotes, brackets and @, the id needs no escapes
# in logs and cannot be an e-mail address.
_SAFE: Final = re.compile(r"[A-Za-z0-9._:+/=-]{1,128}")


@dataclass(frozen=True, slots=True)
class RequestIds:
    """Our own id of a request, used in logs and the audit log, and the caller's id.

    The caller's id may repeat, so it never replaces our id. In logs it has a separate field.

    Attributes:
        own: UUIDv7.
        caller: Value of X-Request-Id. None if it is missing, too long or not safe.
    """

    own: str
    caller: str | None

    def headers(self) -> dict[str, str]:
        """The response headers.

        The caller's id is returned under its own name. Without a caller's id, this header has our id.
        """
        return {HEADER: self.caller or self.own, OWN_HEADER: self.own}

    def log_fields(self) -> dict[str, str]:
        """The fields for the request's log line."""
        fields = {"request_id": self.own}
        return fields if self.caller is None else fields | {"client_request_id": self.caller}


def make_request_ids(request: web.Request) -> RequestIds:
    """Return a new id of our own, with the caller's id."""
    sent = request.headers.get(HEADER, "")
    return RequestIds(new_id(), sent if _SAFE.fullmatch(sent) else None)


# --- The middleware ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EdgeMiddleware:
    """A single middleware instead of seven, because each of aiohttp's layers costs a call and a coroutine per request.

    Order from outermost to innermost: request id, origin, log, metrics, default headers, CORS, errors.
    """

    origins: OriginReader
    cors: Cors
    headers: MultiMapping[str]
    metrics: HttpMetrics

    def middleware(self) -> Middleware:
        """The middleware function for aiohttp."""

        @web.middleware
        async def edge(request: web.Request, handler: Handler) -> web.StreamResponse:
            started = perf_counter()
            ids = make_request_ids(request)
            request[ORIGIN] = self.origins.read(request, ids.own)
            response = await self._respond(request, handler, ids.own)
            self._add_headers(request, response.headers, ids)
            self._report(request, response.status, ids, perf_counter() - started)
            return response

        return edge

    async def _respond(self, request: web.Request, handler: Handler, request_id: str) -> web.StreamResponse:
        try:
            if request.method == "OPTIONS":
                response = self.cors.preflight(request)
                if response is not None:
                    return response
            return await handler(request)
        except Problem as problem:
            return problem_response(problem, request_id)
        except web.HTTPException as error:
            return _aiohttp_response(error, request_id)
        except asyncio.CancelledError as error:
            # aiohttp closes the connection of a canceled handler without a response and without a log line.
            log.warning("request.cancelled", request_id=request_id, **error_fields(error))
            if _is_being_cancelled():
                raise
            return _error_response(error, request_id)
        except Exception as error:  # noqa: BLE001
            return _error_response(error, request_id)

    def _add_headers(self, request: web.Request, headers: CIMultiDict[str], ids: RequestIds) -> None:
        for name, value in self.headers.items():
            headers.setdefault(name, value)
        headers.update(ids.headers())
        quota = request.get(QUOTA)
        if quota is not None:
            headers.update(quota.headers())
        self.cors.add_headers(request, headers)

    def _report(self, request: web.Request, status: int, ids: RequestIds, seconds: float) -> None:
        route = route_template(request)
        self.metrics.observe(route, request.method, status, seconds)
        log.info(
            "request.answered",
            **ids.log_fields(),
            method=request.method if request.method.isalpha() else "?",
            route=route,
            status=status,
            ms=round(seconds * 1_000, 2),
            address=request[ORIGIN].address,
            **_caller_ids(request),
        )


def problem_response(problem: Problem, request_id: str) -> web.Response:
    """Return the JSON response for a Problem."""
    body = ErrorBody(
        type=problem.type,
        code=problem.code,
        message=_shorten(problem.message, MAX_MESSAGE_LENGTH),
        param=problem.param and _shorten(problem.param, MAX_PARAM_LENGTH),
        errors=[_shorten_detail(detail) for detail in problem.errors],
        request_id=request_id,
    )
    response = web.Response(status=problem.status, body=msgspec.json.encode(ErrorAnswer(body)), content_type=JSON)
    match problem:
        case TooManyRequests(retry_after_s=seconds):
            response.headers["Retry-After"] = str(max(1, seconds))
        case Unavailable():
            response.headers["Retry-After"] = str(RETRY_AFTER_S)
    if problem.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def route_template(request: web.Request) -> str:
    """Return the path as the route declares it, because values in paths must not appear in logs and metrics."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else UNMATCHED


JSON = "application/json"
# Messages may quote the request, so they are cut at these lengths.
MAX_MESSAGE_LENGTH, MAX_PARAM_LENGTH, MAX_DETAIL_LENGTH = 2_000, 200, 500


def _shorten(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _shorten_detail(detail: ErrorDetail) -> ErrorDetail:
    """Return the shortened detail. Its param is written as the caller would write it."""
    param = detail.param and _shorten(element_path(detail.param), MAX_PARAM_LENGTH)
    return ErrorDetail(param, detail.code, _shorten(detail.message, MAX_DETAIL_LENGTH))


def _aiohttp_response(error: web.HTTPException, request_id: str) -> web.StreamResponse:
    if error.status < 400:
        return web.Response(status=error.status, headers={"Location": error.headers.get("Location", "/")})
    response = problem_response(map_aiohttp_error(error), request_id)
    if "Allow" in error.headers:
        response.headers["Allow"] = error.headers["Allow"]
    return response


def _is_being_cancelled() -> bool:
    """Return whether this request itself was canceled, as opposed to a shared task that the request waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _error_response(error: BaseException, request_id: str) -> web.Response:
    """Return the error response.

    The response contains no internal details. The log has the error's location under the request id.
    """
    problem = map_database_error(error)
    if problem is None:
        log.error("request.failed", request_id=request_id, **error_fields(error))
        problem = Problem("Something went wrong on our side.")
    elif isinstance(problem, Unavailable):
        log.warning("request.unavailable", request_id=request_id, error=type(error).__name__)
    return problem_response(problem, request_id)


def _caller_ids(request: web.Request) -> dict[str, str]:
    match request.get(PRINCIPAL):
        case UserContext(key=CallingKey(id=key_id, workspace_id=workspace_id)):
            return {"api_key_id": str(key_id), "workspace_id": str(workspace_id)}
        case MemberContext(user_id=user_id, workspace_id=workspace_id):
            return {"user_id": str(user_id), "workspace_id": str(workspace_id)}
        case UserContext(user_id=user_id):
            return {"user_id": str(user_id)}
        case AdminContext(admin_id=admin_id):
            return {"admin_id": str(admin_id)}
    return {"api_key_id": str(request[KEY_ID])} if KEY_ID in request else {}

"""The MCP endpoint: checks a request's origin and API key, then lets the protocol library answer it.

Each tool call becomes a request to the API's own route, with the key of the connection, within this process.

Source: https://modelcontextprotocol.io/specification/2026-07-28/basic/transports#security-warning
"""

import asyncio
from collections.abc import Callable, Collection
from functools import cache, partial
from typing import Any, Final

import msgspec
import structlog
from aiohttp import web
from multidict import CIMultiDict

from control.db.errors import DATABASE_ERRORS, unavailable
from control.db.pool import Connection
from control.db.transaction import in_transaction
from control.http.access import USER
from control.http.auth.authorization import KeyClaim, ValidKey
from control.http.context import Context
from control.http.endpoint import REPLAYED, EndpointDependencies
from control.http.limits.concurrency_limit import SenderConcurrencyLimit
from control.http.middleware import problem_response
from control.http.request import GIVEN_BODY, origin_of, read_json_body
from control.mcp.declarations import TOOLS, ToolEffect
from control.mcp.protocol_task import AsgiExchange, ProtocolTask
from control.mcp.tool_calls import ASKABLE, ApiReply, ApiRequest, KeyTools
from control.mcp.tools import ApiTool, make_tools
from shared.errors import Forbidden, Invalid, Problem, Unauthorized, Unavailable

log = structlog.get_logger()

PATH: Final = "/mcp"
MOST_BODY_BYTES: Final = 262_144
# Limits on concurrent requests: in total, per workspace, waiting, and the longest wait in seconds.
CONCURRENCY: Final = 16
EACH: Final = 12
WAITING: Final = 64
WAIT_S: Final = 10.0
# An API request takes at most 10 s, mostly waiting.
ANSWER_S: Final = 30.0
# Error codes of JSON-RPC.
INVALID_REQUEST: Final = -32_600
INTERNAL_ERROR: Final = -32_603
# Headers of the client's request that are passed on to the API's route.
_PASSED: Final = ("Authorization", "User-Agent", "X-Forwarded-For", "X-Request-Id")


class McpEndpoint:
    """Serves the platform's MCP server.

    Args:
        make_document: Makes the OpenAPI document, with at least the operations that are tools.
        origins: Web origins that may send requests. A request without an Origin header does not come from a web page.
    """

    def __init__(
        self,
        dependencies: EndpointDependencies,
        make_document: Callable[[], dict[str, Any]],
        *,
        version: str,
        origins: Collection[str],
    ) -> None:
        self._dependencies = dependencies
        self._make_tools = cache(lambda: make_tools(TOOLS, make_document()))
        self._origins = frozenset(origins)
        self._limit = SenderConcurrencyLimit(CONCURRENCY, each=EACH, waiting=WAITING, wait_s=WAIT_S)
        self._protocol = ProtocolTask(version, MOST_BODY_BYTES)

    def prepare(self) -> dict[str, ApiTool]:
        """Create the tools at startup. This takes 0.1 s, which the first request would otherwise wait for."""
        return self._make_tools()

    def add_to(self, app: web.Application) -> None:
        """Register the route.

        There is no GET route, because the stateless protocol has no stream besides its requests.
        """
        app.router.add_post(PATH, self._answer)
        app.on_cleanup.append(self._close)

    async def _close(self, app: web.Application) -> None:
        await self._protocol.close()

    async def _answer(self, request: web.Request) -> web.Response:
        request_id = origin_of(request).request_id
        try:
            return await self._admit(request)
        except Problem as problem:
            return error_response(problem, request_id)
        except DATABASE_ERRORS as error:
            log.warning("request.unavailable", request_id=request_id, error=type(error).__name__)
            return error_response(unavailable(), request_id)

    async def _admit(self, request: web.Request) -> web.Response:
        self._check_origin(request)
        effects = read_effects(request)
        claim = await self._read_claim(request)
        key = await self._find_key(request, claim)
        await self._dependencies.limits.check_key(request, key.identity.key_id)
        tools = KeyTools(self.prepare(), key, effects, partial(send_within, request))
        # Read the body before taking a slot: slow bodies must not block other requests.
        body = await read_json_body(request, self._dependencies.body_timeout_s, MOST_BODY_BYTES)
        async with self._limit.acquired_by(str(key.identity.workspace_id)):
            return await self._exchange(AsgiExchange(request, body, tools))

    async def _exchange(self, exchange: AsgiExchange) -> web.Response:
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._protocol.answer(exchange)
        except TimeoutError:
            raise Unavailable(f"No answer within {ANSWER_S:g} s. The request may have taken effect.") from None
        return exchange.response()

    def _check_origin(self, request: web.Request) -> None:
        """Refuse web pages that reach this server through their own host name (DNS rebinding)."""
        origin = request.headers.get("Origin")
        if origin is not None and origin not in self._origins:
            raise Forbidden("Web pages of this origin may not call.", code="origin_refused")

    async def _read_claim(self, request: web.Request) -> KeyClaim:
        """Return the API key of a request. Raises Unauthorized, and TooManyRequests like every route."""
        dependencies = self._dependencies
        claim = dependencies.authorizer.read_token(USER, request, dependencies.clock())
        if not isinstance(claim, KeyClaim):
            raise Unauthorized("This needs an API key; the token of a person is not accepted.", code="api_key_needed")
        key_id, limits = dependencies.authorizer.known_key(claim), dependencies.limits
        await (limits.check_unknown_key(request) if key_id is None else limits.check_key(request, key_id))
        return claim

    async def _find_key(self, request: web.Request, claim: KeyClaim) -> ValidKey:
        """Look up the key. This happens at each request, so that a revocation takes effect immediately."""
        dependencies = self._dependencies

        async def find(db: Connection) -> ValidKey:
            context = Context(db, dependencies.services, origin_of(request), dependencies.clock())
            return await dependencies.authorizer.identify_key(claim, None, context)

        async with dependencies.connection_limit.acquired():
            return await in_transaction(dependencies.pool, find, dependencies.metrics.transaction_retries.inc)


def read_effects(request: web.Request) -> frozenset[ToolEffect]:
    """Return the effects that the connection requests in addition to reading: `?allow=write,calls,delete`.

    Raises Invalid for an unknown parameter or effect.
    """
    for name in request.query:
        if name != "allow":
            raise Invalid(f"There is no parameter {name[:100]}; send the API key only in the header.", param=name[:100])
    asked = [effect for text in request.query.getall("allow", ()) for effect in text.split(",") if effect]
    for effect in asked:
        if effect not in ASKABLE:
            known = ", ".join(ASKABLE)
            raise Invalid(f"allow: must be some of {known}, between commas.", param="allow", code="effect_unknown")
    return frozenset(ToolEffect(effect) for effect in asked)


def error_response(problem: Problem, request_id: str) -> web.Response:
    """Convert a Problem to a JSON-RPC error with the Problem's status and headers. Clients show its message.

    Source: https://www.jsonrpc.org/specification#error_object
    """
    response = problem_response(problem, request_id)
    error = {
        "code": INVALID_REQUEST if problem.status < 500 else INTERNAL_ERROR,
        "message": problem.message,
        "data": {"code": problem.code, "param": problem.param, "request_id": request_id},
    }
    response.body = msgspec.json.encode({"jsonrpc": "2.0", "id": None, "error": error})
    return response


async def send_within(outer: web.Request, wanted: ApiRequest) -> ApiReply:
    """Send a request of this client through the application itself, without a second connection.

    Routing, limits, authorization, transaction, metrics and log line are those of any request. The request and the MCP
    request that contains it count as one request for the key's rate limit.
    """
    headers: CIMultiDict[str] = CIMultiDict({"Content-Type": "application/json"})
    for name in _PASSED:
        for value in outer.headers.getall(name, ()):
            headers.add(name, value)
    headers.setdefault("X-Request-Id", origin_of(outer).request_id)
    if wanted.idempotency_key:
        headers["Idempotency-Key"] = wanted.idempotency_key
    inner = outer.clone(method=wanted.method, rel_url=wanted.url, headers=headers)
    inner[GIVEN_BODY] = wanted.body or b""
    # aiohttp has no public method that returns the response to a request.
    response = await outer.app._handle(inner)
    body = response.body if isinstance(response, web.Response) else None
    return ApiReply(
        response.status,
        body if isinstance(body, bytes) else b"",
        response.headers.get("Retry-After", ""),
        is_replayed=REPLAYED in response.headers,
    )

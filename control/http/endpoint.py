"""Handles one request: reads the body, begins the transaction, authorises the caller, checks the input, runs the
handler and makes the response (or computes it after the commit)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web

from control.db.pool import Connection, Pool
from control.db.transaction import in_transaction
from control.http.access import AccessKind
from control.http.after_commit import AfterCommit
from control.http.authorisation import Authoriser, TokenClaim
from control.http.context import Context
from control.http.file_response import FileResponse, make_file_response
from control.http.hashing_limit import HashingLimit
from control.http.inputs import read_model, read_path_value, read_query
from control.http.metrics import HttpMetrics
from control.http.pagination import Query
from control.http.rate_limits import RateLimiter
from control.http.request import PRINCIPAL, origin_of, read_json_body
from control.http.route import HandlerSignature, Route, read_signature
from control.platform.idempotency import IdempotentRequest, request_hash
from control.services import Services

JSON_HEADERS = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class EndpointDependencies:
    """What all endpoints use. body_timeout_s: seconds within which a body must arrive."""

    pool: Pool
    services: Services
    authoriser: Authoriser
    limits: RateLimiter
    metrics: HttpMetrics
    hashing_limit: HashingLimit
    clock: Callable[[], datetime]
    body_timeout_s: float


@dataclass(frozen=True, slots=True)
class EndpointResponse:
    """status, body: of a JSON response; the body is empty for 204. Instead of a body there may be a file, or the work
    that computes the response; both are used after the transaction."""

    status: int
    body: bytes
    file: FileResponse | None = None
    after_commit: AfterCommit[Any] | None = None


@dataclass(slots=True)
class EndpointRequest:
    """arguments: the handler's, None until the input has been checked."""

    request: web.Request
    raw: bytes
    claim: TokenClaim | None
    now: datetime
    arguments: dict[str, Any] | None = None


class Endpoint:
    """The aiohttp handler of one route."""

    def __init__(self, route: Route, dependencies: EndpointDependencies) -> None:
        self.route = route
        self.signature: HandlerSignature = read_signature(route)
        self._dependencies = dependencies

    async def __call__(self, request: web.Request) -> web.Response:
        incoming = await self._read(request)
        if self.route.access.kind is AccessKind.OPEN:
            # Other routes check the input after the authorisation: only those who may call learn what is wrong with it.
            incoming.arguments = self._arguments(incoming)
        await self._limit(incoming)
        if self.route.hashes_password:
            async with self._dependencies.hashing_limit.acquired():
                response = await self._transact(incoming)
        else:
            response = await self._transact(incoming)
        if response.after_commit is not None:
            response = self._response(await self._run_after_commit(response.after_commit))
        if response.file is not None:
            return make_file_response(request, response.file)
        if not response.body:
            return web.Response(status=response.status)
        return web.Response(status=response.status, body=response.body, headers=JSON_HEADERS)

    async def _read(self, request: web.Request) -> EndpointRequest:
        """Raises Unauthorised for a bad token before the body is read."""
        now = self._dependencies.clock()
        claim = self._dependencies.authoriser.read_token(self.route.access, request, now)
        timeout_s = self._dependencies.body_timeout_s
        raw = b"" if self.signature.body is None else await read_json_body(request, timeout_s)
        return EndpointRequest(request, raw, claim, now)

    async def _limit(self, incoming: EndpointRequest) -> None:
        limit = self.route.limit
        if limit is None:
            return
        account = None
        if limit.account and incoming.arguments is not None:
            account = str(getattr(incoming.arguments["body"], limit.account))
        await self._dependencies.limits.check(limit, origin_of(incoming.request).address, account)

    async def _transact(self, incoming: EndpointRequest) -> EndpointResponse:
        dependencies = self._dependencies
        retried = dependencies.metrics.transaction_retries.inc
        return await in_transaction(dependencies.pool, lambda db: self._within(incoming, db), retried)

    async def _run_after_commit(self, after: AfterCommit[Any]) -> object:
        result, complete = await after.work(), after.complete
        if complete is None:
            return result
        dependencies = self._dependencies
        retried = dependencies.metrics.transaction_retries.inc
        return await in_transaction(dependencies.pool, lambda db: complete(db, result), retried)

    async def _within(self, incoming: EndpointRequest, db: Connection) -> EndpointResponse:
        """The part inside the transaction; may run twice."""
        dependencies, request = self._dependencies, incoming.request
        context = Context(db, dependencies.services, origin_of(request), incoming.now)
        if incoming.claim is not None:
            context = await dependencies.authoriser.authorise(self.route.access, incoming.claim, request, context)
            request[PRINCIPAL] = context
        if not (self.route.idempotent and "Idempotency-Key" in request.headers):
            return await self._run(incoming, context)
        return await self._run_idempotently(incoming, context)

    async def _run_idempotently(self, incoming: EndpointRequest, context: Context) -> EndpointResponse:
        request = incoming.request
        scope = self._dependencies.authoriser.idempotency_scope(context, self.route)
        hashed = request_hash(request.path_qs, incoming.raw)
        idempotent = IdempotentRequest(context.db, scope, request.headers["Idempotency-Key"], hashed)
        stored = await idempotent.find_response()
        if stored is not None:
            return EndpointResponse(stored.status, stored.body)
        response = await self._run(incoming, context)
        await idempotent.store_response(response.status, response.body)
        return response

    async def _run(self, incoming: EndpointRequest, context: Context) -> EndpointResponse:
        if incoming.arguments is None:
            incoming.arguments = self._arguments(incoming)
        result = await self.route.handler(context, **incoming.arguments)
        if isinstance(result, AfterCommit):
            return EndpointResponse(self.route.status, b"", after_commit=result)
        return self._response(result)

    def _response(self, result: object) -> EndpointResponse:
        if isinstance(result, FileResponse):
            return EndpointResponse(200, b"", result)
        if self.signature.response is None:
            return EndpointResponse(204, b"")
        return EndpointResponse(self.route.status, self.signature.response.dump_json(result))

    def _arguments(self, incoming: EndpointRequest) -> dict[str, Any]:
        """The handler's keyword arguments. Raises Malformed, NotFound, Invalid."""
        request = incoming.request
        arguments: dict[str, Any] = {}
        for name, path_name, kind in self.signature.path:
            arguments[name] = read_path_value(kind, request.match_info[path_name])
        if self.signature.query is not None:
            arguments["query"] = read_query(self.signature.query, request)
        elif request.query_string:
            read_query(Query, request)  # has no parameters, so it raises Invalid and names the unknown one
        if self.signature.body is not None:
            arguments["body"] = read_model(self.signature.body, incoming.raw)
        return arguments

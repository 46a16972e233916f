"""Handles a request from reading its body to its response.

The steps are: read the body, begin the transaction, authorize the caller, check the input, run the handler, and create
the response, if necessary after the commit.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Final, TypeVar
from uuid import UUID

import structlog
from aiohttp import web
from pydantic import BaseModel

from control.db.errors import COLLISIONS, UNAVAILABLE
from control.db.pool import Connection, Pool
from control.db.transaction import in_transaction
from control.http.access import AccessKind
from control.http.auth.access_tokens import Audience
from control.http.auth.authorization import Authorizer, Claim, KeyClaim
from control.http.auth.browser_sessions import BrowserSessions
from control.http.context import AdminContext, Context, MemberContext, UserContext
from control.http.inputs import read_model, read_path_value, read_query
from control.http.limits.concurrency_limit import ConcurrencyLimit, SenderConcurrencyLimit
from control.http.limits.hashing_limit import HashingLimit
from control.http.limits.rate_limits import RateLimiter
from control.http.limits.webhook_activity import WebhookActivity
from control.http.metrics import HttpMetrics
from control.http.pagination import Query
from control.http.request import PRINCIPAL, origin_of, read_json_body, read_upload
from control.http.responses.after_commit import AfterCommit, CheckedChange, IdempotentAfterCommit
from control.http.responses.file_response import FileResponse, make_file_response
from control.http.responses.json_or_pdf import JsonOrPdf, wants_pdf
from control.http.responses.live_response import LiveResponse, make_live_response
from control.http.responses.redirect import Redirect, make_redirect
from control.http.responses.streamed_file import StreamedFile, make_streamed_response
from control.http.route import HandlerSignature, Route, read_signature
from control.http.services import Services
from control.idempotency.rules import StoredResponse
from control.idempotency.service import IdempotentRequest, request_hash
from control.validation import join_invalid
from shared.errors import Invalid, Unavailable

# Parsing a longer body blocks the event loop for several milliseconds.
HEAVY_BODY_BYTES: Final = 16_384
JSON_HEADERS = {"Content-Type": "application/json"}
# A body of at least this size is parsed while no webhook is being answered, if this occurs within PARSE_WAIT_S.
LONG_BODY_BYTES: Final = 8_192
PARSE_WAIT_S: Final = 0.25
# Header of a stored response to an earlier request with the same Idempotency-Key. The name is Stripe's.
REPLAYED = "Idempotent-Replayed"

# Factor on the time limit for a body. Sending 10 MB at 1 Mbit/s takes 80 s.
UPLOAD_TIMES: Final = 6

T = TypeVar("T")
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class EndpointDependencies:
    """Dependencies of all endpoints.

    Attributes:
        connection_limit: Limits the database connections that API requests hold at once. Webhooks may also use the
            rest.
        heavy_limit: Limits requests whose body or route blocks the event loop.
        webhook_activity: Heavy requests wait until no webhook is being answered.
        record_key_use: Stores when the secret of an API key with this hash was last used.
        upload_limit: Limits requests with a file, which is held in memory.
        body_timeout_s: Seconds within which a body must arrive. A file may take UPLOAD_TIMES as long.
    """

    pool: Pool
    services: Services
    authorizer: Authorizer
    browser_sessions: BrowserSessions
    limits: RateLimiter
    metrics: HttpMetrics
    hashing_limit: HashingLimit
    connection_limit: ConcurrencyLimit
    heavy_limit: ConcurrencyLimit
    webhook_activity: WebhookActivity
    upload_limit: SenderConcurrencyLimit
    record_key_use: Callable[[Connection, bytes], Awaitable[None]]
    clock: Callable[[], datetime]
    body_timeout_s: float


@dataclass(frozen=True, slots=True)
class EndpointResponse:
    """A response, or the way to create it after the transaction.

    Instead of a body, the response may have a file, a redirect, or work that computes the response.

    Attributes:
        status: HTTP status.
        body: JSON body. Empty for 204.
        open_key: The Idempotency-Key under which the computed response is stored.
        is_replayed: Whether this is the stored response of an earlier request.
        change: The change that a second transaction saves after its check.
    """

    status: int
    body: bytes
    file: FileResponse | StreamedFile | LiveResponse | Redirect | None = None
    after_commit: Callable[[], Awaitable[object]] | None = None
    open_key: IdempotentRequest | None = None
    is_replayed: bool = False
    change: CheckedChange[object] | None = None


@dataclass(slots=True)
class EndpointRequest:
    """A request that is being handled.

    Attributes:
        arguments: The handler's arguments. None until the input has been checked.
        checked: The change to save.
        is_counted: Whether the limits of the user and the API key have counted the request.
    """

    request: web.Request
    raw: bytes
    claim: Claim | None
    now: datetime
    arguments: dict[str, Any] | None = None
    checked: CheckedChange[object] | None = None
    is_counted: bool = False


class Endpoint:
    """The aiohttp handler of one route."""

    def __init__(self, route: Route, dependencies: EndpointDependencies) -> None:
        self.route = route
        self.signature: HandlerSignature = read_signature(route)
        self._dependencies = dependencies
        self._audience: Audience = "admin" if route.path.startswith("/admin/") else "user"

    async def __call__(self, request: web.Request) -> web.Response:
        response = await self._receive(request)
        sessions = self._dependencies.browser_sessions
        if self.route.session is not None and sessions.is_asked(request):
            change = sessions.drop_tokens if self.route.session == "ends" else sessions.keep_tokens
            change(response, self._audience)
        return response

    async def _receive(self, request: web.Request) -> web.Response:
        if not self.signature.upload:
            return await self._handle(request)
        async with self._dependencies.upload_limit.acquired_by(await self._admit_sender(request)):
            return await self._handle(request)

    async def _admit_sender(self, request: web.Request) -> str:
        """Return the sender of a file, who must be allowed to send it, and count the request by the user's limit.

        Files of other callers are not received.
        """
        dependencies, now = self._dependencies, self._dependencies.clock()
        claim = await self._read_claim(request, now)
        incoming = EndpointRequest(request, b"", claim, now)
        return dependencies.authorizer.caller_name(await self._in_transaction(partial(self._authorize, incoming)))

    async def _handle(self, request: web.Request) -> web.Response:
        incoming = await self._read(request)
        if self.route.access.kind is AccessKind.OPEN:
            # Other routes check the input after authorization, so that only authorized callers get details about it.
            incoming.arguments = await self._parse(incoming)
            await self._limit_account(incoming, incoming.arguments)
        async with self._admitted(incoming):
            response = await self._transact(incoming)
        if response.change is not None:
            await self._check(request, response.change)
            incoming.checked = response.change
            response = await self._transact(incoming)
        if response.after_commit is not None:
            response = await self._complete(response.after_commit, response.open_key)
        if isinstance(response.file, StreamedFile):
            return make_streamed_response(request, response.file, self._in_transaction)
        if isinstance(response.file, LiveResponse):
            again = partial(self._reauthorized, incoming)
            return make_live_response(request, response.file, again, self._in_transaction)
        return _make_response(request, response)

    async def _read(self, request: web.Request) -> EndpointRequest:
        """Read the request.

        Before the body is read, raises Unauthorized for a bad token and TooManyRequests for the address.
        """
        dependencies, route = self._dependencies, self.route
        now = dependencies.clock()
        claim = await self._read_claim(request, now)
        if route.limit is not None and not route.limit.per_user:
            await dependencies.limits.check(request, route.limit)
        raw = b""
        if self.signature.body is not None:
            raw = await read_json_body(request, dependencies.body_timeout_s, route.max_body_bytes)
            if route.session == "renews" and not raw:
                raw = dependencies.browser_sessions.refresh_body(request, self._audience)
        elif self.signature.upload:
            raw = await read_upload(request, UPLOAD_TIMES * dependencies.body_timeout_s, route.upload_bytes)
        return EndpointRequest(request, raw, claim, now, is_counted=self.signature.upload)

    async def _read_claim(self, request: web.Request, now: datetime) -> Claim | None:
        """Read the token or key.

        Raises Unauthorized, and TooManyRequests for a key or for an address with many unknown keys.
        """
        authorizer, limits = self._dependencies.authorizer, self._dependencies.limits
        claim = authorizer.read_token(self.route.access, request, now)
        if isinstance(claim, KeyClaim):
            key_id = authorizer.known_key(claim)
            await (limits.check_unknown_key(request) if key_id is None else limits.check_key(request, key_id))
        return claim

    async def _limit_account(self, incoming: EndpointRequest, arguments: Mapping[str, Any]) -> None:
        limit = self.route.limit
        if limit is not None and limit.account:
            account = str(getattr(arguments["body"], limit.account))
            await self._dependencies.limits.check_account(incoming.request, limit, account)

    async def _limit_caller(self, incoming: EndpointRequest, context: Context) -> None:
        """Count the request once by its caller's limits, before its body is parsed."""
        if incoming.is_counted:
            return
        incoming.is_counted = True
        limit, limits = self.route.limit, self._dependencies.limits
        caller = self._dependencies.authorizer.caller_name(context)
        if isinstance(context, UserContext) and context.key is not None:
            await limits.check_key(incoming.request, context.key.id)
        elif isinstance(context, UserContext):
            limits.check_user(incoming.request, context.user_id)
        if limit is not None and limit.per_user:
            await limits.check_account(incoming.request, limit, caller)

    @asynccontextmanager
    async def _admitted(self, incoming: EndpointRequest) -> AsyncIterator[None]:
        """Wait without a database connection until the request may begin. Raises Unavailable."""
        dependencies = self._dependencies
        async with AsyncExitStack() as admission:
            if self.route.hashes_password:
                await admission.enter_async_context(dependencies.hashing_limit.acquired())
            if self.route.is_heavy or len(incoming.raw) > HEAVY_BODY_BYTES:
                await admission.enter_async_context(dependencies.heavy_limit.acquired())
            yield

    async def _check(self, request: web.Request, change: CheckedChange[object]) -> None:
        """Run the check of a change outside of a transaction. The caller is already authorized."""
        if change.check is None:
            return
        if self.route.check_limit is not None:
            senders = _find_senders(request[PRINCIPAL])
            await self._dependencies.limits.check_senders(request, self.route.check_limit, senders)
        await change.check()

    async def _transact(self, incoming: EndpointRequest) -> EndpointResponse:
        return await self._in_transaction(lambda db: self._within(incoming, db))

    async def _in_transaction(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        dependencies = self._dependencies
        async with dependencies.connection_limit.acquired():
            return await in_transaction(dependencies.pool, work, dependencies.metrics.transaction_retries.inc)

    async def _reauthorized(self, incoming: EndpointRequest, work: Callable[[Context], Awaitable[T]]) -> T:
        """Authorize the caller again and run `work` in a new transaction.

        The caller may have lost the right to a long response meanwhile.
        """
        renewed = replace(incoming, now=self._dependencies.clock(), is_counted=True)

        async def within(db: Connection) -> T:
            return await work(await self._authorize(renewed, db))

        return await self._in_transaction(within)

    async def _run_after_commit(self, incoming: EndpointRequest, after: AfterCommit[Any]) -> object:
        result, complete = await after.work(), after.complete
        if complete is None:
            return result
        dependencies, origin = self._dependencies, origin_of(incoming.request)
        return await self._in_transaction(
            lambda db: complete(Context(db, dependencies.services, origin, incoming.now), result)
        )

    async def _within(self, incoming: EndpointRequest, db: Connection) -> EndpointResponse:
        """Run the part of the request inside the transaction. This part may run twice."""
        context = await self._authorize(incoming, db)
        if self.route.idempotent and "Idempotency-Key" in incoming.request.headers:
            response = await self._run_idempotently(incoming, context)
        else:
            response = await self._run(incoming, context, context.origin.request_id)
        if isinstance(context, UserContext) and context.key is not None and context.key.unrecorded is not None:
            # Comes last, so that the row is locked only until the commit.
            await self._dependencies.record_key_use(db, context.key.unrecorded)
        return response

    async def _authorize(self, incoming: EndpointRequest, db: Connection) -> Context:
        dependencies, request = self._dependencies, incoming.request
        context = Context(db, dependencies.services, origin_of(request), incoming.now)
        if incoming.claim is not None:
            context = await dependencies.authorizer.authorize(self.route.access, incoming.claim, request, context)
            request[PRINCIPAL] = context
            await self._limit_caller(incoming, context)
            if self.route.needs_recent_sign_in:
                await dependencies.authorizer.require_recent(incoming.claim, context)
        return context

    async def _run_idempotently(self, incoming: EndpointRequest, context: Context) -> EndpointResponse:
        request = incoming.request
        scope = self._dependencies.authorizer.idempotency_scope(context, self.route)
        hashed = request_hash(request.path_qs, incoming.raw)
        idempotent = IdempotentRequest(scope, request.headers["Idempotency-Key"], hashed)
        first = await idempotent.find_first(context.db)
        if first is not None and first.response is not None:
            return EndpointResponse(first.response.status, first.response.body, is_replayed=True)
        request_id = context.origin.request_id if first is None else first.request_id
        response = await self._run(incoming, context, request_id)
        if response.change is not None:
            return response
        if response.after_commit is None:
            await idempotent.store(context.db, request_id, StoredResponse(response.status, response.body))
            return response
        if first is None:
            await idempotent.store(context.db, request_id, None)
        return replace(response, open_key=idempotent)

    async def _run(self, incoming: EndpointRequest, context: Context, operation_id: str) -> EndpointResponse:
        if incoming.arguments is None:
            incoming.arguments = await self._parse(incoming)
        if incoming.checked is not None:
            return self._response(await incoming.checked.save(context))
        result = await self.route.handler(context, **incoming.arguments)
        match result:
            case AfterCommit():
                work = partial(self._run_after_commit, incoming, result)
                return EndpointResponse(self.route.status, b"", after_commit=work)
            case CheckedChange():
                return EndpointResponse(self.route.status, b"", change=result)
            case JsonOrPdf():
                if wants_pdf(incoming.request.headers.get("Accept", "")):
                    return EndpointResponse(200, b"", after_commit=result.make)
                return self._response(result.value)
            case IdempotentAfterCommit(work=named_work):
                return EndpointResponse(self.route.status, b"", after_commit=partial(named_work, operation_id))
        return self._response(result)

    async def _complete(
        self, work: Callable[[], Awaitable[object]], open_key: IdempotentRequest | None
    ) -> EndpointResponse:
        response = self._response(await work())
        if open_key is not None:
            await self._store(open_key, StoredResponse(response.status, response.body))
        return response

    async def _store(self, open_key: IdempotentRequest, response: StoredResponse) -> None:
        """Store the response. A failure is only logged, because the change has been made and a repeated request detects
        it.
        """
        try:
            await self._in_transaction(lambda db: open_key.complete(db, response))
        except (Unavailable, TimeoutError, *UNAVAILABLE, *COLLISIONS) as error:
            log.warning("idempotent_response.store_failed", error=type(error).__name__)

    def _response(self, result: object) -> EndpointResponse:
        if isinstance(result, FileResponse | StreamedFile | LiveResponse | Redirect):
            return EndpointResponse(200, b"", result)
        if self.signature.response is None:
            return EndpointResponse(204, b"")
        return EndpointResponse(self.route.status, self.signature.response.dump_json(result))

    async def _parse(self, incoming: EndpointRequest) -> dict[str, Any]:
        """Return the result of `_arguments`, at a moment when parsing does not delay a call."""
        if self.route.is_heavy or len(incoming.raw) > LONG_BODY_BYTES:
            await self._dependencies.webhook_activity.wait_until_idle(PARSE_WAIT_S)
        return self._arguments(incoming)

    def _arguments(self, incoming: EndpointRequest) -> dict[str, Any]:
        """Return the handler's keyword arguments. Raises Malformed, NotFound, Invalid."""
        request = incoming.request
        arguments: dict[str, Any] = {}
        for name, path_name, kind in self.signature.path:
            arguments[name] = read_path_value(kind, request.match_info[path_name], path_name)
        faults: list[Invalid] = []
        for name, read in self._readers(incoming).items():
            try:
                arguments[name] = read()
            except Invalid as invalid:
                faults.append(invalid)
        if faults:
            raise join_invalid(faults)
        if self.signature.query is None:
            arguments.pop("query", None)
        if self.signature.upload:
            arguments["upload"] = incoming.raw
        return arguments

    def _readers(self, incoming: EndpointRequest) -> dict[str, Callable[[], BaseModel]]:
        """Return the functions that read the query and the body.

        If the route takes no query, each parameter is reported as unknown.
        """
        readers: dict[str, Callable[[], BaseModel]] = {}
        if self.signature.query is not None or incoming.request.query_string:
            readers["query"] = partial(read_query, self.signature.query or Query, incoming.request)
        if self.signature.body is not None:
            readers["body"] = partial(read_model, self.signature.body, incoming.raw)
        return readers


def _find_senders(context: Context) -> dict[str, UUID]:
    """Return the ids of the request's senders by kind."""
    match context:
        case UserContext():
            sender = {"user": context.user_id} if context.key is None else {"key": context.key.id}
            return sender | ({"workspace": context.workspace_id} if isinstance(context, MemberContext) else {})
        case AdminContext():
            return {"admin": context.admin_id}
    return {}


def _make_response(request: web.Request, response: EndpointResponse) -> web.Response:
    if isinstance(response.file, Redirect):
        return make_redirect(response.file)
    if isinstance(response.file, FileResponse):
        return make_file_response(request, response.file)
    headers = {REPLAYED: "true"} if response.is_replayed else {}
    if not response.body:
        return web.Response(status=response.status, headers=headers)
    return web.Response(status=response.status, body=response.body, headers=JSON_HEADERS | headers)

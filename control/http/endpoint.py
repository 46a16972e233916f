"""One request's walk: body read, transaction begun, caller authorised, input checked, handler run, answer written (or
had from elsewhere, once the transaction is over)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web

from control.db.pool import Connection, Pool
from control.http.access import Kind
from control.http.after import After
from control.http.authorise import Authoriser, Claim
from control.http.context import Context, Services
from control.http.file import FileAnswer, respond
from control.http.given import body_of, path_value, query_of
from control.http.idempotency import Replay, request_hash
from control.http.limits import Limits
from control.http.metrics import HttpMetrics
from control.http.page import Query
from control.http.request import CALLER, origin_of, read_body
from control.http.route import Route, Shape, shape
from control.http.transaction import in_transaction
from control.http.turnstile import Turnstile

JSON_HEADERS = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Parts:
    """What all endpoints share. body_timeout_s: seconds that a body may take to come."""

    pool: Pool
    services: Services
    authoriser: Authoriser
    limits: Limits
    metrics: HttpMetrics
    turnstile: Turnstile
    clock: Callable[[], datetime]
    body_timeout_s: float


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and the bytes of a JSON body; empty for 204. Or a file, or what makes the answer: both for after the
    transaction."""

    status: int
    body: bytes
    file: FileAnswer | None = None
    after: After[Any] | None = None


@dataclass(slots=True)
class Asked:
    """What came in. given: the handler's arguments, None until the input has been checked."""

    request: web.Request
    raw: bytes
    claim: Claim | None
    now: datetime
    given: dict[str, Any] | None = None


class Endpoint:
    """The aiohttp handler of one route."""

    def __init__(self, route: Route, parts: Parts) -> None:
        self.route = route
        self.shape: Shape = shape(route)
        self._parts = parts

    async def __call__(self, request: web.Request) -> web.Response:
        asked = await self._ask(request)
        if self.route.access.kind is Kind.OPEN:
            # Others are told what is wrong with their input only after it is known that they may ask at all.
            asked.given = self._given(asked)
        await self._limit(asked)
        if self.route.hashes:
            async with self._parts.turnstile.passed():
                answer = await self._transacted(asked)
        else:
            answer = await self._transacted(asked)
        if answer.after is not None:
            answer = self._written(await answer.after.work())
        if answer.file is not None:
            return respond(request, answer.file)
        if not answer.body:
            return web.Response(status=answer.status)
        return web.Response(status=answer.status, body=answer.body, headers=JSON_HEADERS)

    async def _ask(self, request: web.Request) -> Asked:
        """Raises Unauthorised before a body is waited for."""
        parts = self._parts
        now = parts.clock()
        claim = parts.authoriser.claim(self.route.access, request, now)
        raw = b"" if self.shape.body is None else await read_body(request, parts.body_timeout_s)
        return Asked(request, raw, claim, now)

    async def _limit(self, asked: Asked) -> None:
        limit = self.route.limit
        if limit is None:
            return
        account = None
        if limit.account and asked.given is not None:
            account = str(getattr(asked.given["body"], limit.account))
        await self._parts.limits.check(limit, origin_of(asked.request).address, account)

    async def _transacted(self, asked: Asked) -> Answer:
        parts = self._parts
        return await in_transaction(parts.pool, lambda db: self._work(asked, db), parts.metrics.repeats.inc)

    async def _work(self, asked: Asked, db: Connection) -> Answer:
        """The part inside the transaction; may be done twice."""
        parts, request = self._parts, asked.request
        context = Context(db, parts.services, origin_of(request), asked.now)
        if asked.claim is not None:
            context = await parts.authoriser.admit(self.route.access, asked.claim, request, context)
            request[CALLER] = context
        if not (self.route.idempotent and "Idempotency-Key" in request.headers):
            return await self._run(asked, context)
        return await self._replayed(asked, context)

    async def _replayed(self, asked: Asked, context: Context) -> Answer:
        request = asked.request
        scope = self._parts.authoriser.scope_of(context, self.route)
        replay = Replay(context.db, scope, request.headers["Idempotency-Key"])
        stored = await replay.find(request_hash(request.path_qs, asked.raw))
        if stored is not None:
            return Answer(stored.status, stored.body)
        answer = await self._run(asked, context)
        await replay.keep(answer.status, answer.body)
        return answer

    async def _run(self, asked: Asked, context: Context) -> Answer:
        if asked.given is None:
            asked.given = self._given(asked)
        result = await self.route.handler(context, **asked.given)
        return Answer(self.route.status, b"", after=result) if isinstance(result, After) else self._written(result)

    def _written(self, result: object) -> Answer:
        """By its type."""
        if isinstance(result, FileAnswer):
            return Answer(200, b"", result)
        if self.shape.answer is None:
            return Answer(204, b"")
        return Answer(self.route.status, self.shape.answer.dump_json(result))

    def _given(self, asked: Asked) -> dict[str, Any]:
        """The handler's arguments. Raises Malformed, Missing, Invalid."""
        request = asked.request
        given: dict[str, Any] = {}
        for name, spelt, kind in self.shape.path:
            given[name] = path_value(kind, request.match_info[spelt])
        if self.shape.query is not None:
            given["query"] = query_of(self.shape.query, request)
        elif request.query_string:
            query_of(Query, request)  # which has no parameters: names the one that is too many
        if self.shape.body is not None:
            given["body"] = body_of(self.shape.body, asked.raw)
        return given

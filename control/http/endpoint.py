"""One request's walk: body read, transaction begun, caller authorised, input checked, handler run, answer written."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web
from pydantic import BaseModel, TypeAdapter, ValidationError

from control.db.pool import Connection, Pool
from control.http.authorise import Authoriser
from control.http.context import Context, Services
from control.http.faults import invalid
from control.http.idempotency import Replay, request_hash
from control.http.limits import Limits
from control.http.request import origin_of, read_body
from control.http.route import Route, Shape, shape
from shared.errors import Malformed, Missing, Problem

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Parts:
    """What all endpoints share."""

    pool: Pool
    services: Services
    authoriser: Authoriser
    limits: Limits
    clock: Callable[[], datetime]
    max_body_bytes: int


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and the bytes of a JSON body; empty for 204."""

    status: int
    body: bytes


class Endpoint:
    """The aiohttp handler of one route."""

    def __init__(self, route: Route, parts: Parts) -> None:
        self.route = route
        self.shape: Shape = shape(route)
        self._parts = parts

    async def __call__(self, request: web.Request) -> web.Response:
        parts, route = self._parts, self.route
        origin = origin_of(request)
        raw = await read_body(request, parts.max_body_bytes)
        if route.limit is not None:
            await parts.limits.of_address(route.limit, origin.address)
        claim = parts.authoriser.claim(route.access, request, parts.clock())
        async with _transaction(parts.pool) as db:
            context = Context(db, parts.services, origin, parts.clock())
            context = await parts.authoriser.admit(route.access, claim, request, context)
            answer = await self._answer(request, raw, context)
        return web.Response(status=answer.status, body=answer.body or None, content_type=JSON if answer.body else None)

    async def _answer(self, request: web.Request, raw: bytes, context: Context) -> Answer:
        key = request.headers.get("Idempotency-Key", "")
        if not (self.route.idempotent and key):
            return await self._run(request, raw, context)
        replay = Replay(context.db, self._parts.authoriser.scope_of(context, self.route), key)
        stored = await replay.find(request_hash(request.path, raw))
        if stored is not None:
            return Answer(stored.status, stored.body)
        answer = await self._run(request, raw, context)
        await replay.keep(answer.status, answer.body)
        return answer

    async def _run(self, request: web.Request, raw: bytes, context: Context) -> Answer:
        given = await self._given(request, raw)
        result = await self.route.handler(context, **given)
        if self.shape.answer is None:
            return Answer(204, b"")
        return Answer(self.route.status, self.shape.answer.dump_json(result))

    async def _given(self, request: web.Request, raw: bytes) -> dict[str, Any]:
        """The handler's arguments. Raises Malformed, Missing, Invalid, TooMany."""
        given: dict[str, Any] = {}
        for name, spelt, kind in self.shape.path:
            given[name] = _path_value(kind, request.match_info[spelt])
        if self.shape.query is not None:
            given["query"] = _query(self.shape.query, request)
        if self.shape.body is not None:
            body = given["body"] = _body(self.shape.body, raw)
            limit = self.route.limit
            if limit is not None and limit.account:
                await self._parts.limits.of_account(limit, str(getattr(body, limit.account)))
        return given


@asynccontextmanager
async def _transaction(pool: Pool) -> AsyncIterator[Connection]:
    """One request, one transaction: committed when the handler returns, or raises a Problem that keeps."""
    async with pool.connection() as db:
        await db.execute("BEGIN")
        try:
            yield db
        except Problem as problem:
            await db.execute("COMMIT" if problem.keeps else "ROLLBACK")
            raise
        except BaseException:
            await db.execute("ROLLBACK")
            raise
        await db.execute("COMMIT")


def _path_value(kind: TypeAdapter[Any], text: str) -> Any:
    """An id that cannot be one is simply not there."""
    try:
        return kind.validate_strings(text)
    except ValidationError:
        raise Missing("There is nothing at this address.") from None


def _query(kind: type[BaseModel], request: web.Request) -> BaseModel:
    given = request.query
    doubled = next((name for name in given if len(given.getall(name)) > 1), None)
    if doubled is not None:
        raise Malformed(f"The query names {doubled} more than once.", code="repeated_parameter")
    try:
        return kind.model_validate_strings(dict(given))
    except ValidationError as error:
        raise invalid(error) from None


def _body(kind: type[BaseModel], raw: bytes) -> BaseModel:
    try:
        return kind.model_validate_json(raw or b"{}")
    except ValidationError as error:
        raise invalid(error) from None


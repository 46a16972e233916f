"""Routes for tests that fail, wait or collide on request, served by the real application."""

import asyncio
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from pydantic import Field

from control.http.access import OPEN, USER, admin, member
from control.http.body import Body
from control.http.context import AdminContext, Context, MemberContext, UserContext
from control.http.pagination import PageQuery
from control.http.route import RateLimit, Route
from shared.errors import Conflict, TooManyRequests

TABLE = "CREATE TABLE IF NOT EXISTS notes (id bigserial PRIMARY KEY, owner uuid, text text NOT NULL)"
SECRET = "inner-secret-4711"


@dataclass(slots=True)
class Gates:
    """Where handlers of the running test wait. reached: set by the handler; opened: set by the test."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    together: asyncio.Barrier = field(default_factory=lambda: asyncio.Barrier(2))
    attempts: int = 0


GATES: list[Gates] = []


def new_gates() -> Gates:
    """New gates for a test."""
    GATES[:] = [Gates()]
    return GATES[0]


class Inner(Body):
    """Part of a body."""

    level: int = Field(0, ge=0, le=9)


class NewNote(Body):
    """A body."""

    text: str = Field(max_length=2_000)
    inner: Inner | None = None


class NotesQuery(PageQuery):
    """A query."""

    search: str | None = Field(None, max_length=50)


@dataclass(frozen=True, slots=True)
class Note:
    """A response."""

    id: int
    text: str


@dataclass(frozen=True, slots=True)
class Values:
    """A response with any values."""

    values: dict[str, Any]


async def echo(context: Context, body: NewNote) -> Values:
    """Returns its input."""
    return Values({"text": body.text, "address": context.origin.address, "agent": context.origin.user_agent})


async def share_cancelled(context: Context) -> Values:
    """Waits for a future that somebody else cancels."""
    shared: asyncio.Future[Values] = asyncio.get_running_loop().create_future()
    shared.cancel()
    return await shared


async def crash(context: Context) -> Values:
    """Raises an internal error."""
    await context.db.fetchval("SELECT 1")
    raise RuntimeError(SECRET)


async def busy(context: Context) -> Values:
    """Responds with 429."""
    raise TooManyRequests("Not now.", retry_after_s=7)


async def wait(context: Context) -> Values:
    """Waits until the test opens the gate."""
    await context.db.fetchval("SELECT 'waiting'")
    GATES[0].reached.set()
    await GATES[0].opened.wait()
    await context.db.fetchval("SELECT 1")
    return Values({"waited": True})


async def scope(context: Context) -> Values:
    """Returns the transaction's scope and connection."""
    return Values(await _scope(context))


async def member_scope(context: MemberContext) -> Values:
    """The scope of a member's request."""
    return Values(await _scope(context))


async def admin_scope(context: AdminContext) -> Values:
    """The scope of an admin's request."""
    return Values(await _scope(context))


async def write_note(context: UserContext, body: NewNote) -> Note:
    """Writes a note, then fails or waits if the text says so."""
    statement = "INSERT INTO notes (owner, text) VALUES ($1, $2) RETURNING id"
    number: int = await context.db.fetchval(statement, context.user_id, body.text)
    if body.text == "refuse":
        raise Conflict("Refused on request.", code="refused")
    if body.text == "refuse and commit":
        raise Conflict("Refused on request.", code="refused", commits=True)
    if body.text == "wait":
        GATES[0].reached.set()
        await GATES[0].opened.wait()
    return Note(number, body.text)


async def list_notes(context: UserContext, query: NotesQuery) -> Values:
    """Returns its query."""
    return Values({"page": query.page, "limit": query.limit, "search": query.search, "offset": query.offset})


async def find_thing(context: Context, thing_id: UUID, number: int, name: str) -> Values:
    """Returns its path."""
    returned = await context.db.fetchval("SELECT $1::text", name)
    return Values({"thing_id": thing_id, "number": number, "name": returned})


async def cross(context: UserContext, first: int, second: int) -> Values:
    """Updates two notes in the given order: two requests in opposite order deadlock."""
    gates = GATES[0]
    gates.attempts += 1
    change = "UPDATE notes SET text = text || '+' WHERE id = $1"
    await context.db.execute(change, first)
    if gates.attempts <= 2:
        await gates.together.wait()
    await context.db.execute(change, second)
    return Values({})


async def collide(context: Context) -> Values:
    """Always collides."""
    GATES[0].attempts += 1
    await context.db.execute("DO $$BEGIN RAISE EXCEPTION 'again' USING ERRCODE = 'serialization_failure'; END$$")
    return Values({})


async def sleep(context: Context) -> Values:
    """Runs a statement that sleeps."""
    await context.db.execute("SELECT pg_sleep(60)")
    return Values({})


async def guess(context: Context, body: NewNote) -> None:
    """Has a rate limit."""


async def _scope(context: Context) -> dict[str, Any]:
    row = await context.db.fetchrow(
        "SELECT pg_backend_pid() AS pid, current_scope() AS scope, current_workspace()::text AS workspace, "
        "current_person()::text AS person, current_user::text AS role"
    )
    return dict(row)


THING_PATH = "/try/things/{thingId}/{number}/{name}"
ROUTES: tuple[Route, ...] = (
    Route("POST", "/try/echo", echo, OPEN),
    Route("GET", "/try/crash", crash, OPEN),
    Route("GET", "/try/busy", busy, OPEN),
    Route("GET", "/try/wait", wait, OPEN),
    Route("GET", "/try/scope", scope, OPEN),
    Route("GET", "/try/workspaces/{workspaceId}/scope", member_scope, member("admin")),
    Route("GET", "/try/admin/scope", admin_scope, admin("support")),
    Route("POST", "/try/notes", write_note, USER, status=201, idempotent=True),
    Route("GET", "/try/notes", list_notes, USER),
    Route("GET", THING_PATH, find_thing, OPEN),
    Route("POST", "/try/cross/{first}/{second}", cross, USER),
    Route("GET", "/try/collide", collide, OPEN),
    Route("GET", "/try/sleep", sleep, OPEN),
    Route("POST", "/try/guess", guess, OPEN, limit=RateLimit("guess", 3, 60, account="text")),
    Route("GET", "/try/hash", wait, OPEN, hashes_password=True),
    Route("GET", "/try/share-cancelled", share_cancelled, OPEN),
)

"""Routes of the tests' own, that behave badly on request, on the real application."""

import asyncio
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from pydantic import Field

from control.http.access import OPEN, USER, admin, member
from control.http.body import Body
from control.http.context import AdminContext, Context, MemberContext, UserContext
from control.http.page import PageQuery
from control.http.route import Limit, Route
from shared.errors import Conflict, TooMany

TABLE = "CREATE TABLE IF NOT EXISTS notes (id bigserial PRIMARY KEY, owner uuid, text text NOT NULL)"
SECRET = "inner-secret-4711"


@dataclass(slots=True)
class Gates:
    """Where handlers of the running test wait: `reached` tells the test that they do, `opened` lets them on."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    together: asyncio.Barrier = field(default_factory=lambda: asyncio.Barrier(2))
    tries: int = 0


GATES: list[Gates] = []


def new_gates() -> Gates:
    """For one test."""
    GATES[:] = [Gates()]
    return GATES[0]


class Inner(Body):
    """A part of a body."""

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
    """An answer."""

    id: int
    text: str


@dataclass(frozen=True, slots=True)
class Told:
    """An answer of anything."""

    told: dict[str, Any]


async def echo(context: Context, body: NewNote) -> Told:
    """Says it again."""
    return Told({"text": body.text, "address": context.origin.address, "agent": context.origin.user_agent})


async def crash(context: Context) -> Told:
    """Breaks."""
    await context.db.fetchval("SELECT 1")
    raise RuntimeError(SECRET)


async def busy(context: Context) -> Told:
    """Refuses for a while."""
    raise TooMany("Not now.", retry_after_s=7)


async def wait(context: Context) -> Told:
    """Waits for the test."""
    await context.db.fetchval("SELECT 'waiting'")
    GATES[0].reached.set()
    await GATES[0].opened.wait()
    await context.db.fetchval("SELECT 1")
    return Told({"waited": True})


async def scope(context: Context) -> Told:
    """Whose rows the transaction may see, and on which connection."""
    return Told(await _scope(context))


async def member_scope(context: MemberContext) -> Told:
    """The same of a member's request."""
    return Told(await _scope(context))


async def admin_scope(context: AdminContext) -> Told:
    """The same of an admin's request."""
    return Told(await _scope(context))


async def write_note(context: UserContext, body: NewNote) -> Note:
    """Writes, then fails or waits if the text says so."""
    statement = "INSERT INTO notes (owner, text) VALUES ($1, $2) RETURNING id"
    number: int = await context.db.fetchval(statement, context.user_id, body.text)
    if body.text == "refuse":
        raise Conflict("As you wish.", code="refused")
    if body.text == "refuse and keep":
        raise Conflict("As you wish.", code="refused", keeps=True)
    if body.text == "wait":
        GATES[0].reached.set()
        await GATES[0].opened.wait()
    return Note(number, body.text)


async def list_notes(context: UserContext, query: NotesQuery) -> Told:
    """Tells its query."""
    return Told({"page": query.page, "limit": query.limit, "search": query.search, "offset": query.offset})


async def find_thing(context: Context, thing_id: UUID, number: int, name: str) -> Told:
    """Tells its path."""
    told = await context.db.fetchval("SELECT $1::text", name)
    return Told({"thing_id": thing_id, "number": number, "name": told})


async def cross(context: UserContext, first: int, second: int) -> Told:
    """Changes two notes in an order; two requests in contrary order wait for each other for ever."""
    gates = GATES[0]
    gates.tries += 1
    change = "UPDATE notes SET text = text || '+' WHERE id = $1"
    await context.db.execute(change, first)
    if gates.tries <= 2:
        await gates.together.wait()
    await context.db.execute(change, second)
    return Told({})


async def collide(context: Context) -> Told:
    """Is always told that it collided."""
    GATES[0].tries += 1
    await context.db.execute("DO $$BEGIN RAISE EXCEPTION 'again' USING ERRCODE = 'serialization_failure'; END$$")
    return Told({})


async def sleep(context: Context) -> Told:
    """Has PostgreSQL sleep."""
    await context.db.execute("SELECT pg_sleep(60)")
    return Told({})


async def guess(context: Context, body: NewNote) -> None:
    """Is limited."""


async def _scope(context: Context) -> dict[str, Any]:
    row = await context.db.fetchrow(
        "SELECT pg_backend_pid() AS pid, current_scope() AS scope, current_workspace()::text AS workspace, "
        "current_person()::text AS person, current_user::text AS role"
    )
    return dict(row)


THING = "/try/things/{thingId}/{number}/{name}"
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
    Route("GET", THING, find_thing, OPEN),
    Route("POST", "/try/cross/{first}/{second}", cross, USER),
    Route("GET", "/try/collide", collide, OPEN),
    Route("GET", "/try/sleep", sleep, OPEN),
    Route("POST", "/try/guess", guess, OPEN, limit=Limit("guess", 3, 60, account="text")),
    Route("GET", "/try/hash", wait, OPEN, hashes=True),
)

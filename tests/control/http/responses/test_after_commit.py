"""Responses that are computed after the commit, without a connection."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from control.db.pool import Timeouts
from control.http.access import OPEN, USER
from control.http.context import Context
from control.http.openapi.document import make_document
from control.http.responses.after_commit import AfterCommit
from control.http.responses.file_response import FileResponse
from control.http.route import InvalidRoute, Route, read_signature
from shared.errors import Conflict
from tests.control.http.probe_routes import GATES, SECRET, TABLE, Gates, Note, scope
from tests.control.http.responses.test_file_response import read_wav
from tests.platform.api import Api, running_api

# What ran, in the running test.
EXECUTED: list[str] = []


async def _insert(context: Context, text: str) -> int:
    number: int = await context.db.fetchval("INSERT INTO notes (text) VALUES ($1) RETURNING id", text)
    return number


async def created(context: Context) -> AfterCommit[Note]:
    """Returns a note."""
    number = await _insert(context, "created")

    async def work() -> Note:
        return Note(number, "after the commit")

    return AfterCommit(work)


async def completed(context: Context) -> AfterCommit[Note]:
    """Completes its response in a transaction of its own."""
    number = await _insert(context, "before")

    async def work() -> Note:
        EXECUTED.append("work")
        return Note(number, "unfinished")

    async def complete(later: Context, note: Note) -> Note:
        EXECUTED.append(await later.db.fetchval("SELECT current_scope()") or "none")
        await later.db.execute("INSERT INTO notes (text) VALUES ('completed')")
        return Note(note.id, f"{note.text}, then completed")

    return AfterCommit(work, complete)


async def plain(context: Context) -> Note:
    """Returns a note."""
    return Note(1, "before the commit")


async def slow(context: Context) -> AfterCommit[Note]:
    """Waits for the test."""
    number = await _insert(context, "slow")

    async def work() -> Note:
        GATES[0].reached.set()
        await GATES[0].opened.wait()
        return Note(number, "released")

    return AfterCommit(work)


async def refused(context: Context) -> AfterCommit[Note]:
    """Is refused after the commit."""
    await _insert(context, "refused after")

    async def work() -> Note:
        raise Conflict("Not there.", code="refused_there")

    return AfterCommit(work)


async def refused_before(context: Context) -> AfterCommit[Note]:
    """Is refused before the commit."""
    await _insert(context, "refused before")
    raise Conflict("Not here.", code="refused_here")


async def crashed(context: Context) -> AfterCommit[Note]:
    """Fails after the commit."""

    async def work() -> Note:
        raise RuntimeError(SECRET)

    return AfterCommit(work)


async def late(context: Context) -> AfterCommit[Note]:
    """Uses the database after the commit."""

    async def work() -> Note:
        return Note(await _insert(context, "late"), "never")

    return AfterCommit(work)


async def collides(context: Context) -> AfterCommit[Note]:
    """Collides in its first attempt."""
    EXECUTED.append("handler")
    if EXECUTED == ["handler"]:
        await context.db.execute("DO $$BEGIN RAISE EXCEPTION 'again' USING ERRCODE = 'serialization_failure'; END$$")

    async def work() -> Note:
        EXECUTED.append("work")
        return Note(1, "once")

    return AfterCommit(work)


async def nothing(context: Context) -> AfterCommit[None]:
    """Returns nothing."""

    async def work() -> None:
        EXECUTED.append("work")

    return AfterCommit(work)


async def file(context: Context) -> AfterCommit[FileResponse]:
    """Returns a file."""

    async def work() -> FileResponse:
        return FileResponse("call.wav", "audio/wav", 1024, read_wav)

    return AfterCommit(work)


ROUTES = (
    Route("POST", "/created", created, OPEN, status=201),
    Route("POST", "/slow", slow, OPEN),
    Route("POST", "/refused", refused, OPEN),
    Route("POST", "/refused-before", refused_before, OPEN),
    Route("GET", "/crashed", crashed, OPEN),
    Route("GET", "/late", late, OPEN),
    Route("GET", "/collides", collides, OPEN),
    Route("POST", "/nothing", nothing, OPEN),
    Route("GET", "/file", file, OPEN),
    Route("GET", "/scope", scope, OPEN),
    Route("POST", "/completed", completed, OPEN),
)


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    """With one connection for all requests; waiting for it takes 0.5 s at most."""
    EXECUTED.clear()
    timeouts = Timeouts(acquire=0.5)
    async with running_api(database_url, valkey_url, routes=ROUTES, pool_size=1, timeouts=timeouts) as running:
        await running.owner.execute(TABLE)
        yield running


async def notes(api: Api) -> list[str]:
    return [row["text"] for row in await api.owner.fetch("SELECT text FROM notes ORDER BY id")]


async def test_result_becomes_a_response_with_the_routes_status(api: Api) -> None:
    reply = await api.anonymous.post("/created")
    assert (reply.status, reply.body["text"]) == (201, "after the commit")
    assert reply.headers["Content-Type"] == "application/json"


async def test_result_may_be_nothing_or_a_file(api: Api) -> None:
    reply = await api.anonymous.post("/nothing")
    assert (reply.status, reply.raw, EXECUTED) == (204, b"", ["work"])
    assert (await api.anonymous.get("/file", headers={"Range": "bytes=2-3"})).raw == b"\x02\x03"


async def test_work_runs_without_connection_after_the_commit(api: Api, gates: Gates) -> None:
    request = asyncio.create_task(api.anonymous.post("/slow"))
    await gates.reached.wait()
    assert (await api.anonymous.get("/scope")).status == 200
    assert "slow" in await notes(api)
    assert not request.done()
    gates.opened.set()
    assert (await request).body["text"] == "released"


async def test_result_may_be_completed_in_a_transaction_of_its_own(api: Api) -> None:
    reply = await api.anonymous.post("/completed")
    assert reply.body["text"] == "unfinished, then completed"
    assert EXECUTED == ["work", "none"]
    assert (await notes(api))[-2:] == ["before", "completed"]


async def test_refusal_after_the_commit_rolls_nothing_back(api: Api) -> None:
    reply = await api.anonymous.post("/refused")
    assert (reply.status, reply.code) == (409, "refused_there")
    assert (await api.anonymous.post("/refused-before")).code == "refused_here"
    written = await notes(api)
    assert "refused after" in written and "refused before" not in written


async def test_error_after_the_commit_is_500_without_details(api: Api) -> None:
    reply = await api.anonymous.get("/crashed")
    assert (reply.status, reply.code) == (500, "internal")
    assert SECRET not in reply.raw.decode()


async def test_work_cannot_use_the_database(api: Api) -> None:
    assert (await api.anonymous.get("/late")).status == 500
    assert "late" not in await notes(api)


async def test_retried_request_runs_the_work_once(api: Api) -> None:
    assert (await api.anonymous.get("/collides")).body["text"] == "once"
    assert EXECUTED == ["handler", "handler", "work"]


def test_document_describes_the_result() -> None:
    document = make_document(
        [
            Route("POST", "/created", created, OPEN),
            Route("POST", "/plain", plain, OPEN),
            Route("GET", "/file", file, OPEN),
        ],
        version="1",
        public_url="https://api.example.com",
    )
    responses = [document["paths"][path]["post"]["responses"]["200"] for path in ("/created", "/plain")]
    assert responses[0] == responses[1]
    assert document["components"]["schemas"].keys() == {"Error", "ErrorBody", "ErrorDetail", "Note"}
    assert {"200", "206", "302", "416"} <= document["paths"]["/file"]["get"]["responses"].keys()
    assert read_signature(ROUTES[7]).response is None and not read_signature(ROUTES[7]).file


def test_response_after_commit_cannot_be_idempotent() -> None:
    with pytest.raises(InvalidRoute, match="IdempotentAfterCommit"):
        read_signature(Route("POST", "/created", created, USER, idempotent=True))

"""Answers that are had from elsewhere: once the transaction is committed and its connection given back."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from control.db.pool import Timeouts
from control.http.access import OPEN, USER
from control.http.after import After
from control.http.context import Context
from control.http.file import FileAnswer
from control.http.openapi import document
from control.http.route import BadRoute, Route, shape
from shared.errors import Conflict
from tests.control.http.stage import GATES, SECRET, TABLE, Gates, Note, scope
from tests.control.http.test_file import stretch
from tests.control.running import Api, running_api

# What was done, in the running test.
DONE: list[str] = []


async def _wrote(context: Context, text: str) -> int:
    number: int = await context.db.fetchval("INSERT INTO notes (text) VALUES ($1) RETURNING id", text)
    return number


async def made(context: Context) -> After[Note]:
    """Something made elsewhere."""
    number = await _wrote(context, "made")

    async def work() -> Note:
        return Note(number, "from elsewhere")

    return After(work)


async def plain(context: Context) -> Note:
    """Something made elsewhere."""
    return Note(1, "from here")


async def slow(context: Context) -> After[Note]:
    """Waits for the test."""
    number = await _wrote(context, "slow")

    async def work() -> Note:
        GATES[0].reached.set()
        await GATES[0].opened.wait()
        return Note(number, "at last")

    return After(work)


async def refused(context: Context) -> After[Note]:
    """Is refused elsewhere."""
    await _wrote(context, "refused elsewhere")

    async def work() -> Note:
        raise Conflict("Not there.", code="refused_there")

    return After(work)


async def refused_before(context: Context) -> After[Note]:
    """Is refused here."""
    await _wrote(context, "refused here")
    raise Conflict("Not here.", code="refused_here")


async def crashed(context: Context) -> After[Note]:
    """Breaks elsewhere."""

    async def work() -> Note:
        raise RuntimeError(SECRET)

    return After(work)


async def late(context: Context) -> After[Note]:
    """Asks the database when it is too late."""

    async def work() -> Note:
        return Note(await _wrote(context, "late"), "never")

    return After(work)


async def collides(context: Context) -> After[Note]:
    """Is done again, for it collided."""
    DONE.append("handler")
    if DONE == ["handler"]:
        await context.db.execute("DO $$BEGIN RAISE EXCEPTION 'again' USING ERRCODE = 'serialization_failure'; END$$")

    async def work() -> Note:
        DONE.append("work")
        return Note(1, "once")

    return After(work)


async def nothing(context: Context) -> After[None]:
    """Has nothing to say."""

    async def work() -> None:
        DONE.append("work")

    return After(work)


async def file(context: Context) -> After[FileAnswer]:
    """A file that is looked for elsewhere."""

    async def work() -> FileAnswer:
        return FileAnswer("call.wav", "audio/wav", 1024, stretch)

    return After(work)


ROUTES = (
    Route("POST", "/made", made, OPEN, status=201),
    Route("POST", "/slow", slow, OPEN),
    Route("POST", "/refused", refused, OPEN),
    Route("POST", "/refused-before", refused_before, OPEN),
    Route("GET", "/crashed", crashed, OPEN),
    Route("GET", "/late", late, OPEN),
    Route("GET", "/collides", collides, OPEN),
    Route("POST", "/nothing", nothing, OPEN),
    Route("GET", "/file", file, OPEN),
    Route("GET", "/scope", scope, OPEN),
)


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    """With one connection for all requests, which nobody waits long for."""
    DONE.clear()
    timeouts = Timeouts(acquire=0.5)
    async with running_api(database_url, valkey_url, routes=ROUTES, pool_size=1, timeouts=timeouts) as running:
        await running.owner.execute(TABLE)
        yield running


async def notes(api: Api) -> list[str]:
    return [row["text"] for row in await api.owner.fetch("SELECT text FROM notes ORDER BY id")]


async def test_it_is_answered_by_its_type_with_the_routes_status(api: Api) -> None:
    reply = await api.nobody.post("/made")
    assert (reply.status, reply.body["text"]) == (201, "from elsewhere")
    assert reply.headers["Content-Type"] == "application/json"


async def test_nothing_and_files_are_answers_too(api: Api) -> None:
    reply = await api.nobody.post("/nothing")
    assert (reply.status, reply.raw, DONE) == (204, b"", ["work"])
    assert (await api.nobody.get("/file", headers={"Range": "bytes=2-3"})).raw == b"\x02\x03"


async def test_meanwhile_the_connection_is_others_and_what_was_written_stands(api: Api, gates: Gates) -> None:
    asked = asyncio.create_task(api.nobody.post("/slow"))
    await gates.reached.wait()
    assert (await api.nobody.get("/scope")).status == 200
    assert "slow" in await notes(api)
    assert not asked.done()
    gates.opened.set()
    assert (await asked).body["text"] == "at last"


async def test_a_refusal_from_elsewhere_is_answered_and_undoes_nothing(api: Api) -> None:
    reply = await api.nobody.post("/refused")
    assert (reply.status, reply.code) == (409, "refused_there")
    assert (await api.nobody.post("/refused-before")).code == "refused_here"
    kept = await notes(api)
    assert "refused elsewhere" in kept and "refused here" not in kept


async def test_a_fault_elsewhere_is_ours_and_tells_nothing(api: Api) -> None:
    reply = await api.nobody.get("/crashed")
    assert (reply.status, reply.code) == (500, "internal")
    assert SECRET not in reply.raw.decode()


async def test_the_database_is_not_to_be_had_any_more(api: Api) -> None:
    assert (await api.nobody.get("/late")).status == 500
    assert "late" not in await notes(api)


async def test_a_request_that_is_done_again_asks_elsewhere_once(api: Api) -> None:
    assert (await api.nobody.get("/collides")).body["text"] == "once"
    assert DONE == ["handler", "handler", "work"]


def test_it_is_described_as_what_comes() -> None:
    told = document(
        [Route("POST", "/made", made, OPEN), Route("POST", "/plain", plain, OPEN), Route("GET", "/file", file, OPEN)],
        version="1",
        public_url="https://api.example.com",
    )
    good = [told["paths"][path]["post"]["responses"]["200"] for path in ("/made", "/plain")]
    assert good[0] == good[1]
    assert told["components"]["schemas"].keys() == {"Note", "Error"}
    assert {"200", "206", "302", "416"} <= told["paths"]["/file"]["get"]["responses"].keys()
    assert shape(ROUTES[7]).answer is None and not shape(ROUTES[7]).file


def test_it_cannot_be_stored_for_a_repeat() -> None:
    with pytest.raises(BadRoute, match="cannot be stored"):
        shape(Route("POST", "/made", made, USER, idempotent=True))

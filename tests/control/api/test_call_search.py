"""`?q=` in both lists of calls: by the words of transcripts, within the reader's scope."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from control.calls.records.queries import index_older_calls, search_calls
from control.calls.records.reports import CallFilter
from control.db.keyset import PageRequest
from control.db.pool import Pool, open_pool
from control.db.scope import enter_platform, enter_workspace
from tests.control.api.call_workspace import CallWorkspace, ago, make_call_workspace
from tests.platform.api import Api, running_api


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url) as running:
        yield running


@pytest.fixture
async def workspace(api: Api) -> CallWorkspace:
    return await make_call_workspace(api)


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    async with open_pool(database_url, size=2) as opened:
        yield opened


async def found(workspace: CallWorkspace, **query: Any) -> list[str]:
    reply = await workspace.ann.get(workspace.calls_path, params=query)
    assert reply.status == 200, reply.body
    return [call["id"] for call in reply.body["calls"]]


async def test_calls_are_found_by_their_words(workspace: CallWorkspace) -> None:
    boiler = await workspace.insert_call(
        transcription="Caller: My boiler is broken.\nAgent: Oh no!", created_at=ago(60)
    )
    café = await workspace.insert_call(
        transcription="Caller: Ein Tisch im Café, bitte. Kein Boiler.", created_at=ago(50)
    )
    await workspace.insert_call(transcription="Caller: Boilers?", status="in_progress")
    await workspace.insert_call(transcription=None)
    assert await found(workspace, q="BOILER") == [café, boiler]
    assert await found(workspace, q="boiler broken") == [boiler]
    assert await found(workspace, q='"broken boiler"') == []
    assert await found(workspace, q='"boiler is broken"') == [boiler]
    assert await found(workspace, q="boiler -broken") == [café]
    assert await found(workspace, q="tisch or broken") == [café, boiler]
    assert await found(workspace, q="café") == [café]
    assert await found(workspace, q="boilers") == [], "a running call is found once it is over"
    assert await found(workspace, q="...") == []


async def test_filters_and_pages(workspace: CallWorkspace) -> None:
    calls = [
        await workspace.insert_call(
            transcription="Caller: An appointment.", created_at=ago(3_600 - index), caller_number=f"+4930123{index}"
        )
        for index in range(5)
    ][::-1]
    other = await workspace.insert_call(transcription="Caller: Goodbye.")
    assert await found(workspace, q="appointment") == calls
    assert await found(workspace, q="appointment", limit=2, page=2) == calls[2:4]
    assert await found(workspace, q="appointment", limit=2, starting_after=calls[1]) == calls[2:4]
    assert await found(workspace, q="appointment", limit=2, ending_before=calls[3]) == calls[1:3]
    assert await found(workspace, q="appointment", **{"from": ago(3_598).isoformat()}) == calls[:3]
    assert await found(workspace, q="appointment", to=ago(3_598).isoformat()) == calls[3:]
    assert await found(workspace, q="appointment", caller_number="+49301233") == [calls[1]]
    assert await found(workspace, q="appointment", agent_id=workspace.agent_id, direction="inbound") == calls
    assert await found(workspace, q="appointment", direction="outbound") == []
    assert await found(workspace, q="appointment", status="failed") == []
    assert await found(workspace, q="goodbye", starting_after=calls[0]) == []
    assert await found(workspace, q="goodbye", ending_before=calls[0]) == [other]
    reply = await workspace.ann.get(workspace.calls_path, params={"q": "appointment", "limit": 2})
    assert (reply.body["total"], reply.body["has_more"]) == (None, True)
    assert (await workspace.ann.get(workspace.calls_path, params={"q": "x", "page": 21})).status == 422


async def test_other_workspaces_are_not_searched(api: Api, workspace: CallWorkspace, pool: Pool) -> None:
    stranger = await make_call_workspace(api)
    mine = await workspace.insert_call(transcription="Caller: Xylophone.", created_at=ago(9))
    theirs = await stranger.insert_call(transcription="Caller: Xylophone.")
    assert await found(workspace, q="xylophone") == [mine]
    assert await found(stranger, q="xylophone") == [theirs]
    admin = await api.admin("read_only")
    reply = await admin.get("/admin/calls", params={"q": "xylophone", "reason": "Ticket 1234"})
    assert [call["id"] for call in reply.body["calls"]] == [theirs, mine]
    mine_only = {"workspace_id": workspace.workspace_id, "reason": "Ticket 1235"}
    reply = await admin.get("/admin/calls", params={"q": "xylophone", **mine_only})
    assert [call["id"] for call in reply.body["calls"]] == [mine]
    # The function itself, which row-level security does not bind, asked for what its scope must not see.
    async with pool.transaction() as db:
        for wanted in (stranger.workspace_id, None):
            await enter_workspace(db, UUID(workspace.workspace_id), UUID(int=1))
            asked = CallFilter(workspace_id=UUID(wanted) if wanted else None, text="xylophone")
            assert (await search_calls(db, asked, PageRequest(10))).rows == []
    async with pool.transaction() as db:
        assert (await search_calls(db, CallFilter(text="xylophone"), PageRequest(10))).rows == []


async def test_what_is_searched_follows_the_transcript(workspace: CallWorkspace, pool: Pool) -> None:
    call_id = UUID(await workspace.insert_call(transcription="Caller: My card is fourzerofour."))
    changes: tuple[tuple[str, list[str], list[str]], ...] = (
        ("UPDATE calls SET transcription = 'Caller: My card is hidden.' WHERE id = $1", ["hidden"], ["fourzerofour"]),
        ("UPDATE calls SET transcription = NULL WHERE id = $1", [], ["hidden", "card"]),
        ("UPDATE calls SET transcription = 'Caller: ' || repeat('wörd ', 300000) WHERE id = $1", ["wörd"], ["card"]),
        ("DELETE FROM calls WHERE id = $1", [], ["wörd"]),
    )
    for change, present, absent in changes:
        async with pool.transaction() as db:
            await enter_platform(db)
            await db.execute(change, call_id)
        for word in present:
            assert await found(workspace, q=word) == [str(call_id)]
        for word in absent:
            assert await found(workspace, q=word) == []


async def test_calls_from_before_are_indexed_by_the_worker(workspace: CallWorkspace, pool: Pool) -> None:
    calls = [
        await workspace.insert_call(transcription="Caller: Zither.", created_at=ago(9 - index)) for index in range(3)
    ][::-1]
    async with pool.transaction() as db:
        await enter_platform(db)
        await db.execute("DELETE FROM call_search WHERE call_id = ANY($1::uuid[])", calls)
    assert await found(workspace, q="zither") == []
    looked_at = 2
    while looked_at == 2:
        async with pool.transaction() as db:
            await enter_platform(db)
            looked_at = await index_older_calls(db, 2)
    assert await found(workspace, q="zither") == calls
    async with pool.transaction() as db:
        await enter_platform(db)
        assert await index_older_calls(db, 2) == 0


async def test_staff_search_with_a_reason_that_the_owners_see(api: Api, workspace: CallWorkspace) -> None:
    stranger = await make_call_workspace(api)
    for one in (workspace, stranger):
        await one.insert_call(transcription="Caller: Yarrow.")
    admin = await api.admin("support")
    for asked in ({"q": "yarrow"}, {"q": "nothing", "workspace_id": workspace.workspace_id}):
        refused = await admin.get("/admin/calls", params=asked)
        assert (refused.status, refused.code, refused.param) == (422, "reason_required", "reason")
    assert (await admin.get("/admin/calls", params={"q": "yarrow", "reason": " "})).param == "reason"
    for reason, asked in (
        ("Ticket 1", {"q": "yarrow"}),
        ("Ticket 2", {"q": "nosuchword", "workspace_id": workspace.workspace_id}),
        ("Ticket 3", {"q": "nosuchword"}),
    ):
        assert (await admin.get("/admin/calls", params={**asked, "reason": reason})).status == 200
    assert (await admin.get("/admin/calls", params={"reason": "Ticket 4"})).status == 200, "nothing of it is content"
    mine, theirs = [
        (await one.ann.get(f"{one.path}/privacy/accesses")).body["accesses"] for one in (workspace, stranger)
    ]
    assert [(entry["content"], entry["call_id"], entry["reason"]) for entry in mine] == [
        ("search", None, "Ticket 2"), ("search", None, "Ticket 1"),
    ]  # fmt: skip
    assert [entry["reason"] for entry in theirs] == ["Ticket 1"]
    entries = await api.owner.fetch("SELECT details FROM audit_log WHERE action = 'call.read'")
    assert not any("yarrow" in str(entry["details"]) for entry in entries), "the words may be personal themselves"


async def test_transcript_that_is_deleted_while_the_worker_indexes_is_not_found(
    workspace: CallWorkspace, pool: Pool
) -> None:
    call_id = UUID(await workspace.insert_call(transcription="Caller: Umbel."))
    async with pool.transaction() as db:
        await enter_platform(db)
        await db.execute("DELETE FROM call_search WHERE call_id = $1", call_id)
        await db.execute("INSERT INTO call_search_progress (below) VALUES ($1)", UUID(int=2**128 - 1))

    async def index() -> None:
        async with pool.transaction() as db:
            await enter_platform(db)
            await index_older_calls(db, 1_000)

    async with pool.transaction() as db:
        await enter_platform(db)
        await db.execute("UPDATE calls SET transcription = NULL WHERE id = $1", call_id)
        indexing = asyncio.create_task(index())
        while not await db.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"):
            assert not indexing.done(), "it did not wait for the deletion"
            await asyncio.sleep(0.01)
    await indexing
    async with pool.transaction() as db:
        await enter_platform(db)
        assert await db.fetchval("SELECT count(*) FROM call_search WHERE call_id = $1", call_id) == 0


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=200))
async def test_anything_can_be_typed(pool: Pool, text: str) -> None:
    async with pool.transaction() as db:
        await enter_platform(db)
        await search_calls(db, CallFilter(text=text), PageRequest(10))


async def test_a_text_is_bounded(workspace: CallWorkspace) -> None:
    for text in ("", "x" * 201, "a\0b"):
        reply = await workspace.ann.get(workspace.calls_path, params={"q": text})
        assert (reply.status, reply.body["error"]["param"]) == (422, "q")


async def test_old_calls_are_found_behind_the_newest(workspace: CallWorkspace, pool: Pool) -> None:
    """Past the 8,000 newest calls the words are looked up in their index: in one order, none twice."""
    make = """
        INSERT INTO calls (id, workspace_id, direction, carrier, status, created_at, transcription)
        SELECT gen_random_uuid(), $1, 'inbound', 'browser', 'completed', $2::timestamptz - n * interval '1 second',
               CASE WHEN n % 1500 = 0 THEN 'Agent: Marimba.' ELSE 'Agent: Hi.' END FROM generate_series(1, 9000) n
    """
    async with pool.transaction() as db:
        await enter_platform(db)
        await db.execute(make, UUID(workspace.workspace_id), ago(60))
    whole = await found(workspace, q="marimba")
    assert len(whole) == 6
    assert await found(workspace, q="marimba", limit=5) == whole[:5]
    assert await found(workspace, q="marimba", limit=2, starting_after=whole[3]) == whole[4:]
    assert await found(workspace, q="marimba", limit=5, ending_before=whole[5]) == whole[:5]
    assert await found(workspace, q="marimba", to=ago(60 + 7_000).isoformat()) == whole[4:]

"""The stream of running calls, over a real socket."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import UUID

import msgspec
import pytest
from aiohttp import ClientResponse, ClientSession

from shared.bus.client import bus_client
from shared.bus.live import LiveCall, LiveCalls
from shared.events import AgentSaid, CallerSaid, CallNudged, Event, PersonSaid, ToolStarted, TurnLatency
from tests.control.api.call_workspace import NOW, CallWorkspace, make_call_workspace
from tests.platform.api import Api, running_api
from tests.platform.clients import Staff, User


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url) as running:
        yield running


@pytest.fixture
async def workspace(api: Api) -> CallWorkspace:
    return await make_call_workspace(api)


@asynccontextmanager
async def following(
    workspace: CallWorkspace, user: User | Staff, query: str = "", *, path: str = "", last_event_id: str = ""
) -> AsyncIterator[ClientResponse]:
    url = f"{workspace.api.url}{path or f'{workspace.calls_path}/live/events'}{query}"
    headers = {"Authorization": f"Bearer {user.token}"}
    headers |= {"Last-Event-ID": last_event_id} if last_event_id else {}
    async with workspace.api.client.get(url, headers=headers) as response:
        assert (response.status, response.content_type) == (200, "text/event-stream")
        yield response


async def next_message(response: ClientResponse) -> tuple[str, Any]:
    """The name and the data of the next message."""
    async with asyncio.timeout(20):
        while True:
            text = (await response.content.readuntil(b"\n\n")).decode()
            fields = dict(line.split(": ", 1) for line in text.strip().split("\n"))
            if "event" in fields:
                return fields["event"], json.loads(fields["data"])


async def add_event(workspace: CallWorkspace, call_id: str, seq: int, event: Event) -> None:
    data = msgspec.to_builtins(event)
    await workspace.api.owner.execute(
        "INSERT INTO call_events (call_id, seq, workspace_id, at, event_type, event_data) "
        "VALUES ($1, $2, $3, $4, $5, $6)",
        UUID(call_id), seq, UUID(workspace.workspace_id), NOW, data["type"], data,
    )  # fmt: skip


async def test_snapshot_then_changes_then_the_end(workspace: CallWorkspace) -> None:
    call_id = await workspace.insert_call(CallerSaid(1, "Hello?", 0, 900), status="in_progress", answered_at=NOW)
    async with following(workspace, workspace.ann) as stream:
        name, data = await next_message(stream)
        (call,) = data["calls"]
        assert (name, data["has_more"], call["id"], call["status"]) == ("snapshot", False, call_id, "in_progress")
        assert (call["last_words"]["by"], call["last_words"]["text"]) == ("caller", "Hello?")
        await add_event(workspace, call_id, 2, AgentSaid(1, "Good morning.", 1_000, 1_900))
        await add_event(workspace, call_id, 3, TurnLatency(1, 740, 300, 100, 200, 140))
        await add_event(workspace, call_id, 4, ToolStarted(1, "book", "run", 2_000))
        name, call = await next_message(stream)
        assert (name, call["last_words"]["text"], call["last_latency_ms"]) == ("call", "Good morning.", 740)
        assert call["tool"] == {"name": "book", "is_running": True, "ok": None}
        await workspace.api.owner.execute(
            "UPDATE calls SET status = 'completed', end_reason = 'caller_hangup' WHERE id = $1", UUID(call_id)
        )
        ended = {"id": call_id, "status": "completed", "end_reason": "caller_hangup"}
        assert await next_message(stream) == ("ended", ended)


async def test_last_words_may_be_a_persons(workspace: CallWorkspace) -> None:
    said: list[Event] = [CallerSaid(1, "Hello?", 0, 900), PersonSaid("session", "One moment.", 1_000, 1_900)]
    await workspace.insert_call(*said, status="in_progress")
    async with following(workspace, workspace.ann) as stream:
        _, data = await next_message(stream)
        (call,) = data["calls"]
        assert (call["last_words"]["by"], call["last_words"]["text"]) == ("person", "One moment.")


async def test_opened_call_has_all_its_events(workspace: CallWorkspace) -> None:
    said: list[Event] = [CallerSaid(1, "Hello?", 0, 900), AgentSaid(1, "Good morning.", 1_000, 1_900)]
    call_id = await workspace.insert_call(*said, status="in_progress")
    async with following(workspace, workspace.ann, f"?call_id={call_id}") as stream:
        assert (await next_message(stream))[0] == "snapshot"
        found = [await next_message(stream) for _ in said]
        assert [(name, data["seq"], data["event_type"]) for name, data in found] == [
            ("call_event", 1, "caller.said"),
            ("call_event", 2, "agent.said"),
        ]


async def test_numbers_are_withheld_where_the_workspace_redacts(workspace: CallWorkspace) -> None:
    await workspace.ann.put(workspace.path, {"redaction": ["card_number"]})
    words = [CallerSaid(1, "My card is 4111 1111", 0, 900), CallerSaid(2, "It is blue.", 1_000, 1_900)]
    call_id = await workspace.insert_call(*words, status="in_progress")
    async with following(workspace, workspace.ann, f"?call_id={call_id}") as stream:
        await next_message(stream)
        texts = [(await next_message(stream))[1]["event_data"]["text"] for _ in words]
    assert texts == ["[withheld]", "It is blue."]


async def test_stream_closes_when_the_member_is_removed(workspace: CallWorkspace, api: Api) -> None:
    viewer = await api.member(workspace.workspace_id, "viewer")
    async with following(workspace, viewer) as stream:
        assert (await next_message(stream))[0] == "snapshot"
        await api.owner.execute("DELETE FROM workspace_members WHERE user_id = $1", UUID(viewer.id))
        assert await next_message(stream) == ("closed", {"reason": "revoked"})
        assert await stream.content.read() == b""


async def test_streams_end_when_the_server_stops(database_url: str, valkey_url: str) -> None:
    async with ClientSession() as client, AsyncExitStack() as server:
        api = await server.enter_async_context(running_api(database_url, valkey_url))
        workspace = await make_call_workspace(api)
        url, headers = (
            f"{api.url}{workspace.calls_path}/live/events",
            {"Authorization": f"Bearer {workspace.ann.token}"},
        )
        async with client.get(url, headers=headers) as stream:
            assert (await next_message(stream))[0] == "snapshot"
            await server.aclose()
            assert await next_message(stream) == ("closed", {"reason": "ending"})
            assert await stream.content.read() == b""


async def test_calls_of_other_workspaces_are_not_sent(workspace: CallWorkspace, api: Api) -> None:
    other = await make_call_workspace(api)
    hidden = await other.insert_call(status="in_progress")
    async with following(workspace, workspace.ann) as stream:
        assert (await next_message(stream))[1]["calls"] == []
    path = f"{workspace.calls_path}/live/events?call_id={hidden}"
    assert (await workspace.ann.get(path)).code == "call_not_found"
    assert (await other.ann.get(f"{workspace.calls_path}/live/events")).status == 404


async def test_streams_are_limited_by_person_and_workspace(workspace: CallWorkspace, api: Api) -> None:
    path = f"{workspace.calls_path}/live/events"
    people = [workspace.ann, await api.member(workspace.workspace_id, "viewer")]
    async with AsyncExitStack() as streams:
        for person in people:
            for _ in range(10):
                await next_message(await streams.enter_async_context(following(workspace, person)))
            refused = await person.get(path)
            assert (refused.status, refused.code) == (429, "too_many_streams")
            assert "at a time" in refused.body["error"]["message"]
        third = await api.member(workspace.workspace_id, "viewer")
        assert (await third.get(path)).code == "too_many_streams"


async def test_streams_that_begin_at_once_do_not_pass_the_limit(workspace: CallWorkspace) -> None:
    """All of them may pass the check of their request before the first stream is counted."""
    url = f"{workspace.api.url}{workspace.calls_path}/live/events"
    headers = {"Authorization": f"Bearer {workspace.ann.token}"}
    responses = await asyncio.gather(*(workspace.api.client.get(url, headers=headers) for _ in range(25)))
    begun = [await next_message(response) for response in responses if response.status == 200]
    assert sum(name == "snapshot" for name, _ in begun) == 10
    others = [message for message in begun if message[0] != "snapshot"]
    assert all(message == ("closed", {"reason": "too_many_streams"}) for message in others)
    for response in responses:
        response.close()


async def test_reconnect_begins_with_a_whole_snapshot(workspace: CallWorkspace) -> None:
    """What changed meanwhile is in the snapshot, whatever the client has seen last."""
    call_id = await workspace.insert_call(CallerSaid(1, "Hello?", 0, 900), status="in_progress")
    async with following(workspace, workspace.ann, f"?call_id={call_id}") as stream:
        await next_message(stream)
        await next_message(stream)
    await add_event(workspace, call_id, 2, AgentSaid(1, "Good morning.", 1_000, 1_900))
    query = f"?call_id={call_id}"
    async with following(workspace, workspace.ann, query, last_event_id="2") as stream:
        name, data = await next_message(stream)
        assert name == "snapshot" and data["calls"][0]["last_words"]["text"] == "Good morning."
        assert [(await next_message(stream))[1]["seq"] for _ in range(2)] == [1, 2]


async def test_floor_is_what_the_node_reports(workspace: CallWorkspace, valkey_url: str) -> None:
    call_id = await workspace.insert_call(status="in_progress")
    redis = bus_client(valkey_url, 5.0)
    async with following(workspace, workspace.ann) as stream:
        assert (await next_message(stream))[1]["calls"][0]["floor"] is None
        for floor in ("agent", "caller", "none", "person"):
            await LiveCalls(redis).refresh([LiveCall(call_id, "node-1", 0, floor=floor)])
            name, call = await next_message(stream)
            assert (name, call["id"], call["floor"]) == ("call", call_id, floor)
    (listed,) = (await workspace.ann.get(f"{workspace.calls_path}/live")).body["active_calls"]
    assert listed["floor"] == "person"
    staff = await workspace.api.admin("support")
    everywhere = (await staff.get("/admin/calls/live")).body["active_calls"]
    assert [call["floor"] for call in everywhere if call["id"] == call_id] == ["person"]
    await redis.aclose()


async def test_call_that_no_node_reports_has_no_floor(workspace: CallWorkspace, valkey_url: str) -> None:
    call_id = await workspace.insert_call(status="in_progress")
    redis = bus_client(valkey_url, 5.0)
    await LiveCalls(redis).refresh([LiveCall(call_id, "node-1", 0, floor="of a later version")])
    await workspace.insert_call(status="ringing")
    listed = (await workspace.ann.get(f"{workspace.calls_path}/live")).body["active_calls"]
    assert [call["floor"] for call in listed] == [None, None]
    await redis.aclose()


async def test_warnings_reach_members_and_staff_without_words(workspace: CallWorkspace, api: Api) -> None:
    call_id = await workspace.insert_call(CallerSaid(1, "This is ridiculous!", 0, 900), status="in_progress")
    async with following(workspace, workspace.ann) as stream:
        (call,) = (await next_message(stream))[1]["calls"]
        assert call["warnings"] == ["angry_words"]
        await add_event(workspace, call_id, 2, CallNudged(9_000))
        await add_event(workspace, call_id, 3, AgentSaid(1, "Are you still there?", 9_000, 9_900))
        _, call = await next_message(stream)
        assert call["warnings"] == ["silence", "angry_words"]
    staff = await api.admin("support")
    async with following(workspace, staff, path="/admin/calls/live/events") as stream:
        calls = (await next_message(stream))[1]["calls"]
        (call,) = [call for call in calls if call["id"] == call_id]
        assert call["warnings"] == ["silence", "angry_words"]
        assert "ridiculous" not in json.dumps(call) and "there?" not in json.dumps(call)


async def test_staff_follow_all_workspaces_without_words(workspace: CallWorkspace, api: Api) -> None:
    call_id = await workspace.insert_call(
        CallerSaid(1, "Hello?", 0, 900), TurnLatency(1, 740, 300, 100, 200, 140), status="in_progress", is_test=True
    )
    other = await (await make_call_workspace(api)).insert_call(status="in_progress")
    staff = await api.admin("read_only")
    async with following(workspace, staff, path="/admin/calls/live/events") as stream:
        name, data = await next_message(stream)
        calls = {call["id"]: call for call in data["calls"]}
        assert name == "snapshot" and {call_id, other} <= calls.keys()
        call = calls[call_id]
        named = await api.owner.fetchval("SELECT name FROM workspaces WHERE id = $1", UUID(workspace.workspace_id))
        assert (call["workspace_id"], call["workspace_name"]) == (workspace.workspace_id, named)
        assert (call["called_number"], call["is_test"], call["last_latency_ms"]) == (workspace.number, True, 740)
        assert call["last_words"] is None and "Hello?" not in json.dumps(data)
        assert (await staff.post("/admin/auth/logout")).status == 204
        assert await next_message(stream) == ("closed", {"reason": "revoked"})
    assert (await workspace.ann.get("/admin/calls/live/events")).status == 401

"""The stream of running calls, over a real socket."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import msgspec
import pytest
from aiohttp import ClientResponse

from shared.events import AgentSaid, CallerSaid, Event, ToolStarted, TurnLatency
from tests.control.api.call_workspace import NOW, CallWorkspace, make_call_workspace
from tests.platform.api import Api, running_api
from tests.platform.clients import User


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url) as running:
        yield running


@pytest.fixture
async def workspace(api: Api) -> CallWorkspace:
    return await make_call_workspace(api)


@asynccontextmanager
async def following(workspace: CallWorkspace, user: User, query: str = "") -> AsyncIterator[ClientResponse]:
    url = f"{workspace.api.url}{workspace.calls_path}/live/events{query}"
    headers = {"Authorization": f"Bearer {user.token}"}
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


async def test_calls_of_other_workspaces_are_not_sent(workspace: CallWorkspace, api: Api) -> None:
    other = await make_call_workspace(api)
    hidden = await other.insert_call(status="in_progress")
    async with following(workspace, workspace.ann) as stream:
        assert (await next_message(stream))[1]["calls"] == []
    path = f"{workspace.calls_path}/live/events?call_id={hidden}"
    assert (await workspace.ann.get(path)).code == "call_not_found"
    assert (await other.ann.get(f"{workspace.calls_path}/live/events")).status == 404


async def test_streams_of_a_workspace_are_limited(workspace: CallWorkspace) -> None:
    path = f"{workspace.calls_path}/live/events"
    streams = [following(workspace, workspace.ann) for _ in range(20)]
    for stream in streams:
        await next_message(await stream.__aenter__())
    assert (await workspace.ann.get(path)).code == "too_many_streams"
    for stream in streams:
        await stream.__aexit__(None, None, None)

"""POST /workspaces/{workspaceId}/calls/{callId}/end, /say and /transfer: running calls that are steered over HTTP."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from control.db.pool import Timeouts
from shared.bus.commands import EndCall, SayWords, TransferCall
from shared.ids import new_id
from tests.control.api import Api, running_api
from tests.control.api.desk import SOMEBODY, Desk, make_desk, node_with

COMMANDS: dict[str, dict[str, Any]] = {"end": {}, "say": {"text": "One moment."}, "transfer": {"number": SOMEBODY}}


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    """One connection to the database, which nobody waits long for."""
    async with running_api(database_url, valkey_url, pool_size=1, timeouts=Timeouts(acquire=0.5)) as running:
        yield running


@pytest.fixture
async def desk(api: Api) -> Desk:
    return await make_desk(api)


@pytest.fixture
async def call_id(desk: Desk) -> str:
    return await desk.call(status="in_progress")


async def test_the_media_node_does_what_it_is_told(desk: Desk, call_id: str, valkey_url: str) -> None:
    at = f"{desk.calls}/{call_id}"
    asked: list[tuple[str, Any]] = [*COMMANDS.items(), ("end", {"polite": False})]
    async with node_with(valkey_url, call_id) as node:
        for name, body in asked:
            reply = await desk.ann.post(f"{at}/{name}", body)
            assert (reply.status, reply.body) == (200, {"outcome": "done"}), name
    told = [EndCall("admin", True), SayWords("One moment."), TransferCall(SOMEBODY), EndCall("admin", False)]
    assert node.told == [(call_id, command) for command in told]
    assert await desk.logged(call_id) == ["call.end", "call.say", "call.transfer", "call.end"]


async def test_what_the_call_will_not_do_is_told_with_its_reason(desk: Desk, call_id: str, valkey_url: str) -> None:
    async with node_with(valkey_url, call_id, "the call is ending"):
        reply = await desk.ann.post(f"{desk.calls}/{call_id}/say", {"text": "Wait."})
    assert (reply.status, reply.code) == (409, "command_refused")
    assert "the call is ending" in reply.body["error"]["message"]
    assert await desk.logged(call_id) == ["call.say"]


async def test_a_call_that_is_not_running(desk: Desk) -> None:
    over = await desk.call()
    for name, body in COMMANDS.items():
        reply = await desk.ann.post(f"{desk.calls}/{over}/{name}", body)
        assert (reply.status, reply.code) == (409, "call_not_live")
    assert await desk.logged(over) == ["call.end", "call.say", "call.transfer"]


async def test_a_node_that_does_not_answer(desk: Desk, call_id: str, valkey_url: str) -> None:
    async with node_with(valkey_url, call_id, None) as node:
        reply = await desk.ann.post(f"{desk.calls}/{call_id}/end", {})
    assert (reply.status, reply.code) == (503, "no_answer")
    assert node.told and await desk.logged(call_id) == ["call.end"]


async def test_redis_away(database_url: str) -> None:
    async with running_api(database_url, "redis://127.0.0.1:9") as api:
        desk = await make_desk(api)
        call_id = await desk.call(status="in_progress")
        reply = await desk.ann.post(f"{desk.calls}/{call_id}/end", {})
        assert (reply.status, reply.code) == (503, "bus_away")
        assert await desk.logged(call_id) == ["call.end"]


async def test_meanwhile_the_database_is_others_and_knows_what_was_asked(
    desk: Desk, call_id: str, valkey_url: str
) -> None:
    async with node_with(valkey_url, call_id, waits=True) as node:
        asked = asyncio.create_task(desk.ann.post(f"{desk.calls}/{call_id}/end", {}))
        await node.heard.wait()
        assert (await desk.ann.get(desk.calls)).status == 200
        assert await desk.logged(call_id) == ["call.end"]
        node.may_answer.set()
        assert (await asked).status in (200, 503)  # a slow machine may have taken more than the 2 s of a command


@pytest.mark.parametrize(
    ("name", "body", "code", "param"),
    [
        ("end", {"polite": "yes, please"}, "invalid", "polite"),
        ("say", {}, "invalid", "text"),
        ("say", {"text": "  "}, "invalid", "text"),
        ("say", {"text": "x" * 1_001}, "invalid", "text"),
        ("say", {"text": "a\0b"}, "invalid", "text"),
        ("transfer", {"number": "555"}, "invalid", "number"),
        ("transfer", {"number": "+19005551234"}, "number_refused", "number"),
        ("transfer", {"number": "+442079460123"}, "country_not_allowed", "number"),
    ],
    ids=lambda given: str(given)[:40],
)
async def test_what_makes_no_sense_reaches_nobody(
    desk: Desk, call_id: str, valkey_url: str, name: str, body: dict[str, Any], code: str, param: str
) -> None:
    async with node_with(valkey_url, call_id) as node:
        reply = await desk.ann.post(f"{desk.calls}/{call_id}/{name}", body)
    assert (reply.status, reply.code, reply.param) == (422, code, param)
    assert not node.told and await desk.logged(call_id) == []


async def test_who_may_steer(desk: Desk, call_id: str, valkey_url: str) -> None:
    viewer, member = [await desk.api.member(desk.workspace_id, role) for role in ("viewer", "member")]
    other = await make_desk(desk.api)
    async with node_with(valkey_url, call_id) as node:
        for name, body in COMMANDS.items():
            assert (await viewer.post(f"{desk.calls}/{call_id}/{name}", body)).code == "role"
            assert (await other.ann.post(f"{desk.calls}/{call_id}/{name}", body)).code == "workspace_not_found"
            theirs = await other.ann.post(f"{other.calls}/{call_id}/{name}", body)
            assert (theirs.status, theirs.code) == (404, "call_not_found")
        assert (await desk.ann.post(f"{desk.calls}/{new_id()}/end", {})).code == "call_not_found"
        assert not node.told
        assert (await member.post(f"{desk.calls}/{call_id}/end", {})).status == 200
    assert await desk.logged(call_id) == ["call.end"]

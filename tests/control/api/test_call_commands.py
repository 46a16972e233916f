"""POST /workspaces/{workspaceId}/calls/{callId}/end, /say and /transfer: commands to running calls."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from control.audit.service import mask_number
from control.calls.records.details import CallDetails, Transfer, encode_details
from control.db.pool import Timeouts
from shared.bus.commands import EndCall, SayText, TransferCall
from shared.ids import new_id
from tests.control.api.call_workspace import CALLEE, CallWorkspace, make_call_workspace, running_media_node
from tests.platform.api import Api, running_api

COMMANDS: dict[str, dict[str, Any]] = {"end": {}, "say": {"text": "One moment."}, "transfer": {"number": CALLEE}}


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    """With one database connection; waiting for it takes 0.5 s at most."""
    async with running_api(database_url, valkey_url, pool_size=1, timeouts=Timeouts(acquire=0.5)) as running:
        yield running


@pytest.fixture
async def workspace(api: Api) -> CallWorkspace:
    return await make_call_workspace(api)


@pytest.fixture
async def call_id(workspace: CallWorkspace) -> str:
    return await workspace.insert_call(status="in_progress")


async def test_media_node_carries_out_commands(workspace: CallWorkspace, call_id: str, valkey_url: str) -> None:
    path = f"{workspace.calls_path}/{call_id}"
    commands: list[tuple[str, Any]] = [*COMMANDS.items(), ("end", {"polite": False})]
    async with running_media_node(valkey_url, call_id) as node:
        for name, body in commands:
            reply = await workspace.ann.post(f"{path}/{name}", body)
            assert (reply.status, reply.body) == (200, {"outcome": "done"}), name
    expected = [EndCall(polite=True, by="member"), SayText("One moment."), TransferCall(CALLEE), EndCall(by="member")]
    assert node.commands == [(call_id, command) for command in expected]
    assert await workspace.audit_actions(call_id) == ["call.end", "call.say", "call.transfer", "call.end"]


async def test_destination_of_a_transfer_is_audited_and_in_the_record(
    workspace: CallWorkspace, call_id: str, valkey_url: str
) -> None:
    path = f"{workspace.calls_path}/{call_id}"
    assert (await workspace.ann.get(path)).body["call"]["transferred_to"] is None
    async with running_media_node(valkey_url, call_id):
        assert (await workspace.ann.post(f"{path}/transfer", {"number": CALLEE})).status == 200
    details = await workspace.api.owner.fetchval("SELECT details FROM audit_log WHERE resource_id = $1", call_id)
    assert details == {"after": {"number": mask_number(CALLEE)}} and CALLEE not in str(details)
    transfer = encode_details(CallDetails(transfer=Transfer(talked_s=60, number=CALLEE)))
    await workspace.api.owner.execute("UPDATE calls SET details = $2 WHERE id = $1", UUID(call_id), transfer)
    assert (await workspace.ann.get(path)).body["call"]["transferred_to"] == CALLEE


async def test_refused_command_has_its_reason(workspace: CallWorkspace, call_id: str, valkey_url: str) -> None:
    async with running_media_node(valkey_url, call_id, "the call is ending"):
        reply = await workspace.ann.post(f"{workspace.calls_path}/{call_id}/say", {"text": "Wait."})
    assert (reply.status, reply.code) == (409, "command_refused")
    assert "the call is ending" in reply.body["error"]["message"]
    assert await workspace.audit_actions(call_id) == ["call.say"]


async def test_command_to_an_ended_call_is_409(workspace: CallWorkspace) -> None:
    ended = await workspace.insert_call()
    for name, body in COMMANDS.items():
        reply = await workspace.ann.post(f"{workspace.calls_path}/{ended}/{name}", body)
        assert (reply.status, reply.code) == (409, "call_not_live")
    assert await workspace.audit_actions(ended) == ["call.end", "call.say", "call.transfer"]


async def test_command_without_answer_is_503(workspace: CallWorkspace, call_id: str, valkey_url: str) -> None:
    async with running_media_node(valkey_url, call_id, None) as node:
        reply = await workspace.ann.post(f"{workspace.calls_path}/{call_id}/end", {})
    assert (reply.status, reply.code) == (503, "no_answer")
    assert node.commands and await workspace.audit_actions(call_id) == ["call.end"]


async def test_command_without_redis_is_503(database_url: str) -> None:
    async with running_api(database_url, "redis://127.0.0.1:9") as api:
        workspace = await make_call_workspace(api)
        call_id = await workspace.insert_call(status="in_progress")
        reply = await workspace.ann.post(f"{workspace.calls_path}/{call_id}/end", {})
        assert (reply.status, reply.code) == (503, "bus_away")
        assert await workspace.audit_actions(call_id) == ["call.end"]


async def test_waiting_for_a_command_holds_no_connection_and_is_audited(
    workspace: CallWorkspace, call_id: str, valkey_url: str
) -> None:
    async with running_media_node(valkey_url, call_id, waits=True) as node:
        request = asyncio.create_task(workspace.ann.post(f"{workspace.calls_path}/{call_id}/end", {}))
        await node.received.wait()
        assert (await workspace.ann.get(workspace.calls_path)).status == 200
        assert await workspace.audit_actions(call_id) == ["call.end"]
        node.may_answer.set()
        assert (await request).status in (200, 503)  # a slow machine may have taken more than the 2 s of a command


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
    ids=lambda value: str(value)[:40],
)
async def test_invalid_command_is_not_sent(
    workspace: CallWorkspace, call_id: str, valkey_url: str, name: str, body: dict[str, Any], code: str, param: str
) -> None:
    async with running_media_node(valkey_url, call_id) as node:
        reply = await workspace.ann.post(f"{workspace.calls_path}/{call_id}/{name}", body)
    assert (reply.status, reply.code, reply.param) == (422, code, param)
    assert not node.commands and await workspace.audit_actions(call_id) == []


async def test_roles_that_may_send_commands(workspace: CallWorkspace, call_id: str, valkey_url: str) -> None:
    viewer, member = [await workspace.api.member(workspace.workspace_id, role) for role in ("viewer", "member")]
    other = await make_call_workspace(workspace.api)
    async with running_media_node(valkey_url, call_id) as node:
        for name, body in COMMANDS.items():
            assert (await viewer.post(f"{workspace.calls_path}/{call_id}/{name}", body)).code == "role"
            assert (
                await other.ann.post(f"{workspace.calls_path}/{call_id}/{name}", body)
            ).code == "workspace_not_found"
            other_reply = await other.ann.post(f"{other.calls_path}/{call_id}/{name}", body)
            assert (other_reply.status, other_reply.code) == (404, "call_not_found")
        assert (await workspace.ann.post(f"{workspace.calls_path}/{new_id()}/end", {})).code == "call_not_found"
        assert not node.commands
        assert (await member.post(f"{workspace.calls_path}/{call_id}/end", {})).status == 200
    assert await workspace.audit_actions(call_id) == ["call.end"]

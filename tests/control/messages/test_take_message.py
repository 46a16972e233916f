"""The tool `take_message`: a running call asks, the API stores the message and lists it."""

import msgspec
import pytest

from control.workspaces.service import Workspaces
from media.server.bus.requests import BusRemoteTools
from media.tools.remote import ToolRequest
from media.tools.tool import ToolError
from tests.control.calls.call_platform import NOW, CallPlatform
from tests.control.media_requests.ends import reference, running_node
from tests.control.messages.message_call import CALLER, MessageTaking, begin_call
from tests.platform.api import running_api


def models_call(call: MessageTaking, run_id: str, **arguments: object) -> ToolRequest:
    """The model's call of the tool."""
    its = reference(call.call)
    return ToolRequest(
        name="take_message",
        arguments=msgspec.json.encode(arguments),
        run_id=run_id,
        call_id=its.call_id,
        workspace_id=its.workspace_id,
        agent_id=its.agent_id,
        timeout_s=30.0,
    )


async def test_message_is_stored_once_and_listed(platform: CallPlatform, database_url: str, valkey_url: str) -> None:
    call = await begin_call(platform)
    first = models_call(call, "run-1", message="Call me back.\nToday.", caller_name="Ann", urgent="true", reason=None)
    async with running_api(database_url, valkey_url) as api, running_node(valkey_url) as node:
        tools = BusRemoteTools(node.client)
        assert await tools.run(first) == await tools.run(first)
        with pytest.raises(ToolError, match=r"length >= 1.*\$\.message"):
            await tools.run(models_call(call, "run-2", message=""))
        with pytest.raises(ToolError, match="it has no text"):
            await tools.run(models_call(call, "run-3", message=" \n\u0007"))
        owner = await api.sign_up()
        await api.join(str(call.workspace.workspace_id), owner, "viewer")
        path = f"/workspaces/{call.workspace.workspace_id}/messages"
        (message,) = (await owner.get(path)).body["messages"]
        assert (await owner.get(f"{path}?call_id={call.call.call_id}")).body["total"] == 1
        assert (await owner.get(f"{path}?call_id={call.workspace.agent_id}")).body["messages"] == []
    assert {name: message[name] for name in ("text", "caller_name", "callback_number", "reason", "agent_name")} == {
        "text": "Call me back.\nToday.", "caller_name": "Ann", "callback_number": CALLER, "reason": "",
        "agent_name": "Desk",
    }  # fmt: skip
    assert (message["is_urgent"], message["emailed_at"]) == (True, None)


async def test_message_is_kept_without_what_its_workspace_redacts(platform: CallPlatform) -> None:
    call = await begin_call(platform)
    workspace = call.workspace
    await platform.in_workspace(
        workspace,
        lambda db: platform.services[Workspaces].update(
            db, workspace.actor, workspace.workspace_id, {"redaction": ["card_number"]}, NOW
        ),
    )
    message_id = await call.leave("Charge my card,\n4111 1111 1111 1111.", reason="4111111111111111")
    row = await platform.in_platform(lambda db: db.fetchrow("SELECT * FROM messages WHERE id = $1", message_id))
    assert (row["text"], row["reason"]) == (
        "Charge my card,\n[redacted: card number].",
        "[redacted: card number]",
    )
    assert row["callback_number"] == CALLER

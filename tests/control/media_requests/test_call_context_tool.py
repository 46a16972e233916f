"""The API, as it is composed, answers the tool `call_context` of a running call."""

import msgspec
import pytest

from control.agents.call_tools.table import REMOTE_TOOLS, agents_request_handlers
from control.agents.config_parts import RemoteToolName
from control.calls.records.running_calls import AdmittedCall
from control.media_requests.handlers import tool_handlers
from media.server.bus.requests import BusRemoteTools
from media.tools.remote import ToolRequest
from media.tools.tool import ToolError
from tests.control.calls.call_platform import CallPlatform
from tests.control.media_requests.ends import Node, reference
from tests.platform.api import running_api


def models_call(call: AdmittedCall, name: str) -> ToolRequest:
    """A model's call of a tool."""
    its = reference(call)
    return ToolRequest(
        name=name,
        arguments=b"{}",
        run_id="run-1",
        call_id=its.call_id,
        workspace_id=its.workspace_id,
        agent_id=its.agent_id,
        timeout_s=30.0,
    )


async def test_api_answers_the_tool(
    platform: CallPlatform, call: AdmittedCall, node: Node, database_url: str, valkey_url: str
) -> None:
    await platform.in_platform(
        lambda db: db.execute("UPDATE workspaces SET timezone = 'Asia/Tokyo' WHERE id = $1", call.workspace_id)
    )
    row = await platform.call_row(call.call_id)
    tools = BusRemoteTools(node.client)
    async with running_api(database_url, valkey_url) as api:
        told = msgspec.json.decode(await tools.run(models_call(call, "call_context")))
        with pytest.raises(ToolError, match="request does not exist"):
            await tools.run(models_call(call, "format_disk"))
        metrics = (await api.anonymous.get("/metrics")).raw.decode()
    assert told["business"].startswith("Acme")
    assert (told["time_zone"], told["utc_offset"], told["is_test_call"]) == ("Asia/Tokyo", "+0900", False)
    assert (told["caller_number"], told["called_number"]) == (row["caller_number"], row["called_number"])
    assert 'vocalized_control_media_requests_total{name="tool.call_context",outcome="answered"} 1.0' in metrics


def test_each_tools_name_may_be_configured() -> None:
    assert set(REMOTE_TOOLS) == set(RemoteToolName.__args__)  # type: ignore[attr-defined]
    assert set(agents_request_handlers()) == {f"tool.{name}" for name in REMOTE_TOOLS}


def test_two_tools_of_the_same_name_are_refused() -> None:
    with pytest.raises(ValueError, match="same name"):
        tool_handlers([*REMOTE_TOOLS.values()] * 2)

"""A call whose agent has a tool of an MCP server, from its plan to the answer: control makes the plan, the model calls
the tool, the node asks control, control uses the server, and the model reads the result."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from control.agents.call_tools.table import agents_request_handlers
from control.tools.rules import EXPLANATION
from control.tools.service import ToolServices
from shared.events import AgentSaid, ToolRan
from shared.plan import CallPlan, ProviderPlan
from tests.control.calls.call_platform import CallPlatform, open_call_platform
from tests.control.media_requests.ends import running_api_process
from tests.control.tools.mcp_peer import make_time_server, running_mcp
from tests.control.tools.tool_workspace import LOOPBACK, add_server, change_agent, tools_of
from tests.media.providers.sse_server import CHUNKED, DONE, delta, sse_server, usage
from tests.platform.bus_node import SEALER, BusNode

END = [usage(7, 2), DONE, b""]


@pytest.fixture
async def platform(database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[CallPlatform]:
    """Control's services on the node's Valkey; customers' addresses may be on the loopback."""
    async with open_call_platform(database_url, redis_url, tmp_path / "objects", egress_allow=LOOPBACK) as opened:
        yield opened


async def test_model_uses_a_tool_of_the_time_server_from_the_registry(
    platform: CallPlatform, bus_node: BusNode, plan: CallPlan, speech: bytes
) -> None:
    name = "diary__get_current_time"
    call_tool = [
        delta(tool_calls=[{"index": 0, "id": "t1", "function": {"name": name, "arguments": '{"timezone": "UTC"}'}}]),
        delta("tool_calls"),
    ]
    scripts = [(CHUNKED, [*steps, *END]) for steps in (call_tool, [delta(content="It is noon."), delta("stop")])]
    workspace = await platform.create_workspace(greeting="", prompt="Be kind.")
    finder = platform.services[ToolServices].handlers
    async with (
        running_mcp(make_time_server()) as url,
        sse_server(*scripts) as server,
        running_api_process(platform, agents_request_handlers(), sealer=SEALER, finder=finder) as api,
    ):
        listed = await add_server(platform, workspace, url)
        assert [(tool.name, tool.is_read_only) for tool in listed.tools] == [
            ("get_current_time", True), ("convert_time", True),
        ]  # fmt: skip
        await change_agent(platform, workspace, mcp_tools=[{"server": "diary", "tools": ["get_current_time"]}])
        admitted = await platform.admit(workspace)
        assert set(tools_of(admitted)) == {name} and admitted.plan.agent.prompt == f"Be kind.\n\n{EXPLANATION}"
        model = ProviderPlan("my-llama", {"base_url": server.url, "model": "m", "api_key": "k"}, "openai")
        phone = await bus_node.dial(
            replace(admitted.plan, stt=plan.stt, llm=[model], tts=plan.tts, turn=plan.turn), returns_marks=True
        )
        await phone.speak(speech)
        async with phone.sending_silence():
            said = await bus_node.wait_for_event(AgentSaid)
        await phone.hang_up()
        ran = await bus_node.wait_for_event(ToolRan)
    assert (said.text, ran.name, ran.ok) == ("It is noon.", name, True)
    offered = server.requests[0].body["tools"]
    (mine,) = [tool["function"] for tool in offered if tool["function"]["name"] == name]
    assert mine["parameters"]["required"] == ["timezone"]
    result = server.requests[1].body["messages"][-1]
    assert result["role"] == "tool" and '"timezone": "UTC"' in result["content"]
    assert result["content"].startswith(f"[Begin of outside data from {name}]\n")
    assert api.count("requests", name="workspace", outcome="answered") == 1

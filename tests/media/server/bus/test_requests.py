"""A node asks control on behalf of its calls; errors reach the model as text."""

import asyncio

import pytest

from media.server.bus.requests import BusRemoteTools, RequestClient
from media.server.metrics import Metrics
from media.tools.remote import ToolRequest
from media.tools.tool import MAY_BE_DONE, ToolError
from shared.bus.client import bus_client
from shared.bus.requests import MediaReply, RequestStream
from tests.platform.bus_node import NODE, SEALER, BusNode


def models_call(timeout_s: float = 30.0) -> ToolRequest:
    """A model's call of a tool."""
    return ToolRequest(
        name="book",
        arguments=b'{"day":"Monday"}',
        run_id="run-1",
        call_id="call-1",
        workspace_id="workspace-1",
        agent_id="agent-1",
        timeout_s=timeout_s,
    )


async def answer(bus_node: BusNode, **reply: str) -> None:
    """Answers the next request as control does."""
    stream = RequestStream(bus_node.redis, SEALER)
    await stream.create_group()
    (entry,) = await stream.read("api", 1, 4.0)
    assert entry.request is not None
    request = entry.request
    assert (request.name, request.arguments, request.run_id) == ("tool.book", '{"day":"Monday"}', "run-1")
    assert (request.call_id, request.workspace_id, request.agent_id) == ("call-1", "workspace-1", "agent-1")
    await stream.reply(entry.id, request.node_id, MediaReply(request.id, **reply))


@pytest.mark.parametrize(("result", "text"), [('"At noon."', "At noon."), ('{"hour":12}', '{"hour":12}')])
async def test_node_runs_a_tool_in_control(bus_node: BusNode, result: str, text: str) -> None:
    running = asyncio.create_task(bus_node.node.remote_tools.run(models_call()))
    await answer(bus_node, result=result)
    assert await running == text
    assert bus_node.metric("vocalized_media_requests_total", outcome="answered") == 1


async def test_refusal_is_told_to_the_model(bus_node: BusNode) -> None:
    running = asyncio.create_task(bus_node.node.remote_tools.run(models_call()))
    await answer(bus_node, code="hour_taken", message="That hour is taken.")
    with pytest.raises(ToolError, match=r"^book: That hour is taken\.$"):
        await running


@pytest.mark.parametrize("code", ["failed", "timed_out", "outcome_unknown"])
async def test_model_is_told_that_a_booking_may_have_been_made(bus_node: BusNode, code: str) -> None:
    """Else it calls the tool again, which is another run, and books twice."""
    running = asyncio.create_task(bus_node.node.remote_tools.run(models_call()))
    await answer(bus_node, code=code, message="Something failed.")
    with pytest.raises(ToolError) as caught:
        await running
    assert str(caught.value) == f"book: Something failed. {MAY_BE_DONE}"


async def test_tool_without_an_answer_fails_at_its_limit(bus_node: BusNode) -> None:
    with pytest.raises(ToolError) as caught:
        await bus_node.node.remote_tools.run(models_call(timeout_s=0.2))
    assert str(caught.value) == f"book did not answer within 0.2 s. {MAY_BE_DONE}"


async def test_tool_without_redis_fails() -> None:
    redis = bus_client("redis://127.0.0.1:9", 1.0)
    tools = BusRemoteTools(RequestClient(RequestStream(redis, SEALER), NODE, Metrics(), 0.5))
    with pytest.raises(ToolError, match="cannot be reached"):
        await tools.run(models_call())
    await redis.aclose()

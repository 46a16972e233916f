"""A node asks control on behalf of its calls; errors reach the model as text."""

import asyncio
from contextlib import suppress

import msgspec
import pytest

from media.server.bus.requests import BusRemoteTools, RequestClient
from media.server.metrics import Metrics
from media.tools.remote import CallIdentity, ToolRequest
from media.tools.tool import MAY_BE_DONE, ToolError
from shared.bus.client import bus_client
from shared.bus.requests import REPLY_PURPOSE, MediaReply, MediaRequest, RequestStream, RequestTimedOut
from shared.bus.stream_credentials import StreamCredential
from tests.platform.bus_node import NODE, SEALER, BusNode

REPLIES = f"vocalized:replies:{{{NODE}}}"


def models_call(timeout_s: float = 30.0, workspace_id: str = "workspace-1") -> ToolRequest:
    """A model's call of a tool."""
    return ToolRequest(
        name="book",
        arguments=b'{"day":"Monday"}',
        run_id="run-1",
        call_id="call-1",
        workspace_id=workspace_id,
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


async def test_model_receives_the_refusal(bus_node: BusNode) -> None:
    running = asyncio.create_task(bus_node.node.remote_tools.run(models_call()))
    await answer(bus_node, code="hour_taken", message="That hour is taken.")
    with pytest.raises(ToolError, match=r"^book: That hour is taken\.$"):
        await running


@pytest.mark.parametrize("code", ["failed", "timed_out", "outcome_unknown"])
async def test_model_receives_that_a_booking_may_exist(bus_node: BusNode, code: str) -> None:
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


async def test_tool_is_told_that_it_timed_out_before_its_runner_gives_it_up(bus_node: BusNode) -> None:
    """The runner of tools has the same limit; cancelled by it, a request would be counted by no metric."""
    async with asyncio.timeout(3.0):
        with pytest.raises(ToolError, match="did not answer"):
            await bus_node.node.remote_tools.run(models_call(timeout_s=3.0))
    assert bus_node.metric("vocalized_media_requests_total", outcome="timed_out") == 1


async def test_tool_without_redis_fails() -> None:
    redis = bus_client("redis://127.0.0.1:9", 1.0)
    tools = BusRemoteTools(RequestClient(RequestStream(redis, SEALER), NODE, Metrics(), 0.5))
    with pytest.raises(ToolError, match=f"cannot be reached right now. {MAY_BE_DONE}"):
        await tools.run(models_call())
    await redis.aclose()


async def test_workspaces_whose_tools_hang_leave_room_for_others(valkey_url: str) -> None:
    """Each gets half of what the others leave, and what it had is free again."""
    redis = bus_client(valkey_url, 1.0)
    client = RequestClient(RequestStream(redis, SEALER), NODE, Metrics(), 0.2, max_requests=16)
    tools = BusRemoteTools(client)
    client.start()

    async def ask(workspace_id: str) -> str:
        with pytest.raises(ToolError) as caught:
            await tools.run(models_call(0.5, workspace_id))
        return str(caught.value)

    for _ in range(2):
        hanging = [asyncio.create_task(ask(f"workspace-{number}")) for number in range(3) for _ in range(16)]
        usual = asyncio.create_task(ask("workspace-usual"))
        told = [await task for task in hanging]
        waited = [sum("did not answer" in one for one in told[at : at + 16]) for at in (0, 16, 32)]
        assert waited == [8, 4, 2] and "did not answer" in await usual
    assert not client._workspaces
    await client.close()
    await redis.aclose()


async def test_replies_that_were_read_leave_redis(bus_node: BusNode) -> None:
    """They hold what control knows of people."""
    for number in range(3):
        running = asyncio.create_task(bus_node.node.remote_tools.run(models_call()))
        await answer(bus_node, result=str(number))
        assert await running == str(number)
    async with asyncio.timeout(30):
        while await bus_node.redis.xlen(REPLIES):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_reply_of_a_slower_clock_is_read(bus_node: BusNode) -> None:
    """After a failover, entries may have smaller ids than those that were read before."""
    running = asyncio.create_task(bus_node.node.remote_tools.run(models_call()))
    await answer(bus_node, result="1")
    assert await running == "1"
    await bus_node.redis.delete(REPLIES)
    running = asyncio.create_task(bus_node.node.remote_tools.run(models_call(timeout_s=3.0)))
    (entry,) = await RequestStream(bus_node.redis, SEALER).read("api", 1, 4.0)
    assert entry.request is not None
    sealed = SEALER.seal(msgspec.json.encode(MediaReply(entry.request.id, "2")), REPLY_PURPOSE)
    await bus_node.redis.xadd(REPLIES, {b"r": sealed}, id="1-1")
    assert await running == "2"


async def test_deadline_holds_when_the_driver_swallows_a_cancellation() -> None:
    """As the Redis client does while it connects."""

    class Stream(RequestStream):
        async def now_ms(self) -> int:
            return 0

        async def send(self, request: MediaRequest, stream_credential: StreamCredential | None = None) -> bool:
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            return True

    client = RequestClient(Stream(bus_client("redis://127.0.0.1:9", 1.0), SEALER), NODE, Metrics(), 0.5)
    async with asyncio.timeout(30):
        with pytest.raises(RequestTimedOut):
            await client.ask(CallIdentity("c", "w", "a"), "book", b"{}", deadline_s=0.05)

"""Sessions with MCP servers: shared, replaced when they break, bounded, and never a second run of what must not be."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any
from uuid import UUID

import httpx2
import pytest

from control.tools.mcp_servers import session as mcp_servers_session  # loaded before the time of a run begins
from control.tools.mcp_servers.execution import McpConnections, McpExecution, list_tools
from control.tools.mcp_servers.rules import (
    LONGEST_MODEL_NAME,
    ListedTool,
    McpCallNotSent,
    McpServer,
    McpServerConfig,
    model_name,
)
from shared.egress import EgressGuard
from shared.errors import Conflict, Problem, TooManyRequests, Unavailable
from shared.ids import new_id
from tests.control.tools.hostile_peer import end_stream, garbage, hang, hang_up, plain, running_peer
from tests.control.tools.legacy_mcp import LegacyServer

AT = datetime(2026, 11, 26, tzinfo=UTC)
BOOK, LOOK = ListedTool("book"), ListedTool("look", is_read_only=True)
SECRETS = {"Authorization": "Bearer s3cret-key"}


def server_at(url: str) -> McpServer:
    return McpServer(
        id=UUID(new_id()),
        workspace_id=UUID(new_id()),
        name="old",
        config=McpServerConfig(url=url),
        secret_names=(),
        sealed=None,
        tools=(),
        listed_at=None,
        tried_at=None,
        list_error=None,
        created_at=AT,
        updated_at=AT,
    )


@asynccontextmanager
async def legacy(**options: Any) -> AsyncIterator[tuple[LegacyServer, McpExecution]]:
    """A server of the older protocol, and what uses it."""
    async with running_peer() as peer:
        old = LegacyServer(peer)
        peer.add(old.respond)
        connections = McpConnections(EgressGuard(["127.0.0.0/8"]), **options)
        try:
            yield old, McpExecution(connections, server_at(f"{peer.url}/mcp"), SECRETS)
        finally:
            await connections.close()


async def run(execution: McpExecution, tool: ListedTool = BOOK, limit_s: float = 5.0) -> str:
    return await execution.run(tool, {}, limit_s)


async def failure(execution: McpExecution, tool: ListedTool = BOOK, limit_s: float = 5.0) -> Problem:
    with pytest.raises(Problem) as caught:
        await run(execution, tool, limit_s)
    return caught.value


async def test_session_is_opened_once_for_all_and_closed_when_it_is_idle() -> None:
    async with legacy(idle_s=0.05) as (old, execution):
        answers = await asyncio.gather(*(run(execution) for _ in range(5)))
        assert old.sessions == 1 and len(old.called) == 5
        assert all("authorization: bearer ***" in answer and "s3cret" not in answer for answer in answers)
        async with asyncio.timeout(30):
            while execution.connections.count:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await run(execution)
        assert old.sessions == 2


async def test_use_that_the_server_forgot_the_session_of_is_sent_again() -> None:
    async with legacy() as (old, execution):
        await run(execution)
        old.has_forgotten = True
        assert "Done" in await run(execution)
        assert (old.sessions, len(old.called)) == (2, 2)


@pytest.mark.parametrize("reply", [hang_up, garbage])
async def test_lost_answer_is_asked_for_again_by_look_ups_only(reply: Any) -> None:
    async with legacy() as (old, execution):
        old.replies = [reply]
        problem = await failure(execution)
        assert isinstance(problem, Unavailable) and len(old.called) == 1
        old.replies = [reply]
        assert "Done" in await run(execution, LOOK)
        assert len(old.called) == 3


async def test_use_without_an_answer_ends_in_time_and_others_go_on() -> None:
    async with legacy() as (old, execution):
        old.replies = [hang]
        slow = asyncio.create_task(failure(execution, limit_s=0.5))
        await asyncio.sleep(0)
        async with asyncio.timeout(30):
            while not old.called:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert "Done" in await run(execution)
        assert isinstance(await slow, Unavailable) and old.sessions == 1


async def test_run_that_the_end_of_a_session_cut_off_is_not_sent_again() -> None:
    """As servers of the library answer then; the tool may have run."""
    error = {"code": -32603, "message": "Session terminated before the request completed"}
    body = json.dumps({"jsonrpc": "2.0", "id": None, "error": error})
    async with legacy() as (old, execution):
        old.replies = [plain(body, "500 Internal Server Error")]
        assert isinstance(await failure(execution), Unavailable) and len(old.called) == 1


async def test_use_that_fails_does_not_end_the_session_for_others() -> None:
    async with legacy() as (old, execution):
        waiting = asyncio.create_task(run(execution, ListedTool("wait")))
        async with asyncio.timeout(30):
            while not old.called:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        old.replies = [garbage]
        assert isinstance(await failure(execution), Unavailable)
        assert "Done" in await run(execution)
        assert old.sessions == 2 and execution.connections.count == 1
        old.gate.set()
        assert "Done" in await waiting and len(old.called) == 3


@pytest.mark.parametrize("head", ["Location: http://10.0.0.1/\r\n", "Content-Encoding: gzip\r\n"])
async def test_request_that_has_arrived_is_not_sent_to_the_next_address(head: str) -> None:
    """A host with two addresses. The server books, and answers with what is not read."""
    status = "302 Found" if "Location" in head else "200 OK"
    async with running_peer(plain("{}", status, head=head)) as peer:
        guard = EgressGuard(["127.0.0.0/8"])

        async def resolve(host: str, port: int) -> list[Any]:
            return [ip_address("127.0.0.1")] * 2

        guard.resolve = resolve  # type: ignore[method-assign]
        transport = mcp_servers_session.GuardedMcpTransport(guard, httpx2.create_ssl_context())
        async with httpx2.AsyncClient(transport=transport) as client:
            with pytest.raises(httpx2.RemoteProtocolError):
                await client.post(peer.url, json={})
        assert len(peer.requests) == 1


async def test_stream_that_ends_again_and_again_is_opened_a_few_times_and_no_more_after_its_use() -> None:
    """It was opened 860 times a second, and two minutes longer."""
    async with legacy() as (old, execution):
        await run(execution)
        old.stream, old.replies, before = end_stream, [end_stream], len(old.peer.requests)
        assert isinstance(await failure(execution, limit_s=0.9), Unavailable)
        assert 2 <= len(old.peer.requests) - before <= 8
        async with asyncio.timeout(30):
            while not old.peer.requests[-1].startswith("DELETE"):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert len(old.called) == 2


async def test_reason_against_a_list_holds_no_secret() -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": None, "error": {"code": -32602, "message": "no: s3cret-key"}})
    async with legacy() as (old, execution):
        old.list_reply = plain(body, "400 Bad Request")
        listing = await list_tools(execution)
        assert listing.error == "no: ***."


async def test_one_workspace_takes_no_more_than_its_share_of_the_sessions() -> None:
    async with legacy(most=8) as (old, execution):
        others = [replace(execution, server=replace(execution.server, id=UUID(new_id()))) for _ in range(2)]
        slow = []
        for one in (execution, others[0]):
            slow.append(asyncio.create_task(run(one, ListedTool("wait"))))
            async with asyncio.timeout(30):
                while len(old.called) < len(slow):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        with pytest.raises(TooManyRequests):
            await run(others[1])
        stranger = McpExecution(execution.connections, server_at(execution.server.config.url), SECRETS)
        assert "Done" in await run(stranger)
        old.gate.set()
        assert all("Done" in answer for answer in await asyncio.gather(*slow))


REDIRECT = plain("{}", "302 Found", head="Location: http://10.0.0.1/\r\n")


@pytest.mark.parametrize("reply", [REDIRECT, plain("<html>", kind="text/html"), plain("[]")])
async def test_answers_of_no_use_are_refused(reply: Any) -> None:
    async with legacy() as (old, execution):
        old.replies = [reply]
        problem = await failure(execution)
        assert isinstance(problem, Unavailable) and len(problem.message) < 300
        assert len(old.called) == 1


async def test_answer_beyond_its_size_is_not_read() -> None:
    async with legacy() as (old, execution):
        old.text = "x" * (mcp_servers_session.MOST_BYTES + 1)
        assert isinstance(await failure(execution), Unavailable)
        old.text = "," * (mcp_servers_session.MOST_COMMAS + 1)
        assert isinstance(await failure(execution), Unavailable)
        old.text = "y" * 100_000
        assert "(the rest was cut off)" in await run(execution)


async def test_change_of_the_list_is_reported() -> None:
    async with legacy() as (old, execution):
        changed: list[UUID] = []
        execution.connections.report_change = changed.append
        await run(execution)
        old.changes.set()
        async with asyncio.timeout(30):
            while not changed:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert changed == [execution.server.id]


async def test_hostile_list_is_bounded() -> None:
    async with legacy() as (old, execution):
        old.tools = [
            {
                "name": f"t{n}",
                "description": "x\u202e" * 600,
                "inputSchema": {"type": "object", "properties": {"a": {"$ref": "#"}}},
            }
            for n in range(200)
        ]
        found = await execution.list_tools(5.0)
        assert len(found) == mcp_servers_session.MOST_TOOLS and all(len(tool.description) < 1_100 for tool in found)
        assert "\u202e" not in found[0].description and found[0].parameters["type"] == "object"


async def test_no_more_sessions_than_there_is_room_for() -> None:
    async with legacy(most=1) as (old, execution):
        await run(execution)
        other = McpExecution(execution.connections, server_at(execution.server.config.url), SECRETS)
        await run(other)  # in the place of the idle one
        assert (old.sessions, execution.connections.count) == (2, 1)
        old.replies = [hang]
        slow = asyncio.create_task(failure(other, limit_s=0.5))
        async with asyncio.timeout(30):
            while len(old.called) < 3:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        with pytest.raises(TooManyRequests):
            await run(execution)
        assert isinstance(await slow, Unavailable)


@pytest.mark.parametrize("answer", [hang, garbage, plain("no", "401 Unauthorized", "text/plain")])
async def test_nothing_is_done_where_there_is_no_session(answer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("control.tools.mcp_servers.execution.OPEN_S", 0.5)
    async with running_peer(answer) as peer:
        connections = McpConnections(EgressGuard(["127.0.0.0/8"]))
        execution = McpExecution(connections, server_at(peer.url), SECRETS)
        problem = await failure(execution)
        assert isinstance(problem, Conflict) and problem.message.endswith("Nothing was done.")
        with pytest.raises(McpCallNotSent):
            await execution.list_tools(5.0)
        await connections.close()
        assert connections.count == 0


def test_names_for_models_are_distinct_and_accepted_by_all_vendors() -> None:
    names = [model_name("crm", tool) for tool in ("find", "find.all", "find/all", "x" * 128, "x" * 127 + "y", "für")]
    assert names[0] == "crm__find" and len(set(names)) == len(names)
    for name in names:
        assert len(name) <= LONGEST_MODEL_NAME and name.isascii() and "." not in name and "/" not in name

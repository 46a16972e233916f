"""Requests of calls for tools of their workspace: control sends the request or uses the MCP server, once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from control.calls.records.running_calls import AdmittedCall
from control.tools.mcp_servers.execution import ToolListing
from control.tools.mcp_servers.rules import McpServer, McpServerConfig
from control.tools.mcp_servers.service import McpServerEdit, McpServers
from control.tools.mcp_servers.tasks import refresh_lists
from control.tools.service import ToolServices
from tests.control.calls.call_platform import NOW, CallPlatform, open_call_platform
from tests.control.media_requests.ends import running_api_process, running_node
from tests.control.tools.hostile_peer import hang, plain, running_peer
from tests.control.tools.legacy_mcp import LegacyServer
from tests.control.tools.mcp_peer import ScriptedTools, running_mcp
from tests.control.tools.tool_workspace import (
    LOOPBACK,
    PARAMETERS,
    add_http_tool,
    add_server,
    change_agent,
    failing,
    tools_of,
)


@pytest.fixture
async def platform(database_url: str, valkey_url: str, tmp_path: Path) -> AsyncIterator[CallPlatform]:
    """Customers' addresses may be on the loopback."""
    async with open_call_platform(database_url, valkey_url, tmp_path / "objects", egress_allow=LOOPBACK) as opened:
        yield opened


async def test_http_tool_runs_once_under_its_run_id_and_only_for_agents_that_name_it(
    platform: CallPlatform, valkey_url: str
) -> None:
    workspace = await platform.create_workspace()
    finder = platform.services[ToolServices].handlers
    async with (
        running_peer(plain('{"free": 3}')) as peer,
        running_api_process(platform, {}, finder=finder),
        running_node(valkey_url) as node,
    ):
        await add_http_tool(platform, workspace, f"{peer.url}/stock", max_calls=2)
        stranger = await platform.admit(workspace)  # its agent does not name the tool yet
        await change_agent(platform, workspace, http_tools=["check_stock"])
        admitted = await platform.admit(workspace)
        tool = tools_of(admitted)["check_stock"]
        assert (tool.remote, tool.repeatable, tool.timeout_s, tool.parameters) == (True, False, 10.0, PARAMETERS)
        assert "check_stock" not in tools_of(stranger)

        async def ask(call: AdmittedCall, run_id: str, arguments: bytes = b'{"sku": "A"}') -> str:
            return await failing(node.ask(call, "tool.check_stock", arguments, run_id=run_id))

        answers = await asyncio.gather(*(ask(admitted, "run-1") for _ in range(3)))
        assert len(set(answers)) == 1 and '{\\"free\\":3}' in answers[0] and len(peer.requests) == 1
        assert "idempotency-key: run-1" in peer.requests[0].lower() and "Bearer s3cret-key" in peer.requests[0]
        assert await ask(stranger, "run-2") == "request_unknown: This request does not exist."
        assert (await ask(admitted, "run-3", b"{}")).startswith("arguments_invalid: arguments: 'sku' is")
        assert (await ask(admitted, "run-4")).startswith("tool_call_limit: A call may use check_stock 2 times")
        assert len(peer.requests) == 1
        rows = await platform.in_platform(lambda db: db.fetch("SELECT name, ok FROM tool_runs ORDER BY run_id"))
        assert [(row["name"], row["ok"]) for row in rows] == [("tool.check_stock", ok) for ok in (True, False, False)]


async def test_request_without_an_answer_is_told_as_unknown_and_never_repeated(
    platform: CallPlatform, valkey_url: str
) -> None:
    workspace = await platform.create_workspace()
    finder = platform.services[ToolServices].handlers
    async with (
        running_peer(hang) as peer,
        running_api_process(platform, {}, finder=finder),
        running_node(valkey_url) as node,
    ):
        await add_http_tool(platform, workspace, peer.url, timeout_s=1.0)
        await change_agent(platform, workspace, http_tools=["check_stock"])
        admitted = await platform.admit(workspace)
        for _ in range(2):
            told = await failing(node.ask(admitted, "tool.check_stock", b'{"sku": "A"}', run_id="run-1"))
            assert told == "outcome_unknown: It is not known whether this was carried out."
        assert len(peer.requests) == 1


async def test_allow_list_limits_and_traits_of_an_mcp_server(platform: CallPlatform, valkey_url: str) -> None:
    workspace = await platform.create_workspace()
    tools, finder = ScriptedTools(), platform.services[ToolServices].handlers
    async with (
        running_mcp(tools.server) as url,
        running_api_process(platform, {}, finder=finder),
        running_node(valkey_url) as node,
    ):
        await add_server(platform, workspace, url, timeout_s=2.5, max_result_chars=200)
        allowed = [{"server": "diary", "tools": ["find_slots", "book", "wait"]}]
        await change_agent(platform, workspace, mcp_tools=allowed)
        admitted = await platform.admit(workspace)
        traits = {name: tool.repeatable for name, tool in tools_of(admitted).items()}
        assert traits == {"diary__find_slots": True, "diary__book": False, "diary__wait": False}

        async def ask(tool: str, run_id: str, arguments: bytes = b"{}") -> str:
            return await failing(node.ask(admitted, f"tool.diary__{tool}", arguments, run_id=run_id))

        booked = await asyncio.gather(*(ask("book", "run-1", b'{"hour": "8"}') for _ in range(3)))
        assert len(set(booked)) == 1 and "Booked at 8." in booked[0] and tools.booked == ["8"]
        assert await ask("fail", "run-2") == "request_unknown: This request does not exist."
        assert (await ask("wait", "run-3")).startswith("outcome_unknown") and tools.waits == 1
        assert (await ask("wait", "run-3")).startswith("outcome_unknown") and tools.waits == 1
        tools.text = "x" * 20_000_000
        long = await ask("find_slots", "run-4", b'{"day": "today"}')
        assert long.startswith("tool_unreachable: diary__find_slots did not answer") and len(long) < 200
        tools.text = "y" * 100_000
        assert "(the rest was cut off)" in await ask("find_slots", "run-5", b'{"day": "today"}')
        tools.gate.set()
        assert platform.services[ToolServices].connections.count == 1


async def test_list_that_is_unfit_holds_up_no_other_workspace(
    platform: CallPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither one with what the database cannot store, nor one that we cannot deal with."""
    hostile, broken, other = [await platform.create_workspace() for _ in range(3)]
    schema = {"type": "object", "properties": {"a": {"description": "x\x00"}}}
    async with running_peer() as peer, running_mcp(ScriptedTools().server) as url:
        old = LegacyServer(peer)
        peer.add(old.respond)
        old.tools = [{"name": "a\x00", "inputSchema": schema}, {"name": "b", "inputSchema": schema}]
        bad = await add_server(platform, hostile, f"{peer.url}/mcp")
        assert [tool.name for tool in bad.tools] == ["b"]
        service = platform.services[ToolServices].mcp
        listing = service.listing
        faulty = await add_server(platform, broken, url)

        def fail(server: McpServer) -> Callable[[], Awaitable[ToolListing]]:
            if server.id == faulty.id:
                raise RuntimeError("a fault of ours")
            return listing(server)

        monkeypatch.setattr(McpServers, "listing", lambda self, server: fail(server))
        good = await add_server(platform, other, url)
        assert len(good.tools) == 4
        assert await refresh_lists(platform.pool, service, NOW + timedelta(hours=1)) >= 3
    query = "SELECT id, list_error, tried_at FROM mcp_servers WHERE id = ANY($1)"
    found = await platform.in_platform(lambda db: db.fetch(query, [bad.id, faulty.id, good.id]))
    errors = {row["id"]: row["list_error"] for row in found}
    assert errors == {bad.id: None, faulty.id: "The list could not be read.", good.id: None}
    assert len({row["tried_at"] for row in found}) == 1


async def test_server_with_another_list_is_asked_again_after_its_next_use(
    platform: CallPlatform, valkey_url: str
) -> None:
    workspace = await platform.create_workspace()
    finder = platform.services[ToolServices].handlers
    async with (
        running_mcp(ScriptedTools().server) as url,
        running_api_process(platform, {}, finder=finder),
        running_node(valkey_url) as node,
    ):
        server = await add_server(platform, workspace, url)
        await change_agent(platform, workspace, mcp_tools=[{"server": "diary", "tools": ["book"]}])
        admitted = await platform.admit(workspace)
        platform.services[ToolServices].connections.report_change(server.id)
        told = await failing(node.ask(admitted, "tool.diary__book", b'{"hour": "8"}', run_id="run-1"))
        assert "Booked at 8." in told
        query = "SELECT tried_at FROM mcp_servers WHERE id = $1"
        assert await platform.in_platform(lambda db: db.fetchval(query, server.id)) is None


async def test_suspended_workspace_and_changed_server_keep_what_they_had(platform: CallPlatform) -> None:
    """The list of a server that was asked before its config was changed is not taken for that of the other one."""
    workspace = await platform.create_workspace()
    service = platform.services[ToolServices].mcp
    async with running_mcp(ScriptedTools().server) as url:
        server = await add_server(platform, workspace, url)
        moved = McpServerEdit(McpServerConfig(url=f"{url}?new=1"))
        later = NOW + timedelta(hours=2)
        asked = await service.listing(server)()
        await platform.in_workspace(
            workspace,
            lambda db: service.update(db, workspace.workspace_id, workspace.actor, server.id, moved, later),
        )
        stale = await platform.in_workspace(
            workspace, lambda db: service.save_listing(db, replace(asked, tools=()), later)
        )
        assert len(stale.tools) == 4 and stale.tried_at is None

        suspend = "UPDATE workspaces SET status = 'suspended' WHERE id = $1"
        await platform.in_platform(lambda db: db.execute(suspend, workspace.workspace_id))
        await refresh_lists(platform.pool, service, later)
        query = "SELECT tried_at FROM mcp_servers WHERE id = $1"
        assert await platform.in_platform(lambda db: db.fetchval(query, server.id)) is None


async def test_server_that_is_away_delays_no_call_and_did_nothing(platform: CallPlatform, valkey_url: str) -> None:
    workspace = await platform.create_workspace()
    finder = platform.services[ToolServices].handlers
    async with running_mcp(ScriptedTools().server) as url:
        await add_server(platform, workspace, url)
        await change_agent(platform, workspace, mcp_tools=[{"server": "diary", "tools": ["book"]}])
    await platform.services[ToolServices].connections.close()
    admitted = await platform.admit(workspace)
    assert set(tools_of(admitted)) == {"diary__book"}
    async with (
        running_api_process(platform, {}, finder=finder),
        running_node(valkey_url) as node,
    ):
        told = await failing(node.ask(admitted, "tool.diary__book", b'{"hour": "8"}', run_id="run-1"))
        assert told.startswith("tool_unreachable: diary__book cannot be reached") and told.endswith("Nothing was done.")
    later = NOW + timedelta(hours=1)
    assert await refresh_lists(platform.pool, platform.services[ToolServices].mcp, later) >= 1
    (server,) = await platform.in_workspace(
        workspace, lambda db: platform.services[ToolServices].mcp.list_all(db, workspace.workspace_id)
    )
    assert server.list_error and server.find_tool("book") is not None and server.listed_at == NOW

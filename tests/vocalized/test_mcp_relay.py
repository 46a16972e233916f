"""`vocalized mcp`: the official client starts it as a child process, as programs with language models do."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from aiohttp import web
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters
from typer.testing import CliRunner

from control.http.key_text import make_secret
from control.mcp.declarations import TOOLS, ToolEffect
from control.mcp.protocol import INSTRUCTIONS
from control.mcp.tool_calls import ASKABLE
from tests.control.api.key_workspace import KeyWorkspace
from tests.control.mcp.clients import text_of
from tests.platform.api import listening, running_api
from vocalized.commands.cli import app
from vocalized.commands.mcp_cli import AskedEffect
from vocalized.mcp_relay import McpRelay, RelayError, RelayOptions, run_relay

ROOT = Path(__file__).parents[2]
runner = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"})
in_module = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def workspace(database_url: str, valkey_url: str) -> AsyncIterator[KeyWorkspace]:
    async with running_api(database_url, valkey_url) as api:
        yield await KeyWorkspace.make(api)


@asynccontextmanager
async def relay(url: str, key: str, *flags: str) -> AsyncIterator[Client]:
    """A client of a relay that it has started."""
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "vocalized", "mcp", "--url", url, *flags],
        env=os.environ | {"VOCALIZED_API_KEY": key},
        cwd=ROOT,
    )
    async with Client(server) as client:
        yield client


@in_module
async def test_the_tools_of_the_endpoint_are_listed_and_called(workspace: KeyWorkspace) -> None:
    created = await workspace.create("calls:read", "calls:write", "workspace:read")
    async with relay(workspace.api.url, created["secret"], "--allow", "write") as client:
        listed = {tool.name for tool in (await client.list_tools()).tools}
        assert {"list_calls", "get_workspace", "block_caller"} <= listed and "place_call" not in listed
        assert client.instructions == INSTRUCTIONS
        found = await client.call_tool("get_workspace", {})
        assert found.structured_content is not None and found.structured_content["workspace"]["id"] == workspace.id
        blocked = await client.call_tool("block_caller", {"caller": "+14155550123"})
        assert not blocked.is_error
        refused = await client.call_tool("place_call", {})
        assert refused.is_error and "place_call is off" in text_of(refused)
        assert (await workspace.ann.delete(f"{workspace.keys}/{created['api_key']['id']}")).status == 204
        late = await client.call_tool("list_calls", {})
        assert late.is_error and "This API key is not valid" in text_of(late)


@in_module
async def test_a_platform_that_breaks_off_is_an_error_of_one_call(workspace: KeyWorkspace) -> None:
    """Between a working start and a working end, requests get no answer, or no MCP; the client has a handshake."""
    answers: list[Any] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        if answers and (broken := answers.pop(0)) is not None:
            if broken == 0:
                assert request.transport is not None
                request.transport.abort()
            return web.Response(status=broken or 500, text="<html>")
        async with workspace.api.client.post(
            f"{workspace.api.url}/mcp", data=await request.read(), headers=request.headers
        ) as reply:
            return web.Response(status=reply.status, body=await reply.read(), content_type="application/json")

    app = web.Application()
    app.router.add_post("/mcp", answer)
    secret = (await workspace.create())["secret"]
    async with (
        listening(app) as url,
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {secret}"}) as http,
        Client(McpRelay(f"{url}/mcp", http).server(None), mode="legacy") as client,
    ):
        listed = [tool.name for tool in (await client.list_tools()).tools]
        assert listed == [one.name for one in TOOLS if one.effect is ToolEffect.READ]
        for broken in (0, 502, 200):
            answers.append(broken)
            assert (await client.call_tool("get_workspace", {})).is_error, broken
        assert not (await client.call_tool("get_workspace", {})).is_error


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (" ", "error: set VOCALIZED_API_KEY"),
        ("vk_live_\u2026", "error: VOCALIZED_API_KEY has characters that no API key has"),
        ("vk_live_x\n", "error: the platform does not answer (ConnectError)"),
    ],
)
def test_a_relay_that_cannot_start_says_why(key: str, reason: str) -> None:
    ended = runner.invoke(app, ["mcp", "--url", "http://127.0.0.1:9"], env={"VOCALIZED_API_KEY": key})
    assert ended.exit_code == 1 and ended.stderr.startswith(reason) and ended.stdout == "", ended.stderr
    assert "vk_live_" not in ended.stderr


@in_module
async def test_a_refused_key_ends_the_relay(workspace: KeyWorkspace) -> None:
    with pytest.raises(RelayError, match="This API key is not valid"):
        await run_relay(RelayOptions(workspace.api.url, make_secret()))


def test_the_key_is_in_no_representation() -> None:
    assert "vk_live_x" not in repr(RelayOptions("https://api.example.com", "vk_live_x"))


@pytest.mark.parametrize(
    ("url", "allow", "endpoint"),
    [
        ("https://api.example.com", (), "https://api.example.com/mcp"),
        ("https://api.example.com/", ("write", "calls"), "https://api.example.com/mcp?allow=write,calls"),
        ("https://example.com/api/mcp", (), "https://example.com/api/mcp"),
        ("http://localhost:8081", (), "http://localhost:8081/mcp"),
    ],
)
def test_the_endpoint_is_made_of_the_platforms_address(url: str, allow: tuple[str, ...], endpoint: str) -> None:
    assert RelayOptions(url, "k", allow).endpoint == endpoint


@pytest.mark.parametrize("url", ["", "api.example.com", "ftp://x", "https://u:p@x", "https://x?key=1", "http://x.org"])
def test_addresses_that_would_show_the_key_or_are_none_are_refused(url: str) -> None:
    with pytest.raises(RelayError):
        _ = RelayOptions(url, "k").endpoint


def test_the_command_knows_the_effects_that_the_endpoint_does() -> None:
    assert [*AskedEffect] == [str(effect) for effect in ASKABLE]

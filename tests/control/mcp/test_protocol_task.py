"""The protocol's server: loaded for the first request, and looked for again when it could not be."""

import json
import sys

import pytest
from aiohttp.test_utils import make_mocked_request
from structlog.testing import capture_logs

from control.http.key_text import SCOPES
from control.mcp.protocol_task import AsgiExchange, ProtocolTask
from control.mcp.tool_calls import ApiReply, ApiRequest, KeyTools
from shared.errors import Unavailable
from tests.control.mcp.tool_set import all_tools, key_with


async def refuse(request: ApiRequest) -> ApiReply:
    return ApiReply(404, b"")


def listing() -> AsgiExchange:
    """A request for the list of tools, from a client of 2025-11-25."""
    headers = {"Accept": "application/json", "Content-Type": "application/json"}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).encode()
    tools = KeyTools(all_tools(), key_with(frozenset(SCOPES)), (), refuse)
    return AsgiExchange(make_mocked_request("POST", "/mcp", headers=headers), body, tools)


async def test_a_missing_library_is_an_error_of_the_request_and_looked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    task = ProtocolTask("1", 1_000)
    monkeypatch.setitem(sys.modules, "control.mcp.protocol", None)
    with capture_logs() as logs:
        for _ in range(2):
            with pytest.raises(Unavailable, match="There is no MCP server here"):
                await task.answer(listing())
    assert [line["error"] for line in logs if line["event"] == "mcp_library.load_failed"] == 2 * ["ModuleNotFoundError"]
    monkeypatch.undo()
    exchange = listing()
    await task.answer(exchange)
    assert exchange.response().status == 200
    await task.close()

"""MCP servers in the API: lists of tools, trials, secrets."""

from typing import Any, Final

import pytest

from tests.control.tools.mcp_peer import ScriptedTools, make_time_server, running_mcp
from tests.platform.api import Api, running_api
from tests.platform.clients import User

LOOPBACK: Final = ("127.0.0.0/8",)


async def add(ann: User, path: str, url: str, **more: Any) -> dict[str, Any]:
    reply = await ann.post(path, {"name": "clock", "config": {"url": url}, **more})
    assert reply.status == 201, reply.body
    server: dict[str, Any] = reply.body["mcp_server"]
    return server


async def opened(api: Api) -> tuple[User, str]:
    ann = await api.sign_up()
    return ann, f"/workspaces/{await ann.workspace()}"


async def test_tools_of_the_time_server_are_listed_tried_and_given_to_an_agent(
    database_url: str, valkey_url: str
) -> None:
    async with (
        running_mcp(make_time_server()) as url,
        running_api(database_url, valkey_url, egress_allow=LOOPBACK) as api,
    ):
        ann, here = await opened(api)
        made = await add(ann, f"{here}/mcp-servers", url, secret_headers={"Authorization": "Bearer s3cret-key"})
        assert (made["tools"], made["listed_at"], made["secret_headers"]) == ([], None, ["Authorization"])
        server = f"{here}/mcp-servers/{made['id']}"
        early = await ann.post(f"{server}/try", {"tool": "get_current_time", "arguments": {}})
        assert (early.status, early.code) == (404, "mcp_tool_not_found")
        listed = (await ann.post(f"{server}/refresh")).body["mcp_server"]
        assert listed["list_error"] is None and listed["listed_at"] is not None
        assert [(tool["name"], tool["model_name"], tool["read_only"]) for tool in listed["tools"]] == [
            ("get_current_time", "clock__get_current_time", True),
            ("convert_time", "clock__convert_time", True),
        ]
        use = {
            "tool": "convert_time",
            "arguments": {"source_timezone": "UTC", "time": "12:00", "target_timezone": "UTC"},
        }
        tried = (await ann.post(f"{server}/try", use)).body
        assert '"time_difference": "+0.0h"' in tried["result"] and tried["error"] is None
        use["arguments"] = {"source_timezone": "Mars", "time": "12:00", "target_timezone": "UTC"}
        tried = (await ann.post(f"{server}/try", use)).body
        assert tried["result"] is None and "Mars" in tried["error"]

        wanted = {"mcp_tools": [{"server": "clock", "tools": ["convert_time", "launch"]}]}
        reply = await ann.post(f"{here}/agents", {"name": "Desk", "config": wanted})
        assert (reply.status, reply.code, reply.param) == (422, "tool_unknown", "config.mcp_tools.0.tools.1")
        wanted = {"mcp_tools": [{"server": "clock", "tools": ["convert_time"]}]}
        assert (await ann.post(f"{here}/agents", {"name": "Desk", "config": wanted})).status == 201
        assert (await ann.delete(server)).code == "tool_in_use"
        rows = await api.owner.fetch(
            "SELECT to_jsonb(s)::text, (SELECT max(details::text) FROM audit_log) FROM mcp_servers s"
        )
        assert "s3cret" not in f"{rows}{(await ann.get(server)).body}"


async def test_server_that_does_not_answer_keeps_its_list_and_says_why(database_url: str, valkey_url: str) -> None:
    async with running_api(database_url, valkey_url, egress_allow=LOOPBACK) as api:
        ann, here = await opened(api)
        async with running_mcp(ScriptedTools().server) as url:
            server = f"{here}/mcp-servers/{(await add(ann, f'{here}/mcp-servers', url))['id']}"
            assert len((await ann.post(f"{server}/refresh")).body["mcp_server"]["tools"]) == 4
        failed = (await ann.post(f"{server}/refresh")).body["mcp_server"]
        assert failed["list_error"] and len(failed["tools"]) == 4
        tried = (await ann.post(f"{server}/try", {"tool": "book", "arguments": {"hour": "8"}})).body
        assert tried["result"] is None and tried["error"].startswith("clock__book ")
        moved = await ann.put(server, {"config": {"url": "https://mcp.example.com/mcp"}})
        assert moved.status == 200
        assert (await ann.delete(server)).status == 204
        assert (await ann.post(f"{server}/refresh")).code == "mcp_server_not_found"


@pytest.mark.parametrize("url", ["http://10.0.0.1/mcp", "https://[::1]/mcp", "http://mcp.example.com/mcp"])
async def test_addresses_that_are_not_public_are_refused(database_url: str, valkey_url: str, url: str) -> None:
    async with running_api(database_url, valkey_url) as api:
        ann, here = await opened(api)
        reply = await ann.post(f"{here}/mcp-servers", {"name": "clock", "config": {"url": url}})
        assert (reply.status, reply.code, reply.param) == (422, "address_refused", "config.url")

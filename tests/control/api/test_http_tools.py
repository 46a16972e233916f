"""HTTP tools in the API: their secrets, their addresses, trials, and agents that name them."""

from typing import Any, Final

import pytest

from control.tools.http_tools.service import MOST_TOOLS
from tests.control.tools.hostile_peer import hang, plain, running_peer
from tests.platform.api import running_api

LOOPBACK: Final = ("127.0.0.0/8",)
PARAMETERS: Final = {"type": "object", "properties": {"sku": {"type": "string"}}, "required": ["sku"]}


def tool(url: str, **config: Any) -> dict[str, Any]:
    """A request's body."""
    whole = {"description": "Looks up stock.", "parameters": PARAMETERS, "url": url, "read_only": True, **config}
    return {"name": "check_stock", "config": whole}


async def test_secrets_are_never_answered_and_stay_with_their_host(database_url: str, valkey_url: str) -> None:
    async with running_api(database_url, valkey_url) as api:
        ann = await api.sign_up()
        workspace_id = await ann.workspace()
        path = f"/workspaces/{workspace_id}/http-tools"
        body = tool("https://api.example.com/stock/{sku}", headers={"X-Shop": "7"})
        reply = await ann.post(path, {**body, "secret_headers": {"Authorization": "Bearer s3cret-key"}})
        assert reply.status == 201, reply.body
        made = reply.body["http_tool"]
        assert made["secret_headers"] == ["Authorization"] and made["config"]["headers"] == {"X-Shop": "7"}
        shown = [reply.body, (await ann.get(path)).body, (await ann.get(f"{path}/{made['id']}")).body]
        stored = await api.owner.fetch("SELECT to_jsonb(h)::text FROM http_tools h")
        logged = await api.owner.fetch("SELECT details::text FROM audit_log WHERE action LIKE 'http_tool.%'")
        assert len(logged) == 1
        assert "s3cret" not in f"{shown}{stored}{logged}"

        moved = tool("https://evil.example.net/{sku}")["config"]
        reply = await ann.put(f"{path}/{made['id']}", {"config": moved})
        assert (reply.status, reply.code, reply.param) == (422, "secrets_missing", "secret_headers")
        reply = await ann.put(f"{path}/{made['id']}", {"config": moved, "secret_headers": {}})
        assert (reply.status, reply.body["http_tool"]["secret_headers"]) == (200, [])
        same = tool("https://evil.example.net/other/{sku}")["config"]
        assert (await ann.put(f"{path}/{made['id']}", {"config": same})).status == 200

        viewer = await api.member(workspace_id, "viewer")
        assert (await viewer.get(path)).status == 200 and (await viewer.post(path, body)).status == 403
        other = await api.sign_up()
        elsewhere = f"/workspaces/{await other.workspace()}/http-tools/{made['id']}"
        assert (await other.get(elsewhere)).code == "http_tool_not_found"


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"name": "Check"}, "wrong_format", "name"),
        ({"name": "crm__find"}, "wrong_format", "name"),
        ({"name": "end_call"}, "tool_name_reserved", "name"),
        ({"name": "take_message"}, "tool_name_reserved", "name"),
        ({"config": tool("http://127.0.0.1:8080/")["config"]}, "address_refused", "config.url"),
        ({"config": tool("http://api.example.com/")["config"]}, "address_refused", "config.url"),
        ({"config": tool("https://169.254.169.254/latest")["config"]}, "address_refused", "config.url"),
        ({"config": tool("https://user:key@api.example.com/")["config"]}, "address_refused", "config.url"),
        ({"config": tool("https://api.example.com:25/")["config"]}, "address_refused", "config.url"),
        (
            {"config": tool("https://x.example.com", parameters={"type": "array"})["config"]},
            "invalid",
            "config.parameters",
        ),
        ({"config": tool("https://x.example.com", filler=7)["config"]}, "wrong_type", "config.filler"),
        ({"secret_headers": {"Host": "x"}}, "invalid", "secret_headers"),
    ],
)
async def test_faults_are_named(database_url: str, valkey_url: str, change: Any, code: str, param: str) -> None:
    async with running_api(database_url, valkey_url) as api:
        ann = await api.sign_up()
        path = f"/workspaces/{await ann.workspace()}/http-tools"
        reply = await ann.post(path, {**tool("https://api.example.com/{sku}"), **change})
        found = reply.body["error"].get("errors") or [reply.body["error"]]
        assert (reply.status, found[0]["code"], found[0]["param"]) == (422, code, param), reply.body


async def test_trial_shows_what_was_sent_and_what_came_back(database_url: str, valkey_url: str) -> None:
    echo = plain('{"stock": {"free": 3}, "you_sent": "Bearer s3cret-key"}')
    async with (
        running_peer(echo, hang) as peer,
        running_api(database_url, valkey_url, egress_allow=LOOPBACK, limits={"tool-trials": (3, 600)}) as api,
    ):
        ann = await api.sign_up()
        path = f"/workspaces/{await ann.workspace()}/http-tools"
        body = tool(f"{peer.url}/stock/{{sku}}", result={"free": "/stock/free"}, timeout_s=1.5)
        body["secret_headers"] = {"Authorization": "Bearer s3cret-key"}
        made = (await ann.post(path, body)).body["http_tool"]
        reply = await ann.post(f"{path}/{made['id']}/try", {"arguments": {"sku": "A 17"}})
        tried = reply.body
        assert reply.status == 200 and "authorization: bearer s3cret-key" in peer.requests[0].lower()
        assert tried["request"]["url"] == f"{peer.url}/stock/A%2017"
        assert tried["request"]["headers"]["Authorization"] == "***"
        assert (tried["response"]["status"], tried["error"]) == (200, None)
        assert '{"free": 3}' in tried["result"] and "s3cret" not in str(tried)

        late = (await ann.post(f"{path}/{made['id']}/try", {"arguments": {"sku": "A"}})).body
        assert (late["response"], late["result"]) == (None, None) and "within 1.5 s" in late["error"]
        wrong = await ann.post(f"{path}/{made['id']}/try", {"arguments": {}})
        assert (wrong.status, wrong.code) == (422, "arguments_invalid")
        assert (await ann.post(f"{path}/{made['id']}/try", {"arguments": {"sku": "A"}})).status == 429
        assert len(peer.requests) == 2


async def test_agents_name_tools_that_exist_and_keep_them(database_url: str, valkey_url: str) -> None:
    async with running_api(database_url, valkey_url) as api:
        ann = await api.sign_up()
        here = f"/workspaces/{await ann.workspace()}"
        reply = await ann.post(f"{here}/agents", {"name": "Desk", "config": {"http_tools": ["check_stock"]}})
        assert (reply.status, reply.code, reply.param) == (422, "tool_unknown", "config.http_tools.0")
        made = (await ann.post(f"{here}/http-tools", tool("https://api.example.com/{sku}"))).body["http_tool"]
        again = await ann.post(f"{here}/http-tools", tool("https://api.example.com/{sku}"))
        assert (again.status, again.code, again.param) == (409, "tool_name_taken", "name")
        reply = await ann.post(f"{here}/agents", {"name": "Desk", "config": {"http_tools": ["check_stock"]}})
        assert reply.status == 201, reply.body
        kept = await ann.delete(f"{here}/http-tools/{made['id']}")
        assert (kept.status, kept.code) == (409, "tool_in_use") and "Desk" in kept.body["error"]["message"]
        agent = f"{here}/agents/{reply.body['agent']['id']}"
        assert (await ann.put(agent, {"config": {"http_tools": []}})).status == 200
        assert (await ann.delete(f"{here}/http-tools/{made['id']}")).status == 204


async def test_tool_whose_name_the_platform_has_taken_is_reported_and_given_to_no_further_agent(
    database_url: str, valkey_url: str
) -> None:
    async with running_api(database_url, valkey_url) as api:
        ann = await api.sign_up()
        here = f"/workspaces/{await ann.workspace()}"
        made = (await ann.post(f"{here}/http-tools", tool("https://api.example.com/{sku}"))).body["http_tool"]
        assert made["name_reserved"] is False
        await api.owner.execute("UPDATE http_tools SET name = 'send_digits' WHERE id = $1", made["id"])
        (listed,) = (await ann.get(f"{here}/http-tools")).body["http_tools"]
        assert (listed["name"], listed["name_reserved"]) == ("send_digits", True)
        reply = await ann.post(f"{here}/agents", {"name": "B", "config": {"http_tools": ["send_digits"]}})
        assert (reply.status, reply.code, reply.param) == (422, "tool_name_reserved", "config.http_tools.0")


async def test_the_list_of_tools_is_bounded(database_url: str, valkey_url: str) -> None:
    async with running_api(database_url, valkey_url) as api:
        ann = await api.sign_up()
        path = f"/workspaces/{await ann.workspace()}/http-tools"
        body = tool("https://api.example.com/{sku}")
        await ann.post(path, body)
        await api.owner.execute(
            "INSERT INTO http_tools SELECT gen_random_uuid(), workspace_id, name || n, config, secret_names, "
            "sealed_headers, created_at, updated_at FROM http_tools, generate_series(2, $1) n WHERE name = $2 "
            "AND workspace_id = (SELECT workspace_id FROM http_tools ORDER BY created_at DESC LIMIT 1)",
            MOST_TOOLS, "check_stock",
        )  # fmt: skip
        reply = await ann.post(path, {**body, "name": "one_more"})
        assert (reply.status, reply.code) == (409, "http_tool_limit")
        assert len((await ann.get(path)).body["http_tools"]) == MOST_TOOLS

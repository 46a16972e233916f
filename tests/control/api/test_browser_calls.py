"""POST /workspaces/{workspaceId}/agents/{agentId}/browser-calls: who may begin a test call, and how many."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientWebSocketResponse

from media.server.bus.rights import RightsPace
from shared.bus.client import bus_client
from shared.bus.tickets import TTL_S, TicketRefused, Tickets
from shared.events import CallEnded, CallStarted
from tests.control.api.call_workspace import CallWorkspace, make_call_workspace
from tests.platform.api import Api, running_api
from tests.platform.beating_node import beating_node
from tests.platform.bus_node import BusNode, running_bus_node, wait_until
from tests.platform.clients import Reply, User
from tests.platform.services import KEY

NODE_URL = "wss://media-1.example.com"


@pytest.fixture
async def api(fresh_database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(fresh_database_url, valkey_url) as running:
        yield running


@pytest.fixture
async def workspace(api: Api) -> CallWorkspace:
    return await make_call_workspace(api)


@pytest.fixture
async def tickets(valkey_url: str) -> AsyncIterator[Tickets]:
    """Redeems tickets as a node does. The node has room for calls."""
    async with beating_node(valkey_url, NODE_URL) as redeems:
        yield redeems


async def begin(workspace: CallWorkspace, *, by: User | None = None, **body: object) -> Reply:
    path = f"{workspace.path}/agents/{workspace.agent_id}/browser-calls"
    return await (by or workspace.ann).post(path, body)


async def change_settings(api: Api, **values: int) -> None:
    """Changes settings as staff."""
    admin = await api.admin()
    settings = [{"key": key, "value": value} for key, value in values.items()]
    reply = await admin.put("/admin/config/settings", {"settings": settings})
    assert reply.status == 200, reply.body


def token_of(reply: Reply) -> str:
    """The token in the socket's address."""
    assert reply.status == 201, reply.body
    socket_url: str = reply.body["socket_url"]
    assert socket_url.startswith(f"{NODE_URL}/media/browser/")
    return socket_url.rpartition("/")[2]


async def test_token_has_the_plan_of_the_call(workspace: CallWorkspace, tickets: Tickets, api: Api) -> None:
    await change_settings(api, test_call_minutes=2)
    begun = await begin(workspace, metadata={"tester": "7"})
    call_id = begun.body["call_id"]
    plan = await tickets.claim(token_of(begun), "browser", "")
    assert (plan.call_id, plan.agent.greeting, plan.limits.max_duration_s) == (call_id, "Hello.", 120)
    assert "transfer" not in plan.tools and plan.right
    call = (await workspace.ann.get(f"{workspace.calls_path}/{call_id}")).body["call"]
    assert (call["status"], call["carrier"], call["direction"], call["is_test"]) == (
        "ringing", "browser", "inbound", True,
    )  # fmt: skip
    assert call["metadata"] == {"tester": "7"}
    assert await workspace.audit_actions(call_id) == ["call.test"]


async def test_node_of_the_version_before_gets_a_plan_that_it_can_read(
    workspace: CallWorkspace, valkey_url: str
) -> None:
    async with beating_node(valkey_url, NODE_URL, checks_rights=False) as old:
        plan = await old.claim(token_of(await begin(workspace)), "browser", "")
    assert not plan.right


async def test_token_works_once_and_for_browsers_only(workspace: CallWorkspace, tickets: Tickets) -> None:
    token = token_of(await begin(workspace))
    with pytest.raises(TicketRefused, match="other_call"):
        await tickets.claim(token, "twilio", "CA1")
    await tickets.claim(token, "browser", "")
    with pytest.raises(TicketRefused, match="unknown"):
        await tickets.claim(token, "browser", "")


async def test_token_expires(workspace: CallWorkspace, tickets: Tickets, valkey_url: str) -> None:
    """The test takes the remaining time away instead of waiting for it."""
    token, redis = token_of(await begin(workspace)), bus_client(valkey_url, 30.0)
    (key,) = [key async for key in redis.scan_iter(match=f"*{token}")]
    assert 0 < await redis.ttl(key) <= TTL_S
    await redis.pexpire(key, 1)
    while await redis.exists(key):
        pass
    with pytest.raises(TicketRefused, match="unknown"):
        await tickets.claim(token, "browser", "")
    await redis.aclose()


async def test_draft_is_tested_on_request(workspace: CallWorkspace, tickets: Tickets) -> None:
    assert (await begin(workspace, uses_draft=True)).code == "draft_not_found"
    path = f"{workspace.path}/agents/{workspace.agent_id}/draft"
    saved = await workspace.ann.put(path, {"config": {"greeting": "Draft speaking."}})
    assert saved.status == 200, saved.body
    greetings = []
    for uses_draft in (True, False):
        token = token_of(await begin(workspace, uses_draft=uses_draft))
        greetings.append((await tickets.claim(token, "browser", "")).agent.greeting)
    assert greetings == ["Draft speaking.", "Hello."]


async def test_agent_that_is_not_live_can_be_tested(api: Api, tickets: Tickets) -> None:
    token_of(await begin(await make_call_workspace(api, tier="trial", live=False)))


async def test_viewer_and_stranger_get_no_token(api: Api, workspace: CallWorkspace, tickets: Tickets) -> None:
    viewer = await api.member(workspace.workspace_id, "viewer")
    assert (await begin(workspace, by=viewer)).status == 403
    stranger = await make_call_workspace(api)
    assert (await begin(workspace, by=stranger.ann)).status == 404
    path = f"{stranger.path}/agents/{workspace.agent_id}/browser-calls"
    assert (await stranger.ann.post(path, {})).code == "agent_not_found"


async def test_limits_of_test_calls_hold(api: Api, tickets: Tickets) -> None:
    workspace = await make_call_workspace(api, tier="trial")
    await change_settings(api, trial_test_calls_per_day=1)
    token_of(await begin(workspace))
    refused = await begin(workspace)
    assert (refused.status, refused.code) == (429, "trial_test_limit")


async def test_calls_at_the_same_time_are_limited(workspace: CallWorkspace, tickets: Tickets, api: Api) -> None:
    await api.owner.execute("UPDATE tiers SET max_concurrent_calls = 1 WHERE tier_name = 'growth'")
    token_of(await begin(workspace))
    assert (await begin(workspace)).code == "call_limit"


async def test_without_a_node_nothing_is_stored(workspace: CallWorkspace) -> None:
    refused = await begin(workspace)
    assert (refused.status, refused.code) == (503, "no_media_node")
    assert (await workspace.ann.get(workspace.calls_path)).body["total"] == 0


async def test_missing_variables_are_named(workspace: CallWorkspace, tickets: Tickets) -> None:
    path = f"{workspace.path}/agents/{workspace.agent_id}"
    config = {"greeting": "Hello {customer_name}.", "variables": {"customer_name": {"required": True}}}
    saved = await workspace.ann.put(path, {"config": config})
    assert saved.status == 200, saved.body
    assert (await begin(workspace)).code == "variable_missing"
    token = token_of(await begin(workspace, variables={"customer_name": "Kim"}))
    assert (await tickets.claim(token, "browser", "")).agent.greeting == "Hello Kim."


@asynccontextmanager
async def running_browser_call(begun: Reply, node: BusNode) -> AsyncIterator[ClientWebSocketResponse]:
    """The call's socket, after the call has started."""
    token = begun.body["socket_url"].rpartition("/")[2]
    async with node.session.ws_connect(f"{node.url}/media/browser/{token}") as browser:
        await browser.send_str('{"event": "start", "format": {"encoding": "pcm_s16le", "sample_rate": 16000}}')
        await node.wait_for_event(CallStarted)
        yield browser


async def test_call_ends_with_the_right_to_it(
    workspace: CallWorkspace, api: Api, valkey_url: str, tmp_path: Path
) -> None:
    member = await api.member(workspace.workspace_id, "member")
    async with running_bus_node(valkey_url, tmp_path, keys=[KEY], rights=RightsPace(every=0.1)) as node:
        begun = await begin_when_node_is_known(workspace, member)
        async with running_browser_call(begun, node) as browser:
            checks = "vocalized_media_requests_total"

            async def is_checked() -> bool:
                return node.metric(checks, outcome="answered") >= 2

            await wait_until(is_checked)
            assert not browser.closed
            assert (await workspace.ann.delete(f"{workspace.path}/members/{member.id}")).status == 204
            assert (await node.wait_for_event(CallEnded)).end_reason == "admin"


async def test_call_ends_with_the_suspension_of_its_workspace(
    workspace: CallWorkspace, api: Api, valkey_url: str, tmp_path: Path
) -> None:
    async with running_bus_node(valkey_url, tmp_path, keys=[KEY], rights=RightsPace(every=0.1)) as node:
        begun = await begin_when_node_is_known(workspace, workspace.ann)
        async with running_browser_call(begun, node):
            path = f"/admin/workspaces/{workspace.workspace_id}/suspend"
            suspended = await (await api.admin()).post(path, {"reason": "A test"})
            assert suspended.status == 200, suspended.body
            assert (await node.wait_for_event(CallEnded)).end_reason == "admin"


async def begin_when_node_is_known(workspace: CallWorkspace, person: User) -> Reply:
    async def try_begin() -> Reply | None:
        begun = await begin(workspace, by=person)
        return None if begun.status == 503 else begun

    begun = await wait_until(try_begin)
    assert begun is not None and begun.status == 201, begun
    return begun

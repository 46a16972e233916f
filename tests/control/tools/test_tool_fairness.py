"""Workspaces whose tools hang leave the tools of others as quick as they are."""

import asyncio
from pathlib import Path

from control.app import make_request_shares
from control.calls.model import AdmittedCall
from tests.control.calls.call_platform import CallPlatform, open_call_platform
from tests.control.media_requests.ends import Node, running_api_process, running_node, wait_until_true
from tests.control.tools.hostile_peer import hang, plain, running_peer
from tests.control.tools.tool_workspace import LOOPBACK, add_http_tool, change_agent, failing

PLACES = 32
USUAL_S = 5.0  # a hanging tool takes 20 s, and the machine may be busy


async def admit_with_tool(platform: CallPlatform, url: str) -> AdmittedCall:
    """A call whose agent has the tool `check_stock`, which reads at this address."""
    workspace = await platform.create_workspace()
    await add_http_tool(platform, workspace, url, timeout_s=20.0, read_only=True)
    await change_agent(platform, workspace, http_tools=["check_stock"])
    return await platform.admit(workspace, f"CA-{workspace.workspace_id}")


async def ask(node: Node, call: AdmittedCall, run_id: str, deadline_s: float = 30.0) -> str:
    """The tool's answer, or why there is none."""
    asked = node.ask(call, "tool.check_stock", b'{"sku": "A"}', run_id=run_id, deadline_s=deadline_s)
    return await failing(asked)


async def test_tool_answers_while_those_of_three_other_workspaces_hang(
    database_url: str, valkey_url: str, tmp_path: Path
) -> None:
    async with (
        open_call_platform(database_url, valkey_url, tmp_path / "objects", egress_allow=LOOPBACK) as platform,
        running_peer(hang) as hanging,
        running_peer(plain('{"free": 3}')) as quick,
        running_api_process(
            platform,
            {},
            finder=platform.services.tools.handlers,
            concurrency=PLACES,
            shares=make_request_shares(PLACES),
            drain_s=0.0,
        ),
        running_node(valkey_url) as node,
    ):
        calls = [await admit_with_tool(platform, hanging.url) for _ in range(3)]
        usual = await admit_with_tool(platform, quick.url)
        tasks = list[asyncio.Task[str]]()

        async def is_settled() -> bool:
            return len(hanging.requests) + sum(task.done() for task in tasks) == len(tasks)

        for call in calls:
            tasks += [asyncio.create_task(ask(node, call, f"run-{number}")) for number in range(PLACES)]
            await wait_until_true(is_settled)
        assert len(hanging.requests) == 12 + 6 + 3, "of the 24 places for tools, each gets half of those that are free"
        assert all("busy" in task.result() for task in tasks if task.done())
        async with asyncio.timeout(USUAL_S):
            for number in range(5):
                assert "free" in await ask(node, usual, f"run-{number}")
        assert not any(task.cancelled() for task in tasks) and len(hanging.requests) == 21
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

"""Workspaces whose tools hang leave the tools of others as quick as they are, with far more places than connections."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from control.app import make_request_shares
from control.calls.records.running_calls import AdmittedCall
from control.db.pool import Pool, open_pool
from control.tools.service import ToolServices
from tests.control.calls.call_platform import CallPlatform, open_call_platform
from tests.control.media_requests.ends import Node, running_api_process, running_node, wait_until_true
from tests.control.tools.hostile_peer import Respond, hang, plain, running_peer
from tests.control.tools.tool_workspace import LOOPBACK, add_http_tool, change_agent, failing

PLACES = 32
USUAL_S = 5.0  # a hanging tool takes 20 s, and the machine may be busy


async def admit_with_tool(platform: CallPlatform, url: str, *, read_only: bool) -> AdmittedCall:
    """A call whose agent has the tool `check_stock` at this address. read_only: without the lease of a run."""
    workspace = await platform.create_workspace()
    await add_http_tool(platform, workspace, url, timeout_s=20.0, read_only=read_only)
    await change_agent(platform, workspace, http_tools=["check_stock"])
    return await platform.admit(workspace, f"CA-{workspace.workspace_id}")


async def ask(node: Node, call: AdmittedCall, run_id: str, deadline_s: float = 30.0) -> str:
    """The tool's answer, or why there is none."""
    asked = node.ask(call, "tool.check_stock", b'{"sku": "A"}', run_id=run_id, deadline_s=deadline_s)
    return await failing(asked)


def call_back(pool: Pool) -> Respond:
    """An answer for which the customer's server calls our API: it needs each connection of the process at once."""

    async def respond(writer: asyncio.StreamWriter) -> None:
        async with AsyncExitStack() as stack:
            for _ in range(pool.size):
                await stack.enter_async_context(pool.transaction())
        await plain('{"free": 3}')(writer)

    return respond


async def test_tool_answers_while_those_of_three_other_workspaces_hang(
    database_url: str, valkey_url: str, tmp_path: Path
) -> None:
    async with (
        open_call_platform(database_url, valkey_url, tmp_path / "objects", egress_allow=LOOPBACK) as platform,
        open_pool(database_url, size=3) as pool,
        running_peer(hang) as hanging,
        running_peer(call_back(pool)) as quick,
        running_api_process(
            platform,
            {},
            finder=platform.services[ToolServices].handlers,
            concurrency=PLACES,
            shares=make_request_shares(PLACES),
            pool=pool,
            transactions=1,
            drain_s=0.0,
        ),
        running_node(valkey_url) as node,
    ):
        calls = [await admit_with_tool(platform, hanging.url, read_only=number == 0) for number in range(3)]
        usual = await admit_with_tool(platform, quick.url, read_only=False)
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
                assert "free" in await ask(node, usual, f"usual-{number}")
        assert not any(task.cancelled() for task in tasks) and len(hanging.requests) == 21
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

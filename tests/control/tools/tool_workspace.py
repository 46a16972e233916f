"""Workspaces whose agents have tools of their own, on a platform of calls."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from control.agents.rules import AgentEdit
from control.agents.service import Agents
from control.calls.records.running_calls import AdmittedCall
from control.db.pool import Connection
from control.tools.http_tools.rules import HttpToolConfig
from control.tools.http_tools.service import HttpToolEdit
from control.tools.mcp_servers.rules import McpServer, McpServerConfig
from control.tools.mcp_servers.service import McpServerEdit
from control.tools.mcp_servers.tasks import refresh_lists
from control.tools.service import ToolServices
from shared.bus.requests import RequestRefused
from shared.plan import ToolPlan
from tests.control.calls.call_platform import NOW, CallPlatform, LiveWorkspace
from tests.control.media_requests.ends import LONG_S

LOOPBACK: Final = ("127.0.0.0/8",)
PARAMETERS: Final = {"type": "object", "properties": {"sku": {"type": "string"}}, "required": ["sku"]}


async def add_http_tool(platform: CallPlatform, workspace: LiveWorkspace, url: str, **config: Any) -> None:
    made = HttpToolConfig.model_validate(
        {"description": "Stock.", "parameters": PARAMETERS, "url": url, "method": "POST", **config}
    )
    edit = HttpToolEdit(made, {"Authorization": "Bearer s3cret-key"})
    service = platform.services[ToolServices].http
    await platform.in_workspace(
        workspace, lambda db: service.create(db, workspace.workspace_id, workspace.actor, "check_stock", edit, NOW)
    )


async def add_server(platform: CallPlatform, workspace: LiveWorkspace, url: str, **config: Any) -> McpServer:
    edit = McpServerEdit(McpServerConfig(url=url, **config))
    service = platform.services[ToolServices].mcp
    made = await platform.in_workspace(
        workspace, lambda db: service.create(db, workspace.workspace_id, workspace.actor, "diary", edit, NOW)
    )
    assert await refresh_lists(platform.pool, service, NOW) >= 1
    return await platform.in_workspace(workspace, lambda db: service.get(db, workspace.workspace_id, made.id))


async def change_agent(platform: CallPlatform, workspace: LiveWorkspace, **config: Any) -> None:

    async def change(db: Connection) -> None:
        edit = AgentEdit(config=config)
        await platform.services[Agents].update(
            db, workspace.workspace_id, workspace.actor, workspace.agent_id, edit, NOW
        )

    await platform.in_workspace(workspace, change)


def tools_of(call: AdmittedCall) -> Mapping[str, ToolPlan]:
    return {tool.name: tool for tool in call.plan.tools if isinstance(tool, ToolPlan)}


async def failing(awaited: Any) -> str:
    """The result as JSON text, or code and message of the refusal."""

    try:
        async with asyncio.timeout(LONG_S):
            return bytes(await awaited).decode()
    except RequestRefused as refusal:
        return f"{refusal.code}: {refusal.message}"

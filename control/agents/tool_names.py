"""The workspace's tools that an agent names: they must exist when it begins to name them, and be no platform's tool."""

from typing import Any, Final
from uuid import UUID

from control.agents.config import AgentConfig
from control.agents.model import Config
from control.agents.read_workspace_tools import select_http_names, select_mcp_names
from control.agents.remote_tools import RESERVED_NAMES
from control.db.pool import Connection
from control.platform.validation_errors import make_invalid
from shared.errors import ErrorDetail

TOOL_UNKNOWN: Final = "tool_unknown"
NAME_RESERVED: Final = "tool_name_reserved"


async def require_tools(db: Connection, workspace_id: UUID, config: AgentConfig, before: Config) -> None:
    """before: the config until now, whose tools are not checked again: one that its server has dropped must not block
    other edits. Raises Invalid (codes tool_unknown; tool_name_reserved: an HTTP tool that was made before the platform
    had one of its name, which no call offers to the model) that names each one at fault."""
    new_http = set(config.http_tools) - set(before.get("http_tools", ()))
    if reserved := [
        _detail(f"config.http_tools.{place}", "the platform has a tool of this name", NAME_RESERVED)
        for place, name in enumerate(config.http_tools)
        if name in new_http & RESERVED_NAMES
    ]:
        raise make_invalid(reserved, NAME_RESERVED)
    known_mcp = {(choice["server"], tool) for choice in before.get("mcp_tools", ()) for tool in choice["tools"]}
    new_mcp = {(choice.server, tool) for choice in config.mcp_tools for tool in choice.tools} - known_mcp
    found: list[ErrorDetail] = []
    if new_http:
        found += _unknown_http(config, new_http - set(await select_http_names(db, workspace_id, sorted(new_http))))
    if new_mcp:
        servers = sorted({server for server, _ in new_mcp})
        found += _unknown_mcp(config, new_mcp - set(await select_mcp_names(db, workspace_id, servers)))
    if found:
        raise make_invalid(found, TOOL_UNKNOWN)


def _unknown_http(config: AgentConfig, names: set[str]) -> list[ErrorDetail]:
    return [
        _detail(f"config.http_tools.{place}", f"the workspace has no HTTP tool {name!r}")
        for place, name in enumerate(config.http_tools)
        if name in names
    ]


def _unknown_mcp(config: AgentConfig, names: set[tuple[str, Any]]) -> list[ErrorDetail]:
    return [
        _detail(
            f"config.mcp_tools.{at}.tools.{place}", f"the workspace's MCP server {choice.server!r} lists no such tool"
        )
        for at, choice in enumerate(config.mcp_tools)
        for place, tool in enumerate(choice.tools)
        if (choice.server, tool) in names
    ]


def _detail(param: str, message: str, code: str = TOOL_UNKNOWN) -> ErrorDetail:
    return ErrorDetail(param, code, message)

"""A workspace's tools in a call's plan."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from control.tools.model import ListedTool, model_name
from control.tools.store_mcp_servers import read_tools
from shared.plan import ToolPlan

# Beside the limit of the request itself: on the bus, and in transactions.
OVERHEAD_S: Final = 2.0


def plan_http_tools(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Iterator[ToolPlan]:
    """rows: names with configs, as read_answering_agent.py selects them. names: as the agent lists them; one that the
    workspace does not have is left out, because a call must not fail for it."""
    configs = {row["name"]: row["config"] for row in rows}
    for name in names:
        if (config := configs.get(name)) is not None:
            yield ToolPlan(
                name,
                config["description"],
                config["parameters"],
                timeout_s=config["timeout_s"] + OVERHEAD_S,
                filler=config["filler"],
                repeatable=config["read_only"],
                remote=True,
            )


def plan_mcp_tools(rows: Sequence[Mapping[str, Any]], allowed: Mapping[str, Sequence[str]]) -> Iterator[ToolPlan]:
    """From the lists that are stored: a server that is away delays no call. rows: servers with configs and tools.
    allowed: names of tools by server; one that its server did not list is left out."""
    servers = {row["name"]: row for row in rows}
    for server, names in allowed.items():
        if (row := servers.get(server)) is not None:
            listed = {tool.name: tool for tool in read_tools(row["tools"])}
            found = [listed[name] for name in names if name in listed]
            yield from (_plan(server, tool, row["config"]["timeout_s"]) for tool in found)


def _plan(server: str, tool: ListedTool, timeout_s: float) -> ToolPlan:
    return ToolPlan(
        model_name(server, tool.name),
        tool.description,
        tool.parameters,
        timeout_s=timeout_s + OVERHEAD_S,
        repeatable=tool.is_read_only,
        remote=True,
    )

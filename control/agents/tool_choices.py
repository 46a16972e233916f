"""Which of the workspace's tools an agent's config names, and how many."""

from typing import Annotated, Final

from pydantic import AfterValidator, Field, StringConstraints

from control.agents.action_config import ActionToolConfig
from control.agents.config_part import PLAIN, ConfigPart
from control.agents.remote_tools import RESERVED_NAMES
from control.tools.rules import ToolTitle

MOST_HTTP_TOOLS: Final = 20
MOST_MCP_TOOLS: Final = 32
MOST_ACTION_TOOLS: Final = 20
# A plan has room for 64 tools, those that are built in included.
MOST_WORKSPACE_TOOLS: Final = 52


def require_different(names: list[str]) -> list[str]:
    """Raises ValueError for a name that is there twice."""
    if len(set(names)) != len(names):
        raise ValueError("must name each one once")
    return names


class McpToolChoice(ConfigPart):
    """Tools of one MCP server that an agent may use."""

    server: ToolTitle = Field(description="Name of the MCP server.", examples=["calendar"])
    tools: Annotated[
        list[Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=PLAIN)]],
        AfterValidator(require_different),
    ] = Field(
        min_length=1,
        max_length=MOST_MCP_TOOLS,
        description="Names of its tools, as it lists them, up to 32; the agent can use no others.",
        examples=[["find_slots"]],
    )


def require_few(choices: list[McpToolChoice]) -> list[McpToolChoice]:
    """Raises ValueError for a server that is there twice, and for too many tools."""
    if len({choice.server for choice in choices}) < len(choices):
        raise ValueError("must name each server once")
    if sum(len(choice.tools) for choice in choices) > MOST_MCP_TOOLS:
        raise ValueError(f"must name at most {MOST_MCP_TOOLS} tools in all")
    return choices


def require_free_names(tools: list[ActionToolConfig]) -> list[ActionToolConfig]:
    """Raises ValueError for a name that is there twice, or that a tool of the platform has."""
    names = [tool.name for tool in tools]
    require_different(names)
    if taken := RESERVED_NAMES.intersection(names):
        raise ValueError(f"must not have names of the platform's tools ({', '.join(sorted(taken))})")
    return tools


def require_room(http: list[str], mcp: list[McpToolChoice], actions: list[ActionToolConfig]) -> None:
    """Raises ValueError for more tools than a plan has room for, and for a name that two of them have."""
    if len(http) + sum(len(choice.tools) for choice in mcp) + len(actions) > MOST_WORKSPACE_TOOLS:
        raise ValueError(f"names more than {MOST_WORKSPACE_TOOLS} tools in http_tools, mcp_tools and action_tools")
    if taken := {tool.name for tool in actions}.intersection(http):
        raise ValueError(f"has an HTTP tool and an action tool of the name {min(taken)}")

"""MCP servers whose tools a workspace's agents may call, and the interface of a session."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol
from urllib.parse import urlsplit
from uuid import UUID

from msgspec import Struct
from pydantic import Field, model_validator

from control.tools.rules import (
    DEFAULT_RESULT,
    LONGEST_RESULT,
    LONGEST_RUN_S,
    LONGEST_URL,
    MOST_RUNS,
    Headers,
    ToolConfigPart,
)

DEFAULT_TIMEOUT_S: Final = 10.0


class McpServerConfig(ToolConfigPart):
    """The config of an MCP server: its address, and the limits of each of its tools."""

    url: str = Field(
        min_length=1,
        max_length=LONGEST_URL,
        description="https address of the Streamable HTTP endpoint on the public internet.",
        examples=["https://mcp.example.com/mcp"],
    )
    headers: Headers = Field(
        default={}, description="Headers of each request, up to 20. Use `secret_headers` for secrets.", examples=[{}]
    )
    timeout_s: float = Field(
        default=DEFAULT_TIMEOUT_S,
        ge=0.5,
        le=LONGEST_RUN_S,
        description="Time limit of a tool call in seconds. After it, the model gets an error.",
        examples=[DEFAULT_TIMEOUT_S],
    )
    max_result_chars: int = Field(
        default=DEFAULT_RESULT,
        ge=100,
        le=LONGEST_RESULT,
        description="Maximum number of characters of a result for the model. The rest is cut off.",
        examples=[DEFAULT_RESULT],
    )
    max_calls: int = Field(
        default=20, ge=1, le=MOST_RUNS, description="How often a call may use each tool.", examples=[20]
    )

    @model_validator(mode="after")
    def _require_plain_address(self) -> "McpServerConfig":
        try:
            parts = urlsplit(self.url)
        except ValueError:
            raise ValueError("needs a url like https://mcp.example.com/mcp") from None
        if parts.scheme not in ("http", "https") or parts.fragment:
            raise ValueError("needs a url that begins with https:// and has no fragment")
        return self


class ListedTool(Struct, frozen=True, omit_defaults=True):
    """A tool from an MCP server's list, with bounded sizes.

    Attributes:
        parameters: JSON Schema in the dialect of `argument_schema`.
        is_read_only: Whether a call may be repeated if its outcome is unknown.
        names: The server's own argument names, keyed by the names in `parameters`.
    """

    name: str
    description: str = ""
    parameters: dict[str, Any] = {}
    is_read_only: bool = False
    names: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class McpServer:
    """An MCP server of a workspace.

    Attributes:
        tools: The tools that the server listed at `listed_at`.
        tried_at: When the list was last requested.
        list_error: Why the last request failed. None if it succeeded.
    """

    id: UUID
    workspace_id: UUID
    name: str
    config: McpServerConfig
    secret_names: Sequence[str]
    sealed: bytes | None = field(repr=False)
    tools: Sequence[ListedTool]
    listed_at: datetime | None
    tried_at: datetime | None
    list_error: str | None
    created_at: datetime
    updated_at: datetime

    def find_tool(self, name: str) -> ListedTool | None:
        """Return the tool with this name, or None if the last list does not contain it."""
        return next((tool for tool in self.tools if tool.name == name), None)


# -- Names for language models --

# Separator between an MCP server's name and the name of its tool. Names of HTTP tools and of servers do not contain it.
SEPARATOR: Final = "__"
LONGEST_MODEL_NAME: Final = 64  # function name limit of all vendors of language models
_OTHER: Final = re.compile(r"[^A-Za-z0-9_-]")


def model_name(server: str, tool: str) -> str:
    """Return the name of an MCP server's tool for language models.

    The name always starts with the server's name, so that it does not change when another server offers a tool with
    this name. A name that had to be changed ends in a digest of the original.
    """
    name = f"{server}{SEPARATOR}{tool}"
    if len(name) <= LONGEST_MODEL_NAME and not _OTHER.search(name):
        return name
    digest = hashlib.sha256(tool.encode("utf-8", "replace")).hexdigest()[:8]
    return f"{_OTHER.sub('_', name)[: LONGEST_MODEL_NAME - 9]}_{digest}"


# -- The interface of a session, without its library --


class McpCallNotSent(Exception):
    """The call was not sent, because there is no session. The message contains no internal addresses."""


class McpCallLost(Exception):
    """The request may have been carried out, but there is no answer."""


class McpRefused(Exception):
    """The server has no such tool or refuses the arguments. The message is the server's."""


@dataclass(frozen=True, slots=True)
class McpAddress:
    """Address and headers of a server.

    Attributes:
        headers: Headers including secrets.
        owner: Id of the workspace. Limits on slow DNS look-ups apply per workspace.
    """

    url: str
    headers: Mapping[str, str] = field(repr=False)
    owner: str = ""


@dataclass(frozen=True, slots=True)
class McpAnswer:
    """The result of a tool call.

    Attributes:
        text: The server's text, of any length.
        is_error: Whether the tool failed. Then `text` has the reason.
    """

    text: str
    is_error: bool


class McpRequests(Protocol):
    """An open session."""

    async def list_tools(self) -> list[ListedTool]:
        """List the server's tools. Raises McpCallLost, McpRefused."""

    async def call_tool(self, name: str, arguments: Mapping[str, Any]) -> McpAnswer:
        """Call a tool. Raises McpCallNotSent, McpCallLost, McpRefused."""

"""MCP servers whose tools a workspace's agents may call, and what a session with one does."""

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
    """Where the server is, and the limits of each of its tools."""

    url: str = Field(
        min_length=1,
        max_length=LONGEST_URL,
        description="https address on the public internet of its endpoint for the transport Streamable HTTP.",
        examples=["https://mcp.example.com/mcp"],
    )
    headers: Headers = Field(
        default={}, description="Headers of each request, up to 20; secrets go into `secret_headers`.", examples=[{}]
    )
    timeout_s: float = Field(
        default=DEFAULT_TIMEOUT_S,
        ge=0.5,
        le=LONGEST_RUN_S,
        description="Seconds for one use of a tool, after which the model is told that there is no answer.",
        examples=[DEFAULT_TIMEOUT_S],
    )
    max_result_chars: int = Field(
        default=DEFAULT_RESULT,
        ge=100,
        le=LONGEST_RESULT,
        description="Characters of a result that the model reads; the rest is cut off.",
        examples=[DEFAULT_RESULT],
    )
    max_calls: int = Field(
        default=20, ge=1, le=MOST_RUNS, description="How often one call may use each tool.", examples=[20]
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
    """A tool as its MCP server listed it, bounded.

    Attributes:
        parameters: In the dialect of `argument_schema`.
        is_read_only: It may be called again where no one knows whether it was.
        names: The server's own names of arguments, by those in `parameters` that stand for them.
    """

    name: str
    description: str = ""
    parameters: dict[str, Any] = {}
    is_read_only: bool = False
    names: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class McpServer:
    """An MCP server.

    Attributes:
        tools: As it listed them at `listed_at`.
        tried_at, list_error: Of the last time it was asked.
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
        """Returns the tool of this name at the server; None if the last list did not hold it."""
        return next((tool for tool in self.tools if tool.name == name), None)


# -- Names for language models --

# Separates an MCP server's name from the name of its tool. Names of HTTP tools and of servers do not contain it.
SEPARATOR: Final = "__"
LONGEST_MODEL_NAME: Final = 64  # of functions, for all vendors of language models
_OTHER: Final = re.compile(r"[^A-Za-z0-9_-]")


def model_name(server: str, tool: str) -> str:
    """Returns the name of an MCP server's tool for language models: always with the server's name, so that it stays
    the same when another server offers a tool of this name. Names that had to be changed end in a digest of the
    real one."""
    name = f"{server}{SEPARATOR}{tool}"
    if len(name) <= LONGEST_MODEL_NAME and not _OTHER.search(name):
        return name
    digest = hashlib.sha256(tool.encode("utf-8", "replace")).hexdigest()[:8]
    return f"{_OTHER.sub('_', name)[: LONGEST_MODEL_NAME - 9]}_{digest}"


# -- What a session does, without the library for it --


class McpCallNotSent(Exception):
    """The call was not sent, because there is no session. The message says why, without addresses of ours."""


class McpCallLost(Exception):
    """The request may have been carried out, and there is no answer."""


class McpRefused(Exception):
    """The server knows no such tool, or refuses the arguments. The message is the server's."""


@dataclass(frozen=True, slots=True)
class McpAddress:
    """Where a server is.

    Attributes:
        headers: With secrets.
        owner: The workspace, whose name servers may be slow.
    """

    url: str
    headers: Mapping[str, str] = field(repr=False)
    owner: str = ""


@dataclass(frozen=True, slots=True)
class McpAnswer:
    """The answer of a call.

    Attributes:
        text: Of any length, as the server sent it.
        is_error: The tool failed, and the text says why.
    """

    text: str
    is_error: bool


class McpRequests(Protocol):
    """An open session."""

    async def list_tools(self) -> list[ListedTool]:
        """Lists the server's tools. Raises McpCallLost, McpRefused."""

    async def call_tool(self, name: str, arguments: Mapping[str, Any]) -> McpAnswer:
        """Calls a tool. Raises McpCallNotSent, McpCallLost, McpRefused."""

"""Tools of a workspace as values, and the names that they have for language models."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from msgspec import Struct

from control.tools.http_config import HttpToolConfig
from control.tools.mcp_config import McpServerConfig

# Between an MCP server's name and that of its tool; names of HTTP tools and of servers do not hold it.
SEPARATOR: Final = "__"
LONGEST_MODEL_NAME: Final = 64  # of functions, for all vendors of language models
_OTHER: Final = re.compile(r"[^A-Za-z0-9_-]")


@dataclass(frozen=True, slots=True)
class HttpTool:
    """An HTTP tool. secret_names: of the headers whose values are stored sealed."""

    id: UUID
    workspace_id: UUID
    name: str
    config: HttpToolConfig
    secret_names: Sequence[str]
    sealed: bytes | None = field(repr=False)
    created_at: datetime
    updated_at: datetime


class ListedTool(Struct, frozen=True, omit_defaults=True):
    """A tool as its MCP server listed it, bounded. parameters: in the dialect of `argument_schema`. is_read_only: it
    may be called again where nobody knows whether it was. names: the server's own names of arguments, by those in
    `parameters` that stand for them."""

    name: str
    description: str = ""
    parameters: dict[str, Any] = {}
    is_read_only: bool = False
    names: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class McpServer:
    """An MCP server. tools: as it listed them at `listed_at`. tried_at, list_error: of the last time it was asked."""

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
        """By the server's own name for it; None: it was not in the last list."""
        return next((tool for tool in self.tools if tool.name == name), None)


def model_name(server: str, tool: str) -> str:
    """The name of an MCP server's tool for language models: always with the server's name, so that it stays the same
    when another server offers a tool of this name. Names that had to be changed end in a digest of the real one."""
    name = f"{server}{SEPARATOR}{tool}"
    if len(name) <= LONGEST_MODEL_NAME and not _OTHER.search(name):
        return name
    digest = hashlib.sha256(tool.encode("utf-8", "replace")).hexdigest()[:8]
    return f"{_OTHER.sub('_', name)[: LONGEST_MODEL_NAME - 9]}_{digest}"

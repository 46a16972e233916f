"""Manages the HTTP tools of a workspace: members create, change, delete and try them."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

from control.audit.service import Actor, Change, record_change
from control.db.pool import Connection
from control.tools import queries as tools_queries
from control.tools.argument_schema import require_arguments
from control.tools.http_tools import queries
from control.tools.http_tools.execution import HttpTrial, ToolHttpClient, try_http_tool
from control.tools.http_tools.rules import HttpTool, HttpToolConfig, fixed_part
from control.tools.rules import HeaderSafe, SealedHeaders, require_distinct, require_public, require_unused
from control.workspaces.service import Workspaces
from shared.errors import Conflict, Invalid, NotFound
from shared.ids import new_id
from shared.secrets import Sealer

MOST_TOOLS: Final = 50
Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class HttpToolEdit:
    """Input for a new or changed tool. A field that is None stays unchanged.

    Attributes:
        secrets: Values of the secret headers by name. They replace all stored values.
    """

    config: HttpToolConfig | None = None
    secrets: Mapping[str, str] | None = field(default=None, repr=False)


class HttpTools:
    """Manages HTTP tools. Each method runs in the current transaction, in the workspace's scope."""

    def __init__(
        self, workspaces: Workspaces, sealer: Sealer, client: ToolHttpClient, reserved: Collection[str] = ()
    ) -> None:
        """Create the service.

        Args:
            reserved: Names of the platform's own tools.
        """
        self.reserved = reserved
        self._workspaces, self._safe, self.client = workspaces, HeaderSafe(sealer), client

    async def list_all(self, db: Connection, workspace_id: UUID) -> list[HttpTool]:
        """Return the workspace's tools, by name."""
        return await queries.select_tools(db, workspace_id, MOST_TOOLS)

    async def get(self, db: Connection, workspace_id: UUID, tool_id: UUID, *, lock: bool = False) -> HttpTool:
        """Return a tool. Raises NotFound."""
        found = await queries.select_tool(db, workspace_id, tool_id, lock=lock)
        if found is None:
            raise NotFound("There is no such HTTP tool.", code="http_tool_not_found")
        return found

    async def create(
        self, db: Connection, workspace_id: UUID, actor: Actor, name: str, edit: HttpToolEdit, now: datetime
    ) -> HttpTool:
        """Create a tool.

        Raises Conflict (codes http_tool_limit, tool_name_taken, workspace_suspended), Invalid (codes
        tool_name_reserved, address_refused, header_twice).

        Args:
            edit: Must have a config.
        """
        assert edit.config is not None
        await self._workspaces.require_not_suspended(db, workspace_id)
        if name in self.reserved:
            raise Invalid("The platform has a tool of this name.", code="tool_name_reserved", param="name")
        self._check(edit.config, list(edit.secrets or {}))
        await queries.lock_tools(db, workspace_id)
        if len(await self.list_all(db, workspace_id)) >= MOST_TOOLS:
            raise Conflict(f"A workspace has {MOST_TOOLS} HTTP tools at most.", code="http_tool_limit")
        secrets = self._safe.seal(edit.secrets or {})
        tool = HttpTool(
            id=UUID(new_id()),
            workspace_id=workspace_id,
            name=name,
            config=edit.config,
            secret_names=secrets.names,
            sealed=secrets.sealed,
            created_at=now,
            updated_at=now,
        )
        if not await queries.insert_tool(db, tool):
            raise Conflict("The workspace has an HTTP tool of this name.", code="tool_name_taken", param="name")
        await _record(db, actor, "http_tool.create", tool, after=_audited(tool))
        return tool

    async def update(
        self, db: Connection, workspace_id: UUID, actor: Actor, tool_id: UUID, edit: HttpToolEdit, now: datetime
    ) -> HttpTool:
        """Change a tool.

        Raises NotFound, Conflict (code workspace_suspended), Invalid (codes of `create`, and secrets_missing).
        """
        await self._workspaces.require_not_suspended(db, workspace_id)
        before = await self.get(db, workspace_id, tool_id, lock=True)
        config = edit.config or before.config
        secrets = self._safe.change(
            SealedHeaders(before.secret_names, before.sealed), edit.secrets, before.config.url, config.url
        )
        self._check(config, list(secrets.names))
        after = replace(before, config=config, secret_names=secrets.names, sealed=secrets.sealed, updated_at=now)
        await queries.update_tool(db, after, now)
        await _record(db, actor, "http_tool.update", after, before=_audited(before), after=_audited(after))
        return after

    async def delete(self, db: Connection, workspace_id: UUID, actor: Actor, tool_id: UUID) -> None:
        """Delete a tool. Raises NotFound, and Conflict (code tool_in_use), which names the agents that use the tool."""
        tool = await self.get(db, workspace_id, tool_id, lock=True)
        require_unused(await tools_queries.select_agents_of_http(db, workspace_id, tool.name))
        await queries.delete_tool(db, workspace_id, tool_id)
        await _record(db, actor, "http_tool.delete", tool, before=_audited(tool))

    async def prepare_trial(
        self, db: Connection, workspace_id: UUID, actor: Actor, tool_id: UUID, arguments: Mapping[str, Any]
    ) -> Callable[[], Awaitable[HttpTrial]]:
        """Return a function that sends the request for these arguments. Call it without a database connection.

        Raises NotFound, Conflict (codes workspace_suspended, secrets_lost), Invalid (code arguments_invalid).
        """
        await self._workspaces.require_not_suspended(db, workspace_id)
        tool = await self.get(db, workspace_id, tool_id)
        require_arguments(tool.config.parameters, arguments)
        secrets = self._safe.open(tool.sealed)
        await _record(db, actor, "http_tool.try", tool)
        return partial(try_http_tool, self.client, tool, secrets, arguments)

    def _check(self, config: HttpToolConfig, secret_names: list[str]) -> None:
        require_distinct(config.headers, secret_names)
        require_public(self.client.guard, fixed_part(config.url))


async def _record(
    db: Connection, actor: Actor, action: str, tool: HttpTool, before: Values | None = None, after: Values | None = None
) -> None:
    change = Change(action, "http_tool", str(tool.id), tool.workspace_id, before=before, after=after)
    await record_change(db, actor, change)


def _audited(tool: HttpTool) -> dict[str, Any]:
    """Return the data for the audit log. Header values are left out, even of open headers, because they may contain
    keys.
    """
    config = tool.config.model_dump(mode="json", exclude={"headers"})
    return {"name": tool.name, "config": config, "headers": sorted({*tool.config.headers, *tool.secret_names})}

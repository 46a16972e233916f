"""The tools that one connection has: those of its key's scopes and role, which read, or whose effects it asked for."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Final

import structlog

from control.http.key_authorisation import ValidKey
from control.mcp.declarations import ToolEffect
from control.mcp.requests import ApiReply, ApiRequest, InvalidArgument, make_request, read_offset
from control.mcp.results import McpResult, make_result
from control.mcp.tools import ApiTool

log = structlog.get_logger()

ASKABLE: Final = tuple(effect for effect in ToolEffect if effect is not ToolEffect.READ)
SendRequest = Callable[[ApiRequest], Awaitable[ApiReply]]


class UnknownTool(LookupError):
    """There is no tool of this name, for any key."""


class KeyTools:
    """tools: all there are, by name. effects: what the connection asked for. send: sends a request to the API with the
    connection's own key, so that the API decides once more about each call."""

    def __init__(
        self, tools: Mapping[str, ApiTool], key: ValidKey, effects: Collection[ToolEffect], send: SendRequest
    ) -> None:
        self._tools, self._key = tools, key
        self._effects = frozenset(effects) | {ToolEffect.READ}
        self._send = send

    def list_available(self) -> list[ApiTool]:
        """Those that may be called."""
        return [tool for tool in self._tools.values() if not self._refusal(tool)]

    async def call(self, name: str, arguments: Mapping[str, Any]) -> McpResult:
        """The result, or what is wrong with the call. Raises UnknownTool."""
        tool = self._tools.get(name)
        if tool is None:
            raise UnknownTool(name)
        if refusal := self._refusal(tool):
            return McpResult(refusal, None)
        try:
            offset = read_offset(arguments)
            request = make_request(tool, self._key.identity.workspace_id, arguments)
        except InvalidArgument as fault:
            return McpResult(str(fault), None)
        reply = await self._send(request)
        log.info("mcp_tool.called", tool=name, status=reply.status, api_key_id=str(self._key.identity.key_id))
        return make_result(tool, reply, offset)

    def _refusal(self, tool: ApiTool) -> str:
        """Why this connection has not this tool; empty if it has."""
        effect = tool.declaration.effect
        if tool.scope not in self._key.identity.scopes:
            return f"{tool.name} needs the scope {tool.scope}, which the API key does not have."
        if tool.roles and self._key.role not in tool.roles:
            return f"{tool.name} needs another role than {self._key.role}, that of the API key's holder."
        if effect not in self._effects:
            return (
                f"{tool.name} is off. Whoever set up this connection can turn it on by adding {effect} to `allow` "
                "in the server's settings; a model cannot."
            )
        return ""

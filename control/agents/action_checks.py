"""Checks of an agent's action tools when it is saved: what they name, what the action takes, and who may allow what."""

from collections.abc import Iterator, Mapping
from typing import Final
from uuid import UUID

from control.agents.action_arguments import is_lookup, list_argument_faults
from control.agents.action_config import ActionToolConfig
from control.agents.config import AgentConfig
from control.agents.model import Config
from control.agents.read_workspace_tools import is_administrator
from control.db.pool import Connection
from control.integrations.actions.service import list_declared
from control.integrations.bookings.calendar_requests import CALENDAR_TOOLS_ACTIONS
from control.integrations.types.rules import IntegrationTypeConfig
from control.platform.audit import Actor
from control.platform.validation_errors import make_invalid
from shared.errors import ErrorDetail, Forbidden

ACTION_UNKNOWN: Final = "action_unknown"
ARGUMENTS_UNFIT: Final = "action_arguments_unfit"
LOOKUP_REFUSED: Final = "lookup_not_allowed"


async def require_actions(db: Connection, workspace_id: UUID, config: AgentConfig, before: Config) -> None:
    """before: the config until now, whose tools are not checked again: a connection that was removed meanwhile must not
    block other edits. Raises Invalid (codes action_unknown, action_arguments_unfit) that names each fault."""
    fresh = [(place, tool) for place, tool in enumerate(config.action_tools) if not _has(before, tool)]
    if not fresh:
        return
    ids = sorted({UUID(tool.integration_id) for _, tool in fresh})
    types = await list_declared(db, workspace_id, ids)
    found = [fault for place, tool in fresh for fault in _faults(types, tool, f"config.action_tools.{place}")]
    if found:
        raise make_invalid(found, found[0].code)


async def require_lookup_right(
    db: Connection, workspace_id: UUID, actor: Actor, config: Config, current: Config
) -> None:
    """current: what is in use until now: a tool that stays as it is was allowed before. Raises Forbidden (code
    lookup_not_allowed) for anybody but owners, admins and the staff."""
    known = current.get("action_tools", ())
    fresh = [tool for tool in config.get("action_tools", ()) if tool["allow_free_lookup"] and tool not in known]
    if not fresh or actor.kind != "user":
        return
    if actor.id is None or not await is_administrator(db, workspace_id, actor.id):
        message = f"{fresh[0]['name']}: only owners and admins let a tool look up what a caller asks for."
        raise Forbidden(message, code=LOOKUP_REFUSED, param="config.action_tools")


def _has(config: Config, tool: ActionToolConfig) -> bool:
    return tool.model_dump() in config.get("action_tools", ())


def _faults(types: Mapping[UUID, IntegrationTypeConfig], tool: ActionToolConfig, at: str) -> Iterator[ErrorDetail]:
    declared = types.get(UUID(tool.integration_id))
    if declared is None:
        yield ErrorDetail(f"{at}.integration_id", ACTION_UNKNOWN, "the workspace has no such integration")
        return
    action = declared.action(tool.action)
    if action is None:
        known = ", ".join(one.name for one in declared.actions) or "none"
        yield ErrorDetail(f"{at}.action", ACTION_UNKNOWN, f"the integration has no such action; it has {known}")
        return
    if tool.action in CALENDAR_TOOLS_ACTIONS:
        yield ErrorDetail(f"{at}.action", ACTION_UNKNOWN, "agents use it by the tools of the calendar, in `tools`")
        return
    if tool.allow_free_lookup and not is_lookup(action):
        yield ErrorDetail(f"{at}.allow_free_lookup", ARGUMENTS_UNFIT, f"the action {action.name} looks nothing up")
    for name, fault in list_argument_faults(tool, action):
        yield ErrorDetail(f"{at}.arguments.{name}".rstrip("."), ARGUMENTS_UNFIT, fault)

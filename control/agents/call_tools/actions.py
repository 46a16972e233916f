"""Actions of connected integrations as tools in calls, such as posting a message, appending a row or adding a contact.

The tools are part of the agent's config, so they are looked up in the config that the call began with. A run is a
single request to the vendor, with the time and the limits of HTTP tools. Answers of an action are marked as outside
data.
"""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import structlog
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from pydantic import ValidationError

from control.agents.call_tools.contacts import customer_number, find_contact
from control.agents.call_tools.queries import CallAgent, select_agent
from control.agents.config_parts import CALL, INPUT, ActionToolConfig, placeholders
from control.carriers.rules import is_valid
from control.db.pool import Connection
from control.integrations.actions.rules import ActiveConnection, VendorRecord, make_run_key
from control.integrations.actions.service import ActionCall, ActionRunner, VendorFailure, load_connection
from control.integrations.types.rules import PLACEHOLDER, Action, list_misfits
from control.media_requests.handlers import HandlerContext, MediaRequestHandler, RunningCall, TenantTransactions
from control.tools.argument_schema import parse_arguments, require_arguments
from control.tools.rules import REFUSED, UNREACHABLE, mark_outside
from control.tools.service import OVERHEAD_S, limit_run_s, make_bounded_handler
from shared.bus.requests import TOOL_REQUEST
from shared.errors import Conflict, Invalid, Unavailable
from shared.local_time import to_local
from shared.plan import ToolPlan

Schema = Mapping[str, Any]
# A fault with the dotted path of its field.
Fault = tuple[str, str]
_ANY: Final[frozenset[str]] = frozenset({"string", "number", "integer", "boolean", "array", "object", "null"})
log = structlog.get_logger()

NOT_CONNECTED: Final = "integration_not_connected"
_REASONS: Final[Mapping[str, str]] = {
    "unauthorised": "it does not take the business's credentials",
    "missing": "it does not have what was named",
    "conflict": "it has this already, or in another state",
    "gone": "it no longer has what was named",
    "rate_limited": "it gets too many requests now",
    "refused": "it does not allow this, or not with these values",
}


@dataclass(frozen=True, slots=True)
class ActionTool:
    """An action tool with the data that its runs need.

    Attributes:
        agent_name: Name of the agent in the version that the call began with.
    """

    config: ActionToolConfig
    action: Action
    connection: ActiveConnection
    agent_name: str


class ActionToolHandlers:
    """Finds the handlers of action tools (a HandlerFinder). Only tools of the call's agent are found.

    Args:
        runner: Sends requests while a caller waits.
    """

    def __init__(self, runner: ActionRunner) -> None:
        self._runner = runner

    async def find(self, name: str, call: RunningCall, transactions: TenantTransactions) -> MediaRequestHandler | None:
        """Return the handler of the request `name`, or None if the call has no such tool. Raises Unavailable."""
        if not name.startswith(TOOL_REQUEST):
            return None
        wanted = name.removeprefix(TOOL_REQUEST)
        tool = await transactions.run(call.workspace_id, lambda db: _find_tool(db, call, wanted))
        if isinstance(tool, ActionTool):
            return self._handle(tool)
        return None if tool is None else MediaRequestHandler(_refuse, effect="once")

    def _handle(self, tool: ActionTool) -> MediaRequestHandler:
        async def answer(context: HandlerContext) -> str:
            given = parse_arguments(context.arguments)
            require_arguments(tool.config.parameters, given)
            arguments = await _make_arguments(context, tool, given)
            call = ActionCall(tool.action, arguments, make_run_key(context.call.id, context.run_id))
            records = await self._run(tool, call, limit_run_s(context, tool.config.timeout_s))
            return describe_records(tool, records)

        config = tool.config
        return make_bounded_handler(answer, config.name, config.max_calls, is_read_only=tool.action.read_only)

    async def _run(self, tool: ActionTool, call: ActionCall, timeout_s: float) -> Sequence[VendorRecord]:
        """Run the action and return the vendor's records.

        Raises Conflict if nothing was done (codes tool_refused, tool_unreachable), and Unavailable if the outcome is
        unknown.
        """
        try:
            async with asyncio.timeout(timeout_s):
                return await self._runner.run(tool.connection, call)
        except VendorFailure as failure:
            # An earlier attempt may have reached the vendor.
            if not failure.is_sent and not call.is_repeatable:
                raise _unreached(tool) from None
            raise _problem(tool, failure) from None
        except Unavailable:  # The credentials are unavailable.
            raise _unreached(tool) from None
        except TimeoutError:
            late = VendorFailure("unavailable", f"there was no answer within {timeout_s:g} s")
            raise _problem(tool, late) from None


def plan_action_tools(rows: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]) -> Iterator[ToolPlan]:
    """Yield the plans of the agent's action tools.

    A tool whose connection or action no longer exists is left out, because it must not make a call fail.

    Args:
        rows: Connections with their actions, as `plans/queries.py` selects them.
        tools: The action tools in the agent's config.
    """
    read_only = {row["id"]: row["actions"] or {} for row in rows}
    for tool in tools:
        actions = read_only.get(tool["integration_id"], {})
        if tool["action"] in actions:
            yield ToolPlan(
                tool["name"],
                tool["description"],
                tool["parameters"],
                timeout_s=tool["timeout_s"] + OVERHEAD_S,
                filler=tool["filler"],
                repeatable=actions[tool["action"]],
                remote=True,
            )


def describe_records(tool: ActionTool, records: Sequence[VendorRecord]) -> str:
    """Return a text for the language model: whether the action succeeded, and the vendor's answer as outside data."""
    known = [{name: value for name, value in record.items() if value is not None} for record in records]
    shown = known if tool.action.response.items is not None else [record for record in known if record]
    head = "" if tool.action.read_only else "Done."
    if not shown:
        return head or "Nothing was found."
    text = json.dumps(shown if tool.action.response.items is not None else shown[0], ensure_ascii=False)
    return f"{head}\n{mark_outside(text, tool.config.name, tool.config.max_result_chars)}".strip()


async def _find_tool(db: Connection, call: RunningCall, name: str) -> ActionTool | ActionToolConfig | None:
    """Return the tool, or only its config if its connection or action is gone, or None."""
    agent = await select_agent(db, call.workspace_id, call.id)
    config = None if agent is None else _find_config(agent, name)
    if agent is None or config is None:
        return None
    connection = await load_connection(db, call.workspace_id, UUID(config.integration_id))
    action = None if connection is None else connection.type_config.action(config.action)
    if connection is None or action is None:
        return config
    return ActionTool(config, action, connection, agent.name)


async def _refuse(_: HandlerContext) -> str:
    """Raise the refusal within the run, so that a repeat of a completed run still gets its stored outcome."""
    message = "The business is not connected to the system that this tool uses. Nothing was done."
    raise Conflict(message, code=NOT_CONNECTED)


def _find_config(agent: CallAgent, name: str) -> ActionToolConfig | None:
    found = next((tool for tool in agent.config.get("action_tools", ()) if tool["name"] == name), None)
    try:
        return None if found is None else ActionToolConfig.model_validate(found)
    except ValidationError:  # Only an older schema allowed this config.
        log.warning("action_tool.outdated", name=name)
        return None


async def _make_arguments(context: HandlerContext, tool: ActionTool, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the action's arguments in this call.

    Raises Conflict (tool_refused) for values that the call does not have, and Invalid (arguments_invalid).
    """
    template = tool.config.template()
    values = await _call_values(context, tool)
    arguments = fill_arguments(template, values | {f"{INPUT}{name}": value for name, value in given.items()})
    misfits = list_misfits(arguments, tool.action.input_schema)
    if misfits:
        message = f"{tool.config.name} cannot be used with these values ({'; '.join(misfits)}). Nothing was done."
        raise Invalid(message, code="arguments_invalid")
    return arguments


async def _call_values(context: HandlerContext, tool: ActionTool) -> dict[str, Any]:
    """Return the call's values by placeholder name.

    A withheld number, such as "anonymous", counts as no value.
    """
    call, number = context.call, customer_number(context.call)
    contact = await context.in_transaction(lambda db: find_contact(db, call.workspace_id, number))
    values = {
        "customer_number": number if is_valid(number) else None,
        "contact_name": None if contact is None else contact.name,
        "agent_name": tool.agent_name,
        "call_id": str(call.id),
        "now": to_local(context.now, call.timezone).isoformat(timespec="seconds"),
    }
    return {f"{CALL}{name}": value for name, value in values.items()}


def _unreached(tool: ActionTool) -> Conflict:
    name = tool.config.name
    return Conflict(
        f"{name} cannot be reached now: the system that it uses is away. Nothing was done.", code=UNREACHABLE
    )


def _problem(tool: ActionTool, failure: VendorFailure) -> Conflict | Unavailable:
    name = tool.config.name
    if not failure.is_unknown:
        reason = _REASONS[failure.kind]
        return Conflict(f"{name} was refused by the system that it uses: {reason}. Nothing was done.", code=REFUSED)
    if tool.action.read_only:
        return Conflict(f"{name} has no answer from the system that it uses. Say so.", code=UNREACHABLE)
    return Unavailable(f"{name} has no answer from the system that it uses: {failure}.")


# Arguments of an action: whether a tool's arguments fit the action, and their values in a call. Pure functions.


def fill_arguments(template: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the action's arguments with placeholders filled.

    Args:
        values: Values by placeholder name. A member that is a placeholder without a value is left out. In a list it
            becomes an empty text, so that the other members keep their positions.
    """
    return {name: _fill(part, values) for name, part in template.items() if not _is_missing(part, values)}


def list_argument_faults(tool: ActionToolConfig, action: Action) -> Iterator[Fault]:
    """Yield the faults of a tool's arguments that do not fit the action, each with the argument's name."""
    template, schema = tool.template(), action.input_schema
    properties: Schema = schema.get("properties", {})
    for name in schema.get("required", []):
        if name not in template:
            yield name, f"the action {action.name} needs it"
        elif (missing := _optional_input(template[name], tool.parameters)) is not None:
            yield name, f"the action {action.name} needs it, so parameters must require {missing}"
    for name, value in template.items():
        if name not in properties:
            yield (
                name,
                (f"the action {action.name} does not have this argument; it has {', '.join(properties) or 'none'}"),
            )
        else:
            yield from _value_faults(value, properties[name], name, tool.parameters)
    names = placeholders(template)
    if is_lookup(action) and not tool.allow_free_lookup and any(name.startswith(INPUT) for name in names):
        fault = (
            "looks up what the model asks for, whoever calls: take {{call.customer_number}} or fixed values, or have "
        )
        yield "", f"{fault}an owner or admin set allow_free_lookup"


def is_lookup(action: Action) -> bool:
    """Return whether the action looks up data: it only reads, or it lists records."""
    return action.read_only or action.request.method == "GET" or action.response.items is not None


def _is_missing(part: Any, values: Mapping[str, Any]) -> bool:
    whole = PLACEHOLDER.fullmatch(part) if isinstance(part, str) else None
    return whole is not None and values.get(whole[1]) is None


def _fill(part: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(part, str):
        whole = PLACEHOLDER.fullmatch(part)
        if whole is not None:
            return "" if values.get(whole[1]) is None else values[whole[1]]
        return PLACEHOLDER.sub(lambda found: _fill_text(values.get(found[1])), part)
    if isinstance(part, list):
        return [_fill(item, values) for item in part]
    return fill_arguments(part, values) if isinstance(part, dict) else part


def _fill_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _optional_input(value: Any, parameters: Schema) -> str | None:
    """Return the name of the optional model argument that `value` refers to, or None."""
    whole = PLACEHOLDER.fullmatch(value) if isinstance(value, str) else None
    name = whole[1].removeprefix(INPUT) if whole is not None and whole[1].startswith(INPUT) else None
    return name if name is not None and name not in parameters.get("required", []) else None


def _value_faults(value: Any, schema: Schema, at: str, parameters: Schema) -> Iterator[Fault]:
    if not placeholders(value):
        if not Draft202012Validator(schema).is_valid(value):
            yield at, "this value does not fit the action's schema"
        return
    if isinstance(value, str):
        given, taken = _given_types(value, parameters), _list_types(schema)
        if not all(kind in taken or (kind == "integer" and "number" in taken) for kind in given):
            yield at, f"is {_join_names(given)}, and the action takes {_join_names(taken)}"
        return
    kind = "array" if isinstance(value, list) else "object"
    if kind not in _list_types(schema):
        yield at, f"is {kind}, and the action takes {_join_names(_list_types(schema))}"
        return
    parts = enumerate(value) if isinstance(value, list) else value.items()
    for name, part in parts:
        inner = schema.get("items") if isinstance(value, list) else schema.get("properties", {}).get(name)
        if isinstance(inner, dict):
            yield from _value_faults(part, inner, f"{at}.{name}", parameters)


def _given_types(text: str, parameters: Schema) -> Sequence[str]:
    """Return the possible types of a text with placeholders.

    An argument without a type yields none, because it is checked during the call.
    """
    whole = PLACEHOLDER.fullmatch(text)
    if whole is None or whole[1].startswith(CALL):
        return ["string"]
    schema: Schema = parameters["properties"][whole[1].removeprefix(INPUT)]
    return sorted(_list_types(schema)) if "type" in schema else []


def _list_types(schema: Schema) -> frozenset[str]:
    kind = schema.get("type", _ANY)
    return frozenset({kind} if isinstance(kind, str) else kind)


def _join_names(types: Any) -> str:
    return " or ".join(sorted(types))

"""Agents in calls use actions of connected integrations, over the bus, against simulated vendors."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from uuid import UUID

import pytest

from control.agents.call_tools.actions import ActionToolHandlers
from control.agents.rules import AgentEdit
from control.agents.service import Agents
from control.audit.service import Actor
from control.calls.records.running_calls import AdmittedCall
from control.db.pool import Connection
from control.media_requests.handlers import JoinedFinders
from control.tools.service import ToolServices
from shared.errors import Forbidden, Invalid
from shared.ids import new_id
from simulator.integrations.server import IntegrationFaultKind
from tests.control.calls.call_platform import NOW, CallPlatform
from tests.control.integrations.conftest import platform as platform
from tests.control.integrations.vendor_connection import CALENDAR, ConnectedVendor, connected, declare
from tests.control.media_requests.ends import Node, running_api_process, running_node
from tests.control.tools.tool_workspace import change_agent, failing, tools_of

CALLER: Final = "+14155550100"
TEXT: Final = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
# Where the simulated vendors serve each type, and the settings of a workspace.
SETTINGS: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "slack": ("/api", {"channel": "C0123456789"}),
    "google_sheets": ("/v4", {"spreadsheet_id": "1AbC", "range": "Calls!A:F"}),
    "hubspot": ("", {}),
}


@pytest.fixture(autouse=True)
def short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the attempts of a request."""
    monkeypatch.setattr("control.integrations.actions.service.RETRY_DELAYS_S", (0.01, 0.01))


def slack_tool(vendor: ConnectedVendor, **changes: Any) -> dict[str, Any]:
    """A message to the team, with the caller's number."""
    return {
        "name": "tell_the_team", "description": "Tells the team.", "integration_id": str(vendor.id),
        "action": "post_message", "parameters": TEXT,
        "arguments": {"text": "{{call.customer_number}}: {{input.text}}"}, **changes,
    }  # fmt: skip


def sheet_tool(vendor: ConnectedVendor) -> dict[str, Any]:
    """A row for each wish."""
    row = ["{{call.now}}", "{{call.customer_number}}", "{{call.contact_name}}", "{{call.agent_name}}", "{{input.text}}"]
    return slack_tool(vendor, name="note_wish", action="append_row", arguments={"values": row})


def contact_tool(vendor: ConnectedVendor, **changes: Any) -> dict[str, Any]:
    """A new contact with the call's own number."""
    properties = {"first_name": {"type": "string"}, "email": {"type": "string"}}
    return slack_tool(
        vendor, name="add_contact", action="create_contact",
        parameters={"type": "object", "properties": properties, "required": ["first_name"]},
        arguments={
            "first_name": "{{input.first_name}}", "email": "{{input.email}}", "phone": "{{call.customer_number}}",
        },
        **changes,
    )  # fmt: skip


def find_tool(vendor: ConnectedVendor, **changes: Any) -> dict[str, Any]:
    """Who calls."""
    own = {"phone": "{{call.customer_number}}"}
    base = slack_tool(vendor, name="who_calls", action="find_contacts", parameters={"type": "object", "properties": {}})
    return {**base, "arguments": own, **changes}


@dataclass(slots=True)
class ActionCallers:
    """A running call, and the vendors that its agent's workspace is connected to."""

    platform: CallPlatform
    slack: ConnectedVendor
    sheets: ConnectedVendor
    hubspot: ConnectedVendor
    call: AdmittedCall
    node: Node

    async def run(self, tool: str, run_id: str = "run-1", **arguments: Any) -> str:
        """What the model is told: the result, or code and message of a refusal."""
        asked = self.node.ask(self.call, f"tool.{tool}", json.dumps(arguments).encode(), run_id=run_id)
        told = await failing(asked)
        return str(json.loads(told)) if told.startswith('"') else told


@asynccontextmanager
async def begun(platform: CallPlatform, valkey_url: str, **changes: Any) -> AsyncIterator[ActionCallers]:
    """changes: of the message's tool."""
    async with AsyncExitStack() as stack:
        vendors: dict[str, ConnectedVendor] = {}
        workspace = await platform.create_workspace()
        for name, (path, settings) in SETTINGS.items():
            one = connected(platform, declare(name, path), settings or {"x": 1}, workspace=workspace)
            vendors[name] = await stack.enter_async_context(one)
        slack, sheets, hubspot = vendors["slack"], vendors["google_sheets"], vendors["hubspot"]
        tools = [slack_tool(slack, **changes), sheet_tool(sheets), contact_tool(hubspot), find_tool(hubspot)]
        await change_agent(platform, workspace, action_tools=tools)
        call = await platform.admit(workspace)
        finder = JoinedFinders((platform.services[ToolServices].handlers, ActionToolHandlers(slack.runner)))
        await stack.enter_async_context(running_api_process(platform, {}, finder=finder))
        node = await stack.enter_async_context(running_node(valkey_url))
        yield ActionCallers(platform, slack, sheets, hubspot, call, node)


async def test_agent_posts_a_message_appends_a_row_and_adds_a_contact(platform: CallPlatform, valkey_url: str) -> None:
    async with begun(platform, valkey_url) as callers:
        planned = tools_of(callers.call)
        assert {name: (one.remote, one.repeatable, one.timeout_s) for name, one in planned.items()} == {
            "tell_the_team": (True, False, 10.0), "note_wish": (True, False, 10.0),
            "add_contact": (True, False, 10.0), "who_calls": (True, True, 10.0),
        }  # fmt: skip
        assert "outside data" in callers.call.plan.agent.prompt

        told = await asyncio.gather(*(callers.run("tell_the_team", text="call back, please") for _ in range(3)))
        assert len(set(told)) == 1 and told[0].startswith("Done.\n[Begin of outside data from tell_the_team]\n")
        (message,) = callers.slack.vendors.slack.messages["C0123456789"]
        assert message["text"] == f"{CALLER}: call back, please"

        assert (await callers.run("note_wish", "run-2", text="=tea")).startswith("Done.")
        assert callers.sheets.vendors.sheets.sheets["Calls"] == [
            ["2026-11-26T13:05:00+00:00", CALLER, "", "Desk", "=tea"]
        ]
        assert "Done." in await callers.run("add_contact", "run-3", first_name="Ann", email="ann@example.com")
        found = await callers.run("who_calls", "run-4")
        assert '"first_name": "Ann"' in found and "[End of outside data]" in found
        assert (await callers.run("who_calls", "run-5", phone="+14155550199")) == found, "only the call's own number"
        rows = await platform.in_platform(lambda db: db.fetch("SELECT name, ok FROM tool_runs ORDER BY run_id"))
        assert [(row["name"], row["ok"]) for row in rows[:3]] == [
            ("tool.tell_the_team", True), ("tool.note_wish", True), ("tool.add_contact", True),
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("unauthorised", "tool_refused: tell_the_team was refused by the system that it uses: it does not allow"),
        ("error", "outcome_unknown: It is not known whether this was carried out."),
        ("error_after", "outcome_unknown: It is not known whether this was carried out."),
        ("silence", "outcome_unknown: It is not known whether this was carried out."),
        ("html", "outcome_unknown: It is not known whether this was carried out."),
        ("huge", "outcome_unknown: It is not known whether this was carried out."),
        ("redirect", "tool_refused: tell_the_team was refused"),
    ],
)
async def test_failing_vendor_is_told_honestly_and_asked_once(
    platform: CallPlatform, valkey_url: str, fault: IntegrationFaultKind, words: str
) -> None:
    async with begun(platform, valkey_url, timeout_s=0.5) as callers:
        callers.slack.vendors.faults.append(fault)
        for _ in range(2):
            assert (await callers.run("tell_the_team", text="call back")).startswith(words)
        assert len(callers.slack.vendors.requests) == 1


async def _execute(query: str, kind: str, url: str, db: Connection) -> None:
    await db.execute(query, kind, url)


async def test_vendor_that_is_not_there_did_nothing(platform: CallPlatform, valkey_url: str) -> None:
    nowhere = "UPDATE integration_types SET config = jsonb_set(config, '{base_url}', $2) WHERE type = $1"
    async with begun(platform, valkey_url) as callers:
        kind = (await callers.slack.load()).type
        for url in ("http://127.0.0.1:1/api", "http://169.254.169.254/api"):
            await platform.in_platform(partial(_execute, nowhere, kind, url))
            told = await callers.run("tell_the_team", new_id(), text="call back")
            assert (
                told.startswith("tool_unreachable: tell_the_team cannot be reached now") and "Nothing was done" in told
            )


async def test_lookup_is_repeated_and_a_vendor_that_stays_away_is_told(platform: CallPlatform, valkey_url: str) -> None:
    async with begun(platform, valkey_url) as callers:
        callers.hubspot.vendors.faults.extend(["error", "garbage"])
        assert "who_calls has no answer" in await callers.run("who_calls")
        callers.hubspot.vendors.faults.append("error")
        assert await callers.run("who_calls", "run-2") == "Nothing was found."
        assert len(callers.hubspot.vendors.requests) == 4


async def test_what_a_call_may_not_do(platform: CallPlatform, valkey_url: str) -> None:
    async with begun(platform, valkey_url, max_calls=2) as callers:
        run = callers.run
        assert (await run("tell_the_team", text=3)).startswith("arguments_invalid: text: 3 is not of type 'string'.")
        assert (await run("tell_the_team", "run-2", text="a" * 3_000)).startswith(
            "arguments_invalid: tell_the_team cannot be used with these values (text: does not fit `maxLength`"
        )
        assert (await run("tell_the_team", "run-3", text="a")).startswith("tool_call_limit: A call may use")
        assert (await run("drop_table", "run-4")).startswith("request_unknown")
        assert callers.slack.vendors.requests == []
        sheets = callers.sheets

        async def disconnect(db: Connection) -> None:
            await db.execute("UPDATE integrations SET status = 'error' WHERE id = $1", sheets.id)

        await run("note_wish", "run-5", text="tea")
        await platform.in_platform(disconnect)
        assert (await run("note_wish", "run-6", text="tea")).startswith("integration_not_connected: The business is")
        assert (await run("note_wish", "run-5", text="tea")).startswith("Done."), "what was done stays done"
        await platform.in_platform(lambda db: db.execute("DELETE FROM integrations WHERE id = $1", sheets.id))
        later = await platform.admit(sheets.workspace)
        assert sorted(tools_of(later)) == ["add_contact", "tell_the_team", "who_calls"]


async def save(vendor: ConnectedVendor, *tools: Mapping[str, Any], actor: Actor | None = None) -> None:
    """Changes the agent as its owner, or somebody else."""
    workspace, agents = vendor.workspace, vendor.platform.services[Agents]
    edit = AgentEdit(config={"action_tools": list(tools)})
    await vendor.in_workspace(
        lambda db: agents.update(db, workspace.workspace_id, actor or workspace.actor, workspace.agent_id, edit, NOW)
    )


async def test_tools_are_checked_when_the_agent_is_saved(platform: CallPlatform) -> None:
    async with connected(platform, declare("hubspot"), {"x": 1}) as vendor:
        for tool, param, words in (
            (contact_tool(vendor) | {"integration_id": new_id()}, "integration_id", "does not have this integration"),
            (
                contact_tool(vendor) | {"action": "fly"},
                "action",
                "it has find_contacts, create_contact, update_contact",
            ),
            (contact_tool(vendor) | {"arguments": {"phone": CALLER}}, "arguments.first_name", "needs it"),
            (
                find_tool(vendor, arguments={}, parameters=contact_tool(vendor)["parameters"]),
                "arguments.phone",
                "needs",
            ),
            (contact_tool(vendor) | {"allow_free_lookup": True}, "allow_free_lookup", "looks nothing up"),
        ):
            with pytest.raises(Invalid, match=words) as raised:
                await save(vendor, tool)
            assert raised.value.param == f"config.action_tools.0.{param}"
        with pytest.raises(Invalid, match="each name only once"):
            await save(vendor, contact_tool(vendor), contact_tool(vendor))
        with pytest.raises(Invalid, match="names of the platform's tools"):
            await save(vendor, contact_tool(vendor) | {"name": "take_message"})
        async with connected(platform, declare("hubspot"), {"x": 1}) as stranger:
            with pytest.raises(Invalid, match="does not have this integration"):
                await save(vendor, contact_tool(stranger))
        await save(vendor, contact_tool(vendor))
        await platform.in_platform(lambda db: db.execute("DELETE FROM integrations WHERE id = $1", vendor.id))
        await save(vendor, contact_tool(vendor))  # an edit of something else is not blocked


@pytest.mark.parametrize("action", sorted(one["name"] for one in CALENDAR["actions"]))
async def test_calendar_is_used_by_its_own_tools_alone(platform: CallPlatform, action: str) -> None:
    async with connected(platform, CALENDAR) as vendor:
        with pytest.raises(Invalid, match="by the tools of the calendar") as raised:
            await save(vendor, slack_tool(vendor, action=action, allow_free_lookup=True))
        assert raised.value.param == "config.action_tools.0.action"


async def test_only_admins_let_callers_ask_for_anybody(platform: CallPlatform) -> None:
    phone = {"type": "object", "properties": {"phone": {"type": "string"}}, "required": ["phone"]}
    async with connected(platform, declare("hubspot"), {"x": 1}) as vendor:
        free = find_tool(vendor, parameters=phone, arguments={"phone": "{{input.phone}}"})
        with pytest.raises(Invalid, match="allow_free_lookup"):
            await save(vendor, free)
        free["allow_free_lookup"] = True
        somebody = Actor("user", UUID(new_id()), "member@example.com")
        with pytest.raises(Forbidden, match="only owners and admins"):
            await save(vendor, free, actor=somebody)
        await save(vendor, free)
        await save(vendor, free, contact_tool(vendor), actor=somebody)  # what was allowed stays allowed
        with pytest.raises(Forbidden):
            await save(vendor, free | {"description": "Other."}, actor=somebody)
        await save(vendor)  # an owner takes it back, and nobody else brings it again
        workspace, agents = vendor.workspace, platform.services[Agents]
        with pytest.raises(Forbidden):
            await vendor.in_workspace(
                lambda db: agents.restore(db, workspace.workspace_id, somebody, workspace.agent_id, 2, None, NOW)
            )

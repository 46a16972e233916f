"""A call over a simulated carrier whose agent posts to Slack, appends a row and adds a contact, and tells of a vendor
that fails."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest

from config.catalog_integrations import shipped_integration_types
from lab.stage.callers import scripted_caller
from lab.stage.platform import Platform
from shared.ids import new_id
from simulator.carrier.prepared_turn import PreparedTurn
from simulator.integrations.server import SimulatedIntegrations, running_integrations
from tests.media.providers.sse_server import sse_server
from tests.network.call_record import find_call_id, wait_for_record
from tests.network.test_appointments import events_of, tool_call
from tests.network.test_messages import MODEL, agent_with, serve_model

pytestmark = pytest.mark.asyncio(loop_scope="package")

TEXT: Final = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
NAME: Final = {"type": "object", "properties": {"first_name": {"type": "string"}}, "required": ["first_name"]}
# Where the simulated vendors serve each type, and the settings of the workspace.
SETTINGS: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "slack": ("/api", {"channel": "C0123456789"}),
    "google_sheets": ("/v4", {"spreadsheet_id": "1AbC", "range": "Calls!A:F"}),
    "hubspot": ("", {}),
}


@asynccontextmanager
async def connections(platform: Platform, vendors: SimulatedIntegrations) -> AsyncIterator[Mapping[str, str]]:
    """Ids of connections of the types as they ship, with an API key, until the block ends."""
    shipped = {
        shipped_integration_type["type"]: shipped_integration_type["config"]
        for shipped_integration_type in shipped_integration_types()
    }
    owner, path, made = platform.workspace.owner, f"{platform.workspace.path}/integrations", dict[str, str]()
    for kind, (base, settings) in SETTINGS.items():
        config = {name: part for name, part in shipped[kind].items() if name != "oauth"}
        config |= {"base_url": f"{vendors.url}{base}", "api_key": {}}
        name = f"{kind}_{new_id()[-6:]}"
        body = {"type": name, "name": name, "description": "", "auth_type": "api_key", "config": config}
        await platform.staff.request("POST", "/admin/integrations/available", body)
        body = {"integration_type": name, "name": name, "config": settings, "api_key": vendors.token}
        made[kind] = (await owner.request("POST", path, body))["integration"]["id"]
    try:
        yield made
    finally:
        for integration_id in made.values():
            await owner.request("DELETE", f"{path}/{integration_id}")


def action_tools(made: Mapping[str, str]) -> list[dict[str, Any]]:
    """A message, a row, a contact, each with the caller's number."""
    number = "{{call.customer_number}}"
    actions = (
        ("tell_the_team", "slack", "post_message", TEXT, {"text": f"{number}: {{{{input.text}}}}"}),
        ("note_wish", "google_sheets", "append_row", TEXT, {"values": [number, "{{input.text}}"]}),
        ("add_contact", "hubspot", "create_contact", NAME, {"first_name": "{{input.first_name}}", "phone": number}),
    )
    return [
        {
            "name": name, "description": name, "integration_id": made[kind], "action": action,
            "parameters": parameters, "arguments": arguments,
        }
        for name, kind, action, parameters, arguments in actions
    ]  # fmt: skip


async def test_agent_uses_actions_of_connected_integrations(platform: Platform, turns: Sequence[PreparedTurn]) -> None:
    caller = scripted_caller(turns, 950)
    scripts = (
        tool_call("tell_the_team", text="Call back"), tool_call("note_wish", text="tea"),
        tool_call("add_contact", first_name="Ann"), tool_call("tell_the_team", text="Twice"), tool_call("end_call"),
    )  # fmt: skip
    async with running_integrations() as vendors, connections(platform, vendors) as made, sse_server(*scripts) as model:
        vendors.faults.extend([None, None, None, "error_after"])
        await serve_model(platform, model.url)
        config: dict[str, Any] = {
            "speech": {"llm": [{"provider": MODEL}]},
            "tools": ["end_call"],
            "action_tools": action_tools(made),
        }
        async with agent_with(platform, **config) as number:
            await caller.call(platform.network.phone_network, number)
            record = await wait_for_record(platform, await find_call_id(platform, caller.call_id), recorded=True)
        assert vendors.slack.messages["C0123456789"][0]["text"] == f"{caller.number}: Call back"
        assert vendors.sheets.sheets["Calls"] == [[caller.number, "tea"]]
        (contact,) = vendors.contacts.contacts.values()
        assert (contact["properties"]["firstname"], contact["properties"]["phone"]) == ("Ann", caller.number)
        ran = events_of(record, "tool.ran")[:4]
        assert [(one["name"], one["ok"]) for one in ran] == [
            ("tell_the_team", True), ("note_wish", True), ("add_contact", True), ("tell_the_team", False),
        ]  # fmt: skip
        assert ran[0]["result"].startswith("Done.\n[Begin of outside data from tell_the_team]")
        assert len(vendors.slack.messages["C0123456789"]) == 2, "sent once, and it is not known"
    told = [message["content"] for message in model.requests[-1].body["messages"] if message["role"] == "tool"]
    assert "not known whether this was carried out" in told[-1]

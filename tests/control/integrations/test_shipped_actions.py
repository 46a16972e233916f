"""Each action of the types that ship enabled, as they ship, against the simulated vendor."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import pytest

from config.catalog_integrations import shipped_integration_types
from control.integrations.actions.rules import ActiveConnection
from control.integrations.actions.service import ActionCall, ActionRunner, VendorFailure
from control.integrations.types.rules import parse_type_config
from control.integrations.vendor_http import VendorHttp
from simulator.integrations.microsoft_graph import MOST_TOP
from simulator.integrations.server import IntegrationFaultKind, SimulatedIntegrations, running_integrations
from tests.control.integrations.vendor_connection import GUARD

_TYPES: Final = {
    shipped_integration_type["type"]: shipped_integration_type
    for shipped_integration_type in shipped_integration_types()
}
# Where the simulated vendor serves each, and the settings of a workspace.
_PATHS: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "google_calendar": ("/calendar/v3", {"calendar_id": "primary"}),
    "microsoft_365_calendar": ("/v1.0", {}),
    "hubspot": ("", {}),
    "salesforce": ("", {}),
    "slack": ("/api", {"channel": "C0123456789"}),
    "google_sheets": ("/v4", {"spreadsheet_id": "1AbC", "range": "Calls!A:F"}),
    "generic_rest": ("/rest", {}),
}
_SPAN: Final = {"starts_at": "2026-12-01T10:00:00Z", "ends_at": "2026-12-01T10:30:00Z"}
_LATER: Final = {"starts_at": "2026-12-01T12:00:00Z", "ends_at": "2026-12-01T12:30:00Z"}
_DAY: Final = {"from": "2026-12-01T00:00:00Z", "until": "2026-12-02T00:00:00Z"}


@dataclass(slots=True)
class VendorAccess:
    """A key that the vendor takes."""

    token: str

    async def access_token(self, workspace_id: UUID, integration_id: UUID, *, refused: str = "") -> str:
        """Always the same."""
        return self.token

    async def close(self) -> None:
        """Nothing is under way."""


@dataclass(slots=True)
class ShippedType:
    """A connection of a type that ships. used: the names of the actions that were run."""

    vendors: SimulatedIntegrations
    connection: ActiveConnection
    runner: ActionRunner
    used: set[str]

    async def run(self, name: str, key: str = "", **arguments: Any) -> list[Any]:
        """The records of the answer."""
        self.used.add(name)
        action = self.connection.type_config.action(name)
        assert action is not None
        times = {f"{one}_utc": text.removesuffix("Z") for one, text in arguments.items() if one.endswith("_at")}
        return list(await self.runner.run(self.connection, ActionCall(action, arguments | times, key)))

    async def fails(self, name: str, **arguments: Any) -> str:
        """The kind of failure."""
        with pytest.raises(VendorFailure) as raised:
            await self.run(name, **arguments)
        return raised.value.kind


@asynccontextmanager
async def connect(name: str, **settings: Any) -> AsyncIterator[ShippedType]:
    """Every action of the type has to be run in the block."""
    path, its = _PATHS[name]
    async with running_integrations() as vendors:
        url = f"{vendors.url}{path}"
        shipped = _TYPES[name]
        where = {"salesforce": {"instance_url": url}, "generic_rest": {"base_url": url}}.get(name)
        config = shipped["config"] if where else {**shipped["config"], "base_url": url}
        parsed = parse_type_config(config, shipped["auth_type"])
        values = {**its, **(where or {}), **settings}
        connection = ActiveConnection(UUID(int=1), UUID(int=2), name, values, parsed)
        runner = ActionRunner(VendorAccess(vendors.token), VendorHttp(GUARD, 5.0))
        yield ShippedType(vendors, connection, runner, set())


def require_all_used(vendor: ShippedType) -> None:
    """No action of the type is left out."""
    assert vendor.used == {action.name for action in vendor.connection.type_config.actions}


@pytest.mark.parametrize("name", ["google_calendar", "microsoft_365_calendar"])
async def test_appointment_is_made_once_found_moved_and_canceled(name: str) -> None:
    key = "0123456789abcdef0123456789abcdef"
    async with connect(name) as vendor:
        assert await vendor.run("list_busy", **_DAY) == []
        new = {"title": "Ann Lee", "description": "By phone.", **_SPAN}
        (made,) = await vendor.run("create_appointment", key, **new)
        (found,) = await vendor.run("get_appointment", key)
        event_id = made["external_id"]
        assert found["external_id"] == event_id
        busy = await vendor.run("list_busy", **_DAY)
        assert [one["starts_at"][:19] for one in busy] == ["2026-12-01T10:00:00"]
        assert all(one["starts_at"].endswith("Z") for one in busy)
        for _ in range(2):
            (moved,) = await vendor.run("move_appointment", external_id=event_id, **_LATER)
            assert (moved["external_id"], moved["starts_at"][:19]) == (event_id, "2026-12-01T12:00:00")
        (read,) = await vendor.run("read_appointment", external_id=event_id)
        assert read["starts_at"][:19] == "2026-12-01T12:00:00"
        await vendor.run("cancel_appointment", external_id=event_id)
        assert await vendor.fails("cancel_appointment", external_id=event_id) in ("gone", "missing")
        assert await vendor.run("list_busy", **_DAY) == []
        assert await vendor.fails("read_appointment", external_id="nothing") == "missing"
        require_all_used(vendor)


async def test_outlook_makes_no_second_event_and_tells_what_is_missing() -> None:
    async with connect("microsoft_365_calendar") as vendor:
        for _ in range(2):
            await vendor.run("create_appointment", "run-key", title="Ann", description="", **_SPAN)
        assert len(vendor.vendors.graph.events) == 1
        assert await vendor.run("get_appointment", "another-key") == []
        vendor.vendors.graph.add("Reminder", "2026-12-01T15:00:00", "2026-12-01T16:00:00", showAs="free")
        assert [one["shown_as"] for one in await vendor.run("list_busy", **_DAY)] == ["busy", "free"]
        for _ in range(MOST_TOP):
            vendor.vendors.graph.add("Busy", "2026-12-01T17:00:00", "2026-12-01T18:00:00")
        assert await vendor.fails("list_busy", **_DAY) == "refused", "a page that is not the last is no answer"


async def test_free_busy_with_errors_is_no_answer() -> None:
    async with connect("google_calendar", calendar_id="nobody@example.com") as vendor:
        assert await vendor.fails("list_busy", **_DAY) == "refused"


async def test_hubspot_contact_is_added_found_and_changed() -> None:
    async with connect("hubspot") as vendor:
        (made,) = await vendor.run(
            "create_contact", first_name="Ann", last_name="Lee", phone="+14155550100", email="ann@example.com"
        )
        (found,) = await vendor.run("find_contacts", phone="+14155550100")
        assert (found["id"], found["first_name"], found["email"]) == (made["id"], "Ann", "ann@example.com")
        for _ in range(2):
            assert await vendor.run("update_contact", id=made["id"], last_name="Li") == [{"id": made["id"]}]
        (found,) = await vendor.run("find_contacts", phone="+14155550100")
        assert (found["first_name"], found["last_name"]) == ("Ann", "Li"), "what is left out stays"
        assert await vendor.fails("create_contact", first_name="Bo", email="ann@example.com") == "conflict"
        assert await vendor.fails("update_contact", id="9", last_name="Li") == "missing"
        require_all_used(vendor)


async def test_salesforce_contact_is_found_and_lead_created() -> None:
    async with connect("salesforce") as vendor:
        vendor.vendors.salesforce.add("Contact", LastName="Lee", FirstName="Ann", Phone="+1 (415) 555-0100")
        (found,) = await vendor.run("find_contacts", phone="+14155550100")
        assert (found["id"][:3], found["name"], found["phone"]) == ("003", "Ann Lee", "+1 (415) 555-0100")
        (made,) = await vendor.run("create_lead", last_name="Bo", company="Bo Inc.", phone="+14155550101")
        assert vendor.vendors.salesforce.records[made["id"]]["Company"] == "Bo Inc."
        assert await vendor.run("find_contacts", phone="+14155550101") == [], "a lead is no contact"
        assert await vendor.fails("create_lead", last_name="Bo", company=None) == "refused"
        require_all_used(vendor)


async def test_slack_message_is_posted_and_a_refusal_is_a_failure() -> None:
    async with connect("slack") as vendor:
        (posted,) = await vendor.run("post_message", text="Ann asks for a call back.")
        (message,) = vendor.vendors.slack.messages["C0123456789"]
        assert (posted["id"], message["text"]) == (message["ts"], "Ann asks for a call back.")
        assert await vendor.fails("post_message", text="") == "refused"
        vendor.vendors.faults.append("unauthorised")
        assert await vendor.fails("post_message", text="again") == "refused", "Slack refuses with status 200"
        require_all_used(vendor)
    async with connect("slack", channel="C0000000000") as vendor:
        assert await vendor.fails("post_message", text="Hello") == "refused"


async def test_sheet_gets_a_row_as_it_is() -> None:
    async with connect("google_sheets") as vendor:
        (first,) = await vendor.run("append_row", values=["Ann", "=1+1"])
        (second,) = await vendor.run("append_row", values=["Bo"])
        assert (first["range"], second["range"]) == ("Calls!A1:B1", "Calls!A2:A2")
        assert vendor.vendors.sheets.sheets["Calls"] == [["Ann", "=1+1"], ["Bo"]], "no formula is run"
        require_all_used(vendor)
    async with connect("google_sheets", spreadsheet_id="other") as vendor:
        assert await vendor.fails("append_row", values=["Ann"]) == "missing"


async def test_resource_of_a_service_is_made_once_and_read() -> None:
    async with connect("generic_rest") as vendor:
        vendor.vendors.faults.append("error_after")
        (made,) = await vendor.run("create_resource", "key-1", resource="orders", data={"name": "Tea"})
        assert len(vendor.vendors.rest.resources["orders"]) == 1, "the repeat has the same key"
        (read,) = await vendor.run("get_resource", resource="orders", id=made["id"])
        assert read == {"id": made["id"], "name": "Tea", "status": "created"}
        assert await vendor.fails("get_resource", resource="orders", id="9") == "missing"
        require_all_used(vendor)


@pytest.mark.parametrize("name", _PATHS)
async def test_vendor_that_answers_nothing_usable(name: str) -> None:
    change: dict[str, tuple[str, dict[str, Any]]] = {
        "google_calendar": ("create_appointment", {"title": "Ann", **_SPAN}),
        "microsoft_365_calendar": ("create_appointment", {"title": "Ann", **_SPAN}),
        "hubspot": ("create_contact", {"first_name": "Ann"}),
        "salesforce": ("create_lead", {"last_name": "Bo", "company": "Bo Inc."}),
        "slack": ("post_message", {"text": "Hello"}),
        "google_sheets": ("append_row", {"values": ["Ann"]}),
        "generic_rest": ("create_resource", {"resource": "orders", "data": {}}),
    }
    action, arguments = change[name]
    faults: list[tuple[IntegrationFaultKind, str]] = [
        ("html", "unreadable"), ("huge", "unavailable"), ("redirect", "refused"), ("error", "unavailable"),
    ]  # fmt: skip
    async with connect(name) as vendor:
        for fault, kind in faults:
            vendor.vendors.faults.append(fault)
            sent = len(vendor.vendors.requests)
            assert await vendor.fails(action, **arguments) == kind
            assert len(vendor.vendors.requests) == sent + 1, "what changes something is sent once without a key"

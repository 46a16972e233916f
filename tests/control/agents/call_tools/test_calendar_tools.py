"""The tools of the calendar and of contacts, asked for by a running call over the bus, against a simulated vendor."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from control.agents.call_tools.table import agents_request_handlers
from control.calls.records.running_calls import AdmittedCall
from control.db.pool import Connection
from control.integrations.bookings.service import Bookings
from media.server.bus.requests import BusRemoteTools
from media.tools.remote import ToolRequest
from media.tools.tool import ToolError
from simulator.integrations.server import IntegrationFaultKind
from tests.control.calls.call_platform import CallPlatform
from tests.control.integrations.conftest import platform as platform
from tests.control.integrations.vendor_connection import CALENDAR, ConnectedVendor, connected
from tests.control.media_requests.ends import reference, running_api_process, running_node

CALLER = "+14155550100"


@dataclass(slots=True)
class CallWithTools:
    """A running call whose agent has the tools."""

    vendor: ConnectedVendor
    call: AdmittedCall
    tools: BusRemoteTools

    async def run(self, tool: str, run_id: str = "run-1", timeout_s: float = 20.0, **arguments: Any) -> str:
        """The model calls a tool."""
        its = reference(self.call)
        return await self.tools.run(
            ToolRequest(
                name=tool, arguments=msgspec.json.encode(arguments), run_id=run_id, call_id=its.call_id,
                workspace_id=its.workspace_id, agent_id=its.agent_id, timeout_s=timeout_s,
            )
        )  # fmt: skip

    async def book(self, start: str, run_id: str = "run-1", **options: Any) -> str:
        """Books for Ann."""
        return await self.run("book_appointment", run_id, start=start, name="Ann Lee", **options)

    @property
    def events(self) -> list[str]:
        """The vendor's events: when they start."""
        return [one["start"]["dateTime"] for one in self.vendor.vendors.calendars.events["primary"].values()]


@asynccontextmanager
async def begun(
    platform: CallPlatform, valkey_url: str, declared: Mapping[str, Any] = CALENDAR, **options: Any
) -> AsyncIterator[CallWithTools]:
    """A call of a workspace in Berlin with a connected calendar of a type that is declared so."""
    async with connected(platform, declared, **options) as vendor:
        workspace = vendor.workspace
        await platform.in_platform(
            lambda db: db.execute(
                "UPDATE workspaces SET timezone = 'Europe/Berlin' WHERE id = $1", workspace.workspace_id
            )
        )
        call = await platform.admit(workspace)
        handlers = agents_request_handlers(Bookings(vendor.runner))
        async with running_api_process(platform, handlers), running_node(valkey_url) as node:
            yield CallWithTools(vendor, call, BusRemoteTools(node.client))


async def test_free_times_are_told_and_one_is_booked_once(platform: CallPlatform, valkey_url: str) -> None:
    async with begun(platform, valkey_url) as call:
        call.vendor.vendors.calendars.add("Busy", "2026-12-01T10:00:00+01:00", "2026-12-01T12:00:00+01:00")
        free = await call.run("check_availability", date="2026-12-01", days="1")
        assert free == (
            "Free times (time zone Europe/Berlin; an appointment takes 30 minutes):\n"
            "Tuesday, 1 December 2026 (2026-12-01): 09:00 to 10:00, 12:00 to 17:00."
        )
        first, repeat = await asyncio.gather(*(call.book("2026-12-01T14:00", reason="teeth <b>") for _ in range(2)))
        assert first == repeat
        assert first.startswith(
            "Booked: Ann Lee: teeth b, Tuesday, 1 December 2026, 14:00 (Europe/Berlin), 30 minutes."
        )
        assert call.events == ["2026-12-01T10:00:00+01:00", "2026-12-01T13:00:00Z"]
        event = list(call.vendor.vendors.calendars.events["primary"].values())[1]
        assert (event["summary"], event["description"]) == ("Ann Lee: teeth b", f"Booked by phone, {CALLER}.")
        known = json.loads(await call.run("look_up_contact"))
        assert known == {
            "is_known": False,
            "coming_appointments": [
                {"time": "Tuesday, 1 December 2026, 14:00", "time_zone": "Europe/Berlin", "title": "Ann Lee: teeth b"}
            ],
        }


async def test_double_booking_is_refused(platform: CallPlatform, valkey_url: str) -> None:
    async with begun(platform, valkey_url) as call:
        call.vendor.vendors.calendars.add("Busy", "2026-12-01T10:00:00+01:00", "2026-12-01T11:00:00+01:00")
        for start in ("2026-12-01T10:30", "2026-12-01T09:45"):
            with pytest.raises(ToolError, match="This time is taken"):
                await call.book(start, f"run-{start}")
        booked = await asyncio.gather(
            *(call.book("2026-12-01T14:00", f"run-{number}") for number in range(5)), return_exceptions=True
        )
        assert sum(isinstance(one, str) for one in booked) == 1
        assert [str(one) for one in booked if not isinstance(one, str)] == [str(booked_error(booked))] * 4
        assert len(call.events) == 2


def booked_error(results: list[Any]) -> Any:
    """The refusal of those that came too late."""
    (message,) = {str(result) for result in results if not isinstance(result, str)}
    assert "This time is taken" in message
    return message


@pytest.mark.parametrize(
    ("start", "words"),
    [
        ("2026-11-26T14:10", "too soon or past"), ("2026-12-05T10:00", "outside of the times"),
        ("2027-12-01T10:00", "outside of the times"), ("2026-12-01T16:45", "outside of the times"),
        ("tomorrow at three", "write it as 2026-12-01T14:30"), ("2027-03-28T02:30", "clocks are put forward"),
    ],
)  # fmt: skip
async def test_time_that_cannot_be_booked(platform: CallPlatform, valkey_url: str, start: str, words: str) -> None:
    async with begun(platform, valkey_url) as call:
        with pytest.raises(ToolError, match=words):
            await call.book(start)
        assert not call.vendor.vendors.requests


@pytest.mark.parametrize(
    ("faults", "outcome"),
    [
        ([None, "error_after"], "Booked: Ann Lee"),
        ([None, "error", "error", "error"], "cannot be used now"),
        ([None, "error_after", "error_after", "error_after", None], "Booked: Ann Lee"),
        ([None, "garbage", "error", "error", "error"], "not known whether"),
        (["huge"] * 3, "cannot be used now"),
        (["html"], "cannot be used now"),
        (["unauthorised"], "cannot be used now"),
    ],
)
async def test_vendor_that_fails_leaves_no_doubt_where_it_can_be_resolved(
    platform: CallPlatform, valkey_url: str, faults: list[IntegrationFaultKind | None], outcome: str
) -> None:
    async with begun(platform, valkey_url) as call:
        call.vendor.vendors.faults.extend(faults)
        try:
            answer = await call.book("2026-12-01T14:00")
        except ToolError as error:
            answer = str(error)
        assert outcome in answer
        assert len(call.events) == ("Booked" in outcome)


async def test_silent_vendor_ends_in_time(platform: CallPlatform, valkey_url: str) -> None:
    async with begun(platform, valkey_url) as call:
        call.vendor.vendors.faults.extend([None, *["silence"] * 5])  # type: ignore[list-item]
        began = asyncio.get_running_loop().time()
        with pytest.raises(ToolError, match="not known whether this was booked"):
            await call.book("2026-12-01T14:00", timeout_s=2.6)
        assert asyncio.get_running_loop().time() - began < 10, "five requests take 25 s"
        row = (await call.vendor.rows("SELECT status FROM appointments WHERE integration_id = $1"))[0]
        assert row["status"] == "booking", "nobody else gets this time meanwhile"
        call.vendor.vendors.faults.clear()
        with pytest.raises(ToolError, match="This time is taken"):
            await call.book("2026-12-01T14:00", "run-2")


async def test_run_that_was_killed_is_found_at_the_vendor(platform: CallPlatform, valkey_url: str) -> None:
    async with begun(platform, valkey_url) as call:
        call.vendor.vendors.faults.extend([None, "silence"])
        with pytest.raises(ToolError):
            await call.book("2026-12-01T14:00", timeout_s=2.3)
        workspace = call.vendor.workspace.workspace_id

        async def forget(db: Connection) -> None:  # as when the process died before it stored an outcome
            await db.execute("DELETE FROM tool_runs WHERE workspace_id = $1", workspace)

        await platform.in_platform(forget)
        call.vendor.vendors.faults.clear()
        assert (await call.book("2026-12-01T14:00")).startswith("Booked: Ann Lee")
        assert len(call.events) == 1
        rows = await call.vendor.rows("SELECT status, external_id FROM appointments WHERE integration_id = $1")
        assert [(row["status"], len(row["external_id"])) for row in rows] == [("booked", 32)]


async def test_without_a_key_and_a_way_to_look_a_lost_answer_stays_unknown(
    platform: CallPlatform, valkey_url: str
) -> None:
    actions = [json.loads(json.dumps(action)) for action in CALENDAR["actions"] if action["name"] != "get_appointment"]
    (create,) = [action for action in actions if action["name"] == "create_appointment"]
    del create["request"]["body"]["id"]
    async with begun(platform, valkey_url, {**CALENDAR, "actions": actions}) as call:
        call.vendor.vendors.faults.extend([None, "error_after"])
        with pytest.raises(ToolError, match="not known whether this was booked"):
            await call.book("2026-12-01T14:00")
        assert len(call.events) == 1, "it was made, and is not made again"
        await platform.in_platform(lambda db: db.execute("DELETE FROM tool_runs"))
        for run_id in ("run-1", "run-2"):
            with pytest.raises(ToolError, match=r"not known whether|is taken"):
                await call.book("2026-12-01T14:00", run_id)
        assert len(call.events) == 1


async def test_sync_updates_an_appointment_that_a_call_booked(platform: CallPlatform, valkey_url: str) -> None:
    async with begun(platform, valkey_url) as call:
        await call.book("2026-12-01T14:00")
        log = await call.vendor.sync()
        assert (log["status"], log["counts"]["updated"]) == ("succeeded", 1)
        (event_id,) = call.vendor.vendors.calendars.events["primary"]
        call.vendor.vendors.calendars.cancel(event_id)
        await call.vendor.sync()
        (row,) = await call.vendor.rows("SELECT status FROM appointments WHERE integration_id = $1")
        assert row["status"] == "canceled"


async def test_agent_chooses_calendar_length_and_notice(platform: CallPlatform, valkey_url: str) -> None:
    calendar = {"appointment_minutes": 60, "notice_minutes": 3 * 24 * 60}
    hours = {"weekly": {"monday": [{"opens": "20:00", "closes": "24:00"}]}}
    async with begun(platform, valkey_url, calendar=calendar, hours=hours) as call:
        free = await call.run("check_availability", days=7)
        assert free.splitlines()[1:] == ["Monday, 30 November 2026 (2026-11-30): 20:00 to 00:00."]


async def test_another_workspaces_calendar_is_not_used(platform: CallPlatform, valkey_url: str) -> None:
    async with connected(platform, CALENDAR) as other:
        async with begun(platform, valkey_url, calendar={"integration_id": str(other.id)}) as call:
            with pytest.raises(ToolError, match="No calendar is connected"):
                await call.run("check_availability")
        async with begun(platform, valkey_url) as call:
            await platform.in_platform(
                lambda db: db.execute("UPDATE integrations SET status = 'error' WHERE id = $1", call.vendor.id)
            )
            with pytest.raises(ToolError, match="No calendar is connected"):
                await call.run("check_availability")
        assert not other.vendors.requests

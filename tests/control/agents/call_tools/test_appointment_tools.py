"""Callers cancel and move what they have booked, over the bus, against a simulated calendar."""

import asyncio
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from control.agents.call_tools.calendar import choose, read_reference
from control.integrations.bookings.service import MOST_IN_CALL, MOST_OF_NUMBER
from control.integrations.caller_records.rules import Appointment
from media.tools.tool import ToolError
from shared.errors import Conflict, Invalid
from simulator.integrations.server import IntegrationFaultKind
from tests.control.agents.call_tools.test_calendar_tools import CallWithTools, begun
from tests.control.calls.call_platform import CallPlatform
from tests.control.integrations.conftest import platform as platform
from tests.control.integrations.vendor_connection import CALENDAR, declare

STATES = "SELECT status, starts_at, external_id, moves FROM appointments WHERE integration_id = $1 ORDER BY id"
# As if the number had told so many references in its calls.
OTHERS = """
    INSERT INTO reference_attempts SELECT call_id, 'other-' || n, workspace_id, attempted_at
    FROM (SELECT * FROM reference_attempts WHERE workspace_id = $2 LIMIT 1) one, generate_series(1, $1) n
"""
YESTERDAY = "UPDATE reference_attempts SET attempted_at = attempted_at - interval '1 day'"
NOBODY = "UPDATE appointments SET phone = '+14155550199' WHERE integration_id = '{}'"


@pytest.fixture(autouse=True)
def short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the attempts of a request; 0.8 s in all otherwise."""
    monkeypatch.setattr("control.integrations.actions.service.RETRY_DELAYS_S", (0.01, 0.01))


async def statuses(call: CallWithTools) -> list[str]:
    """Of all rows, in the order of their making."""
    return [row["status"] for row in await call.vendor.rows(STATES)]


def living(call: CallWithTools) -> list[str]:
    """When the vendor's events start that are not canceled."""
    events = call.vendor.vendors.calendars.events["primary"].values()
    return [event["start"]["dateTime"] for event in events if event["status"] != "cancelled"]


def without(*names: str) -> Mapping[str, Any]:
    """The calendar's type without these actions."""
    return {**CALENDAR, "actions": [action for action in CALENDAR["actions"] if action["name"] not in names]}


async def give_away(call: CallWithTools) -> None:
    """The appointments are of another number by now."""
    query = NOBODY.format(call.vendor.id)
    await call.vendor.platform.in_platform(lambda db: db.execute(query))


async def test_own_appointment_is_canceled_once(platform: CallPlatform, valkey_url: str) -> None:
    async with begun(platform, valkey_url) as call:
        await call.book("2026-12-01T14:00")
        both = await asyncio.gather(*(call.run("cancel_appointment", "run-2") for _ in range(2)))
        assert set(both) == {"Canceled: Ann Lee, Tuesday, 1 December 2026, 14:00 (Europe/Berlin). Tell the caller so."}
        await platform.in_platform(lambda db: db.execute("DELETE FROM tool_runs"))
        assert await call.run("cancel_appointment", "run-2") == both[0], "a run that is taken over"
        assert (living(call), await statuses(call)) == ([], ["canceled"])
        deletions = [request for request in call.vendor.vendors.requests if request.startswith("DELETE")]
        assert len(deletions) == 1
        with pytest.raises(ToolError, match="No coming appointment is known"):
            await call.run("cancel_appointment", "run-3")
        assert (await call.book("2026-12-01T14:00", "run-4")).startswith("Booked"), "the time is free again"


async def test_moved_appointment_takes_the_new_time_and_frees_the_old(platform: CallPlatform, valkey_url: str) -> None:
    async with begun(platform, valkey_url) as call:
        reference = (await call.book("2026-12-01T14:00"))[-10:-1]
        moved = await call.run("move_appointment", "run-2", new_start="2026-12-01T14:15")
        assert moved == (
            "Moved: Ann Lee, now Tuesday, 1 December 2026, 14:15 (Europe/Berlin). Tell the caller the new date and "
            f"time. Its reference, by which it can be changed from another phone: {reference}."
        )
        await platform.in_platform(lambda db: db.execute("DELETE FROM tool_runs"))
        assert await call.run("move_appointment", "run-2", new_start="2026-12-01T14:15") == moved
        assert living(call) == ["2026-12-01T13:15:00Z"]
        old, new = await call.vendor.rows(STATES)
        assert (old["status"], old["external_id"], new["status"], new["starts_at"].minute) == (
            "canceled", None, "booked", 15,
        )  # fmt: skip
        known = json.loads(await call.run("look_up_contact"))
        assert [coming_appointment["time"] for coming_appointment in known["coming_appointments"]] == [
            "Tuesday, 1 December 2026, 14:15"
        ]
        assert (await call.book("2026-12-01T13:45", "run-3")).startswith("Booked")


async def test_move_takes_no_time_that_is_taken(platform: CallPlatform, valkey_url: str) -> None:
    async with begun(platform, valkey_url) as call:
        await call.book("2026-12-01T14:00")
        call.vendor.vendors.calendars.add("Busy", "2026-12-01T14:30:00+01:00", "2026-12-01T15:00:00+01:00")
        for run_id, start, words in (
            ("run-2", "2026-12-01T14:15", "This time is taken. Nothing was moved"),
            ("run-3", "2026-12-05T10:00", "outside of the times that can be booked. Nothing was moved"),
            ("run-4", "2026-11-26T14:10", "too soon or past. Nothing was moved"),
        ):
            with pytest.raises(ToolError, match=words):
                await call.run("move_appointment", run_id, new_start=start)
        moves = (
            call.run("move_appointment", "run-5", new_start="2026-12-01T16:00"),
            call.book("2026-12-01T16:00", "run-6"),
        )
        ends = await asyncio.gather(*moves, return_exceptions=True)
        assert sum(isinstance(end, str) for end in ends) == 1, ends
        assert living(call).count("2026-12-01T15:00:00Z") == 1


async def test_move_sees_what_else_lies_in_the_old_time(platform: CallPlatform, valkey_url: str) -> None:
    async with begun(platform, valkey_url) as call:
        await call.book("2026-12-01T14:00")
        call.vendor.vendors.calendars.add("Busy", "2026-12-01T14:15:00+01:00", "2026-12-01T14:30:00+01:00")
        await call.vendor.sync()
        with pytest.raises(ToolError, match=r"This time is taken\. Nothing was moved"):
            await call.run("move_appointment", "run-2", new_start="2026-12-01T14:15")
        assert (await call.run("move_appointment", "run-3", new_start="2026-12-01T13:45")).startswith("Moved")


async def test_move_believes_a_vendor_who_names_what_takes_a_time(platform: CallPlatform, valkey_url: str) -> None:
    async with begun(platform, valkey_url, declare("microsoft_365_calendar", "/v1.0")) as call:
        await call.book("2026-12-01T14:00")
        call.vendor.vendors.graph.add("Busy", "2026-12-01T13:15:00", "2026-12-01T13:30:00")  # in UTC
        with pytest.raises(ToolError, match="This time is taken"):
            await call.run("move_appointment", "run-2", new_start="2026-12-01T14:15")
        assert (await call.run("move_appointment", "run-3", new_start="2026-12-01T13:45")).startswith("Moved")


async def test_only_the_callers_own_appointment_is_changed(platform: CallPlatform, valkey_url: str) -> None:
    async with begun(platform, valkey_url) as call:
        booked = await call.book("2026-12-01T14:00")
        found = re.search(r"phone: (\d{4} \d{4})\.$", booked)
        assert found is not None
        await give_away(call)
        with pytest.raises(ToolError, match="No coming appointment is known"):
            await call.run("cancel_appointment", "run-2", start="2026-12-01T14:00")
        wrong = str((int(found[1].replace(" ", "")) + 1) % 10**8).zfill(8)
        with pytest.raises(ToolError, match="No coming appointment is known"):
            await call.run("cancel_appointment", "run-3", reference=wrong)
        assert len(living(call)) == 1
        moved = await call.run("move_appointment", "run-4", new_start="2026-12-01T16:00", reference=found[1])
        assert found[1] in moved
        with pytest.raises(ToolError, match="No coming appointment is known"):
            await call.run("cancel_appointment", "run-5")  # it still belongs to the number it was booked for
        assert (await call.run("cancel_appointment", "run-6", reference=found[1])).startswith("Canceled")
        assert living(call) == []


async def test_references_cannot_be_guessed_without_end(platform: CallPlatform, valkey_url: str) -> None:
    async with begun(platform, valkey_url) as call:
        reference = (await call.book("2026-12-01T14:00"))[-10:-1]

        async def guess(told: str, run_id: str) -> str:
            try:
                return await call.run("cancel_appointment", run_id, reference=told)
            except ToolError as error:
                return str(error)

        wrong = str((int(reference.replace(" ", "")) + 1) % 10**8).zfill(8)
        told = await asyncio.gather(*(guess(wrong, f"guess-{number}") for number in range(MOST_IN_CALL + 2)))
        assert sum("Too many references were tried" in one for one in told) == 2
        assert sum("No coming appointment is known" in one for one in told) == MOST_IN_CALL
        await platform.in_platform(lambda db: db.execute("DELETE FROM tool_runs"))
        assert sorted([await guess(wrong, f"guess-{number}") for number in range(len(told))]) == sorted(told)
        assert "Too many references" in await guess(reference, "right")
        workspace = call.vendor.workspace.workspace_id
        call.call = await platform.admit(call.vendor.workspace)  # the same number again
        await platform.in_platform(lambda db: db.execute(OTHERS, MOST_OF_NUMBER, workspace))
        assert "Too many references" in await guess(reference, "right")
        await platform.in_platform(lambda db: db.execute(YESTERDAY))
        assert (await guess(reference, "at last")).startswith("Canceled")


async def test_number_is_not_enough_where_a_reference_is_wanted(platform: CallPlatform, valkey_url: str) -> None:
    async with begun(platform, valkey_url, calendar={"changes_need_reference": True}) as call:
        reference = (await call.book("2026-12-01T14:00"))[-10:-1]
        with pytest.raises(ToolError, match="Ask for the reference"):
            await call.run("cancel_appointment", "run-2")
        assert (await call.run("cancel_appointment", "run-3", reference=reference)).startswith("Canceled")


@pytest.mark.parametrize(
    ("faults", "words", "status"),
    [
        (["error_after"], "Canceled", "canceled"),
        (["error_after"] * 3, "Canceled", "canceled"),
        (["error"] * 3, "cannot be used now. Nothing was canceled", "booked"),
        (["unauthorised"], "cannot be used now. Nothing was canceled", "booked"),
        (["error"] * 6, "not known whether this was canceled", "booked"),
    ],
)
async def test_reports_a_failed_cancellation(
    platform: CallPlatform, valkey_url: str, faults: list[IntegrationFaultKind], words: str, status: str
) -> None:
    async with begun(platform, valkey_url) as call:
        await call.book("2026-12-01T14:00")
        call.vendor.vendors.faults.extend(faults)
        try:
            answer = await call.run("cancel_appointment", "run-2")
        except ToolError as error:
            answer = str(error)
        assert words in answer
        assert (await statuses(call), len(living(call))) == ([status], int(status == "booked"))
        if "not known" in words:
            with pytest.raises(ToolError, match="is being canceled"):
                await call.run("move_appointment", "run-3", new_start="2026-12-01T16:00")


@pytest.mark.parametrize(
    ("faults", "words", "start"),
    [
        ([None, "error_after", "error_after", "error_after"], "Moved", "15:00:00Z"),
        ([None, "error", "error", "error"], "cannot be used now. Nothing was moved", "13:00:00Z"),
        (["error"] * 3, "cannot be used now. Nothing was moved", "13:00:00Z"),
        ([None, *["error_after"] * 6], "not known whether this was moved", "15:00:00Z"),
    ],
)
async def test_reports_a_failed_move(
    platform: CallPlatform, valkey_url: str, faults: list[IntegrationFaultKind | None], words: str, start: str
) -> None:
    async with begun(platform, valkey_url) as call:
        await call.book("2026-12-01T14:00")
        call.vendor.vendors.faults.extend(faults)
        try:
            answer = await call.run("move_appointment", "run-2", new_start="2026-12-01T16:00")
        except ToolError as error:
            answer = str(error)
        assert words in answer
        assert [one[11:] for one in living(call)] == [start]
        if "not known" in words:
            with pytest.raises(ToolError, match="is being moved"):
                await call.run("cancel_appointment", "run-3")


async def test_event_that_is_gone_counts_as_canceled_and_is_not_moved(platform: CallPlatform, valkey_url: str) -> None:
    async with begun(platform, valkey_url) as call:
        await call.book("2026-12-01T14:00")
        call.vendor.vendors.calendars.events["primary"].clear()
        with pytest.raises(ToolError, match="no longer in the calendar"):
            await call.run("move_appointment", "run-2", new_start="2026-12-01T16:00")
        assert (await call.run("cancel_appointment", "run-3")).startswith("Canceled")
        assert "booked" not in await statuses(call)


async def test_calendar_whose_type_changes_nothing(platform: CallPlatform, valkey_url: str) -> None:
    async with begun(platform, valkey_url, without("cancel_appointment", "move_appointment")) as call:
        assert "reference" not in await call.book("2026-12-01T14:00"), "it would be of no use"
        with pytest.raises(ToolError, match="cannot be changed by phone"):
            await call.run("cancel_appointment", "run-2")
        with pytest.raises(ToolError, match="cannot be changed by phone"):
            await call.run("move_appointment", "run-3", new_start="2026-12-01T16:00")


def make(start: datetime) -> Appointment:
    return Appointment(UUID(int=1), UUID(int=2), "e", "booked", "Ann", start, start + timedelta(minutes=30))


def test_one_of_several_is_chosen_by_its_time() -> None:
    first, zone = datetime(2026, 12, 1, 13, tzinfo=UTC), ZoneInfo("Europe/Berlin")
    own = [make(first), make(first + timedelta(hours=1))]
    assert choose(own[:1], None, zone) is own[0]
    assert choose(own, own[1].starts_at, zone) is own[1]
    for at in (None, first + timedelta(minutes=1)):
        with pytest.raises(Conflict, match="14:00; Tuesday, 1 December 2026, 15:00"):
            choose(own, at, zone)


def test_reference_is_read_as_it_is_said() -> None:
    assert read_reference("4821 99-37") == "48219937"
    for text in ("4821", "4821 9937 1", "none"):
        with pytest.raises(Invalid, match="reference: it has 8 digits"):
            read_reference(text)

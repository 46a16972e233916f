"""What becomes of appointments whose call did not learn it, and of calendars that two connections share."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest

from control.db.jobs import JobFailed
from control.integrations.actions.queries import select_connection
from control.integrations.actions.rules import ActiveConnection
from control.integrations.bookings.calendar_requests import CalendarRequests, VendorAppointment
from control.integrations.bookings.service import (
    SETTLE_APPOINTMENT,
    AppointmentChanges,
    BookingOrder,
    Bookings,
    ChangeOrder,
    NewTime,
    SettleAppointmentJob,
    reserve,
)
from control.integrations.bookings.tasks import AppointmentSettlement
from control.integrations.caller_records.queries import (
    mark_change,
    select_changed_appointment,
    select_unsettled_appointment,
)
from control.integrations.caller_records.rules import Appointment, Caller
from shared.errors import Conflict
from shared.ids import new_id
from simulator.integrations.server import IntegrationFaultKind
from tests.control.calls.call_platform import NOW, CallPlatform
from tests.control.integrations.test_bookings import ENDS_AT, STARTS_AT, make_order
from tests.control.integrations.vendor_connection import CALENDAR, ConnectedVendor, connected, declare

STATES = "SELECT id, status, external_id FROM appointments WHERE integration_id = $1 ORDER BY id"
PHONE = "+14155550100"


@pytest.fixture(autouse=True)
def short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the attempts of a request; 0.8 s in all otherwise."""
    monkeypatch.setattr("control.integrations.actions.service.RETRY_DELAYS_S", (0.01, 0.01))


async def settle(vendor: ConnectedVendor) -> None:
    """Runs every job of this workspace's appointments once."""
    jobs = [
        msgspec.json.decode(job_payload, type=SettleAppointmentJob)
        for job_payload in await vendor.platform.job_payloads(SETTLE_APPOINTMENT)
    ]
    settlement = AppointmentSettlement(vendor.platform.pool, CalendarRequests(vendor.runner))
    for job in jobs:
        if job.workspace_id == vendor.workspace.workspace_id:
            await settlement.run(msgspec.json.encode(job))


async def states(vendor: ConnectedVendor) -> list[str]:
    return [row["status"] for row in await vendor.rows(STATES)]


def change(connection: ActiveConnection, run_id: str) -> ChangeOrder:
    """Of the caller's only appointment."""

    def choose(own: Sequence[Appointment]) -> Appointment:
        (only,) = own
        return only

    return ChangeOrder(connection, UUID(new_id()), run_id, Caller(PHONE, None), choose)


async def booked(vendor: ConnectedVendor) -> BookingOrder:
    order = await make_order(vendor)
    order = replace(order, new=replace(order.new, phone=PHONE))
    await Bookings(vendor.runner).book(order, vendor.in_workspace, NOW)
    return order


async def test_booking_whose_requests_and_look_up_fail_is_settled(platform: CallPlatform) -> None:
    cases: list[tuple[IntegrationFaultKind, str, int]] = [("error_after", "booked", 1), ("error", "failed", 0)]
    for fault, status, events in cases:
        async with connected(platform, CALENDAR) as vendor:
            vendor.vendors.faults.extend([None, *[fault] * 3, *["error"] * 3])  # type: ignore[list-item]
            with pytest.raises(Conflict) as raised:
                await Bookings(vendor.runner).book(await make_order(vendor), vendor.in_workspace, NOW)
            assert (raised.value.code, await states(vendor)) == ("outcome_unknown", ["booking"])
            if fault == "error":
                vendor.vendors.faults.append("unauthorised")
                with pytest.raises(JobFailed) as failed:
                    await settle(vendor)
                assert (failed.value.is_permanent, await states(vendor)) == (False, ["booking"])
            await settle(vendor)
            assert (await states(vendor), len(vendor.vendors.calendars.events["primary"])) == ([status], events)
            requests = len(vendor.vendors.requests)
            await settle(vendor)
            assert len(vendor.vendors.requests) == requests, "what is settled is not asked for again"


async def test_silent_vendor_leaves_time_to_look_up(platform: CallPlatform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("control.integrations.bookings.service.CHANGE_S", 0.3)
    async with connected(platform, CALENDAR) as vendor:
        vendor.vendors.faults.extend([None, "silence"])
        order = await make_order(vendor)
        await Bookings(vendor.runner).book(order, vendor.in_workspace, NOW)
        assert await states(vendor) == ["booked"], "the vendor had made it, as the look-up tells"


async def test_move_and_cancellation_are_settled(platform: CallPlatform) -> None:
    async with connected(platform, CALENDAR) as vendor:
        order = await booked(vendor)
        changes, later = AppointmentChanges(vendor.runner), STARTS_AT + (ENDS_AT - STARTS_AT) * 4

        def plan(chosen: Appointment) -> NewTime:
            return NewTime(later, later + (ENDS_AT - STARTS_AT), "87654321")

        vendor.vendors.faults.extend([None, *["error_after"] * 3, *["error"] * 3])  # type: ignore[list-item]
        with pytest.raises(Conflict, match="not known whether this was moved"):
            await changes.move(change(order.connection, "run-2"), plan, vendor.in_workspace, NOW)
        await settle(vendor)
        old, new = await vendor.rows(STATES)
        assert (old["status"], new["status"], new["external_id"]) == ("canceled", "booked", order.key)

        vendor.vendors.faults.extend(["error_after", *["error"] * 5])  # type: ignore[list-item]
        with pytest.raises(Conflict, match="not known whether this was canceled"):
            await changes.cancel(change(order.connection, "run-3"), vendor.in_workspace, NOW)
        await settle(vendor)
        assert await states(vendor) == ["canceled", "canceled"]


async def test_cancellation_that_never_arrived_leaves_the_appointment(platform: CallPlatform) -> None:
    async with connected(platform, CALENDAR) as vendor:
        order = await booked(vendor)
        vendor.vendors.faults.extend(["error"] * 6)
        with pytest.raises(Conflict, match="not known whether this was canceled"):
            await AppointmentChanges(vendor.runner).cancel(change(order.connection, "run-2"), vendor.in_workspace, NOW)
        await settle(vendor)
        assert await states(vendor) == ["booked"]
        await AppointmentChanges(vendor.runner).cancel(change(order.connection, "run-3"), vendor.in_workspace, NOW)
        assert await states(vendor) == ["canceled"]


async def test_settlement_leaves_the_mark_of_a_cancellation_that_began_meanwhile(platform: CallPlatform) -> None:
    async with connected(platform, CALENDAR) as vendor:
        order = await booked(vendor)
        vendor.vendors.faults.extend(["error"] * 6)
        with pytest.raises(Conflict, match="not known whether this was canceled"):
            await AppointmentChanges(vendor.runner).cancel(change(order.connection, "run-2"), vendor.in_workspace, NOW)
        workspace_id = vendor.workspace.workspace_id
        (row,) = await vendor.rows(STATES)

        class Meanwhile(CalendarRequests):
            async def read(self, connection: ActiveConnection, external_id: str) -> VendorAppointment | None:
                found = await super().read(connection, external_id)
                await vendor.in_workspace(lambda db: mark_change(db, workspace_id, row["id"], "second"))
                return found

        payload = msgspec.json.encode(SettleAppointmentJob(workspace_id, row["id"]))
        await AppointmentSettlement(platform.pool, Meanwhile(vendor.runner)).run(payload)
        marked = await vendor.in_workspace(
            lambda db: select_changed_appointment(db, workspace_id, order.connection.id, "second")
        )  # fmt: skip
        assert marked is not None, "a repeat of the second run would choose another appointment"
        await settle(vendor)
        assert await vendor.in_workspace(lambda db: select_unsettled_appointment(db, workspace_id, row["id"])) is None


async def second_connection(vendor: ConnectedVendor, calendar: str, account: str) -> ActiveConnection:
    """Another connection of the same type; both have this account."""
    integration_id = UUID(new_id())

    async def insert(db: Any) -> None:
        await db.execute("UPDATE integrations SET account = $2 WHERE id = $1", vendor.id, "ann@example.com")
        await db.execute(
            "INSERT INTO integrations (id, workspace_id, integration_type, name, status, config, credentials, account) "
            "SELECT $2, workspace_id, integration_type, 'second', status, $3, credentials, $4 FROM integrations "
            "WHERE id = $1",
            vendor.id, integration_id, {"calendar_id": calendar}, account,
        )  # fmt: skip

    await vendor.platform.in_platform(insert)
    found: ActiveConnection | None = await vendor.in_workspace(
        lambda db: select_connection(db, vendor.workspace.workspace_id, integration_id)
    )
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("calendar", "account", "is_same"),
    [
        ("primary", "Ann@example.com", True), ("ann@example.com", "bo@example.com", True),
        ("primary", "bo@example.com", False), ("team@example.com", "ann@example.com", False),
    ],
)  # fmt: skip
async def test_two_connections_to_one_calendar_do_not_book_the_same_time(
    platform: CallPlatform, calendar: str, account: str, is_same: bool
) -> None:
    async with connected(platform, CALENDAR) as vendor:
        other = await second_connection(vendor, calendar, account)
        order = await make_order(vendor)
        await vendor.in_workspace(lambda db: reserve(db, order.new, NOW))
        second = replace(
            order.new, integration_id=other.id, call_id=UUID(new_id()), calendar_key=other.calendar_key
        )  # fmt: skip
        try:
            await vendor.in_workspace(lambda db: reserve(db, second, NOW))
        except Conflict as refusal:
            assert (refusal.code, is_same) == ("slot_taken", True)
        else:
            assert not is_same


async def test_calendar_that_cannot_be_read_is_not_free(platform: CallPlatform) -> None:
    async with connected(platform, CALENDAR, {"calendar_id": "somebody@example.com"}) as vendor:
        begins: datetime = STARTS_AT
        with pytest.raises(Conflict) as raised:
            await Bookings(vendor.runner).list_busy(await vendor.load(), begins, ENDS_AT)
        assert raised.value.code == "calendar_unavailable"


async def test_outlook_calendar_is_booked_in_like_any_other(platform: CallPlatform) -> None:
    outlook = declare("microsoft_365_calendar", "/v1.0")
    async with connected(platform, outlook) as vendor:
        vendor.vendors.faults.extend([None, "error_after"])
        order = await booked(vendor)
        (event,) = vendor.vendors.graph.events.values()
        assert event["start"]["dateTime"] == f"{STARTS_AT:%Y-%m-%dT%H:%M:%S}.0000000"
        again = await make_order(vendor)
        with pytest.raises(Conflict, match="This time is taken"):
            await Bookings(vendor.runner).book(again, vendor.in_workspace, NOW)
        changes, later = AppointmentChanges(vendor.runner), STARTS_AT + (ENDS_AT - STARTS_AT) / 2

        def plan(chosen: Appointment) -> NewTime:
            return NewTime(later, later + (ENDS_AT - STARTS_AT), "87654321")

        await changes.move(change(order.connection, "run-2"), plan, vendor.in_workspace, NOW)
        (event,) = vendor.vendors.graph.events.values()
        assert event["start"]["dateTime"] == f"{later:%Y-%m-%dT%H:%M:%S}.0000000"
        await changes.cancel(change(order.connection, "run-3"), vendor.in_workspace, NOW)
        assert not vendor.vendors.graph.events


async def test_outlook_booking_without_an_answer_is_found_by_its_run(platform: CallPlatform) -> None:
    async with connected(platform, declare("microsoft_365_calendar", "/v1.0")) as vendor:
        vendor.vendors.faults.extend([None, "garbage"])
        with pytest.raises(Conflict) as raised:
            await Bookings(vendor.runner).book(await make_order(vendor), vendor.in_workspace, NOW)
        assert raised.value.code == "calendar_unavailable", "the look-up says that nothing was made"
        vendor.vendors.faults.extend([None, *["error_after"] * 3])  # type: ignore[list-item]
        await Bookings(vendor.runner).book(await make_order(vendor), vendor.in_workspace, NOW)
        (event_id,) = vendor.vendors.graph.events
        assert [row["external_id"] for row in await vendor.rows(STATES) if row["status"] == "booked"] == [event_id]

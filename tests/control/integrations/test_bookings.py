"""Bookings whose vendor, or whose sync, acts in an unlucky order."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from control.integrations.bookings.service import BookingOrder, Bookings
from control.integrations.caller_records import queries as caller_records_queries
from control.integrations.caller_records.rules import AppointmentRecord, NewAppointment
from shared.errors import Conflict
from shared.ids import new_id
from tests.control.calls.call_platform import NOW, CallPlatform
from tests.control.integrations.vendor_connection import CALENDAR, ConnectedVendor, connected

STARTS_AT = NOW + timedelta(days=5)
ENDS_AT = STARTS_AT + timedelta(minutes=30)
STATES = "SELECT status, external_id, call_id FROM appointments WHERE integration_id = $1"


async def make_order(vendor: ConnectedVendor, **changes: Any) -> BookingOrder:
    """A booking of a call."""
    connection = await vendor.load()
    new = NewAppointment(
        workspace_id=vendor.workspace.workspace_id,
        integration_id=vendor.id,
        title="Ann",
        starts_at=STARTS_AT,
        ends_at=ENDS_AT,
        phone=None,
        call_id=UUID(new_id()),
        run_id="run-1",
        calendar_key=connection.calendar_key,
        reference="12345678",
    )
    return replace(BookingOrder(connection, new), **changes)


async def test_sync_that_copies_an_event_before_its_booking_is_stored(platform: CallPlatform) -> None:
    async with connected(platform, CALENDAR) as vendor:
        order, workspace_id = await make_order(vendor), vendor.workspace.workspace_id
        reserved, _ = await vendor.in_workspace(
            lambda db: caller_records_queries.insert_appointment(db, order.new, NOW)
        )
        copied = AppointmentRecord(order.key, "Ann", STARTS_AT, ENDS_AT)
        await vendor.in_workspace(
            lambda db: caller_records_queries.upsert_appointments(db, workspace_id, vendor.id, UUID(new_id()), [copied])
        )
        await vendor.in_workspace(
            lambda db: caller_records_queries.finish_appointment(db, workspace_id, reserved, "booked", order.key, NOW)
        )
        (row,) = await vendor.rows(STATES)
        assert tuple(row) == ("booked", order.key, order.new.call_id)


async def test_attempt_that_finds_its_own_event_in_the_calendar_has_booked_it(platform: CallPlatform) -> None:
    async with connected(platform, CALENDAR) as vendor:
        order = await make_order(vendor)
        await vendor.in_workspace(lambda db: caller_records_queries.insert_appointment(db, order.new, NOW))
        first = Bookings(vendor.runner)

        class Overtaken(Bookings):
            async def list_busy(self, *of: Any) -> Any:
                """The first attempt's request, which was under way, is carried out only now."""
                if not vendor.vendors.calendars.events.get("primary"):
                    await first._create(order)
                return await super().list_busy(*of)

        booked = await Overtaken(vendor.runner).book(order, vendor.in_workspace, NOW)
        (row,) = await vendor.rows(STATES)
        assert (row["status"], row["external_id"], booked.title) == ("booked", order.key, "Ann")
        await vendor.in_workspace(
            lambda db: caller_records_queries.finish_appointment(
                db, order.new.workspace_id, booked, "failed", None, NOW
            )
        )
        assert [row["status"] for row in await vendor.rows(STATES)] == ["booked"], "a slower attempt changes nothing"


@pytest.mark.parametrize("moment", ["2026-12-01T10:00:00", "", None])
async def test_busy_time_that_cannot_be_read_is_not_free(platform: CallPlatform, moment: str | None) -> None:
    async with connected(platform, CALENDAR) as vendor:
        order = await make_order(vendor)

        class Answered(Bookings):
            async def _run(self, connection: Any, name: str, *of: Any) -> Any:
                return [{"starts_at": moment, "ends_at": "2026-12-01T11:00:00Z"}]

        with pytest.raises(Conflict) as raised:
            await Answered(vendor.runner).list_busy(order.connection, STARTS_AT, ENDS_AT)
        assert raised.value.code == "calendar_unavailable"


async def test_answer_with_several_records_or_none_leaves_the_outcome_unknown(platform: CallPlatform) -> None:
    answers: tuple[list[Any], ...] = ([], [{}, {}])
    for records in answers:
        async with connected(platform, CALENDAR) as vendor:
            order = await make_order(vendor)

            class Answered(Bookings):
                async def _run(self, connection: Any, name: str, *of: Any, answer: Any = records) -> Any:
                    return [] if name == "list_busy" else answer

            with pytest.raises(Conflict) as raised:
                await Answered(vendor.runner).book(order, vendor.in_workspace, NOW)
            assert raised.value.code == "outcome_unknown"
            assert [row["status"] for row in await vendor.rows(STATES)] == ["booking"]


async def test_id_that_is_too_long_to_be_stored_is_replaced(platform: CallPlatform) -> None:
    async with connected(platform, CALENDAR) as vendor:
        order = await make_order(vendor)

        class Answered(Bookings):
            async def _run(self, connection: Any, name: str, *of: Any) -> Any:
                return [] if name == "list_busy" else [{"external_id": "\u20ac" * 2_000}]

        await Answered(vendor.runner).book(order, vendor.in_workspace, NOW)
        (row,) = await vendor.rows(STATES)
        assert (row["status"], row["external_id"]) == ("booked", order.key)

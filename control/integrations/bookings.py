"""Books appointments in a connected calendar: each run once, and no time twice.

A booking first reserves its time in our database, under a lock of the calendar, so that of two calls only one goes on.
Then free/busy is asked for again, and only then the vendor makes the appointment, under a key that is the same for
repeats of the run. What the vendor answers decides; while that is unknown the reservation stays, and a job looks up
what became of it (`control/integrations/appointment_settlement.py`).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol, TypeVar

import structlog

from control.db.pool import Connection, Pool
from control.integrations import store_appointments
from control.integrations.action_runner import ActionRunner, VendorFailure
from control.integrations.active_connection import ActiveConnection
from control.integrations.appointment_outcomes import AppointmentOutcome, finish_appointment
from control.integrations.appointment_settlement import enqueue_settlement
from control.integrations.calendar_requests import (
    CHANGE_S,
    CREATE_APPOINTMENT,
    GET_APPOINTMENT,
    OUTCOME_UNKNOWN,
    SLOT_TAKEN,
    CalendarRequests,
    make_unavailable,
    make_unknown,
    read_id,
    span_arguments,
)
from control.integrations.caller_values import Appointment, AppointmentStatus, NewAppointment
from control.integrations.connections import Connections
from control.integrations.run_keys import make_run_key
from control.integrations.service import Integrations
from control.integrations.vendor_http import VendorHttp
from shared.errors import Conflict

log = structlog.get_logger()
T = TypeVar("T")

# Of one request to a vendor while a caller waits, in seconds.
CALL_REQUEST_S: Final = 5.0


class InTransaction(Protocol):
    """Runs work in a transaction in the scope of the workspace (`HandlerContext.in_transaction`)."""

    async def __call__(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Returns what `work` returns."""


@dataclass(frozen=True, slots=True)
class BookingOrder:
    """What is to be booked in which calendar. description: for the people who read the calendar."""

    connection: ActiveConnection
    new: NewAppointment
    description: str = ""

    @property
    def key(self) -> str:
        """Of this run, for the vendor."""
        return make_run_key(self.new.call_id, self.new.run_id)


@dataclass(frozen=True, slots=True)
class Reservation:
    """A time that is kept for a run. is_new: this attempt is the run's first."""

    appointment: Appointment
    is_new: bool


class Bookings(CalendarRequests):
    """Books for calls."""

    async def book(self, order: BookingOrder, in_transaction: InTransaction, now: datetime) -> Appointment:
        """The appointment, made by this run or an earlier attempt of it. Raises Conflict: slot_taken,
        calendar_unavailable (nothing was booked), outcome_unknown."""
        reserved = await in_transaction(lambda db: reserve(db, order.new, now))
        appointment = reserved.appointment
        if appointment.status == "booked":
            return appointment
        if appointment.status != "booking":
            raise make_taken()
        if not reserved.is_new:
            if order.connection.type_config.action(GET_APPOINTMENT) is None:
                raise make_unknown()
            found = await self.find_by_key(order.connection, order.key)
            if found is not None:
                return await store_outcome(order, appointment, "booked", found, in_transaction)
        try:
            external_id = await self._book_free(order, is_repeat=not reserved.is_new)
        except Conflict as refusal:
            if refusal.code != OUTCOME_UNKNOWN:
                await store_outcome(order, appointment, "failed", None, in_transaction)
            raise
        return await store_outcome(order, appointment, "booked", external_id, in_transaction)

    async def _book_free(self, order: BookingOrder, *, is_repeat: bool) -> str:
        """The vendor's id. Raises Conflict."""
        new = order.new
        busy = await self.list_busy(order.connection, new.starts_at, new.ends_at)
        if not any(span.starts_at < new.ends_at and span.ends_at > new.starts_at for span in busy):
            return await self._create(order)
        # What takes the time may be this run's own event, whose request was still under way when it was looked for.
        found = await self.find_by_key(order.connection, order.key) if is_repeat else None
        if found is None:
            raise make_taken()
        return found

    async def _create(self, order: BookingOrder) -> str:
        """The vendor's id."""
        new = order.new
        arguments = {
            "title": new.title,
            "description": order.description,
            **span_arguments(new.starts_at, new.ends_at),
        }
        try:
            records = await self._run_within(CHANGE_S, order.connection, CREATE_APPOINTMENT, arguments, order.key)
            return read_id(records, order.key)
        except VendorFailure as failure:
            return await self._resolve(order, failure)

    async def _resolve(self, order: BookingOrder, failure: VendorFailure) -> str:
        """The id of what was made in spite of the failure. Raises Conflict."""
        if failure.kind != "conflict" and not failure.is_unknown:
            raise make_unavailable(failure)
        found = await self.find_by_key(order.connection, order.key)
        if found is not None:
            return found
        if failure.kind == "conflict":
            raise make_taken()
        if order.connection.type_config.action(GET_APPOINTMENT) is not None:
            raise make_unavailable(failure)
        raise make_unknown()


def make_bookings(pool: Pool, integrations: Integrations) -> Bookings:
    """For calls: their requests are shorter than those of jobs."""
    return Bookings(make_action_runner(pool, integrations, CALL_REQUEST_S))


def make_action_runner(pool: Pool, integrations: Integrations, timeout_s: float | None = None) -> ActionRunner:
    """timeout_s: of a request; None: as of all exchanges with vendors."""
    access = Connections(pool, integrations.accounts, integrations.requests, integrations.policy)
    http = integrations.http if timeout_s is None else VendorHttp(integrations.http.guard, timeout_s)
    return ActionRunner(access, http)


async def reserve(db: Connection, new: NewAppointment, now: datetime) -> Reservation:
    """Keeps the time for this run, and has a job look up later what became of it. Raises Conflict (slot_taken), without
    a trace."""
    await store_appointments.lock_calendar(db, new)
    appointment, is_new = await store_appointments.insert(db, new, now)
    if is_new:
        if await store_appointments.is_reserved(db, new, appointment.id, now):
            raise make_taken("booked" if new.moves is None else "moved")
        await enqueue_settlement(db, new.workspace_id, appointment.id)
    return Reservation(appointment, is_new)


async def store_outcome(
    order: BookingOrder,
    appointment: Appointment,
    status: AppointmentStatus,
    external_id: str | None,
    in_transaction: InTransaction,
) -> Appointment:
    """Stores what became of a reservation; returns it."""
    now = datetime.now(UTC)
    workspace_id = order.new.workspace_id
    outcome = AppointmentOutcome(workspace_id, order.new.call_id, appointment, status, external_id)
    await in_transaction(lambda db: finish_appointment(db, outcome, now))
    log.info("appointment.finished", call_id=str(order.new.call_id), status=status)
    return appointment


def make_taken(what: str = "booked") -> Conflict:
    """what: what was not done."""
    return Conflict(f"This time is taken. Nothing was {what}: offer another time.", code=SLOT_TAKEN)

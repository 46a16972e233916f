"""Books, moves and cancels appointments in a connected calendar.

Each run takes effect once, and no time is booked twice.

A booking first reserves its time in our database, under a lock of the calendar, so that only one of two concurrent
calls continues. It then checks free/busy again and asks the vendor to create the appointment. All attempts of a run
use the same idempotency key. The vendor's answer decides the outcome. While the outcome is unknown, the reservation
stays, and a job looks up the outcome (`control/integrations/bookings/tasks.py`).

A move reserves the new time like a booking. The vendor then moves its event, and the new row replaces the old row.
Repeating a move or a cancellation has no further effect. After a failure, the event is read to find its state.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol, TypeVar
from uuid import UUID

import msgspec
import structlog

from control.db.jobs import enqueue
from control.db.pool import Connection
from control.integrations.actions.rules import ActiveConnection, make_run_key
from control.integrations.actions.service import VendorFailure
from control.integrations.bookings.calendar_requests import (
    CANCEL_APPOINTMENT,
    CHANGE_S,
    CREATE_APPOINTMENT,
    GET_APPOINTMENT,
    MOVE_APPOINTMENT,
    OUTCOME_UNKNOWN,
    SLOT_TAKEN,
    BusySpan,
    CalendarRequests,
    make_unavailable,
    make_unknown,
    read_id,
    span_arguments,
)
from control.integrations.bookings.queries import count_attempts, has_attempt, insert_attempt, lock_attempts
from control.integrations.caller_records import queries as caller_records_queries
from control.integrations.caller_records.rules import Appointment, AppointmentStatus, Caller, NewAppointment
from control.outbound_webhooks.event_types import AppointmentEventData
from control.outbound_webhooks.service import ReportedFact, report_facts
from shared.errors import Conflict

log = structlog.get_logger()
T = TypeVar("T")


class InTransaction(Protocol):
    """Runs work in a transaction that is scoped to the workspace (`HandlerContext.in_transaction`)."""

    async def __call__(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Run `work` in a transaction and return its result."""


# -- Bookings --


@dataclass(frozen=True, slots=True)
class BookingOrder:
    """An appointment to book in a calendar.

    Attributes:
        description: Text for people who read the calendar.
    """

    connection: ActiveConnection
    new: NewAppointment
    description: str = ""

    @property
    def key(self) -> str:
        """The idempotency key of this run at the vendor."""
        return make_run_key(self.new.call_id, self.new.run_id)


@dataclass(frozen=True, slots=True)
class Reservation:
    """A time that is reserved for a run.

    Attributes:
        is_new: Whether this is the run's first attempt.
    """

    appointment: Appointment
    is_new: bool


class Bookings(CalendarRequests):
    """Books appointments for calls."""

    async def book(self, order: BookingOrder, in_transaction: InTransaction, now: datetime) -> Appointment:
        """Book an appointment, or return the appointment that an earlier attempt of the run booked.

        Raises Conflict (slot_taken; calendar_unavailable: nothing was booked; outcome_unknown).
        """
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
        """Create the appointment if the time is free, and return the vendor's id. Raises Conflict."""
        new = order.new
        busy = await self.list_busy(order.connection, new.starts_at, new.ends_at)
        if not any(span.starts_at < new.ends_at and span.ends_at > new.starts_at for span in busy):
            return await self._create(order)
        # This run's own event may occupy the time, because its request was still running during the first look-up.
        found = await self.find_by_key(order.connection, order.key) if is_repeat else None
        if found is None:
            raise make_taken()
        return found

    async def _create(self, order: BookingOrder) -> str:
        """Create the appointment at the vendor and return the vendor's id. Raises Conflict."""
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
        """Return the id of the appointment if the vendor created it despite the failure. Otherwise raise Conflict."""
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


async def reserve(db: Connection, new: NewAppointment, now: datetime) -> Reservation:
    """Reserve the time for this run, and enqueue the job that settles the outcome later.

    Raises Conflict (slot_taken). In this case nothing is stored.
    """
    await caller_records_queries.lock_calendar(db, new)
    appointment, is_new = await caller_records_queries.insert_appointment(db, new, now)
    if is_new:
        if await caller_records_queries.is_reserved(db, new, appointment.id, now):
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
    """Store the outcome of a reservation and return its appointment."""
    now = datetime.now(UTC)
    workspace_id = order.new.workspace_id
    outcome = AppointmentOutcome(workspace_id, order.new.call_id, appointment, status, external_id)
    await in_transaction(lambda db: finish_appointment(db, outcome, now))
    log.info("appointment.finished", call_id=str(order.new.call_id), status=status)
    return appointment


def make_taken(what: str = "booked") -> Conflict:
    """Return the error for a time that is already taken.

    Args:
        what: The change that was not made, as a participle such as "booked".
    """
    return Conflict(f"This time is taken. Nothing was {what}: offer another time.", code=SLOT_TAKEN)


@dataclass(frozen=True, slots=True)
class AppointmentOutcome:
    """The outcome of a booking.

    Attributes:
        external_id: The vendor's id of the appointment. None if no appointment was made.
    """

    workspace_id: UUID
    call_id: UUID
    appointment: Appointment
    status: AppointmentStatus
    external_id: str | None


async def finish_appointment(db: Connection, outcome: AppointmentOutcome, now: datetime) -> None:
    """Store the outcome. A booked appointment is reported once, even if several attempts of the run succeed."""
    booked = outcome.appointment
    await caller_records_queries.finish_appointment(
        db, outcome.workspace_id, booked, outcome.status, outcome.external_id, now
    )
    if outcome.status != "booked":
        return
    data = AppointmentEventData(
        appointment_id=booked.id,
        call_id=outcome.call_id,
        integration_id=booked.integration_id,
        starts_at=booked.starts_at,
        ends_at=booked.ends_at,
        replaces=booked.moves,
    )
    fact = ReportedFact(
        workspace_id=outcome.workspace_id,
        type="appointment.booked" if booked.moves is None else "appointment.changed",
        object_id=booked.id,
        at=now,
        data=data,
        call_id=outcome.call_id,
        is_unique=True,
    )
    await report_facts(db, [fact])


# -- Cancel and move the caller's own appointments --

# Maximum number of the caller's appointments that are offered to `choose`.
MOST_OWN: Final = 10
_GONE: Final = ("missing", "gone")


@dataclass(frozen=True, slots=True)
class ChangeOrder:
    """A request by a tool run to change one of the caller's appointments.

    Attributes:
        choose: Returns one of the caller's appointments, or raises a Problem.
    """

    connection: ActiveConnection
    call_id: UUID
    run_id: str
    caller: Caller
    choose: Callable[[Sequence[Appointment]], Appointment]

    @property
    def key(self) -> str:
        """The idempotency key of this run at the vendor."""
        return make_run_key(self.call_id, self.run_id)


@dataclass(frozen=True, slots=True)
class NewTime:
    """The new time of an appointment.

    Attributes:
        reference: Reference for the appointment if it has none.
    """

    starts_at: datetime
    ends_at: datetime
    reference: str


@dataclass(frozen=True, slots=True)
class _Move:
    """A started move.

    Attributes:
        before: The appointment that is moved. None if it no longer exists.
    """

    reservation: Reservation
    new: NewAppointment
    before: Appointment | None


class AppointmentChanges(CalendarRequests):
    """Cancels and moves appointments for calls."""

    async def cancel(self, order: ChangeOrder, in_transaction: InTransaction, now: datetime) -> Appointment:
        """Cancel an appointment, or return the appointment that an earlier attempt of the run canceled.

        Raises Conflict (calendar_unavailable: nothing was canceled; outcome_unknown; change_under_way) and the errors
        of
        `choose`.
        """
        workspace_id = order.connection.workspace_id
        chosen = await in_transaction(lambda db: _begin_cancellation(db, order, now))
        if chosen.status == "canceled":
            return chosen
        try:
            await self._cancel(order.connection, chosen)
        except Conflict as refusal:
            if refusal.code != OUTCOME_UNKNOWN:
                await in_transaction(
                    lambda db: caller_records_queries.clear_change(db, workspace_id, chosen.id, order.key)
                )
            raise
        await in_transaction(lambda db: caller_records_queries.cancel_appointment(db, workspace_id, chosen.id, now))
        log.info("appointment.canceled", call_id=str(order.call_id))
        return chosen

    async def move(
        self,
        order: ChangeOrder,
        plan: Callable[[Appointment], NewTime],
        in_transaction: InTransaction,
        now: datetime,
    ) -> Appointment:
        """Move an appointment, or return the appointment that an earlier attempt of the run moved.

        Raises Conflict (slot_taken, calendar_unavailable, appointment_gone: nothing was moved; outcome_unknown;
        change_under_way) and the errors of `choose` and `plan`.

        Args:
            plan: Returns the new time for the chosen appointment.
        """
        move = await in_transaction(lambda db: _begin_move(db, order, plan, now))
        moved = move.reservation.appointment
        if moved.status == "booked":
            return moved
        if moved.status != "booking" or move.before is None:
            raise make_taken("moved")
        booking = BookingOrder(order.connection, move.new)
        try:
            external_id = await self._move_free(order.connection, move.before, moved, is_new=move.reservation.is_new)
        except Conflict as refusal:
            if refusal.code != OUTCOME_UNKNOWN:
                await store_outcome(booking, moved, "failed", None, in_transaction)
            raise
        return await store_outcome(booking, moved, "booked", external_id, in_transaction)

    async def _cancel(self, connection: ActiveConnection, chosen: Appointment) -> None:
        """Cancel the appointment at the vendor. A missing appointment counts as canceled. Raises Conflict."""
        external_id = chosen.external_id or ""
        try:
            await self._run_within(CHANGE_S, connection, CANCEL_APPOINTMENT, {"external_id": external_id})
        except VendorFailure as failure:
            if failure.kind in _GONE:
                return
            if failure.is_unknown and await self._read_after(connection, external_id, "canceled") is None:
                return
            raise make_unavailable(failure, "Nothing was canceled.") from None

    async def _move_free(
        self, connection: ActiveConnection, before: Appointment, after: Appointment, *, is_new: bool
    ) -> str:
        """Move the appointment if the new time is free, and return the vendor's id. Raises Conflict."""
        external_id = before.external_id or ""
        if not is_new:
            there = await self._read_after(connection, external_id, "moved")
            if there == after.starts_at:
                return external_id
        try:
            busy = await self.list_busy(connection, after.starts_at, after.ends_at)
        except Conflict:
            raise Conflict("The calendar cannot be used now. Nothing was moved.", code="calendar_unavailable") from None
        if any(_takes(span, before, after) for span in busy):
            raise make_taken("moved")
        return await self._move(connection, external_id, after)

    async def _move(self, connection: ActiveConnection, external_id: str, after: Appointment) -> str:
        arguments = {"external_id": external_id, **span_arguments(after.starts_at, after.ends_at)}
        try:
            return read_id(await self._run_within(CHANGE_S, connection, MOVE_APPOINTMENT, arguments), external_id)
        except VendorFailure as failure:
            if failure.kind in _GONE:
                raise _gone() from None
            if failure.kind == "conflict":
                raise make_taken("moved") from None
            if failure.is_unknown:
                there = await self._read_after(connection, external_id, "moved")
                if there is None:
                    raise _gone() from None
                if there == after.starts_at:
                    return external_id
            raise make_unavailable(failure, "Nothing was moved.") from None

    async def _read_after(self, connection: ActiveConnection, external_id: str, what: str) -> datetime | None:
        """Return the appointment's current start, or None if it no longer exists. Raises Conflict (outcome_unknown)."""
        try:
            found = await self.read(connection, external_id)
        except Conflict:
            raise make_unknown(what) from None
        if found is not None and found.starts_at is None:
            raise make_unknown(what)
        return None if found is None else found.starts_at


async def _begin_cancellation(db: Connection, order: ChangeOrder, now: datetime) -> Appointment:
    """Mark the appointment, so that a repeat of the run finds it, and enqueue the job that settles the cancellation."""
    connection = order.connection
    scope = (connection.workspace_id, connection.id)
    await caller_records_queries.lock_copies(db, connection.id)
    begun = await caller_records_queries.select_changed_appointment(db, *scope, order.key)
    if begun is not None:
        return begun
    chosen = await _choose(db, order, now)
    await caller_records_queries.mark_change(db, connection.workspace_id, chosen.id, order.key)
    await enqueue_settlement(db, connection.workspace_id, chosen.id)
    return chosen


async def _begin_move(
    db: Connection, order: ChangeOrder, plan: Callable[[Appointment], NewTime], now: datetime
) -> _Move:
    connection = order.connection
    await caller_records_queries.lock_copies(db, connection.id)
    begun = await caller_records_queries.select_appointment_of_run(
        db, connection.workspace_id, order.call_id, order.run_id
    )
    chosen = await _choose(db, order, now) if begun is None else None
    if begun is not None and begun.moves is not None:
        chosen = await caller_records_queries.select_appointment(db, connection.workspace_id, begun.moves)
    if begun is not None:
        time = NewTime(begun.starts_at, begun.ends_at, begun.reference or "")
        new = _make_new(order, begun, time, begun.moves)
        return _Move(Reservation(begun, is_new=False), new, chosen)
    assert chosen is not None, "the appointment has no change in progress"
    new = _make_new(order, chosen, plan(chosen), chosen.id)
    await _require_movable(db, chosen, new)
    return _Move(await reserve(db, new, now), new, chosen)


async def _require_movable(db: Connection, chosen: Appointment, new: NewAppointment) -> None:
    """Raise Conflict (change_under_way, slot_taken) if the appointment cannot be moved now.

    Free/busy does not show what occupies the appointment's own time, and another entry may overlap with it. The copies
    of a synced calendar show overlapping entries.
    """
    if await caller_records_queries.is_being_canceled(db, new.workspace_id, chosen.id):
        message = "This appointment is being canceled, and it is not known yet whether it was. Nothing was moved."
        raise Conflict(message, code="change_under_way")
    begins, ends = max(chosen.starts_at, new.starts_at), min(chosen.ends_at, new.ends_at)
    if begins < ends and await caller_records_queries.holds_another(
        db, new.workspace_id, new.integration_id, chosen.id, begins, ends
    ):
        raise make_taken("moved")


def _make_new(order: ChangeOrder, of: Appointment, time: NewTime, moves: UUID | None) -> NewAppointment:
    return NewAppointment(
        workspace_id=order.connection.workspace_id,
        integration_id=order.connection.id,
        title=of.title,
        starts_at=time.starts_at,
        ends_at=time.ends_at,
        phone=of.phone,
        call_id=order.call_id,
        run_id=order.run_id,
        calendar_key=order.connection.calendar_key,
        reference=of.reference or time.reference,
        moves=moves,
    )


async def _choose(db: Connection, order: ChangeOrder, now: datetime) -> Appointment:
    """Return one of the caller's appointments. Raises Conflict (change_under_way) and the errors of `choose`."""
    scope = (order.connection.workspace_id, order.connection.id)
    own = await caller_records_queries.select_own_appointments(db, *scope, order.caller, now, MOST_OWN)
    chosen = order.choose(own)
    if await caller_records_queries.has_open_move(db, *scope, chosen.id, now):
        message = "This appointment is being moved, and it is not known yet whether it was. Nothing was changed now."
        raise Conflict(message, code="change_under_way")
    return chosen


def _takes(span: BusySpan, before: Appointment, after: Appointment) -> bool:
    """Return whether an entry other than the moved appointment occupies the new time.

    If the vendor does not name the entry, the appointment's own time counts as free.
    """
    starts_at, ends_at = max(span.starts_at, after.starts_at), min(span.ends_at, after.ends_at)
    if starts_at >= ends_at:
        return False
    if span.external_id:
        return span.external_id != before.external_id
    return not (before.starts_at <= starts_at and ends_at <= before.ends_at)


def _gone() -> Conflict:
    return Conflict("This appointment is no longer in the calendar. Nothing was moved.", code="appointment_gone")


# -- The job that looks up unknown outcomes --

SETTLE_APPOINTMENT: Final = "integrations.settle_appointment"
# Seconds. A tool run ends after at most 20 s, or 40 s if another process takes over the run.
SETTLE_AFTER_S: Final = 120.0


class SettleAppointmentJob(msgspec.Struct, frozen=True):
    """Payload of the job that settles an appointment."""

    workspace_id: UUID
    appointment_id: UUID


async def enqueue_settlement(db: Connection, workspace_id: UUID, appointment_id: UUID) -> None:
    """Enqueue the job that settles a change. Call it in the transaction that starts the change."""
    payload = msgspec.json.encode(SettleAppointmentJob(workspace_id, appointment_id))
    await enqueue(db, SETTLE_APPOINTMENT, payload, delay_s=SETTLE_AFTER_S)


# -- Appointment references that callers state --

# With these limits, a number that guesses all day finds one of 500 upcoming appointments with a chance of 1 in 10,000.
MOST_IN_CALL: Final = 5
MOST_OF_NUMBER: Final = 20


@dataclass(frozen=True, slots=True)
class ReferenceAttempt:
    """An attempt to find an appointment by the reference that the caller stated.

    Attributes:
        number: The customer's number. Empty if it is withheld.
    """

    workspace_id: UUID
    call_id: UUID
    run_id: str
    number: str


async def count_attempt(db: Connection, attempt: ReferenceAttempt, now: datetime) -> None:
    """Record an attempt before the reference is checked, so that the attempt counts even if the process dies.

    Raises Conflict (too_many_references).
    """
    run = (attempt.workspace_id, attempt.call_id, attempt.run_id)
    await lock_attempts(db, attempt.workspace_id)
    if await has_attempt(db, *run):
        return
    in_call, of_number = await count_attempts(db, attempt.workspace_id, attempt.call_id, attempt.number, now)
    if in_call >= MOST_IN_CALL or of_number >= MOST_OF_NUMBER:
        message = "Too many references were tried. Nothing was changed. Take a message instead."
        raise Conflict(message, code="too_many_references")
    await insert_attempt(db, *run, now)

"""Cancels and moves appointments that calls booked, for the callers whose they are.

A move reserves the new time as a booking does; then the vendor moves its event, and the new row takes the place of the
old one. Both requests have the same effect when they are repeated. A failure is resolved by looking at the event.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog

from control.db.pool import Connection
from control.integrations import store_appointment_changes, store_appointments
from control.integrations.action_runner import VendorFailure
from control.integrations.active_connection import ActiveConnection
from control.integrations.appointment_settlement import enqueue_settlement
from control.integrations.bookings import (
    BookingOrder,
    InTransaction,
    Reservation,
    make_taken,
    reserve,
    store_outcome,
)
from control.integrations.calendar_requests import (
    CANCEL_APPOINTMENT,
    CHANGE_S,
    MOVE_APPOINTMENT,
    OUTCOME_UNKNOWN,
    BusySpan,
    CalendarRequests,
    make_unavailable,
    make_unknown,
    read_id,
    span_arguments,
)
from control.integrations.caller_values import Appointment, Caller, NewAppointment
from control.integrations.run_keys import make_run_key
from shared.errors import Conflict

log = structlog.get_logger()

# Of one caller, among which one is chosen.
MOST_OWN: Final = 10
_GONE: Final = ("missing", "gone")


@dataclass(frozen=True, slots=True)
class ChangeOrder:
    """Which appointment a run changes. choose: takes one of the caller's, or raises a Problem."""

    connection: ActiveConnection
    call_id: UUID
    run_id: str
    caller: Caller
    choose: Callable[[Sequence[Appointment]], Appointment]

    @property
    def key(self) -> str:
        """Of this run."""
        return make_run_key(self.call_id, self.run_id)


@dataclass(frozen=True, slots=True)
class NewTime:
    """When an appointment shall be. reference: that it gets if it has none."""

    starts_at: datetime
    ends_at: datetime
    reference: str


class AppointmentChanges(CalendarRequests):
    """Changes for calls."""

    async def cancel(self, order: ChangeOrder, in_transaction: InTransaction, now: datetime) -> Appointment:
        """What was canceled, by this run or an earlier attempt of it. Raises Conflict (calendar_unavailable: nothing
        was canceled; outcome_unknown; change_under_way), and what `choose` raises."""
        workspace_id = order.connection.workspace_id
        chosen = await in_transaction(lambda db: _begin_cancellation(db, order, now))
        if chosen.status == "canceled":
            return chosen
        try:
            await self._cancel(order.connection, chosen)
        except Conflict as refusal:
            if refusal.code != OUTCOME_UNKNOWN:
                await in_transaction(
                    lambda db: store_appointment_changes.clear_change(db, workspace_id, chosen.id, order.key)
                )
            raise
        await in_transaction(lambda db: store_appointment_changes.cancel(db, workspace_id, chosen.id, now))
        log.info("appointment.canceled", call_id=str(order.call_id))
        return chosen

    async def move(
        self,
        order: ChangeOrder,
        plan: Callable[[Appointment], NewTime],
        in_transaction: InTransaction,
        now: datetime,
    ) -> Appointment:
        """The appointment at its new time. plan: the new time of the chosen one, or raises a Problem. Raises Conflict
        (slot_taken, calendar_unavailable, appointment_gone: nothing was moved; outcome_unknown; change_under_way), and
        what `choose` raises."""
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
        """Raises Conflict. What is gone already counts as canceled."""
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
        """The vendor's id. Raises Conflict."""
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
        """When the appointment begins by now; None: it is gone. Raises Conflict (outcome_unknown)."""
        try:
            found = await self.read(connection, external_id)
        except Conflict:
            raise make_unknown(what) from None
        if found is not None and found.starts_at is None:
            raise make_unknown(what)
        return None if found is None else found.starts_at


@dataclass(frozen=True, slots=True)
class _Move:
    """before: the appointment that is moved; None if it is gone meanwhile."""

    reservation: Reservation
    new: NewAppointment
    before: Appointment | None


async def _begin_cancellation(db: Connection, order: ChangeOrder, now: datetime) -> Appointment:
    """Marks the appointment, so that a repeat of the run finds the same one, and a job looks after it."""
    connection = order.connection
    scope = (connection.workspace_id, connection.id)
    await store_appointments.lock_copies(db, connection.id)
    begun = await store_appointment_changes.select_by_change(db, *scope, order.key)
    if begun is not None:
        return begun
    chosen = await _choose(db, order, now)
    await store_appointment_changes.mark_change(db, connection.workspace_id, chosen.id, order.key)
    await enqueue_settlement(db, connection.workspace_id, chosen.id)
    return chosen


async def _begin_move(
    db: Connection, order: ChangeOrder, plan: Callable[[Appointment], NewTime], now: datetime
) -> _Move:
    connection = order.connection
    await store_appointments.lock_copies(db, connection.id)
    begun = await store_appointment_changes.select_by_run(db, connection.workspace_id, order.call_id, order.run_id)
    chosen = await _choose(db, order, now) if begun is None else None
    if begun is not None and begun.moves is not None:
        chosen = await store_appointment_changes.select(db, connection.workspace_id, begun.moves)
    if begun is not None:
        time = NewTime(begun.starts_at, begun.ends_at, begun.reference or "")
        new = _make_new(order, begun, time, begun.moves)
        return _Move(Reservation(begun, is_new=False), new, chosen)
    assert chosen is not None, "chosen where nothing has begun"
    new = _make_new(order, chosen, plan(chosen), chosen.id)
    await _require_movable(db, chosen, new)
    return _Move(await reserve(db, new, now), new, chosen)


async def _require_movable(db: Connection, chosen: Appointment, new: NewAppointment) -> None:
    """Raises Conflict (change_under_way, slot_taken). Free/busy does not tell whose the appointment's own time is, in
    which something else may lie: the copies of the calendar do, if it is synced."""
    if await store_appointment_changes.is_being_canceled(db, new.workspace_id, chosen.id):
        message = "This appointment is being canceled, and it is not known yet whether it was. Nothing was moved."
        raise Conflict(message, code="change_under_way")
    begins, ends = max(chosen.starts_at, new.starts_at), min(chosen.ends_at, new.ends_at)
    if begins < ends and await store_appointment_changes.holds_another(
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
    """One of the caller's appointments. Raises Conflict (change_under_way), what `choose` raises."""
    scope = (order.connection.workspace_id, order.connection.id)
    own = await store_appointment_changes.select_own(db, *scope, order.caller, now, MOST_OWN)
    chosen = order.choose(own)
    if await store_appointment_changes.has_open_move(db, *scope, chosen.id, now):
        message = "This appointment is being moved, and it is not known yet whether it was. Nothing was changed now."
        raise Conflict(message, code="change_under_way")
    return chosen


def _takes(span: BusySpan, before: Appointment, after: Appointment) -> bool:
    """Whether the time is taken by anything but the moved appointment itself. Where the vendor does not tell what takes
    a time, the appointment's own time counts as free."""
    starts_at, ends_at = max(span.starts_at, after.starts_at), min(span.ends_at, after.ends_at)
    if starts_at >= ends_at:
        return False
    if span.external_id:
        return span.external_id != before.external_id
    return not (before.starts_at <= starts_at and ends_at <= before.ends_at)


def _gone() -> Conflict:
    return Conflict("This appointment is no longer in the calendar. Nothing was moved.", code="appointment_gone")

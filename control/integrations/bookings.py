"""Books appointments in a connected calendar: each run once, and no time twice.

A booking first reserves its time in our database, under a lock of the calendar, so that of two calls only one goes on.
Then free/busy is asked for again, and only then the vendor makes the appointment, under a key that is the same for
repeats of the run. What the vendor answers decides; while that is unknown the reservation stays.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final, Protocol, TypeVar

import structlog

from control.db.pool import Connection, Pool
from control.integrations import store_appointments
from control.integrations.action_runner import ActionCall, ActionRunner, VendorFailure
from control.integrations.active_connection import ActiveConnection
from control.integrations.caller_values import Appointment, AppointmentStatus, NewAppointment
from control.integrations.connections import Connections
from control.integrations.mapped_records import VendorRecord
from control.integrations.service import Integrations
from control.integrations.synced_records import LONGEST_ID, parse_moment
from control.integrations.vendor_http import VendorHttp
from shared.errors import Conflict

log = structlog.get_logger()
T = TypeVar("T")

LIST_BUSY: Final = "list_busy"
CREATE_APPOINTMENT: Final = "create_appointment"
GET_APPOINTMENT: Final = "get_appointment"
# What a type declares whose calendars agents book in. GET_APPOINTMENT is optional: it finds out what became of a
# request without an answer.
CALENDAR_ACTIONS: Final = (LIST_BUSY, CREATE_APPOINTMENT)
# Of a request to a vendor while a caller waits, in seconds.
CALL_REQUEST_S: Final = 5.0
SLOT_TAKEN: Final = "slot_taken"


class InTransaction(Protocol):
    """Runs work in a transaction in the scope of the workspace (`HandlerContext.in_transaction`)."""

    async def __call__(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Returns what `work` returns."""


@dataclass(frozen=True, slots=True)
class BusySpan:
    """A time that is taken."""

    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class BookingOrder:
    """What is to be booked in which calendar. description: for the people who read the calendar."""

    connection: ActiveConnection
    new: NewAppointment
    description: str = ""

    @property
    def key(self) -> str:
        """Of this run, for the vendor: 32 characters of 0-9a-f, which Google takes as an event's id (base32hex)."""
        return sha256(f"{self.new.call_id}:{self.new.run_id}".encode()).hexdigest()[:32]


class Bookings:
    """runner: of requests while a caller waits."""

    def __init__(self, runner: ActionRunner) -> None:
        self._runner = runner

    async def close(self) -> None:
        """Waits until no grant is being refreshed."""
        await self._runner.close()

    async def list_busy(self, connection: ActiveConnection, begins: datetime, ends: datetime) -> list[BusySpan]:
        """The times that are taken. Raises Conflict (calendar_unavailable)."""
        arguments = {"from": format_utc(begins), "until": format_utc(ends)}
        try:
            records = await self._run(connection, LIST_BUSY, arguments)
        except VendorFailure as failure:
            raise _unavailable(failure) from None
        spans = [_span(record) for record in records]
        if None in spans:  # left out, it would count as free, and be booked twice
            raise _unavailable(VendorFailure("unreadable", "a busy time has no zone, or is none"))
        return [span for span in spans if span is not None]

    async def book(self, order: BookingOrder, in_transaction: InTransaction, now: datetime) -> Appointment:
        """The appointment, made by this run or an earlier attempt of it. Raises Conflict: slot_taken,
        calendar_unavailable (nothing was booked), outcome_unknown."""
        reserved = await in_transaction(lambda db: _reserve(db, order.new, now))
        appointment = reserved.appointment
        if appointment.status == "booked":
            return appointment
        if appointment.status != "booking":
            raise _taken()
        if not reserved.is_new:
            if order.connection.type_config.action(GET_APPOINTMENT) is None:
                raise _unknown()
            found = await self._find(order)
            if found is not None:
                return await self._finish(order, appointment, "booked", found, in_transaction)
        try:
            external_id = await self._book_free(order, is_repeat=not reserved.is_new)
        except Conflict as refusal:
            if refusal.code != "outcome_unknown":
                await self._finish(order, appointment, "failed", None, in_transaction)
            raise
        return await self._finish(order, appointment, "booked", external_id, in_transaction)

    async def _book_free(self, order: BookingOrder, *, is_repeat: bool) -> str:
        """The vendor's id. Raises Conflict."""
        new = order.new
        busy = await self.list_busy(order.connection, new.starts_at, new.ends_at)
        if not any(span.starts_at < new.ends_at and span.ends_at > new.starts_at for span in busy):
            return await self._create(order)
        # What takes the time may be this run's own event, whose request was still under way when it was looked for.
        found = await self._find(order) if is_repeat else None
        if found is None:
            raise _taken()
        return found

    async def _create(self, order: BookingOrder) -> str:
        """The vendor's id."""
        new = order.new
        arguments = {
            "title": new.title,
            "description": order.description,
            "starts_at": format_utc(new.starts_at),
            "ends_at": format_utc(new.ends_at),
        }
        try:
            return _read_id(await self._run(order.connection, CREATE_APPOINTMENT, arguments, order.key), order.key)
        except VendorFailure as failure:
            return await self._resolve(order, failure)

    async def _resolve(self, order: BookingOrder, failure: VendorFailure) -> str:
        """The id of what was made in spite of the failure. Raises Conflict."""
        if failure.kind != "conflict" and not failure.is_unknown:
            raise _unavailable(failure)
        found = await self._find(order)
        if found is not None:
            return found
        if failure.kind == "conflict":
            raise _taken()
        if order.connection.type_config.action(GET_APPOINTMENT) is not None:
            raise _unavailable(failure)
        raise _unknown()

    async def _find(self, order: BookingOrder) -> str | None:
        """The id of what an earlier attempt of this run made; None: it made nothing, or the type cannot tell. Raises
        Conflict (outcome_unknown) if the vendor does not answer."""
        if order.connection.type_config.action(GET_APPOINTMENT) is None:
            return None
        try:
            found = await self._run(order.connection, GET_APPOINTMENT, {"external_id": order.key}, order.key)
            return _read_id(found, order.key)
        except VendorFailure as failure:
            if failure.kind in ("missing", "gone"):
                return None
            raise _unknown() from None

    async def _finish(
        self,
        order: BookingOrder,
        appointment: Appointment,
        status: AppointmentStatus,
        external_id: str | None,
        in_transaction: InTransaction,
    ) -> Appointment:
        now = datetime.now(UTC)
        workspace_id = order.new.workspace_id
        await in_transaction(
            lambda db: store_appointments.finish(db, workspace_id, appointment, status, external_id, now)
        )
        log.info("appointment.finished", call_id=str(order.new.call_id), status=status)
        return appointment

    async def _run(
        self, connection: ActiveConnection, name: str, arguments: Mapping[str, Any], key: str = ""
    ) -> list[VendorRecord]:
        action = connection.type_config.action(name)
        assert action is not None, "the connection was chosen by its actions"
        return await self._runner.run(connection, ActionCall(action, arguments, key))


def make_bookings(pool: Pool, integrations: Integrations) -> Bookings:
    """For calls: their requests are shorter than those of jobs."""
    return Bookings(make_action_runner(pool, integrations, CALL_REQUEST_S))


def make_action_runner(pool: Pool, integrations: Integrations, timeout_s: float | None = None) -> ActionRunner:
    """timeout_s: of a request; None: as of all exchanges with vendors."""
    access = Connections(pool, integrations.accounts, integrations.requests, integrations.policy)
    http = integrations.http if timeout_s is None else VendorHttp(integrations.http.guard, timeout_s)
    return ActionRunner(access, http)


def format_utc(moment: datetime) -> str:
    """RFC 3339."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class _Reservation:
    """is_new: this attempt is the run's first."""

    appointment: Appointment
    is_new: bool


async def _reserve(db: Connection, new: NewAppointment, now: datetime) -> _Reservation:
    """Raises Conflict (slot_taken), without a trace."""
    await store_appointments.lock_calendar(db, new.integration_id)
    appointment, is_new = await store_appointments.insert(db, new, now)
    if is_new and await store_appointments.is_reserved(db, new, appointment.id, now):
        raise _taken()
    return _Reservation(appointment, is_new)


def _span(record: VendorRecord) -> BusySpan | None:
    starts_at, ends_at = parse_moment(record.get("starts_at")), parse_moment(record.get("ends_at"))
    return None if starts_at is None or ends_at is None else BusySpan(starts_at, ends_at)


def _read_id(records: Sequence[VendorRecord], key: str) -> str:
    """The appointment's id; the key where the vendor tells none, or one that the index cannot hold. Raises
    VendorFailure (unreadable) for what is not one record."""
    if len(records) != 1:
        raise VendorFailure("unreadable", f"the answer has {len(records)} appointments")
    external_id = str(records[0].get("external_id") or key)
    return external_id if len(external_id) <= LONGEST_ID else key


def _taken() -> Conflict:
    return Conflict("This time is taken. Nothing was booked: offer another time.", code=SLOT_TAKEN)


def _unavailable(failure: VendorFailure) -> Conflict:
    log.warning("calendar.unavailable", kind=failure.kind)
    return Conflict("The calendar cannot be used now. Nothing was booked.", code="calendar_unavailable")


def _unknown() -> Conflict:
    message = "It is not known whether this was booked. Say so, and that the business will confirm it."
    return Conflict(message, code="outcome_unknown")

"""The calendar tools in a call: callers ask for free times, and book, move or cancel appointments.

Times are local: the model reads and writes them by the workspace's clock, and the answer names the time zone. The owner
of an appointment is identified by the number of the call, or by the reference given at the booking. With a name
instead, any caller could change anybody's appointments.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta, Struct
from pydantic import ValidationError

from control.agents.call_tools.contacts import customer_number
from control.agents.call_tools.free_times import CalendarRules, FreeSpan, exists, is_bookable, list_free
from control.agents.call_tools.queries import select_config
from control.agents.config_parts import OFFICE_HOURS, AgentCalendar, OpeningHours
from control.carriers.rules import is_valid
from control.db.pool import Connection
from control.integrations.actions.rules import ActiveConnection
from control.integrations.actions.service import find_connection
from control.integrations.bookings.calendar_requests import (
    CALENDAR_ACTIONS,
    CANCEL_APPOINTMENT,
    MOVE_APPOINTMENT,
    make_unknown,
)
from control.integrations.bookings.service import (
    AppointmentChanges,
    BookingOrder,
    Bookings,
    ChangeOrder,
    NewTime,
    ReferenceAttempt,
    count_attempt,
)
from control.integrations.caller_records.rules import Appointment, Caller, NewAppointment, clean_name
from control.media_requests.handlers import HandlerContext, MediaRequestHandler, RemoteTool
from shared.errors import Conflict, Invalid
from shared.local_time import find_zone, format_date, format_moment, zone_name

T = TypeVar("T", bound=Struct)

MOST_DAYS: Final = 14
# Maximum number of free times in a result, because the model reads them aloud.
MOST_TOLD: Final = 30
LONGEST_TEXT: Final = 500
# With 500 future appointments, a guess matches one of them with a probability of 1 in 200,000.
REFERENCE_DIGITS: Final = 8
# Seconds reserved before the request's deadline for storing the outcome of a change.
STORE_S: Final = 2.0


class AvailabilityArguments(Struct, frozen=True):
    """Arguments that the model passes to check_availability. Null counts as omitted."""

    date: str | None = None
    days: Annotated[int, Meta(ge=1, le=MOST_DAYS)] | None = None


class BookingArguments(Struct, frozen=True):
    """Arguments that the model passes to book_appointment. Null counts as omitted."""

    start: str
    name: Annotated[str, Meta(min_length=1, max_length=LONGEST_TEXT)]
    reason: Annotated[str, Meta(max_length=LONGEST_TEXT)] | None = None


@dataclass(frozen=True, slots=True)
class CallCalendar:
    """The calendar of a call's agent.

    Attributes:
        needs_reference: Whether changing an appointment requires its reference.
    """

    connection: ActiveConnection
    rules: CalendarRules
    needs_reference: bool = False

    @property
    def can_change(self) -> bool:
        """Return whether appointments can be canceled or moved by phone, so that their reference is useful."""
        action = self.connection.type_config.action
        return any(action(name) is not None for name in (CANCEL_APPOINTMENT, MOVE_APPOINTMENT))


class CalendarTools:
    """The tools that find free times and book appointments.

    Args:
        bookings: None without access to vendors. The tools then report that no calendar is connected.
    """

    def __init__(self, bookings: Bookings | None) -> None:
        self._bookings = bookings

    async def check(self, context: HandlerContext) -> str:
        """Return the free times in words.

        Raises Invalid (arguments_invalid) and Conflict (no_calendar, calendar_unavailable).
        """
        arguments = parse_arguments(context.arguments, AvailabilityArguments)
        bookings, calendar = await self._open(context)
        rules = calendar.rules
        first = parse_day(arguments.date) if arguments.date else context.now.astimezone(rules.zone).date()
        days = arguments.days or 3
        begins = datetime.combine(first, datetime.min.time(), rules.zone)
        busy = await bookings.list_busy(calendar.connection, begins, begins + timedelta(days=days + 1))
        return describe_free(rules, list_free(rules, busy, first, days))

    async def book(self, context: HandlerContext) -> str:
        """Book an appointment and return a description of the booking.

        Raises Invalid (arguments_invalid) and Conflict (no_calendar, time_not_bookable, slot_taken,
        calendar_unavailable, outcome_unknown).
        """
        arguments = parse_arguments(context.arguments, BookingArguments)
        bookings, calendar = await self._open(context)
        rules, call = calendar.rules, context.call
        starts_at = parse_start(arguments.start, rules.zone)
        ends_at = (starts_at.astimezone(UTC) + rules.length).astimezone(rules.zone)
        require_bookable(rules, starts_at, ends_at)
        number, name = customer_number(call), clean_name(arguments.name)
        reason = clean_name(arguments.reason)
        new = NewAppointment(
            workspace_id=call.workspace_id,
            integration_id=calendar.connection.id,
            title=f"{name}: {reason}" if reason else name or "Appointment",
            starts_at=starts_at,
            ends_at=ends_at,
            phone=number if is_valid(number) else None,
            call_id=call.id,
            run_id=context.run_id,
            calendar_key=calendar.connection.calendar_key,
            reference=make_reference(),
        )
        order = BookingOrder(calendar.connection, new, f"Booked by phone{f', {number}' if new.phone else ''}.")
        try:
            async with asyncio.timeout(max(context.left_s - STORE_S, 0.1)):
                booked = await bookings.book(order, context.in_transaction, context.now)
        except TimeoutError:
            raise make_unknown() from None
        text = describe_booking(new.title, starts_at, rules.length)
        return text + (describe_reference(booked.reference) if calendar.can_change else "")

    async def _open(self, context: HandlerContext) -> tuple[Bookings, CallCalendar]:
        calendar = await context.in_transaction(lambda db: find_calendar(db, context))
        if self._bookings is None or calendar is None:
            raise Conflict("No calendar is connected: nothing can be looked up or booked.", code="no_calendar")
        return self._bookings, calendar


def make_calendar_tools(bookings: Bookings | None) -> tuple[RemoteTool, RemoteTool]:
    """Return the tools that find free times and book appointments.

    Args:
        bookings: See CalendarTools.
    """
    tools = CalendarTools(bookings)
    return (
        RemoteTool(
            name="check_availability",
            description="The free times of the business's calendar, by its local time. Use it before you offer a time.",
            parameters=_AVAILABILITY,
            handler=MediaRequestHandler(tools.check),
            timeout_s=15.0,
        ),
        RemoteTool(
            name="book_appointment",
            description="Books an appointment at a time that check_availability has found free. Read name, date and "
            "time back to the caller and wait for a yes before you call it; say that it is booked only after it "
            "answered so.",
            parameters=_BOOKING,
            # The vendor recognizes a run by its key, so a run with an unknown outcome can be repeated.
            handler=MediaRequestHandler(tools.book, effect="repeatable"),
            timeout_s=20.0,
        ),
    )


def describe_free(rules: CalendarRules, free: Sequence[FreeSpan]) -> str:
    """Return the free times for the language model, with a line for each day."""
    minutes = round(rules.length.total_seconds() / 60)
    if not free:
        return "There is no free time on these days. Offer to look at later days."
    head = f"Free times (time zone {rules.zone.key}; an appointment takes {minutes} minutes):"
    lines = [head]
    for day, spans in groupby(free[:MOST_TOLD], key=lambda span: span.starts_at.date()):
        local = datetime.combine(day, datetime.min.time())
        times = ", ".join(f"{span.starts_at:%H:%M} to {span.ends_at:%H:%M}" for span in spans)
        lines.append(f"{local:%A}, {format_date(local)} ({day.isoformat()}): {times}.")
    return "\n".join([*lines, *(["There are more."] if len(free) > MOST_TOLD else [])])


def describe_booking(title: str, starts_at: datetime, length: timedelta) -> str:
    """Return a description of the booking, for the model to read back."""
    minutes = round(length.total_seconds() / 60)
    return (
        f"Booked: {title}, {format_moment(starts_at)} ({zone_name(starts_at)}), {minutes} minutes. Tell the caller the "
        "date and the time."
    )


def describe_reference(reference: str | None) -> str:
    """Return a further sentence for the model, with the digits of the reference in spoken groups."""
    if reference is None:
        return ""
    groups = " ".join(reference[at : at + 4] for at in range(0, len(reference), 4))
    return f" Its reference, by which it can be changed from another phone: {groups}."


def make_reference() -> str:
    """Return random digits that callers can say or press."""
    return "".join(secrets.choice("0123456789") for _ in range(REFERENCE_DIGITS))


def parse_start(text: str, zone: ZoneInfo, name: str = "start") -> datetime:
    """Parse a local time, or a time with an offset, to a time in the zone. Raises Invalid (arguments_invalid).

    Args:
        name: Name of the argument, for the error.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise _invalid(name, "write it as 2026-12-01T14:30, by the local time of the business") from None
    _require_year(name, moment)
    if moment.tzinfo is not None:
        return moment.astimezone(zone)
    if not exists(moment, zone):
        raise _invalid(name, "clocks are put forward over this time; choose another one")
    return moment.replace(tzinfo=zone)


def parse_day(text: str) -> date:
    """Parse a date such as 2026-12-01. Raises Invalid (arguments_invalid)."""
    try:
        day = date.fromisoformat(text.strip()[:10])
    except ValueError:
        raise _invalid("date", "write it as 2026-12-01") from None
    _require_year("date", day)
    return day


async def find_calendar(db: Connection, context: HandlerContext) -> CallCalendar | None:
    """Return the calendar of the call's agent, or None if no calendar is connected."""
    call = context.call
    config = await select_config(db, call.workspace_id, call.id)
    settings, hours = _read_settings(config.get("calendar") or {}), _read_hours(config.get("hours"))
    wanted = UUID(settings.integration_id) if settings.integration_id else None
    connection = await find_connection(db, call.workspace_id, CALENDAR_ACTIONS, wanted)
    if connection is None:
        return None
    rules = CalendarRules(
        hours=hours,
        zone=find_zone(call.timezone),
        length=timedelta(minutes=settings.appointment_minutes),
        earliest=context.now + timedelta(minutes=settings.notice_minutes),
        latest=context.now + timedelta(days=settings.days_ahead),
    )
    return CallCalendar(connection, rules, settings.changes_need_reference)


def _read_settings(stored: Any) -> AgentCalendar:
    """Return the stored settings, or the defaults if only an older schema allowed the stored settings."""
    try:
        return AgentCalendar.model_validate(stored)
    except ValidationError:
        return AgentCalendar()


def _read_hours(stored: Any) -> OpeningHours:
    try:
        return OpeningHours.model_validate(stored) if stored else OFFICE_HOURS
    except ValidationError:
        return OFFICE_HOURS


def require_bookable(
    rules: CalendarRules, starts_at: datetime, ends_at: datetime, undone: str = "Nothing was booked"
) -> None:
    """Raise Conflict (time_not_bookable) if the time cannot be booked.

    Args:
        undone: What was not done, for the error message.
    """
    if starts_at < rules.earliest:
        raise Conflict(f"This time is too soon or past. {undone}.", code="time_not_bookable")
    if not is_bookable(rules, starts_at, ends_at):
        message = f"This time is outside of the times that can be booked. {undone}: see check_availability."
        raise Conflict(message, code="time_not_bookable")


def parse_arguments(text: str, kind: type[T]) -> T:
    """Parse the arguments that the model passes to a tool. Raises Invalid (arguments_invalid)."""
    try:
        return msgspec.json.decode(text, type=kind, strict=False)  # Models also write numbers as texts.
    except msgspec.DecodeError as error:
        raise Invalid(f"The arguments are invalid: {error}.", code="arguments_invalid") from None


def _require_year(name: str, day: date) -> None:
    """Raise an error for dates whose arithmetic would exceed Python's range of dates."""
    if not 2000 < day.year < 2200:
        raise _invalid(name, "its year is wrong")


def _invalid(name: str, why: str) -> Invalid:
    return Invalid(f"{name}: {why}.", code="arguments_invalid", param=name)


_AVAILABILITY: Final = {
    "type": "object",
    "properties": {
        "date": {"type": "string", "description": "The first day, as 2026-12-01; today if left out."},
        "days": {"type": "integer", "minimum": 1, "maximum": MOST_DAYS, "description": "How many days; 3 if left out."},
    },
}
_BOOKING: Final = {
    "type": "object",
    "properties": {
        "start": {"type": "string", "description": "As 2026-12-01T14:30, by the local time of the business."},
        "name": {"type": "string", "maxLength": LONGEST_TEXT, "description": "The caller's name."},
        "reason": {"type": "string", "maxLength": LONGEST_TEXT, "description": "What it is about, in few words."},
    },
    "required": ["start", "name"],
}


R = TypeVar("R")


class CancellationArguments(Struct, frozen=True):
    """Arguments that the model passes to cancel_appointment. Null counts as omitted."""

    start: Annotated[str, Meta(max_length=LONGEST_TEXT)] | None = None
    reference: Annotated[str, Meta(max_length=LONGEST_TEXT)] | None = None


class MoveArguments(Struct, frozen=True):
    """Arguments that the model passes to move_appointment. Null counts as omitted."""

    new_start: Annotated[str, Meta(max_length=LONGEST_TEXT)]
    start: Annotated[str, Meta(max_length=LONGEST_TEXT)] | None = None
    reference: Annotated[str, Meta(max_length=LONGEST_TEXT)] | None = None


class AppointmentTools:
    """The tools that move and cancel appointments.

    Args:
        changes: None without access to vendors. The tools then report that no calendar is connected.
    """

    def __init__(self, changes: AppointmentChanges | None) -> None:
        self._changes = changes

    async def cancel(self, context: HandlerContext) -> str:
        """Cancel an appointment and return a description of it.

        Raises Invalid (arguments_invalid) and Conflict (no_calendar, change_unsupported, appointment_unknown,
        appointment_ambiguous, change_under_way, calendar_unavailable, outcome_unknown, too_many_references).
        """
        arguments = parse_arguments(context.arguments, CancellationArguments)
        changes, calendar = await self._open(context, CANCEL_APPOINTMENT)
        order = await _make_order(context, calendar, arguments.start, arguments.reference)
        canceled = await _within(context, "canceled", changes.cancel(order, context.in_transaction, context.now))
        at = canceled.starts_at.astimezone(calendar.rules.zone)
        return f"Canceled: {canceled.title}, {format_moment(at)} ({zone_name(at)}). Tell the caller so."

    async def move(self, context: HandlerContext) -> str:
        """Move an appointment and return a description of its new time.

        Raises the errors of `cancel`, and Conflict (time_not_bookable, slot_taken, appointment_gone).
        """
        arguments = parse_arguments(context.arguments, MoveArguments)
        changes, calendar = await self._open(context, MOVE_APPOINTMENT)
        order = await _make_order(context, calendar, arguments.start, arguments.reference)
        starts_at = parse_start(arguments.new_start, calendar.rules.zone, "new_start")

        def plan(chosen: Appointment) -> NewTime:
            ends_at = (starts_at.astimezone(UTC) + (chosen.ends_at - chosen.starts_at)).astimezone(starts_at.tzinfo)
            require_bookable(calendar.rules, starts_at, ends_at, "Nothing was moved")
            return NewTime(starts_at, ends_at, make_reference())

        moved = await _within(context, "moved", changes.move(order, plan, context.in_transaction, context.now))
        at = moved.starts_at.astimezone(calendar.rules.zone)
        return (
            f"Moved: {moved.title}, now {format_moment(at)} ({zone_name(at)}). Tell the caller the new date and time."
            f"{describe_reference(moved.reference)}"
        )

    async def _open(self, context: HandlerContext, action: str) -> tuple[AppointmentChanges, CallCalendar]:
        calendar = await context.in_transaction(lambda db: find_calendar(db, context))
        if self._changes is None or calendar is None:
            raise Conflict("No calendar is connected: nothing can be changed.", code="no_calendar")
        if calendar.connection.type_config.action(action) is None:
            message = "Appointments of this calendar cannot be changed by phone: the business has to do it."
            raise Conflict(message, code="change_unsupported")
        return self._changes, calendar


def make_appointment_tools(changes: AppointmentChanges | None) -> tuple[RemoteTool, RemoteTool]:
    """Return the tools that move and cancel appointments.

    Args:
        changes: See AppointmentTools.
    """
    tools = AppointmentTools(changes)
    return (
        RemoteTool(
            name="cancel_appointment",
            description="Cancels an appointment that was booked by phone from the caller's number, or whose reference "
            "the caller tells. Read its date and time back and wait for a yes before you call it; say that it is "
            "canceled only after it answered so.",
            parameters={"type": "object", "properties": {"start": _START, "reference": _REFERENCE}},
            # The vendor cancels and moves by id, and a repeated run finds the appointment again.
            handler=MediaRequestHandler(tools.cancel, effect="repeatable"),
            timeout_s=20.0,
        ),
        RemoteTool(
            name="move_appointment",
            description="Moves an appointment that was booked by phone from the caller's number, or whose reference "
            "the caller tells, to a time that check_availability has found free. Read both times back and wait for a "
            "yes before you call it; say that it is moved only after it answered so.",
            parameters={
                "type": "object",
                "properties": {"new_start": _NEW_START, "start": _START, "reference": _REFERENCE},
                "required": ["new_start"],
            },
            handler=MediaRequestHandler(tools.move, effect="repeatable"),
            timeout_s=20.0,
        ),
    )


def choose(own: Sequence[Appointment], at: datetime | None, zone: ZoneInfo) -> Appointment:
    """Return the appointment that the caller means. Raises Conflict (appointment_unknown, appointment_ambiguous).

    Args:
        at: Start of the appointment; None if unknown.
    """
    if not own:
        message = (
            "No coming appointment is known by the number of this call, or by this reference. Nothing was changed. Ask "
            "for the reference that was told at the booking, or take a message."
        )
        raise Conflict(message, code="appointment_unknown")
    meant = [appointment for appointment in own if at is None or appointment.starts_at == at]
    if len(meant) == 1:
        return meant[0]
    times = "; ".join(format_moment(appointment.starts_at.astimezone(zone)) for appointment in own)
    raise Conflict(f"Nothing was changed. Ask which one is meant: {times}.", code="appointment_ambiguous")


def read_reference(text: str) -> str:
    """Return the digits of a reference from the caller's words. Raises Invalid (arguments_invalid)."""
    digits = "".join(sign for sign in text if sign.isascii() and sign.isdecimal())
    if len(digits) != REFERENCE_DIGITS:
        message = f"reference: it has {REFERENCE_DIGITS} digits."
        raise Invalid(message, code="arguments_invalid", param="reference")
    return digits


async def _make_order(
    context: HandlerContext, calendar: CallCalendar, start: str | None, reference: str | None
) -> ChangeOrder:
    zone, number = calendar.rules.zone, customer_number(context.call)
    told = read_reference(reference) if reference else None
    if told is not None:
        attempt = ReferenceAttempt(context.call.workspace_id, context.call.id, context.run_id, number)
        await context.in_transaction(lambda db: count_attempt(db, attempt, context.now))
    # We dialed this number ourselves on an outbound call; the number of an inbound call may be spoofed.
    if told is None and calendar.needs_reference and context.call.direction != "outbound":
        raise Conflict("Ask for the reference that was told at the booking.", code="reference_needed")
    at = parse_start(start, zone) if start else None
    return ChangeOrder(
        connection=calendar.connection,
        call_id=context.call.id,
        run_id=context.run_id,
        caller=Caller(number if is_valid(number) else None, told),
        choose=lambda own: choose(own, at, zone),
    )


async def _within(context: HandlerContext, what: str, change: Awaitable[R]) -> R:
    """Await the change, but leave time to store its result and to answer. Raises Conflict (outcome_unknown)."""
    try:
        async with asyncio.timeout(max(context.left_s - STORE_S, 0.1)):
            return await change
    except TimeoutError:
        raise make_unknown(what) from None


_START: Final[dict[str, Any]] = {
    "type": "string",
    "description": "When the appointment begins now, as 2026-12-01T14:30, if the caller has several.",
}
_NEW_START: Final[dict[str, Any]] = {
    "type": "string",
    "description": "As 2026-12-01T14:30, by the local time of the business.",
}
_REFERENCE: Final[dict[str, Any]] = {
    "type": "string",
    "description": f"{REFERENCE_DIGITS} digits that were told at the booking, if it was booked from another phone.",
}

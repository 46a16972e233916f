"""The tools `check_availability` and `book_appointment`: a connected calendar in a call.

Times are the workspace's: the model gets and gives them by the clock on the wall, and the answer says the zone.
"""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta, Struct
from pydantic import ValidationError

from control.agents.calendar_config import OFFICE_HOURS, AgentCalendar
from control.agents.contacts import customer_number
from control.agents.free_times import CalendarRules, FreeSpan, exists, is_bookable, list_free
from control.agents.hours_config import OpeningHours
from control.agents.read_call_config import select_config
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
from control.integrations.bookings.service import BookingOrder, Bookings
from control.integrations.caller_records.rules import NewAppointment, clean_name
from control.media_requests.handlers import HandlerContext, MediaRequestHandler, RemoteTool
from shared.errors import Conflict, Invalid
from shared.local_time import find_zone, format_date, format_moment, zone_name

T = TypeVar("T", bound=Struct)

MOST_DAYS: Final = 14
# Free times that are told: the model reads them out.
MOST_TOLD: Final = 30
LONGEST_TEXT: Final = 500
# A guess names one of 500 coming appointments with a chance of 1 in 200,000.
REFERENCE_DIGITS: Final = 8
# To store the outcome of a change before the request's deadline, in seconds.
STORE_S: Final = 2.0


class AvailabilityArguments(Struct, frozen=True):
    """What the model passes; null counts as left out."""

    date: str | None = None
    days: Annotated[int, Meta(ge=1, le=MOST_DAYS)] | None = None


class BookingArguments(Struct, frozen=True):
    """What the model passes; null counts as left out."""

    start: str
    name: Annotated[str, Meta(min_length=1, max_length=LONGEST_TEXT)]
    reason: Annotated[str, Meta(max_length=LONGEST_TEXT)] | None = None


@dataclass(frozen=True, slots=True)
class CallCalendar:
    """The calendar of a call's agent. needs_reference: to change what was booked."""

    connection: ActiveConnection
    rules: CalendarRules
    needs_reference: bool = False

    @property
    def can_change(self) -> bool:
        """Whether appointments can be canceled or moved here, so that their reference is of use."""
        action = self.connection.type_config.action
        return any(action(name) is not None for name in (CANCEL_APPOINTMENT, MOVE_APPOINTMENT))


class CalendarTools:
    """bookings: None where there are no vendors to ask; then the tools say that there is no calendar."""

    def __init__(self, bookings: Bookings | None) -> None:
        self._bookings = bookings

    async def check(self, context: HandlerContext) -> str:
        """The free times in words. Raises Invalid (arguments_invalid), Conflict (no_calendar, calendar_unavailable)."""
        arguments = parse_arguments(context.arguments, AvailabilityArguments)
        bookings, calendar = await self._open(context)
        rules = calendar.rules
        first = parse_day(arguments.date) if arguments.date else context.now.astimezone(rules.zone).date()
        days = arguments.days or 3
        begins = datetime.combine(first, datetime.min.time(), rules.zone)
        busy = await bookings.list_busy(calendar.connection, begins, begins + timedelta(days=days + 1))
        return describe_free(rules, list_free(rules, busy, first, days))

    async def book(self, context: HandlerContext) -> str:
        """What was booked, in words. Raises Invalid (arguments_invalid), Conflict (no_calendar, time_not_bookable,
        slot_taken, calendar_unavailable, outcome_unknown)."""
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
    """bookings: see CalendarTools."""
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
            # A run is known at the vendor by its key, so it may be run again when it is unknown whether it was.
            handler=MediaRequestHandler(tools.book, effect="repeatable"),
            timeout_s=20.0,
        ),
    )


def describe_free(rules: CalendarRules, free: Sequence[FreeSpan]) -> str:
    """Lines for a language model: one a day."""
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
    """For the model, to be read back."""
    minutes = round(length.total_seconds() / 60)
    return (
        f"Booked: {title}, {format_moment(starts_at)} ({zone_name(starts_at)}), {minutes} minutes. Tell the caller the "
        "date and the time."
    )


def describe_reference(reference: str | None) -> str:
    """A further sentence for the model, in groups of digits as people say them."""
    if reference is None:
        return ""
    groups = " ".join(reference[at : at + 4] for at in range(0, len(reference), 4))
    return f" Its reference, by which it can be changed from another phone: {groups}."


def make_reference() -> str:
    """Digits, which callers can say and press."""
    return "".join(secrets.choice("0123456789") for _ in range(REFERENCE_DIGITS))


def parse_start(text: str, zone: ZoneInfo, name: str = "start") -> datetime:
    """A time by the clock on the wall, or with an offset, in the zone. name: of the argument. Raises Invalid
    (arguments_invalid)."""
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
    """A day, as 2026-12-01. Raises Invalid (arguments_invalid)."""
    try:
        day = date.fromisoformat(text.strip()[:10])
    except ValueError:
        raise _invalid("date", "write it as 2026-12-01") from None
    _require_year("date", day)
    return day


async def find_calendar(db: Connection, context: HandlerContext) -> CallCalendar | None:
    """The calendar of the call's agent; None without a connected one."""
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
    """The defaults for what only an older schema allowed."""
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
    """undone: what was not done, for the message. Raises Conflict (time_not_bookable)."""
    if starts_at < rules.earliest:
        raise Conflict(f"This time is too soon or past. {undone}.", code="time_not_bookable")
    if not is_bookable(rules, starts_at, ends_at):
        message = f"This time is outside of the times that can be booked. {undone}: see check_availability."
        raise Conflict(message, code="time_not_bookable")


def parse_arguments(text: str, kind: type[T]) -> T:
    """What the model passes to a tool. Raises Invalid (arguments_invalid)."""
    try:
        return msgspec.json.decode(text, type=kind, strict=False)  # models write numbers as texts, too
    except msgspec.DecodeError as error:
        raise Invalid(f"The arguments are invalid: {error}.", code="arguments_invalid") from None


def _require_year(name: str, day: date) -> None:
    """Arithmetic with the first and the last days that Python knows overflows."""
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

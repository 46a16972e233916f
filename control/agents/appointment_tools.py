"""The tools `cancel_appointment` and `move_appointment`: a caller changes what was booked by phone.

Whose an appointment is, tells the number of the call, or the reference that was told when it was booked. A tool that
took a name would let any caller change anybody's appointments.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, TypeVar
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct

from control.agents.calendar_tools import (
    LONGEST_TEXT,
    REFERENCE_DIGITS,
    STORE_S,
    CallCalendar,
    describe_reference,
    find_calendar,
    make_reference,
    parse_arguments,
    parse_start,
    require_bookable,
)
from control.agents.contacts import customer_number
from control.carriers.rules import is_valid
from control.integrations.bookings.calendar_requests import CANCEL_APPOINTMENT, MOVE_APPOINTMENT, make_unknown
from control.integrations.bookings.service import (
    AppointmentChanges,
    ChangeOrder,
    NewTime,
    ReferenceAttempt,
    count_attempt,
)
from control.integrations.caller_records.rules import Appointment, Caller
from control.media_requests.handlers import HandlerContext, MediaRequestHandler, RemoteTool
from shared.errors import Conflict, Invalid
from shared.local_time import format_moment, zone_name

R = TypeVar("R")


class CancellationArguments(Struct, frozen=True):
    """What the model passes; null counts as left out."""

    start: Annotated[str, Meta(max_length=LONGEST_TEXT)] | None = None
    reference: Annotated[str, Meta(max_length=LONGEST_TEXT)] | None = None


class MoveArguments(Struct, frozen=True):
    """What the model passes; null counts as left out."""

    new_start: Annotated[str, Meta(max_length=LONGEST_TEXT)]
    start: Annotated[str, Meta(max_length=LONGEST_TEXT)] | None = None
    reference: Annotated[str, Meta(max_length=LONGEST_TEXT)] | None = None


class AppointmentTools:
    """changes: None where there are no vendors to ask; then the tools say that there is no calendar."""

    def __init__(self, changes: AppointmentChanges | None) -> None:
        self._changes = changes

    async def cancel(self, context: HandlerContext) -> str:
        """What was canceled, in words. Raises Invalid (arguments_invalid), Conflict (no_calendar, change_unsupported,
        appointment_unknown, appointment_ambiguous, change_under_way, calendar_unavailable, outcome_unknown,
        too_many_references)."""
        arguments = parse_arguments(context.arguments, CancellationArguments)
        changes, calendar = await self._open(context, CANCEL_APPOINTMENT)
        order = await _make_order(context, calendar, arguments.start, arguments.reference)
        canceled = await _within(context, "canceled", changes.cancel(order, context.in_transaction, context.now))
        at = canceled.starts_at.astimezone(calendar.rules.zone)
        return f"Canceled: {canceled.title}, {format_moment(at)} ({zone_name(at)}). Tell the caller so."

    async def move(self, context: HandlerContext) -> str:
        """Where the appointment is now, in words. Raises as `cancel`, and Conflict (time_not_bookable, slot_taken,
        appointment_gone)."""
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
    """changes: see AppointmentTools."""
    tools = AppointmentTools(changes)
    return (
        RemoteTool(
            name="cancel_appointment",
            description="Cancels an appointment that was booked by phone from the caller's number, or whose reference "
            "the caller tells. Read its date and time back and wait for a yes before you call it; say that it is "
            "canceled only after it answered so.",
            parameters={"type": "object", "properties": {"start": _START, "reference": _REFERENCE}},
            # The vendor cancels and moves by id, and the run finds the same appointment again.
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
    """The appointment that is meant. at: when it begins; None: not told. Raises Conflict (appointment_unknown,
    appointment_ambiguous)."""
    if not own:
        message = (
            "No coming appointment is known by the number of this call, or by this reference. Nothing was changed. Ask "
            "for the reference that was told at the booking, or take a message."
        )
        raise Conflict(message, code="appointment_unknown")
    meant = [one for one in own if at is None or one.starts_at == at]
    if len(meant) == 1:
        return meant[0]
    times = "; ".join(format_moment(one.starts_at.astimezone(zone)) for one in own)
    raise Conflict(f"Nothing was changed. Ask which one is meant: {times}.", code="appointment_ambiguous")


def read_reference(text: str) -> str:
    """The digits of what a caller said. Raises Invalid (arguments_invalid)."""
    digits = "".join(one for one in text if one.isascii() and one.isdecimal())
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
    # Whom we have called is at this number; an inbound call's may be faked.
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
    """The result, in time to store and tell it. Raises Conflict (outcome_unknown)."""
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

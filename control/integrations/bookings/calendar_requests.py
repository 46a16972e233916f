"""Requests to a connected calendar while a caller waits, by the actions that its type declares.

Each kind has its share of the time that a tool may take (20 s), so that a vendor who is silent leaves time to look up
what became of a request: free/busy 6 s, a change 7 s, the look-up 4 s."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import structlog

from control.integrations.actions.rules import ActiveConnection, VendorRecord
from control.integrations.actions.service import ActionCall, ActionRunner, VendorFailure
from control.integrations.caller_records.rules import LONGEST_ID, is_deleted, parse_moment
from shared.errors import Conflict

log = structlog.get_logger()

LIST_BUSY: Final = "list_busy"
CREATE_APPOINTMENT: Final = "create_appointment"
GET_APPOINTMENT: Final = "get_appointment"
READ_APPOINTMENT: Final = "read_appointment"
CANCEL_APPOINTMENT: Final = "cancel_appointment"
MOVE_APPOINTMENT: Final = "move_appointment"
# What a type declares whose calendars agents book in. GET_APPOINTMENT is optional: it finds out what became of a
# request without an answer.
CALENDAR_ACTIONS: Final = (LIST_BUSY, CREATE_APPOINTMENT)
# Agents use these by the calendar's tools alone, which book no time twice and change only the caller's own.
CALENDAR_TOOLS_ACTIONS: Final = frozenset(
    {*CALENDAR_ACTIONS, GET_APPOINTMENT, READ_APPOINTMENT, CANCEL_APPOINTMENT, MOVE_APPOINTMENT}
)
# With every repeat, in seconds.
BUSY_S: Final = 6.0
CHANGE_S: Final = 7.0
LOOK_UP_S: Final = 4.0
SLOT_TAKEN: Final = "slot_taken"
OUTCOME_UNKNOWN: Final = "outcome_unknown"
# How the vendor shows a time that is not taken, such as a reminder.
_SHOWN_FREE: Final = "free"


@dataclass(frozen=True, slots=True)
class BusySpan:
    """A time that is taken.

    Attributes:
        external_id: The appointment that takes it; empty if the vendor does not name it.
    """

    starts_at: datetime
    ends_at: datetime
    external_id: str = ""


@dataclass(frozen=True, slots=True)
class VendorAppointment:
    """An appointment as the vendor has it.

    Attributes:
        starts_at: None where the type does not map it.
    """

    external_id: str
    starts_at: datetime | None
    ends_at: datetime | None


class CalendarRequests:
    """Requests to calendars.

    Args:
        runner: Of requests while a caller waits.
    """

    def __init__(self, runner: ActionRunner) -> None:
        self.runner = runner

    async def close(self) -> None:
        """Waits until no grant is being refreshed."""
        await self.runner.close()

    async def list_busy(self, connection: ActiveConnection, begins: datetime, ends: datetime) -> list[BusySpan]:
        """Returns the times that are taken. Raises Conflict (calendar_unavailable)."""
        arguments = {"from": format_utc(begins), "until": format_utc(ends)} | _without_offset(
            {"from": begins, "until": ends}
        )
        try:
            records = await self._run_within(BUSY_S, connection, LIST_BUSY, arguments)
        except VendorFailure as failure:
            raise make_unavailable(failure) from None
        spans = [_span(record) for record in records if record.get("shown_as") != _SHOWN_FREE]
        if None in spans:  # left out, it would count as free, and be booked twice
            raise make_unavailable(VendorFailure("unreadable", "a busy time has no zone, or is none"))
        return [span for span in spans if span is not None]

    async def find_by_key(self, connection: ActiveConnection, key: str) -> str | None:
        """Returns the id of the appointment that an earlier attempt of a run made.

        None: it made none, or the type has no such look-up. Raises Conflict (outcome_unknown) if the vendor does not
        answer.
        """
        action = connection.type_config.action(GET_APPOINTMENT)
        if action is None:
            return None
        found = await self._look_up(connection, GET_APPOINTMENT, key, key)
        return None if found is None else found.external_id

    async def read(self, connection: ActiveConnection, external_id: str) -> VendorAppointment | None:
        """Returns an appointment by its id; None: it is gone.

        Raises Conflict (outcome_unknown) if the vendor does not answer, or the type cannot tell.
        """
        if connection.type_config.action(READ_APPOINTMENT) is None:
            raise make_unknown()
        return await self._look_up(connection, READ_APPOINTMENT, external_id)

    async def _look_up(
        self, connection: ActiveConnection, name: str, external_id: str, key: str = ""
    ) -> VendorAppointment | None:
        action = connection.type_config.action(name)
        is_list = action is not None and action.response.items is not None
        try:
            records = await self._run_within(LOOK_UP_S, connection, name, {"external_id": external_id}, key)
            if is_list and not records:
                return None
            return _read_appointment(records, external_id)
        except VendorFailure as failure:
            if failure.kind in ("missing", "gone"):
                return None
            raise make_unknown() from None

    async def _run_within(
        self, seconds: float, connection: ActiveConnection, name: str, arguments: Mapping[str, Any], key: str = ""
    ) -> list[VendorRecord]:
        """Runs an action. Raises VendorFailure, also when the time is over."""
        try:
            async with asyncio.timeout(seconds):
                return await self._run(connection, name, arguments, key)
        except TimeoutError:
            raise VendorFailure("unavailable", f"no answer within {seconds:g} s, with repeats") from None

    async def _run(
        self, connection: ActiveConnection, name: str, arguments: Mapping[str, Any], key: str = ""
    ) -> list[VendorRecord]:
        action = connection.type_config.action(name)
        assert action is not None, "the connection was chosen by its actions"
        return await self.runner.run(connection, ActionCall(action, arguments, key))


def format_utc(moment: datetime) -> str:
    """RFC 3339."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def span_arguments(starts_at: datetime, ends_at: datetime) -> dict[str, str]:
    """Returns the time of an appointment, for actions."""
    moments = {"starts_at": starts_at, "ends_at": ends_at}
    return {name: format_utc(moment) for name, moment in moments.items()} | _without_offset(moments)


def read_id(records: Sequence[VendorRecord], key: str) -> str:
    """Returns the appointment's id; the key if the vendor sent no id, or an id too long for the index.

    Raises VendorFailure (unreadable) unless there is exactly one record.
    """
    if len(records) != 1:
        raise VendorFailure("unreadable", f"the answer has {len(records)} appointments")
    external_id = str(records[0].get("external_id") or key)
    return external_id if len(external_id) <= LONGEST_ID else key


def make_unavailable(failure: VendorFailure, what: str = "Nothing was booked.") -> Conflict:
    """Returns the refusal for a failed request.

    Args:
        what: A sentence that says what was not done.
    """
    log.warning("calendar.unavailable", kind=failure.kind)
    return Conflict(f"The calendar cannot be used now. {what}", code="calendar_unavailable")


def make_unknown(what: str = "booked") -> Conflict:
    """Returns the refusal for an unknown outcome.

    Args:
        what: What may have been done.
    """
    message = f"It is not known whether this was {what}. Say so, and that the business will confirm it."
    return Conflict(message, code=OUTCOME_UNKNOWN)


def _read_appointment(records: Sequence[VendorRecord], key: str) -> VendorAppointment | None:
    """Returns the appointment; None if the vendor keeps it as canceled. Raises VendorFailure (unreadable)."""
    external_id = read_id(records, key)
    if is_deleted(records[0]):
        return None
    starts_at, ends_at = (parse_moment(records[0].get(name)) for name in ("starts_at", "ends_at"))
    return VendorAppointment(external_id, starts_at, ends_at)


def _span(record: VendorRecord) -> BusySpan | None:
    starts_at, ends_at = parse_moment(record.get("starts_at")), parse_moment(record.get("ends_at"))
    if starts_at is None or ends_at is None:
        return None
    return BusySpan(starts_at, ends_at, str(record.get("external_id") or ""))


def _without_offset(moments: Mapping[str, datetime]) -> dict[str, str]:
    """Returns the same in UTC without an offset, as vendors want it who take the zone apart (Microsoft Graph,
    dateTimeTimeZone)."""
    return {f"{name}_utc": format_utc(moment).removesuffix("Z") for name, moment in moments.items()}

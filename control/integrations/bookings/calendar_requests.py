"""Requests to a connected calendar while a caller waits, made with the actions that its type declares.

A tool may take 20 s in all. Each kind of request has its own limit: free/busy 6 s, a change 7 s, a look-up 4 s. The
limits leave time to look up the outcome of a request that the vendor has not answered.
"""

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
# Actions that a type must declare before agents can book in its calendars. GET_APPOINTMENT is optional: it looks up the
# outcome of a request that got no answer.
CALENDAR_ACTIONS: Final = (LIST_BUSY, CREATE_APPOINTMENT)
# Actions that agents reach only through the calendar tools. The tools prevent double bookings and restrict changes to
# the caller's own appointments.
CALENDAR_TOOLS_ACTIONS: Final = frozenset(
    {*CALENDAR_ACTIONS, GET_APPOINTMENT, READ_APPOINTMENT, CANCEL_APPOINTMENT, MOVE_APPOINTMENT}
)
# Time limits in seconds, including retries.
BUSY_S: Final = 6.0
CHANGE_S: Final = 7.0
LOOK_UP_S: Final = 4.0
SLOT_TAKEN: Final = "slot_taken"
OUTCOME_UNKNOWN: Final = "outcome_unknown"
# Value of `shown_as` for an entry that does not occupy its time, such as a reminder.
_SHOWN_FREE: Final = "free"


@dataclass(frozen=True, slots=True)
class BusySpan:
    """A time that is occupied in the calendar.

    Attributes:
        external_id: Id of the appointment that occupies the time. Empty if the vendor does not name it.
    """

    starts_at: datetime
    ends_at: datetime
    external_id: str = ""


@dataclass(frozen=True, slots=True)
class VendorAppointment:
    """An appointment as the vendor stores it.

    Attributes:
        starts_at: None if the type does not map this field.
    """

    external_id: str
    starts_at: datetime | None
    ends_at: datetime | None


class CalendarRequests:
    """Reads a connected calendar through the actions of its type.

    Args:
        runner: Runs actions, with the timeouts for requests during a call.
    """

    def __init__(self, runner: ActionRunner) -> None:
        self.runner = runner

    async def close(self) -> None:
        """Wait for running refreshes of grants."""
        await self.runner.close()

    async def list_busy(self, connection: ActiveConnection, begins: datetime, ends: datetime) -> list[BusySpan]:
        """Return the occupied times. Raises Conflict (calendar_unavailable)."""
        arguments = {"from": format_utc(begins), "until": format_utc(ends)} | _without_offset(
            {"from": begins, "until": ends}
        )
        try:
            records = await self._run_within(BUSY_S, connection, LIST_BUSY, arguments)
        except VendorFailure as failure:
            raise make_unavailable(failure) from None
        spans = [_span(record) for record in records if record.get("shown_as") != _SHOWN_FREE]
        if None in spans:  # an entry that is left out would count as free and be booked twice
            raise make_unavailable(VendorFailure("unreadable", "a busy time is missing or has no time zone"))
        return [span for span in spans if span is not None]

    async def find_by_key(self, connection: ActiveConnection, key: str) -> str | None:
        """Return the id of the appointment that an earlier attempt of a run made.

        Returns None if no attempt made an appointment, or if the type has no action for this look-up. Raises Conflict
        (outcome_unknown) if the vendor does not answer.
        """
        action = connection.type_config.action(GET_APPOINTMENT)
        if action is None:
            return None
        found = await self._look_up(connection, GET_APPOINTMENT, key, key)
        return None if found is None else found.external_id

    async def read(self, connection: ActiveConnection, external_id: str) -> VendorAppointment | None:
        """Return the appointment with this id, or None if it no longer exists.

        Raises Conflict (outcome_unknown) if the vendor does not answer or the type cannot read appointments.
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
        """Run an action with a time limit. Raises VendorFailure, also when the limit is exceeded."""
        try:
            async with asyncio.timeout(seconds):
                return await self._run(connection, name, arguments, key)
        except TimeoutError:
            raise VendorFailure("unavailable", f"no answer within {seconds:g} s, with repeats") from None

    async def _run(
        self, connection: ActiveConnection, name: str, arguments: Mapping[str, Any], key: str = ""
    ) -> list[VendorRecord]:
        action = connection.type_config.action(name)
        assert action is not None, "the connection's type lacks this action"
        return await self.runner.run(connection, ActionCall(action, arguments, key))


def format_utc(moment: datetime) -> str:
    """Return the moment as RFC 3339 text in UTC."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def span_arguments(starts_at: datetime, ends_at: datetime) -> dict[str, str]:
    """Return the action arguments for the start and end of an appointment."""
    moments = {"starts_at": starts_at, "ends_at": ends_at}
    return {name: format_utc(moment) for name, moment in moments.items()} | _without_offset(moments)


def read_id(records: Sequence[VendorRecord], key: str) -> str:
    """Return the appointment's id. Return the key if the vendor sent no id or an id that is too long for the index.

    Raises VendorFailure (unreadable) unless the answer has exactly one record.
    """
    if len(records) != 1:
        raise VendorFailure("unreadable", f"the answer has {len(records)} appointments")
    external_id = str(records[0].get("external_id") or key)
    return external_id if len(external_id) <= LONGEST_ID else key


def make_unavailable(failure: VendorFailure, what: str = "Nothing was booked.") -> Conflict:
    """Return the error for a request that the calendar did not carry out.

    Args:
        what: A sentence that states what was not done.
    """
    log.warning("calendar.unavailable", kind=failure.kind)
    return Conflict(f"The calendar cannot be used now. {what}", code="calendar_unavailable")


def make_unknown(what: str = "booked") -> Conflict:
    """Return the error for a change whose outcome is unknown.

    Args:
        what: The change as a participle, such as "booked".
    """
    message = f"It is not known whether this was {what}. Say so, and that the business will confirm it."
    return Conflict(message, code=OUTCOME_UNKNOWN)


def _read_appointment(records: Sequence[VendorRecord], key: str) -> VendorAppointment | None:
    """Return the appointment, or None if the vendor keeps it as canceled. Raises VendorFailure (unreadable)."""
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
    """Return the moments in UTC without an offset, for vendors with a separate time zone field (Microsoft Graph,
    dateTimeTimeZone).
    """
    return {f"{name}_utc": format_utc(moment).removesuffix("Z") for name, moment in moments.items()}

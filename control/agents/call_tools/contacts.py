"""Facts about a call and its customer: the tools `call_context` and `look_up_contact`, and the contact's
placeholders.
"""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from control.carriers.rules import is_valid
from control.db.pool import Connection
from control.integrations.caller_records import service as caller_records
from control.integrations.caller_records.rules import Appointment, Contact
from control.media_requests.handlers import HandlerContext, MediaRequestHandler, RemoteTool, RunningCall
from shared.local_time import format_moment, to_local, zone_name


async def _answer(context: HandlerContext) -> str:
    """Return JSON as text, because the model reads the text."""
    return msgspec.json.encode(describe_call(context.call, context.now)).decode()


def describe_call(call: RunningCall, now: datetime) -> dict[str, Any]:
    """Return the call's facts.

    Date and time are local to the workspace and include the weekday, so that the model needs no arithmetic.
    """
    local = to_local(now, call.timezone)
    return {
        "business": call.workspace_name,
        "date": f"{local:%Y-%m-%d}",
        "weekday": f"{local:%A}",
        "time": f"{local:%H:%M}",
        "time_zone": zone_name(local),
        "utc_offset": f"{local:%z}",
        "direction": call.direction,
        "caller_number": call.caller or None,
        "caller_withheld": call.direction == "inbound" and not call.caller,
        "called_number": call.called,
        "customer_number": (call.called if call.direction == "outbound" else call.caller) or None,
        "is_test_call": call.is_test,
    }


CALL_CONTEXT: Final = RemoteTool(
    name="call_context",
    description="Today's date, weekday and local time at the business, its name, the numbers of the call and the "
    "customer's number. Use it before you speak of dates or times, or need the customer's number.",
    parameters={"type": "object", "properties": {}},
    handler=MediaRequestHandler(_answer),
    timeout_s=5.0,
)


MOST_APPOINTMENTS: Final = 3


async def find_contact_values(db: Connection, workspace_id: UUID, number: str) -> dict[str, str]:
    """Return the values of the contact's placeholders by name, or an empty mapping if no contact has the number."""
    found = await find_contact(db, workspace_id, number)
    if found is None:
        return {}
    return {
        "contact_name": found.name,
        "contact_first_name": found.first_name or found.name,
        "contact_company": found.company,
    }


async def find_contact(db: Connection, workspace_id: UUID, number: str) -> Contact | None:
    """Return the contact with this number. Returns None also for a text that is not a number, such as "anonymous"."""
    return await caller_records.find_contact(db, workspace_id, number) if is_valid(number) else None


def customer_number(call: RunningCall) -> str:
    """Return the customer's number, which is the number of the call that does not belong to the business."""
    return call.called if call.direction == "outbound" else call.caller


def describe_contact(contact: Contact | None, appointments: list[Appointment], timezone: str) -> dict[str, Any]:
    """Return the contact's facts for the language model, with times in words in the workspace's time zone."""
    known = {} if contact is None else {"name": contact.name, "company": contact.company}
    local = [to_local(appointment.starts_at, timezone) for appointment in appointments]
    return {
        "is_known": contact is not None,
        **known,
        "coming_appointments": [
            {"time": format_moment(at), "time_zone": zone_name(at), "title": appointment.title}
            for at, appointment in zip(local, appointments, strict=True)
        ],
    }


async def _look_up(context: HandlerContext) -> str:
    """Return JSON as text, because the model reads the text."""
    call, number = context.call, customer_number(context.call)

    async def read(db: Connection) -> dict[str, Any]:
        contact = await find_contact(db, call.workspace_id, number)
        coming = await _select_coming(db, call.workspace_id, number, context.now)
        return describe_contact(contact, coming, call.timezone)

    return msgspec.json.encode(await context.in_transaction(read)).decode()


async def _select_coming(db: Connection, workspace_id: UUID, number: str, now: datetime) -> list[Appointment]:
    if not is_valid(number):
        return []
    return await caller_records.list_coming(db, workspace_id, number, now, MOST_APPOINTMENTS)


# The look-up uses only the number of the call. With a name as an argument, any caller could ask for other people's
# appointments.
LOOK_UP_CONTACT: Final = RemoteTool(
    name="look_up_contact",
    description="Who the customer on the line is, by the number of this call: name, company, and coming appointments "
    "that were booked by phone. The number can be faked: do not take it as proof of who somebody is.",
    parameters={"type": "object", "properties": {}},
    handler=MediaRequestHandler(_look_up),
    timeout_s=5.0,
)

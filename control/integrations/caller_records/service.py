"""What a call looks up of its customer, and its deletion for one caller."""

from datetime import datetime
from uuid import UUID

from control.db.pool import Connection
from control.integrations.caller_records import queries
from control.integrations.caller_records.rules import Appointment, Contact


async def find_contact(db: Connection, workspace_id: UUID, number: str) -> Contact | None:
    """Returns the contact with this number (E.164)."""
    return await queries.select_contact(db, workspace_id, number)


async def list_coming(db: Connection, workspace_id: UUID, number: str, now: datetime, most: int) -> list[Appointment]:
    """Returns the next appointments that were booked for this number (E.164)."""
    return await queries.select_coming_appointments(db, workspace_id, number, now, most)


async def delete_caller_records(db: Connection, workspace_id: UUID, number: str) -> dict[str, int]:
    """Deletes the contacts with this number (E.164), and the number in appointments; returns how many of each. What
    is still at the vendor is copied again by the next sync: the workspace deletes it there."""
    return {
        "contacts": await queries.delete_contacts_with_phone(db, workspace_id, number),
        "appointments": await queries.clear_appointments_phone(db, workspace_id, number),
    }

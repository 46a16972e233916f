"""Looks up a caller's contact and appointments, and deletes a caller's data."""

from datetime import datetime
from uuid import UUID

from control.db.pool import Connection
from control.integrations.caller_records import queries
from control.integrations.caller_records.rules import Appointment, Contact


async def find_contact(db: Connection, workspace_id: UUID, number: str) -> Contact | None:
    """Return the contact with this phone number (E.164), or None."""
    return await queries.select_contact(db, workspace_id, number)


async def list_coming(db: Connection, workspace_id: UUID, number: str, now: datetime, most: int) -> list[Appointment]:
    """Return the next appointments that were booked for this number (E.164)."""
    return await queries.select_coming_appointments(db, workspace_id, number, now, most)


async def delete_caller_records(db: Connection, workspace_id: UUID, number: str) -> dict[str, int]:
    """Delete the contacts with this number (E.164) and remove the number from appointments.

    Returns the number of changed rows of each kind. The next sync copies the vendor's data again, so the workspace must
    also delete it at the vendor.
    """
    return {
        "contacts": await queries.delete_contacts_with_phone(db, workspace_id, number),
        "appointments": await queries.clear_appointments_phone(db, workspace_id, number),
    }

"""Deletion of what was copied of one caller. Needs platform scope."""

from uuid import UUID

from control.db.pool import Connection
from control.integrations import store_appointments, store_contacts


async def delete_caller_records(db: Connection, workspace_id: UUID, number: str) -> dict[str, int]:
    """Deletes the contacts with this number (E.164), and the number in appointments; returns how many of each. What
    is still at the vendor is copied again by the next sync: the workspace deletes it there."""
    return {
        "contacts": await store_contacts.delete_by_phone(db, workspace_id, number),
        "appointments": await store_appointments.clear_phone(db, workspace_id, number),
    }

"""What a call looks up of its customer and of the workspace's calendar."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from control.db.pool import Connection
from control.integrations import read_connections, store_appointments, store_contacts
from control.integrations.active_connection import ActiveConnection
from control.integrations.caller_values import Appointment, Contact
from control.integrations.type_config import IntegrationTypeConfig


async def find_contact(db: Connection, workspace_id: UUID, number: str) -> Contact | None:
    """Whom this number (E.164) belongs to."""
    return await store_contacts.select_by_phone(db, workspace_id, number)


async def list_coming(db: Connection, workspace_id: UUID, number: str, now: datetime, most: int) -> list[Appointment]:
    """The next appointments that were booked for this number (E.164)."""
    return await store_appointments.select_coming(db, workspace_id, number, now, most)


async def find_connection(
    db: Connection, workspace_id: UUID, actions: Sequence[str], integration_id: UUID | None = None
) -> ActiveConnection | None:
    """The workspace's first connection whose type declares all of these actions. integration_id: this one only."""
    return await read_connections.select_with_actions(db, workspace_id, actions, integration_id)


async def load_connection(db: Connection, workspace_id: UUID, integration_id: UUID) -> ActiveConnection | None:
    """The connection; None for one that is not connected, or whose type is disabled."""
    return await read_connections.select_connection(db, workspace_id, integration_id)


async def list_declared(
    db: Connection, workspace_id: UUID, integration_ids: Sequence[UUID]
) -> Mapping[UUID, IntegrationTypeConfig]:
    """What the types of these integrations declare, connected or not; without those that the workspace does not
    have."""
    return await read_connections.select_type_configs(db, workspace_id, integration_ids)

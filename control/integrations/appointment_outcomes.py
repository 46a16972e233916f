"""Stores what became of a booking, and tells customers' systems of one that was made."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from control.db.pool import Connection
from control.integrations import store_appointments
from control.integrations.caller_values import Appointment, AppointmentStatus
from control.outbound_webhooks.event_types import AppointmentEventData
from control.outbound_webhooks.service import ReportedFact, report_facts


@dataclass(frozen=True, slots=True)
class AppointmentOutcome:
    """external_id: the vendor's; None where nothing was made."""

    workspace_id: UUID
    call_id: UUID
    appointment: Appointment
    status: AppointmentStatus
    external_id: str | None


async def finish_appointment(db: Connection, outcome: AppointmentOutcome, now: datetime) -> None:
    """Once for each appointment, however many attempts report that it was made."""
    booked = outcome.appointment
    await store_appointments.finish(db, outcome.workspace_id, booked, outcome.status, outcome.external_id, now)
    if outcome.status != "booked":
        return
    data = AppointmentEventData(
        appointment_id=booked.id,
        call_id=outcome.call_id,
        integration_id=booked.integration_id,
        starts_at=booked.starts_at,
        ends_at=booked.ends_at,
        replaces=booked.moves,
    )
    fact = ReportedFact(
        workspace_id=outcome.workspace_id,
        type="appointment.booked" if booked.moves is None else "appointment.changed",
        object_id=booked.id,
        at=now,
        data=data,
        call_id=outcome.call_id,
        is_unique=True,
    )
    await report_facts(db, [fact])

"""SQL of appointments that callers cancel and move, and of those whose outcome is not known yet."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from control.db.pool import Connection
from control.integrations.caller_values import Appointment, Caller

# As long as a reservation keeps a time from other calls.
_OPEN_CHANGE: Final = timedelta(minutes=10)
_COLUMNS: Final = "id, integration_id, external_id, status, title, starts_at, ends_at, reference, moves, phone"
# A reference that two appointments have names neither.
_OWN: Final = f"""
    SELECT {_COLUMNS} FROM appointments
    WHERE workspace_id = $1 AND integration_id = $2 AND status = 'booked' AND call_id IS NOT NULL AND starts_at > $3
      AND external_id IS NOT NULL AND CASE WHEN $5::text IS NULL THEN phone = $4 ELSE reference = $5 END
    ORDER BY starts_at LIMIT $6
"""
_OPEN_MOVE: Final = """
    SELECT EXISTS (SELECT FROM appointments WHERE workspace_id = $1 AND integration_id = $2 AND moves = $3
                   AND status = 'booking' AND updated_at > $4)
"""
_BEING_CANCELED: Final = """
    SELECT EXISTS (SELECT FROM appointments
                   WHERE workspace_id = $1 AND id = $2 AND status = 'booked' AND change_key IS NOT NULL)
"""
# The lower bound is for the index: longer events are no appointments.
_ANOTHER: Final = """
    SELECT EXISTS (SELECT FROM appointments
                   WHERE workspace_id = $1 AND integration_id = $2 AND id <> $3 AND status = 'booked'
                     AND external_id IS NOT NULL AND starts_at < $5 AND ends_at > $4
                     AND starts_at > $4::timestamptz - interval '31 days')
"""
_BY_CHANGE: Final = f"""
    SELECT {_COLUMNS} FROM appointments WHERE workspace_id = $1 AND integration_id = $2 AND change_key = $3
"""
_CANCEL: Final = """
    UPDATE appointments SET status = 'canceled', updated_at = $3
    WHERE workspace_id = $1 AND id = $2 AND status = 'booked'
"""
_UNSETTLED: Final = f"""
    SELECT {_COLUMNS}, call_id, run_id, change_key FROM appointments
    WHERE workspace_id = $1 AND id = $2 AND (status = 'booking' OR status = 'booked' AND change_key IS NOT NULL)
"""


@dataclass(frozen=True, slots=True)
class UnsettledAppointment:
    """An appointment of which the vendor has not told what became of it. call_id, run_id: of the booking, or the move.
    cancellation: the run that cancels it, if that is what is unknown."""

    appointment: Appointment
    call_id: UUID
    run_id: str
    cancellation: str | None


async def select_own(
    db: Connection, workspace_id: UUID, integration_id: UUID, caller: Caller, now: datetime, limit: int
) -> list[Appointment]:
    """The caller's next appointments that calls booked in this connection's calendar."""
    rows = await db.fetch(_OWN, workspace_id, integration_id, now, caller.phone, caller.reference, limit)
    return [Appointment(**row) for row in rows]


async def has_open_move(
    db: Connection, workspace_id: UUID, integration_id: UUID, appointment_id: UUID, now: datetime
) -> bool:
    """Whether a call moves this appointment now, or it is not known yet what became of that."""
    found: bool = await db.fetchval(_OPEN_MOVE, workspace_id, integration_id, appointment_id, now - _OPEN_CHANGE)
    return found


async def select_by_change(
    db: Connection, workspace_id: UUID, integration_id: UUID, change_key: str
) -> Appointment | None:
    """The appointment that this run has begun to cancel."""
    row = await db.fetchrow(_BY_CHANGE, workspace_id, integration_id, change_key)
    return None if row is None else Appointment(**row)


async def mark_change(db: Connection, workspace_id: UUID, appointment_id: UUID, change_key: str) -> None:
    """Stores which run cancels an appointment."""
    await db.execute(
        "UPDATE appointments SET change_key = $3 WHERE workspace_id = $1 AND id = $2",
        workspace_id,
        appointment_id,
        change_key,
    )


async def clear_change(db: Connection, workspace_id: UUID, appointment_id: UUID, change_key: str) -> None:
    """Stores that this run has not canceled it. Another one's mark stays, which may have begun meanwhile."""
    await db.execute(
        "UPDATE appointments SET change_key = NULL WHERE workspace_id = $1 AND id = $2 AND change_key = $3",
        workspace_id,
        appointment_id,
        change_key,
    )


async def is_being_canceled(db: Connection, workspace_id: UUID, appointment_id: UUID) -> bool:
    """Whether a run has begun to cancel it, and it is not known what became of that."""
    found: bool = await db.fetchval(_BEING_CANCELED, workspace_id, appointment_id)
    return found


async def holds_another(
    db: Connection, workspace_id: UUID, integration_id: UUID, own_id: UUID, starts_at: datetime, ends_at: datetime
) -> bool:
    """Whether the copies of the calendar have anything else than this appointment within that time."""
    found: bool = await db.fetchval(_ANOTHER, workspace_id, integration_id, own_id, starts_at, ends_at)
    return found


async def cancel(db: Connection, workspace_id: UUID, appointment_id: UUID, now: datetime) -> None:
    """Stores that the vendor has canceled it."""
    await db.execute(_CANCEL, workspace_id, appointment_id, now)


async def select_unsettled(db: Connection, workspace_id: UUID, appointment_id: UUID) -> UnsettledAppointment | None:
    """The appointment, if it is not known what became of its booking, move or cancellation."""
    row = await db.fetchrow(_UNSETTLED, workspace_id, appointment_id)
    if row is None:
        return None
    values = dict(row)
    call_id, run_id, change_key = values.pop("call_id"), values.pop("run_id"), values.pop("change_key")
    cancellation = change_key if values["status"] == "booked" else None
    return UnsettledAppointment(Appointment(**values), call_id, run_id, cancellation)


async def select(db: Connection, workspace_id: UUID, appointment_id: UUID) -> Appointment | None:
    """One appointment."""
    query = f"SELECT {_COLUMNS} FROM appointments WHERE workspace_id = $1 AND id = $2"
    row = await db.fetchrow(query, workspace_id, appointment_id)
    return None if row is None else Appointment(**row)


async def select_by_run(db: Connection, workspace_id: UUID, call_id: UUID, run_id: str) -> Appointment | None:
    """What this run of a call has reserved."""
    query = f"SELECT {_COLUMNS} FROM appointments WHERE workspace_id = $1 AND call_id = $2 AND run_id = $3"
    row = await db.fetchrow(query, workspace_id, call_id, run_id)
    return None if row is None else Appointment(**row)

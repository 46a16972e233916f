"""SQL for contacts and appointments: sync copies, look-ups, and bookings made in calls."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from control.db.pool import Connection
from control.integrations.caller_records.rules import (
    Appointment,
    AppointmentRecord,
    AppointmentStatus,
    Caller,
    Contact,
    ContactRecord,
    NewAppointment,
)
from shared.ids import new_id

# -- Contacts --

_UPSERT_CONTACTS: Final = """
    INSERT INTO contacts AS c (id, workspace_id, integration_id, external_id, name, first_name, company, email, phone,
                               mobile_phone, seen_by)
    SELECT n.id, $1, $2, n.external_id, n.name, n.first_name, n.company, n.email, n.phone, n.mobile_phone, $3
    FROM jsonb_to_recordset($4) AS n (id uuid, external_id text, name text, first_name text, company text, email text,
                                      phone text, mobile_phone text)
    ON CONFLICT (integration_id, external_id) DO UPDATE SET
        name = excluded.name, first_name = excluded.first_name, company = excluded.company, email = excluded.email,
        phone = excluded.phone, mobile_phone = excluded.mobile_phone, seen_by = excluded.seen_by,
        updated_at = CASE WHEN (c.name, c.first_name, c.company, c.email, c.phone, c.mobile_phone)
                               IS DISTINCT FROM (excluded.name, excluded.first_name, excluded.company, excluded.email,
                                                 excluded.phone, excluded.mobile_phone)
                          THEN now() ELSE c.updated_at END
    WHERE c.workspace_id = $1
    RETURNING xmax = 0 AS is_new
"""
_DELETE_CONTACTS: Final = """
    DELETE FROM contacts WHERE workspace_id = $1 AND integration_id = $2 AND external_id = ANY($3::text[])
"""
_DELETE_UNSEEN_CONTACTS: Final = (
    "DELETE FROM contacts WHERE workspace_id = $1 AND integration_id = $2 AND seen_by <> $3"
)
# If several contacts share a number, the contact that changed last is returned.
CONTACT_BY_PHONE: Final = """
    SELECT id, name, first_name, company FROM (
        (SELECT id, name, first_name, company, updated_at FROM contacts WHERE workspace_id = $1 AND phone = $2
         ORDER BY updated_at DESC, id LIMIT 1)
        UNION ALL
        (SELECT id, name, first_name, company, updated_at FROM contacts WHERE workspace_id = $1 AND mobile_phone = $2
         ORDER BY updated_at DESC, id LIMIT 1)
    ) found ORDER BY updated_at DESC, id LIMIT 1
"""


async def select_contact(db: Connection, workspace_id: UUID, phone: str) -> Contact | None:
    """Return the contact with this phone number (E.164), or None."""
    row = await db.fetchrow(CONTACT_BY_PHONE, workspace_id, phone)
    return None if row is None else Contact(**row)


async def upsert_contacts(
    db: Connection, workspace_id: UUID, integration_id: UUID, seen_by: UUID | None, records: Sequence[ContactRecord]
) -> tuple[int, int]:
    """Store a page of contacts with unique ids. Return how many were inserted and how many were updated."""
    rows = [{"id": new_id(), **asdict(record)} for record in records]
    stored = await db.fetch(_UPSERT_CONTACTS, workspace_id, integration_id, seen_by, rows)
    created = sum(row["is_new"] for row in stored)
    return created, len(stored) - created


async def is_full_of_contacts(db: Connection, workspace_id: UUID, integration_id: UUID, most: int) -> bool:
    """Return whether the connection has more than `most` stored contacts."""
    full: bool = await db.fetchval(
        "SELECT count(*) > $3 FROM contacts WHERE workspace_id = $1 AND integration_id = $2",
        workspace_id,
        integration_id,
        most,
    )
    return full


async def delete_contacts(db: Connection, workspace_id: UUID, integration_id: UUID, external_ids: Sequence[str]) -> int:
    """Delete contacts that the vendor deleted. Return the number of deleted rows."""
    return _count(await db.execute(_DELETE_CONTACTS, workspace_id, integration_id, external_ids))


async def delete_unseen_contacts(db: Connection, workspace_id: UUID, integration_id: UUID, seen_by: UUID | None) -> int:
    """Delete contacts that a full sync did not see. Return the number of deleted rows."""
    return _count(await db.execute(_DELETE_UNSEEN_CONTACTS, workspace_id, integration_id, seen_by))


async def delete_contacts_with_phone(db: Connection, workspace_id: UUID, phone: str) -> int:
    """Delete the contacts with this number. Return the number of deleted rows.

    The next sync copies them again unless the vendor has deleted them.
    """
    return _count(
        await db.execute(
            "DELETE FROM contacts WHERE workspace_id = $1 AND (phone = $2 OR mobile_phone = $2)", workspace_id, phone
        )
    )


# -- Appointments: copies from connected calendars --

_UPSERT_APPOINTMENTS: Final = """
    INSERT INTO appointments AS a (id, workspace_id, integration_id, external_id, status, title, starts_at, ends_at,
                                   seen_by)
    SELECT n.id, $1, $2, n.external_id, 'booked', n.title, n.starts_at, n.ends_at, $3
    FROM jsonb_to_recordset($4) AS n (id uuid, external_id text, title text, starts_at timestamptz,
                                      ends_at timestamptz)
    ON CONFLICT (integration_id, external_id) DO UPDATE SET
        status = 'booked', title = excluded.title, starts_at = excluded.starts_at, ends_at = excluded.ends_at,
        seen_by = excluded.seen_by, updated_at = now()
    WHERE a.workspace_id = $1
    RETURNING xmax = 0 AS is_new
"""
# Appointments booked by calls are marked as canceled instead of deleted, so that the call record keeps them.
_DELETE_APPOINTMENTS: Final = """
    WITH gone AS (
        DELETE FROM appointments WHERE workspace_id = $1 AND integration_id = $2 AND external_id = ANY($3::text[])
            AND call_id IS NULL RETURNING 1
    ), canceled AS (
        UPDATE appointments SET status = 'canceled', updated_at = now()
        WHERE workspace_id = $1 AND integration_id = $2 AND external_id = ANY($3::text[]) AND call_id IS NOT NULL
            AND status = 'booked' RETURNING 1
    )
    SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM canceled)
"""
_SELECT_UNSEEN_APPOINTMENTS: Final = """
    SELECT external_id FROM appointments
    WHERE workspace_id = $1 AND integration_id = $2 AND external_id IS NOT NULL AND seen_by IS DISTINCT FROM $3
      AND (call_id IS NULL OR updated_at < $4) AND status = 'booked'
"""
_DELETE_OLD_APPOINTMENTS: Final = """
    DELETE FROM appointments WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM appointments WHERE ends_at < $1 ORDER BY ends_at LIMIT $2 FOR UPDATE SKIP LOCKED
    ))
"""


async def lock_copies(db: Connection, integration_id: UUID) -> None:
    """Serialize transactions that store appointments of this connection under the vendor's ids."""
    await db.execute(_LOCK_CALENDAR, str(integration_id))


async def upsert_appointments(
    db: Connection, workspace_id: UUID, integration_id: UUID, seen_by: UUID | None, records: Sequence[AppointmentRecord]
) -> tuple[int, int]:
    """Store a page of appointments with unique ids. Return how many were inserted and how many were updated.

    Locks the calendar, so that `finish_appointment` cannot store the same event concurrently.
    """
    await lock_copies(db, integration_id)
    rows = [
        {
            "id": new_id(),
            "external_id": record.external_id,
            "title": record.title,
            "starts_at": record.starts_at.isoformat(),
            "ends_at": record.ends_at.isoformat(),
        }
        for record in records
    ]
    stored = await db.fetch(_UPSERT_APPOINTMENTS, workspace_id, integration_id, seen_by, rows)
    created = sum(row["is_new"] for row in stored)
    return created, len(stored) - created


async def is_full_of_appointments(db: Connection, workspace_id: UUID, integration_id: UUID, most: int) -> bool:
    """Return whether the connection has more than `most` stored appointments."""
    full: bool = await db.fetchval(
        "SELECT count(*) > $3 FROM appointments WHERE workspace_id = $1 AND integration_id = $2",
        workspace_id,
        integration_id,
        most,
    )
    return full


async def delete_appointments(
    db: Connection, workspace_id: UUID, integration_id: UUID, external_ids: Sequence[str]
) -> int:
    """Delete appointments that the vendor deleted, and mark those that calls booked as canceled.

    Returns the number of changed rows.
    """
    deleted: int = await db.fetchval(_DELETE_APPOINTMENTS, workspace_id, integration_id, external_ids)
    return deleted


async def delete_unseen_appointments(
    db: Connection, workspace_id: UUID, integration_id: UUID, seen_by: UUID | None, began: datetime
) -> int:
    """Remove appointments that a full sync did not see, like `delete_appointments`.

    Args:
        began: When the sync began. Appointments that calls changed after this time are kept.
    """
    rows = await db.fetch(_SELECT_UNSEEN_APPOINTMENTS, workspace_id, integration_id, seen_by, began)
    return await delete_appointments(db, workspace_id, integration_id, [row["external_id"] for row in rows])


async def clear_appointments_phone(db: Connection, workspace_id: UUID, phone: str) -> int:
    """Remove the number and title from the appointments with this number. Return the number of changed rows."""
    status = await db.execute(
        "UPDATE appointments SET phone = NULL, title = '' WHERE workspace_id = $1 AND phone = $2", workspace_id, phone
    )
    return int(status.split()[-1])


async def delete_old_appointments(db: Connection, before: datetime, limit: int) -> int:
    """Delete up to `limit` appointments that ended before `before`. Return the number of deleted rows.

    Requires platform scope.
    """
    status = await db.execute(_DELETE_OLD_APPOINTMENTS, before, limit)
    return int(status.split()[-1])


def _count(status: str) -> int:
    return int(status.split()[-1])


# -- Appointments: bookings made in calls --

# How long an appointment of a call blocks its time, because the vendor's free/busy may not contain it yet.
_RECENT: Final = timedelta(minutes=10)
_LOCK_CALENDAR: Final = "SELECT pg_advisory_xact_lock(hashtextextended('appointments ' || $1::text, 0))"
_APPOINTMENT_COLUMNS: Final = (
    "id, integration_id, external_id, status, title, starts_at, ends_at, reference, moves, phone"
)
_RESERVED: Final = """
    SELECT EXISTS (SELECT FROM appointments
                   WHERE (integration_id = $2 OR calendar_key = $7) AND workspace_id = $1
                     AND starts_at < $4 AND ends_at > $3 AND starts_at > $3::timestamptz - interval '1 day'
                     AND call_id IS NOT NULL AND status IN ('booking', 'booked') AND updated_at > $5
                     AND id <> ALL ($6::uuid[]))
"""
_INSERT_APPOINTMENT: Final = """
    INSERT INTO appointments (id, workspace_id, integration_id, status, title, starts_at, ends_at, phone, call_id,
                              run_id, created_at, updated_at, calendar_key, reference, moves)
    VALUES ($1, $2, $3, 'booking', $4, $5, $6, $7, $8, $9, $10, $10, $11, $12, $13)
    ON CONFLICT (call_id, run_id) DO UPDATE SET updated_at = excluded.updated_at
    RETURNING id, integration_id, external_id, status, title, starts_at, ends_at, reference, moves, phone,
              xmax = 0 AS is_new
"""
# A sync may already have copied the appointment. The delete is a separate statement: within a single statement
# PostgreSQL runs the delete after the update, and the update fails because the id is taken.
_DELETE_COPY: Final = """
    DELETE FROM appointments WHERE workspace_id = $1 AND integration_id = $2 AND external_id = $3 AND call_id IS NULL
"""
# Release the vendor's event from the appointment that is replaced.
_RELEASE_EVENT: Final = """
    UPDATE appointments SET status = 'canceled', external_id = NULL, updated_at = $5
    WHERE workspace_id = $1 AND integration_id = $2 AND (external_id = $3 OR id = $6) AND id <> $4
      AND call_id IS NOT NULL
"""
# A slow attempt that finds the time taken must not undo the booking of another attempt of the same run.
_FINISH_APPOINTMENT: Final = """
    UPDATE appointments SET status = $3, external_id = coalesce($4, external_id), updated_at = $5
    WHERE workspace_id = $1 AND id = $2 AND (status <> 'booked' OR $3 = 'booked')
"""
_SELECT_COMING: Final = f"""
    SELECT {_APPOINTMENT_COLUMNS} FROM appointments
    WHERE workspace_id = $1 AND phone = $2 AND starts_at > $3 AND status = 'booked' ORDER BY starts_at LIMIT $4
"""


async def lock_calendar(db: Connection, new: NewAppointment) -> None:
    """Serialize transactions that take a time in this calendar, through any connection.

    The connection is locked first, because programs of the previous version lock only the connection.
    """
    await lock_copies(db, new.integration_id)
    await db.execute(_LOCK_CALENDAR, new.calendar_key)


async def is_reserved(db: Connection, appointment: NewAppointment, own_id: UUID, now: datetime) -> bool:
    """Return whether another call has reserved or just booked a part of this time.

    Args:
        own_id: Id of the appointment's own row.
    """
    own = [own_id, *([appointment.moves] if appointment.moves else [])]
    reserved: bool = await db.fetchval(
        _RESERVED, appointment.workspace_id, appointment.integration_id, appointment.starts_at, appointment.ends_at,
        now - _RECENT, own, appointment.calendar_key,
    )  # fmt: skip
    return reserved


async def insert_appointment(db: Connection, new: NewAppointment, now: datetime) -> tuple[Appointment, bool]:
    """Reserve the time. Return the row and whether it is new; a repeated run gets its existing row."""
    row = await db.fetchrow(
        _INSERT_APPOINTMENT,
        UUID(new_id()),
        new.workspace_id,
        new.integration_id,
        new.title,
        new.starts_at,
        new.ends_at,
        new.phone,
        new.call_id,
        new.run_id,
        now,
        new.calendar_key,
        new.reference,
        new.moves,
    )
    values = dict(row)
    is_new: bool = values.pop("is_new")
    return Appointment(**values), is_new


async def finish_appointment(
    db: Connection, workspace_id: UUID, booked: Appointment, status: AppointmentStatus, external_id: str | None,
    now: datetime,
) -> None:  # fmt: skip
    """Store the outcome of a booking. Replaces the copy that a sync made, and the appointment that the booking
    moves."""
    if external_id is not None:
        await lock_copies(db, booked.integration_id)
        await db.execute(_DELETE_COPY, workspace_id, booked.integration_id, external_id)
        await db.execute(_RELEASE_EVENT, workspace_id, booked.integration_id, external_id, booked.id, now, booked.moves)
    await db.execute(_FINISH_APPOINTMENT, workspace_id, booked.id, status, external_id, now)


async def select_coming_appointments(
    db: Connection, workspace_id: UUID, phone: str, now: datetime, limit: int
) -> list[Appointment]:
    """Return the next appointments that were booked for this number (E.164)."""
    return [Appointment(**row) for row in await db.fetch(_SELECT_COMING, workspace_id, phone, now, limit)]


# -- Appointments: cancellations and moves by callers --

# Equal to the time for which a reservation blocks its slot.
_OPEN_CHANGE: Final = timedelta(minutes=10)
_OWN_COLUMNS: Final = "id, integration_id, external_id, status, title, starts_at, ends_at, reference, moves, phone"
# A reference that two appointments share identifies neither of them.
_SELECT_OWN: Final = f"""
    SELECT {_OWN_COLUMNS} FROM appointments
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
# The lower bound enables the index. Events longer than 31 days are not appointments.
_HOLDS_ANOTHER: Final = """
    SELECT EXISTS (SELECT FROM appointments
                   WHERE workspace_id = $1 AND integration_id = $2 AND id <> $3 AND status = 'booked'
                     AND external_id IS NOT NULL AND starts_at < $5 AND ends_at > $4
                     AND starts_at > $4::timestamptz - interval '31 days')
"""
_SELECT_CHANGED: Final = f"""
    SELECT {_OWN_COLUMNS} FROM appointments WHERE workspace_id = $1 AND integration_id = $2 AND change_key = $3
"""
_CANCEL_APPOINTMENT: Final = """
    UPDATE appointments SET status = 'canceled', updated_at = $3
    WHERE workspace_id = $1 AND id = $2 AND status = 'booked'
"""


async def select_own_appointments(
    db: Connection, workspace_id: UUID, integration_id: UUID, caller: Caller, now: datetime, limit: int
) -> list[Appointment]:
    """Return the caller's next appointments that calls booked in this connection's calendar."""
    rows = await db.fetch(_SELECT_OWN, workspace_id, integration_id, now, caller.phone, caller.reference, limit)
    return [Appointment(**row) for row in rows]


async def has_open_move(
    db: Connection, workspace_id: UUID, integration_id: UUID, appointment_id: UUID, now: datetime
) -> bool:
    """Return whether a call is moving this appointment now, or the outcome of a move is unknown."""
    found: bool = await db.fetchval(_OPEN_MOVE, workspace_id, integration_id, appointment_id, now - _OPEN_CHANGE)
    return found


async def select_changed_appointment(
    db: Connection, workspace_id: UUID, integration_id: UUID, change_key: str
) -> Appointment | None:
    """Return the appointment that this run has started to cancel, or None."""
    row = await db.fetchrow(_SELECT_CHANGED, workspace_id, integration_id, change_key)
    return None if row is None else Appointment(**row)


async def mark_change(db: Connection, workspace_id: UUID, appointment_id: UUID, change_key: str) -> None:
    """Store which run cancels the appointment."""
    await db.execute(
        "UPDATE appointments SET change_key = $3 WHERE workspace_id = $1 AND id = $2",
        workspace_id,
        appointment_id,
        change_key,
    )


async def clear_change(db: Connection, workspace_id: UUID, appointment_id: UUID, change_key: str) -> None:
    """Remove this run's cancellation mark. A mark of another run stays, because that run may have started meanwhile."""
    await db.execute(
        "UPDATE appointments SET change_key = NULL WHERE workspace_id = $1 AND id = $2 AND change_key = $3",
        workspace_id,
        appointment_id,
        change_key,
    )


async def is_being_canceled(db: Connection, workspace_id: UUID, appointment_id: UUID) -> bool:
    """Return whether a run has started to cancel the appointment and the outcome is unknown."""
    found: bool = await db.fetchval(_BEING_CANCELED, workspace_id, appointment_id)
    return found


async def holds_another(
    db: Connection, workspace_id: UUID, integration_id: UUID, own_id: UUID, starts_at: datetime, ends_at: datetime
) -> bool:
    """Return whether the synced calendar has another appointment within this time."""
    found: bool = await db.fetchval(_HOLDS_ANOTHER, workspace_id, integration_id, own_id, starts_at, ends_at)
    return found


async def cancel_appointment(db: Connection, workspace_id: UUID, appointment_id: UUID, now: datetime) -> None:
    """Mark the appointment as canceled by the vendor."""
    await db.execute(_CANCEL_APPOINTMENT, workspace_id, appointment_id, now)


# -- Appointments with an unknown outcome --

_SELECT_UNSETTLED: Final = f"""
    SELECT {_OWN_COLUMNS}, call_id, run_id, change_key FROM appointments
    WHERE workspace_id = $1 AND id = $2 AND (status = 'booking' OR status = 'booked' AND change_key IS NOT NULL)
"""


@dataclass(frozen=True, slots=True)
class UnsettledAppointment:
    """An appointment with an unknown outcome.

    Attributes:
        call_id: The call that books or moves the appointment.
        run_id: The tool run that books or moves the appointment.
        cancellation: The run that cancels the appointment. None unless the outcome of a cancellation is unknown.
    """

    appointment: Appointment
    call_id: UUID
    run_id: str
    cancellation: str | None


async def select_unsettled_appointment(
    db: Connection, workspace_id: UUID, appointment_id: UUID
) -> UnsettledAppointment | None:
    """Return the appointment if the outcome of its booking, move or cancellation is unknown. Otherwise return None."""
    row = await db.fetchrow(_SELECT_UNSETTLED, workspace_id, appointment_id)
    if row is None:
        return None
    values = dict(row)
    call_id, run_id, change_key = values.pop("call_id"), values.pop("run_id"), values.pop("change_key")
    cancellation = change_key if values["status"] == "booked" else None
    return UnsettledAppointment(Appointment(**values), call_id, run_id, cancellation)


async def select_appointment(db: Connection, workspace_id: UUID, appointment_id: UUID) -> Appointment | None:
    """Return the appointment, or None if it does not exist."""
    query = f"SELECT {_OWN_COLUMNS} FROM appointments WHERE workspace_id = $1 AND id = $2"
    row = await db.fetchrow(query, workspace_id, appointment_id)
    return None if row is None else Appointment(**row)


async def select_appointment_of_run(
    db: Connection, workspace_id: UUID, call_id: UUID, run_id: str
) -> Appointment | None:
    """Return the appointment that this tool run has reserved, or None."""
    query = f"SELECT {_OWN_COLUMNS} FROM appointments WHERE workspace_id = $1 AND call_id = $2 AND run_id = $3"
    row = await db.fetchrow(query, workspace_id, call_id, run_id)
    return None if row is None else Appointment(**row)

"""SQL of appointments: copied from connected calendars, and booked in calls."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from control.db.pool import Connection
from control.integrations.caller_values import Appointment, AppointmentStatus, NewAppointment
from control.integrations.synced_records import AppointmentRecord
from shared.ids import new_id

# What one of our calls books now, or has just booked: the vendor's free/busy may not know of it yet.
_RECENT: Final = timedelta(minutes=10)
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended('appointments ' || $1::text, 0))"
_UPSERT: Final = """
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
# Those that calls booked stay in the record.
_DELETE: Final = """
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
_SELECT_UNSEEN: Final = """
    SELECT external_id FROM appointments
    WHERE workspace_id = $1 AND integration_id = $2 AND external_id IS NOT NULL AND seen_by IS DISTINCT FROM $3
      AND (call_id IS NULL OR updated_at < $4) AND status = 'booked'
"""
_COLUMNS: Final = "id, integration_id, external_id, status, title, starts_at, ends_at, reference, moves, phone"
_RESERVED: Final = """
    SELECT EXISTS (SELECT FROM appointments
                   WHERE (integration_id = $2 OR calendar_key = $7) AND workspace_id = $1
                     AND starts_at < $4 AND ends_at > $3 AND starts_at > $3::timestamptz - interval '1 day'
                     AND call_id IS NOT NULL AND status IN ('booking', 'booked') AND updated_at > $5
                     AND id <> ALL ($6::uuid[]))
"""
_INSERT: Final = """
    INSERT INTO appointments (id, workspace_id, integration_id, status, title, starts_at, ends_at, phone, call_id,
                              run_id, created_at, updated_at, calendar_key, reference, moves)
    VALUES ($1, $2, $3, 'booking', $4, $5, $6, $7, $8, $9, $10, $10, $11, $12, $13)
    ON CONFLICT (call_id, run_id) DO UPDATE SET updated_at = excluded.updated_at
    RETURNING id, integration_id, external_id, status, title, starts_at, ends_at, reference, moves, phone,
              xmax = 0 AS is_new
"""
# The sync may have copied it already. A statement of its own: within one, PostgreSQL deletes after it has updated, and
# the update fails, because the id is taken.
_DELETE_COPY: Final = """
    DELETE FROM appointments WHERE workspace_id = $1 AND integration_id = $2 AND external_id = $3 AND call_id IS NULL
"""
# What it is in place of has the same event, or had it.
_RELEASE_EVENT: Final = """
    UPDATE appointments SET status = 'canceled', external_id = NULL, updated_at = $5
    WHERE workspace_id = $1 AND integration_id = $2 AND (external_id = $3 OR id = $6) AND id <> $4
      AND call_id IS NOT NULL
"""
# A slower attempt that found the time taken does not undo what another one of its run has booked.
_FINISH: Final = """
    UPDATE appointments SET status = $3, external_id = coalesce($4, external_id), updated_at = $5
    WHERE workspace_id = $1 AND id = $2 AND (status <> 'booked' OR $3 = 'booked')
"""
_DELETE_OLD: Final = """
    DELETE FROM appointments WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM appointments WHERE ends_at < $1 ORDER BY ends_at LIMIT $2 FOR UPDATE SKIP LOCKED
    ))
"""
_COMING: Final = f"""
    SELECT {_COLUMNS} FROM appointments
    WHERE workspace_id = $1 AND phone = $2 AND starts_at > $3 AND status = 'booked' ORDER BY starts_at LIMIT $4
"""


async def upsert(
    db: Connection, workspace_id: UUID, integration_id: UUID, seen_by: UUID | None, records: Sequence[AppointmentRecord]
) -> tuple[int, int]:
    """Stores a page, each id once in it; returns how many are new, and how many were known. Locks the calendar, so that
    `finish` does not store the same event meanwhile."""
    await lock_copies(db, integration_id)
    rows = [
        {
            "id": new_id(),
            "external_id": one.external_id,
            "title": one.title,
            "starts_at": one.starts_at.isoformat(),
            "ends_at": one.ends_at.isoformat(),
        }
        for one in records
    ]
    stored = await db.fetch(_UPSERT, workspace_id, integration_id, seen_by, rows)
    created = sum(row["is_new"] for row in stored)
    return created, len(stored) - created


async def is_full(db: Connection, workspace_id: UUID, integration_id: UUID, most: int) -> bool:
    """Whether more than `most` are stored of a connection."""
    full: bool = await db.fetchval(
        "SELECT count(*) > $3 FROM appointments WHERE workspace_id = $1 AND integration_id = $2",
        workspace_id,
        integration_id,
        most,
    )
    return full


async def delete(db: Connection, workspace_id: UUID, integration_id: UUID, external_ids: Sequence[str]) -> int:
    """Deletes those that the vendor deleted, and marks those that calls booked; returns how many."""
    deleted: int = await db.fetchval(_DELETE, workspace_id, integration_id, external_ids)
    return deleted


async def delete_unseen(
    db: Connection, workspace_id: UUID, integration_id: UUID, seen_by: UUID | None, began: datetime
) -> int:
    """As `delete`, for those that a sync of everything, which began then, has not seen."""
    rows = await db.fetch(_SELECT_UNSEEN, workspace_id, integration_id, seen_by, began)
    return await delete(db, workspace_id, integration_id, [row["external_id"] for row in rows])


async def lock_copies(db: Connection, integration_id: UUID) -> None:
    """Serialises transactions that store appointments of this connection under the vendor's ids."""
    await db.execute(_LOCK, str(integration_id))


async def lock_calendar(db: Connection, new: NewAppointment) -> None:
    """Serialises transactions that take a time in this calendar, by whichever connection. The connection is locked,
    too, and first: the programs of the version before lock nothing else."""
    await lock_copies(db, new.integration_id)
    await db.execute(_LOCK, new.calendar_key)


async def is_reserved(db: Connection, appointment: NewAppointment, own_id: UUID, now: datetime) -> bool:
    """Whether another call takes a part of this time now, or has just taken it. own_id: of the appointment's row."""
    own = [own_id, *([appointment.moves] if appointment.moves else [])]
    reserved: bool = await db.fetchval(
        _RESERVED, appointment.workspace_id, appointment.integration_id, appointment.starts_at, appointment.ends_at,
        now - _RECENT, own, appointment.calendar_key,
    )  # fmt: skip
    return reserved


async def insert(db: Connection, new: NewAppointment, now: datetime) -> tuple[Appointment, bool]:
    """Reserves the time; the row of this run if it was inserted before. Also whether it is new."""
    row = await db.fetchrow(
        _INSERT,
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


async def finish(
    db: Connection, workspace_id: UUID, booked: Appointment, status: AppointmentStatus, external_id: str | None,
    now: datetime,
) -> None:  # fmt: skip
    """Stores what became of a booking, in place of what a sync has copied of it, and of the one that it moves."""
    if external_id is not None:
        await lock_copies(db, booked.integration_id)
        await db.execute(_DELETE_COPY, workspace_id, booked.integration_id, external_id)
        await db.execute(_RELEASE_EVENT, workspace_id, booked.integration_id, external_id, booked.id, now, booked.moves)
    await db.execute(_FINISH, workspace_id, booked.id, status, external_id, now)


async def select_coming(db: Connection, workspace_id: UUID, phone: str, now: datetime, limit: int) -> list[Appointment]:
    """The next appointments that were booked for this number (E.164)."""
    return [Appointment(**row) for row in await db.fetch(_COMING, workspace_id, phone, now, limit)]


async def clear_phone(db: Connection, workspace_id: UUID, phone: str) -> int:
    """Removes number and title from the appointments of this number; returns how many."""
    status = await db.execute(
        "UPDATE appointments SET phone = NULL, title = '' WHERE workspace_id = $1 AND phone = $2", workspace_id, phone
    )
    return int(status.split()[-1])


async def delete_old(db: Connection, before: datetime, limit: int) -> int:
    """Deletes up to `limit` appointments that ended earlier; returns how many. In platform scope."""
    status = await db.execute(_DELETE_OLD, before, limit)
    return int(status.split()[-1])

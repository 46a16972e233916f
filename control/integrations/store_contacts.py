"""SQL of contacts: copied from connected vendors, and looked up by their numbers."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final
from uuid import UUID

from control.db.pool import Connection
from control.integrations.caller_values import Contact
from control.integrations.synced_records import ContactRecord
from shared.ids import new_id

_UPSERT: Final = """
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
_DELETE: Final = """
    DELETE FROM contacts WHERE workspace_id = $1 AND integration_id = $2 AND external_id = ANY($3::text[])
"""
_DELETE_UNSEEN: Final = "DELETE FROM contacts WHERE workspace_id = $1 AND integration_id = $2 AND seen_by <> $3"
# Of several contacts with one number, the one that changed last.
BY_PHONE: Final = """
    SELECT id, name, first_name, company FROM (
        (SELECT id, name, first_name, company, updated_at FROM contacts WHERE workspace_id = $1 AND phone = $2
         ORDER BY updated_at DESC, id LIMIT 1)
        UNION ALL
        (SELECT id, name, first_name, company, updated_at FROM contacts WHERE workspace_id = $1 AND mobile_phone = $2
         ORDER BY updated_at DESC, id LIMIT 1)
    ) found ORDER BY updated_at DESC, id LIMIT 1
"""


async def upsert(
    db: Connection, workspace_id: UUID, integration_id: UUID, seen_by: UUID | None, records: Sequence[ContactRecord]
) -> tuple[int, int]:
    """Stores a page, each id once in it; returns how many are new, and how many were known."""
    rows = [{"id": new_id(), **asdict(record)} for record in records]
    stored = await db.fetch(_UPSERT, workspace_id, integration_id, seen_by, rows)
    created = sum(row["is_new"] for row in stored)
    return created, len(stored) - created


async def is_full(db: Connection, workspace_id: UUID, integration_id: UUID, most: int) -> bool:
    """Whether more than `most` are stored of a connection."""
    full: bool = await db.fetchval(
        "SELECT count(*) > $3 FROM contacts WHERE workspace_id = $1 AND integration_id = $2",
        workspace_id,
        integration_id,
        most,
    )
    return full


async def delete(db: Connection, workspace_id: UUID, integration_id: UUID, external_ids: Sequence[str]) -> int:
    """Deletes those that the vendor deleted; returns how many."""
    return _count(await db.execute(_DELETE, workspace_id, integration_id, external_ids))


async def delete_unseen(db: Connection, workspace_id: UUID, integration_id: UUID, seen_by: UUID | None) -> int:
    """Deletes those that a sync of everything has not seen; returns how many."""
    return _count(await db.execute(_DELETE_UNSEEN, workspace_id, integration_id, seen_by))


async def select_by_phone(db: Connection, workspace_id: UUID, phone: str) -> Contact | None:
    """Whom this number (E.164) belongs to."""
    row = await db.fetchrow(BY_PHONE, workspace_id, phone)
    return None if row is None else Contact(**row)


async def delete_by_phone(db: Connection, workspace_id: UUID, phone: str) -> int:
    """Deletes the contacts with this number; returns how many. The next sync copies them again unless the vendor has
    deleted them, too."""
    return _count(
        await db.execute(
            "DELETE FROM contacts WHERE workspace_id = $1 AND (phone = $2 OR mobile_phone = $2)", workspace_id, phone
        )
    )


def _count(status: str) -> int:
    return int(status.split()[-1])

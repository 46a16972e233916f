"""SQL of the audit log."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final
from uuid import UUID

from control.db.pool import Connection
from control.platform.model import AuditEntry, AuditFilter

_COLUMNS: Final = ", ".join(field.name for field in fields(AuditEntry))


async def insert_entry(
    db: Connection,
    *,
    entry_id: UUID,
    actor: str,
    actor_id: UUID | None,
    actor_email: str | None,
    action: str,
    resource_type: str,
    resource_id: str,
    workspace_id: UUID | None,
    details: Mapping[str, Any],
    request_id: str | None,
    address: str | None,
) -> None:
    """Appends an entry."""
    await db.execute(
        """
        INSERT INTO audit_log (id, actor, actor_id, actor_email, action, resource_type, resource_id, workspace_id,
                               details, request_id, address)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        """,
        *(entry_id, actor, actor_id, actor_email, action, resource_type, resource_id, workspace_id),
        *(details, request_id, address),
    )


async def select_entries(db: Connection, wanted: AuditFilter, offset: int, limit: int) -> list[AuditEntry]:
    """A page, newest first."""
    where, values = _where(wanted)
    rows = await db.fetch(
        f"SELECT {_COLUMNS} FROM audit_log {where} ORDER BY at DESC, id DESC "
        f"OFFSET ${len(values) + 1} LIMIT ${len(values) + 2}",
        *values,
        offset,
        limit,
    )
    return [AuditEntry(**row) for row in rows]


async def count_entries(db: Connection, wanted: AuditFilter, most: int) -> int:
    """How many entries match; counts `most` at most."""
    where, values = _where(wanted)
    return int(
        await db.fetchval(
            f"SELECT count(*) FROM (SELECT FROM audit_log {where} LIMIT ${len(values) + 1}) AS found", *values, most
        )
    )


def _where(wanted: AuditFilter) -> tuple[str, list[Any]]:
    """Returns only the conditions asked for, so that each combination can use its index."""
    asked = {
        "actor_id = ${}": wanted.admin_id,
        "action = ${}": wanted.action,
        "at >= ${}": wanted.since,
        "at < ${}": wanted.until,
    }
    given = [(text, value) for text, value in asked.items() if value is not None]
    conditions = [text.format(place) for place, (text, _) in enumerate(given, 1)]
    return ("WHERE " + " AND ".join(conditions) if conditions else ""), [value for _, value in given]

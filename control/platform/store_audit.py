"""SQL of the audit log."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final
from uuid import UUID

from control.db.keyset import Keyset, ListPage, PageRequest, cut_page
from control.db.pool import Connection
from control.platform.model import AuditEntry, AuditFilter

_COLUMNS: Final = ", ".join(field.name for field in fields(AuditEntry))
_ORDER: Final = Keyset(("at", "id"), "SELECT at, id FROM audit_log WHERE id = $1")


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


async def select_entries(db: Connection, wanted: AuditFilter, page: PageRequest) -> ListPage[AuditEntry]:
    """Newest first. Raises Invalid (code cursor_unknown)."""
    where, values = _where(wanted)
    clause = await _ORDER.make_clause(db, page, values)
    rows = await db.fetch(f"SELECT {_COLUMNS} FROM audit_log WHERE {where} {clause.tail}", *clause.values)
    return cut_page([AuditEntry(**row) for row in rows], page)


async def count_entries(db: Connection, wanted: AuditFilter, most: int) -> int:
    """How many entries match; counts `most` at most."""
    where, values = _where(wanted)
    return int(
        await db.fetchval(
            f"SELECT count(*) FROM (SELECT FROM audit_log WHERE {where} LIMIT ${len(values) + 1}) AS found",
            *values,
            most,
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
    return " AND ".join(conditions) or "true", [value for _, value in given]

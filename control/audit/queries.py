"""SQL for the audit log and its seals."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from control.audit.rules import AuditContent, AuditEntry, AuditFilter, AuditSeal, SealedRow
from control.db.keyset import Keyset, ListPage, PageRequest, cut_page
from control.db.pool import Connection

# --- Entries ---------------------------------------------------------------------------------------------------------

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
    """Append an entry."""
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
    """Return a page of entries, newest first. Raises Invalid (code cursor_unknown)."""
    where, values = _where(wanted)
    clause = await _ORDER.make_clause(db, page, values)
    rows = await db.fetch(f"SELECT {_COLUMNS} FROM audit_log WHERE {where} {clause.tail}", *clause.values)
    return cut_page([AuditEntry(**row) for row in rows], page)


async def count_entries(db: Connection, wanted: AuditFilter, most: int) -> int:
    """Return how many entries match. Counts up to `most`."""
    where, values = _where(wanted)
    return int(
        await db.fetchval(
            f"SELECT count(*) FROM (SELECT FROM audit_log WHERE {where} LIMIT ${len(values) + 1}) AS found",
            *values,
            most,
        )
    )


def _where(wanted: AuditFilter) -> tuple[str, list[Any]]:
    """Return only the requested conditions, so that each combination can use its index."""
    asked = {
        "actor_id = ${}": wanted.admin_id,
        "action = ${}": wanted.action,
        "at >= ${}": wanted.since,
        "at < ${}": wanted.until,
    }
    given = [(text, value) for text, value in asked.items() if value is not None]
    conditions = [text.format(place) for place, (text, _) in enumerate(given, 1)]
    return " AND ".join(conditions) or "true", [value for _, value in given]


# --- Reads of calls' content by the staff ----------------------------------------------------------------------------

READ_ACTION: Final = "call.read"
# The action is a literal, not a parameter, because the index is partial.
_READS_ORDER: Final = Keyset(
    ("at", "id"), "SELECT at, id FROM audit_log WHERE id = $1 AND workspace_id = $2 AND action = 'call.read'"
)


async def select_reads(db: Connection, workspace_id: UUID, page: PageRequest) -> ListPage[Any]:
    """Return a page of the reads of a workspace's content, newest first. Raises Invalid (code cursor_unknown).

    A row has the columns id, at, actor_email, resource_type, resource_id and details.
    """
    clause = await _READS_ORDER.make_clause(db, page, (workspace_id,), (workspace_id,))
    rows = await db.fetch(
        "SELECT id, at, actor_email, resource_type, resource_id, details FROM audit_log "
        f"WHERE workspace_id = $1 AND action = 'call.read' {clause.tail}",
        *clause.values,
    )
    return cut_page(rows, page)


async def count_reads(db: Connection, workspace_id: UUID, most: int) -> int:
    """Count the reads of a workspace's content, up to `most`."""
    count: int = await db.fetchval(
        "SELECT count(*) FROM (SELECT FROM audit_log WHERE workspace_id = $1 AND action = 'call.read' LIMIT $2) found",
        workspace_id,
        most,
    )
    return count


# --- Seals -----------------------------------------------------------------------------------------------------------

_CHAIN: Final = "audit_seals"
_SEAL: Final = "number, entries, root, previous, reached, sealed_at, mac"
# Equal in every session: the text contains no time zone, and jsonb orders its keys.
_CONTENT: Final = """
    jsonb_build_array(a.id, extract(epoch FROM a.at), a.actor, a.actor_id, a.actor_email, a.action, a.resource_type,
                      a.resource_id, a.workspace_id, a.details, a.request_id, a.address::text)::text
"""


async def lock_chain(db: Connection) -> None:
    """Lock the chain until the transaction ends; otherwise two workers would seal the same entries."""
    await db.execute("SELECT pg_advisory_xact_lock(hashtext($1))", _CHAIN)


async def select_last(db: Connection) -> AuditSeal | None:
    """Return the newest seal, or None."""
    row = await db.fetchrow(f"SELECT {_SEAL} FROM audit_seals ORDER BY number DESC LIMIT 1")
    return AuditSeal(**row) if row else None


async def select_seals(db: Connection, after: int, most: int) -> list[AuditSeal]:
    """Return up to `most` seals after a number, in their order."""
    rows = await db.fetch(
        f"SELECT {_SEAL} FROM audit_seals WHERE number > $1 ORDER BY number LIMIT $2", after, most
    )  # fmt: skip
    return [AuditSeal(**row) for row in rows]


async def select_unsealed(db: Connection, since: datetime, most: int) -> list[AuditContent]:
    """Return up to `most` unsealed entries from `since` on, oldest first."""
    rows = await db.fetch(
        f"""
        SELECT a.id AS entry_id, a.at, {_CONTENT} AS content FROM audit_log a
        WHERE a.at >= $1 AND NOT EXISTS (SELECT FROM audit_sealed_rows s WHERE s.entry_id = a.id)
        ORDER BY a.at, a.id LIMIT $2
        """,
        since, most,
    )  # fmt: skip
    return [AuditContent(**row) for row in rows]


async def select_dated_back(db: Connection, before: datetime, most: int) -> list[Any]:
    """Return the ids of unsealed entries whose time is before `before`."""
    rows = await db.fetch(
        """
        SELECT a.id FROM audit_log a
        WHERE a.at < $1 AND NOT EXISTS (SELECT FROM audit_sealed_rows s WHERE s.entry_id = a.id)
        ORDER BY a.at, a.id LIMIT $2
        """,
        before, most,
    )  # fmt: skip
    return [row["id"] for row in rows]


async def insert_seal(db: Connection, seal: AuditSeal, mac: bytes, entries: Sequence[AuditContent]) -> None:
    """Append a seal to the chain, with the hashes of its entries."""
    await db.execute(
        f"INSERT INTO audit_seals ({_SEAL}) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        *(seal.number, seal.entries, seal.root, seal.previous, seal.reached, seal.sealed_at, mac),
    )
    await db.execute(
        """
        INSERT INTO audit_sealed_rows (entry_id, seal, position, hash)
        SELECT e.id, $3, e.position, e.hash
        FROM unnest($1::uuid[], $2::bytea[]) WITH ORDINALITY AS e (id, hash, position)
        """,
        [entry.entry_id for entry in entries], [entry.hash for entry in entries], seal.number,
    )  # fmt: skip


async def select_sealed(db: Connection, first: int, last: int) -> list[SealedRow]:
    """Return the entries of these seals in their order, with their current content in the log."""
    rows = await db.fetch(
        f"""
        SELECT s.entry_id, s.seal, s.hash, CASE WHEN a.id IS NOT NULL THEN {_CONTENT} END AS content
        FROM audit_sealed_rows s LEFT JOIN audit_log a ON a.id = s.entry_id
        WHERE s.seal BETWEEN $1 AND $2 ORDER BY s.seal, s.position
        """,
        first, last,
    )  # fmt: skip
    return [SealedRow(**row) for row in rows]


async def select_contents(db: Connection, after: tuple[datetime, Any], most: int) -> list[AuditContent]:
    """Return up to `most` entries after a time and id, oldest first."""
    rows = await db.fetch(
        f"""
        SELECT a.id AS entry_id, a.at, {_CONTENT} AS content FROM audit_log a
        WHERE (a.at, a.id) > ($1, $2) ORDER BY a.at, a.id LIMIT $3
        """,
        *after, most,
    )  # fmt: skip
    return [AuditContent(**row) for row in rows]


async def update_mac(db: Connection, number: int, mac: bytes) -> None:
    """Replace the code (`mac`) of a seal."""
    await db.execute("UPDATE audit_seals SET mac = $2 WHERE number = $1", number, mac)

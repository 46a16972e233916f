"""Read model: phone numbers with the agent that answers them, and workspaces whose numbers are to be released."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from control.db.keyset import Keyset, ListPage, PageRequest, cut_page
from control.db.pool import Connection
from control.numbers.model import PhoneNumber

_NUMBER: Final = """
    SELECT p.id, p.workspace_id, p.phone_number, p.friendly_name, p.carrier, p.carrier_number_id, p.status,
           p.status_detail, p.agent_id, a.name AS agent_name, p.country, p.capabilities, p.monthly_price,
           p.created_at, p.updated_at, p.released_at, p.address_id, p.bundle_id
    FROM phone_numbers p LEFT JOIN agents a ON a.workspace_id = p.workspace_id AND a.id = p.agent_id
"""
# Released numbers are listed only when asked for by status.
_MATCHES: Final = """
    p.workspace_id = $1 AND (CASE WHEN $2::text IS NULL THEN p.status <> 'released' ELSE p.status = $2 END)
"""
_ORDER: Final = Keyset(
    ("p.created_at", "p.id"), "SELECT created_at, id FROM phone_numbers WHERE id = $1 AND workspace_id = $2"
)


async def select_numbers(
    db: Connection, workspace_id: UUID, status: str | None, page: PageRequest
) -> ListPage[PhoneNumber]:
    """Newest first. Raises Invalid (code cursor_unknown)."""
    clause = await _ORDER.make_clause(db, page, (workspace_id, status), (workspace_id,))
    rows = await db.fetch(f"{_NUMBER} WHERE {_MATCHES} {clause.tail}", *clause.values)
    return cut_page([PhoneNumber(**row) for row in rows], page)


async def count_matching(db: Connection, workspace_id: UUID, status: str | None) -> int:
    """The total of `select_numbers`."""
    total: int = await db.fetchval(f"SELECT count(*) FROM phone_numbers p WHERE {_MATCHES}", workspace_id, status)
    return total


async def select_number(db: Connection, workspace_id: UUID, number_id: UUID) -> PhoneNumber | None:
    """One number of the workspace."""
    row = await db.fetchrow(f"{_NUMBER} WHERE p.workspace_id = $1 AND p.id = $2", workspace_id, number_id)
    return None if row is None else PhoneNumber(**row)


async def lock_number(db: Connection, workspace_id: UUID, number_id: UUID) -> PhoneNumber | None:
    """One number of the workspace, locked until this transaction ends."""
    locked = await db.fetchval(
        "SELECT true FROM phone_numbers WHERE workspace_id = $1 AND id = $2 FOR UPDATE", workspace_id, number_id
    )
    return await select_number(db, workspace_id, number_id) if locked else None


async def lock_agent(db: Connection, workspace_id: UUID, agent_id: UUID) -> None:
    """Locks an agent (FOR SHARE): it neither goes live nor changes its number until this transaction ends. To be called
    before its number is locked: the agents' room locks in this order."""
    await db.execute("SELECT FROM agents WHERE workspace_id = $1 AND id = $2 FOR SHARE", workspace_id, agent_id)


async def count_purchases(
    db: Connection, workspace_ids: Sequence[UUID], since: datetime, *, trials: bool = False
) -> int:
    """Counts purchases begun since then for these workspaces, without those that failed, and without numbers that were
    imported. trials: only for workspaces that are on trial, or were until they were suspended. Needs platform scope."""
    total: int = await db.fetchval(
        """
        SELECT count(*) FROM phone_numbers p JOIN workspaces w ON w.id = p.workspace_id
        WHERE p.workspace_id = ANY($1::uuid[]) AND p.created_at > $2 AND NOT p.is_imported
          AND (p.status IN ('buying', 'active', 'releasing') OR p.carrier_number_id IS NOT NULL)
          AND (NOT $3::boolean OR 'trial' IN (w.status, w.status_before))
        """,
        workspace_ids,
        since,
        trials,
    )
    return total


async def select_doomed_workspaces(db: Connection, now: datetime, most: int) -> list[UUID]:
    """Deleted workspaces whose numbers are to be released, and that still have some, the longest overdue first: those
    past their grace period, and those that were on trial."""
    rows = await db.fetch(
        """
        SELECT w.id FROM workspaces w
        WHERE (w.purge_after <= $1 OR (w.purge_after IS NOT NULL AND 'trial' IN (w.status, w.status_before)))
        AND EXISTS (SELECT FROM phone_numbers p WHERE p.workspace_id = w.id AND p.status IN ('buying', 'active'))
        ORDER BY w.purge_after LIMIT $2
        """,
        now,
        most,
    )
    return [row["id"] for row in rows]

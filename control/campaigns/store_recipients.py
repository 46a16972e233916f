"""SQL of recipients."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from control.campaigns.model import CampaignRecipient, NewRecipient, RecipientOutcome, RecipientStatus
from control.db.keyset import Keyset, ListPage, PageRequest, cut_page
from control.db.pool import Connection
from shared.ids import new_id

_COLUMNS: Final = """
    r.id, r.workspace_id, r.campaign_id, r.phone_number, r.variables, r.timezone, r.reference, r.status, r.outcome,
    r.detail, r.attempts, r.next_attempt_at, r.created_at, r.finished_at
"""
_SELECT: Final = f"SELECT {_COLUMNS} FROM campaign_recipients r"
# In the order in which they were added.
_ORDER: Final = Keyset(
    ("r.id",),
    "SELECT id FROM campaign_recipients WHERE id = $1 AND workspace_id = $2 AND campaign_id = $3",
    descending=False,
)
_FILTER: Final = """
    WHERE r.workspace_id = $1 AND r.campaign_id = $2 AND ($3::text IS NULL OR r.status = $3)
      AND ($4::text IS NULL OR r.outcome = $4) AND ($5::text IS NULL OR r.phone_number = $5)
"""
# A number that the campaign has stays as it is.
_INSERT: Final = """
    INSERT INTO campaign_recipients (id, workspace_id, campaign_id, phone_number, variables, timezone, reference,
                                     status, attempts, next_attempt_at, created_at)
    SELECT n.id, $1, $2, n.phone_number, n.variables, n.timezone, n.reference, 'pending', 0, $3, $3
    FROM unnest($4::uuid[], $5::text[], $6::jsonb[], $7::text[], $8::text[])
        AS n (id, phone_number, variables, timezone, reference)
    ON CONFLICT (campaign_id, phone_number) DO NOTHING
    RETURNING phone_number
"""
_CLAIM_DUE: Final = f"""
    {_SELECT} WHERE r.workspace_id = $1 AND r.campaign_id = $2 AND r.status = 'pending' AND r.next_attempt_at <= $3
    ORDER BY r.next_attempt_at, r.id LIMIT $4 FOR UPDATE SKIP LOCKED
"""
_DEFER: Final = """
    UPDATE campaign_recipients r SET next_attempt_at = n.at
    FROM unnest($2::uuid[], $3::timestamptz[]) AS n (id, at)
    WHERE r.workspace_id = $1 AND r.id = n.id AND r.status = 'pending'
"""
_UPDATE: Final = """
    UPDATE campaign_recipients
    SET status = $3, outcome = $4, detail = $5, attempts = $6, next_attempt_at = $7,
        finished_at = CASE WHEN $3 = 'finished' THEN $8::timestamptz END
    WHERE workspace_id = $1 AND id = $2
"""
# Some may be locked by a worker that is just calling them: those are found by the next run.
_FINISH_PENDING: Final = """
    UPDATE campaign_recipients SET status = 'finished', outcome = coalesce(outcome, 'not_called'), detail = $3,
                                   finished_at = $4
    WHERE id IN (SELECT id FROM campaign_recipients
                 WHERE workspace_id = $1 AND campaign_id = $2 AND status = 'pending'
                 ORDER BY next_attempt_at, id LIMIT $5 FOR UPDATE SKIP LOCKED)
"""
# Pending recipients of campaigns that were over since $2.
_FINISH_REMAINING: Final = """
    UPDATE campaign_recipients SET status = 'finished', outcome = coalesce(outcome, 'not_called'),
                                   detail = 'campaign_ended', finished_at = $1
    WHERE id IN (SELECT r.id FROM campaigns c JOIN campaign_recipients r ON r.campaign_id = c.id
                 WHERE c.finished_at > $2 AND r.status = 'pending' LIMIT $3 FOR UPDATE OF r SKIP LOCKED)
"""
_ADVANCE_UNCALLED: Final = """
    UPDATE campaign_recipients SET next_attempt_at = $3
    WHERE workspace_id = $1 AND campaign_id = $2 AND status = 'pending' AND attempts = 0 AND next_attempt_at > $3
"""
_DELETE_SOME: Final = """
    DELETE FROM campaign_recipients
    WHERE id IN (SELECT id FROM campaign_recipients WHERE workspace_id = $1 ORDER BY phone_number LIMIT $2)
"""
_OPEN: Final = """
    SELECT (SELECT min(next_attempt_at) FROM campaign_recipients
            WHERE workspace_id = $1 AND campaign_id = $2 AND status = 'pending'),
           EXISTS (SELECT FROM campaign_attempts WHERE workspace_id = $1 AND campaign_id = $2 AND finished_at IS NULL)
"""


async def insert_recipients(
    db: Connection, workspace_id: UUID, campaign_id: UUID, rows: Sequence[NewRecipient], now: datetime
) -> set[str]:
    """The numbers that were stored; the others are in the campaign already."""
    stored = await db.fetch(
        _INSERT,
        workspace_id,
        campaign_id,
        now,
        sorted(UUID(new_id()) for _ in rows),  # ids of one millisecond are in any order
        [row.phone_number for row in rows],
        [dict(row.variables) for row in rows],
        [row.timezone for row in rows],
        [row.reference for row in rows],
    )
    return {row["phone_number"] for row in stored}


async def count_all(db: Connection, workspace_id: UUID, campaign_id: UUID) -> int:
    """How many the campaign has."""
    found: int = await db.fetchval(
        "SELECT count(*) FROM campaign_recipients WHERE workspace_id = $1 AND campaign_id = $2",
        workspace_id,
        campaign_id,
    )
    return found


async def select_page(
    db: Connection,
    workspace_id: UUID,
    campaign_id: UUID,
    *,
    status: RecipientStatus | None,
    outcome: RecipientOutcome | None,
    number: str | None,
    page: PageRequest,
) -> ListPage[CampaignRecipient]:
    """A page, with its total unless it is next to a row. Raises Invalid (code cursor_unknown)."""
    values = (workspace_id, campaign_id, status, outcome, number)
    clause = await _ORDER.make_clause(db, page, values, (workspace_id, campaign_id))
    rows = await db.fetch(f"{_SELECT} {_FILTER} {clause.tail}", *clause.values)
    found = cut_page([make_recipient(row) for row in rows], page)
    if page.cursor is not None:
        return found
    return found.with_total(await db.fetchval(f"SELECT count(*) FROM campaign_recipients r {_FILTER}", *values))


async def select_one(
    db: Connection, workspace_id: UUID, campaign_id: UUID, recipient_id: UUID
) -> CampaignRecipient | None:
    """None: the campaign has no such recipient."""
    row = await db.fetchrow(
        f"{_SELECT} WHERE r.workspace_id = $1 AND r.campaign_id = $2 AND r.id = $3",
        workspace_id,
        campaign_id,
        recipient_id,
    )
    return None if row is None else make_recipient(row)


async def claim_due(
    db: Connection, workspace_id: UUID, campaign_id: UUID, now: datetime, most: int
) -> list[CampaignRecipient]:
    """Pending recipients whose time has come, locked; those that another transaction has locked are left out. Needs
    platform scope."""
    return [make_recipient(row) for row in await db.fetch(_CLAIM_DUE, workspace_id, campaign_id, now, most)]


async def defer(db: Connection, workspace_id: UUID, times: Sequence[tuple[UUID, datetime]]) -> None:
    """Pending recipients are called no earlier than at these times. Needs platform scope."""
    await db.execute(_DEFER, workspace_id, [one for one, _ in times], [at for _, at in times])


async def update_recipient(db: Connection, one: CampaignRecipient) -> None:
    """Its status, outcome and times; it must be locked. Needs platform scope."""
    await db.execute(
        _UPDATE,
        one.workspace_id,
        one.id,
        one.status,
        one.outcome,
        one.detail,
        one.attempts,
        one.next_attempt_at,
        one.finished_at,
    )


async def finish_pending(
    db: Connection, workspace_id: UUID, campaign_id: UUID, detail: str, now: datetime, most: int
) -> int:
    """Up to `most` pending recipients are not called any more; returns how many. Needs platform scope."""
    status = await db.execute(_FINISH_PENDING, workspace_id, campaign_id, detail, now, most)
    return int(status.split()[-1])


async def finish_remaining(db: Connection, now: datetime, since: datetime, most: int) -> int:
    """As `finish_pending`, for all campaigns that were completed or canceled since then. Needs platform scope."""
    status = await db.execute(_FINISH_REMAINING, now, since, most)
    return int(status.split()[-1])


async def find_open(db: Connection, workspace_id: UUID, campaign_id: UUID) -> tuple[datetime | None, bool]:
    """When the next pending recipient may be called (None: there is none), and whether a call is open."""
    row = await db.fetchrow(_OPEN, workspace_id, campaign_id)
    return row[0], row[1]


async def advance_uncalled(db: Connection, workspace_id: UUID, campaign_id: UUID, now: datetime) -> None:
    """Has those looked at again who were never called: they waited for hours that have changed."""
    await db.execute(_ADVANCE_UNCALLED, workspace_id, campaign_id, now)


async def delete_some(db: Connection, workspace_id: UUID, most: int) -> int:
    """Deletes up to `most` recipients of a workspace, with their attempts; returns how many. Needs platform scope."""
    status = await db.execute(_DELETE_SOME, workspace_id, most)
    return int(status.split()[-1])


async def delete_number(db: Connection, workspace_id: UUID, number: str) -> int:
    """Deletes the recipients with this number that are not being called, with their attempts; returns how many. Needs
    platform scope."""
    status = await db.execute(
        "DELETE FROM campaign_recipients WHERE workspace_id = $1 AND phone_number = $2 AND status <> 'calling'",
        workspace_id,
        number,
    )
    return int(status.split()[-1])


async def has_number(db: Connection, workspace_id: UUID, number: str) -> bool:
    """Whether a recipient of the workspace has this number. Needs platform scope."""
    found: bool = await db.fetchval(
        "SELECT EXISTS (SELECT FROM campaign_recipients WHERE workspace_id = $1 AND phone_number = $2)",
        workspace_id,
        number,
    )
    return found


def make_recipient(row: Any) -> CampaignRecipient:
    """Of a row with the columns of a recipient."""
    return CampaignRecipient(
        id=row["id"],
        workspace_id=row["workspace_id"],
        campaign_id=row["campaign_id"],
        phone_number=row["phone_number"],
        variables=row["variables"],
        timezone=row["timezone"],
        reference=row["reference"],
        status=row["status"],
        outcome=row["outcome"],
        detail=row["detail"],
        attempts=row["attempts"],
        next_attempt_at=row["next_attempt_at"],
        created_at=row["created_at"],
        finished_at=row["finished_at"],
    )

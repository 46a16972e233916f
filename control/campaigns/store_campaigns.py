"""SQL of campaigns."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel

from control.campaigns.calling_hours import CallingHours
from control.campaigns.model import Campaign, CampaignSettings, CampaignStatus
from control.campaigns.retry_policy import RetryPolicy
from control.db.keyset import Keyset, ListPage, PageRequest, cut_page
from control.db.pool import Connection

_SELECT: Final = """
    SELECT id, workspace_id, name, agent_id, agent_version, number_ids, status, status_reason, hours, retries,
           calls_per_minute, most_open_calls, leaves_messages, starts_at, ends_at, next_dispatch_at, created_at,
           updated_at, started_at, finished_at, call_screening
    FROM campaigns
"""
_ORDER: Final = Keyset(("created_at", "id"), "SELECT created_at, id FROM campaigns WHERE id = $1 AND workspace_id = $2")
_INSERT: Final = """
    INSERT INTO campaigns (id, workspace_id, name, agent_id, agent_version, number_ids, hours, retries,
                           calls_per_minute, most_open_calls, leaves_messages, starts_at, ends_at, status,
                           next_dispatch_at, created_at, updated_at, call_screening)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 'draft', $15, $15, $15, $14)
"""
_UPDATE: Final = """
    UPDATE campaigns
    SET name = $3, agent_id = $4, agent_version = $5, number_ids = $6, hours = $7, retries = $8,
        calls_per_minute = $9, most_open_calls = $10, leaves_messages = $11, starts_at = $12, ends_at = $13,
        call_screening = $14, next_dispatch_at = $15, updated_at = $15
    WHERE workspace_id = $1 AND id = $2
"""
_UPDATE_STATUS: Final = """
    UPDATE campaigns
    SET status = $3, status_reason = $4, updated_at = $5,
        next_dispatch_at = CASE WHEN $3 = 'running' THEN $5 ELSE next_dispatch_at END,
        started_at = CASE WHEN $3 = 'running' THEN coalesce(started_at, $5) ELSE started_at END,
        finished_at = CASE WHEN $3 IN ('completed', 'canceled') THEN $5 END
    WHERE workspace_id = $1 AND id = $2
"""
# Those that may place a call now, the longest waiting first.
_SELECT_DUE: Final = """
    SELECT id, workspace_id FROM campaigns WHERE status = 'running' AND next_dispatch_at <= $1
    ORDER BY next_dispatch_at LIMIT $2
"""
# One that another worker dispatches from is left to it.
_LOCK_DUE: Final = f"""
    {_SELECT} WHERE workspace_id = $1 AND id = $2 AND status = 'running' AND next_dispatch_at <= $3
    FOR UPDATE SKIP LOCKED
"""
_DELAY: Final = """
    UPDATE campaigns SET next_dispatch_at = $3, status_reason = $4 WHERE workspace_id = $1 AND id = $2
"""
# Not waited for: see `lock_free`.
_LOCK_FREE: Final = f"{_SELECT} WHERE workspace_id = $1 AND id = $2 FOR UPDATE SKIP LOCKED"
# Has a running campaign look for recipients soon.
_WAKE: Final = """
    UPDATE campaigns SET next_dispatch_at = $3
    WHERE workspace_id = $1 AND id = $2 AND status = 'running' AND next_dispatch_at > $3
"""


async def lock_list(db: Connection, workspace_id: UUID) -> None:
    """Serialises transactions that count a workspace's campaigns in order to add or start one."""
    await db.execute("SELECT pg_advisory_xact_lock(hashtextextended('campaigns ' || $1::text, 0))", str(workspace_id))


async def select_page(
    db: Connection, workspace_id: UUID, status: CampaignStatus | None, page: PageRequest
) -> ListPage[Campaign]:
    """A page, newest first. status: None for all. Raises Invalid (code cursor_unknown)."""
    clause = await _ORDER.make_clause(db, page, (workspace_id, status), (workspace_id,))
    where = "WHERE workspace_id = $1 AND ($2::text IS NULL OR status = $2)"
    rows = await db.fetch(f"{_SELECT} {where} {clause.tail}", *clause.values)
    return cut_page([_campaign(row) for row in rows], page)


async def count(db: Connection, workspace_id: UUID, status: CampaignStatus | None = None) -> int:
    """How many the workspace has; None: of any status."""
    found: int = await db.fetchval(
        "SELECT count(*) FROM campaigns WHERE workspace_id = $1 AND ($2::text IS NULL OR status = $2)",
        workspace_id,
        status,
    )
    return found


async def select_one(db: Connection, workspace_id: UUID, campaign_id: UUID, *, lock: bool = False) -> Campaign | None:
    """lock: until the transaction ends; no call is placed meanwhile."""
    locking = "FOR UPDATE" if lock else ""
    row = await db.fetchrow(f"{_SELECT} WHERE workspace_id = $1 AND id = $2 {locking}", workspace_id, campaign_id)
    return None if row is None else _campaign(row)


async def insert_campaign(
    db: Connection, campaign_id: UUID, workspace_id: UUID, chosen: CampaignSettings, now: datetime
) -> None:
    """Stores a draft."""
    await db.execute(_INSERT, campaign_id, workspace_id, *_values(chosen), now)


async def update_settings(
    db: Connection, workspace_id: UUID, campaign_id: UUID, chosen: CampaignSettings, now: datetime
) -> None:
    """Everything but its status."""
    await db.execute(_UPDATE, workspace_id, campaign_id, *_values(chosen), now)


async def update_status(
    db: Connection, workspace_id: UUID, campaign_id: UUID, status: CampaignStatus, reason: str | None, now: datetime
) -> None:
    """The campaign must be locked."""
    await db.execute(_UPDATE_STATUS, workspace_id, campaign_id, status, reason, now)


async def delete_campaign(db: Connection, workspace_id: UUID, campaign_id: UUID) -> None:
    """Deletes it with its recipients and their attempts."""
    await db.execute("DELETE FROM campaigns WHERE workspace_id = $1 AND id = $2", workspace_id, campaign_id)


async def select_due(db: Connection, now: datetime, most: int) -> list[tuple[UUID, UUID]]:
    """Workspace and id of campaigns that may place a call now. Needs platform scope."""
    return [(row["workspace_id"], row["id"]) for row in await db.fetch(_SELECT_DUE, now, most)]


async def lock_due(db: Connection, workspace_id: UUID, campaign_id: UUID, now: datetime) -> Campaign | None:
    """None: it may place no call now, or another worker has it. Needs platform scope."""
    row = await db.fetchrow(_LOCK_DUE, workspace_id, campaign_id, now)
    return None if row is None else _campaign(row)


async def lock_free(db: Connection, workspace_id: UUID, campaign_id: UUID) -> Campaign | None:
    """None: another transaction has locked it. For transactions that hold locks of calls or attempts: a dispatcher may
    wait for those while it holds the campaign. Needs platform scope."""
    row = await db.fetchrow(_LOCK_FREE, workspace_id, campaign_id)
    return None if row is None else _campaign(row)


async def delay(db: Connection, campaign: Campaign, until: datetime, reason: str | None) -> None:
    """No call is placed before. The campaign must be locked. Needs platform scope."""
    await db.execute(_DELAY, campaign.workspace_id, campaign.id, until, reason)


async def wake(db: Connection, workspace_id: UUID, campaign_id: UUID, at: datetime) -> None:
    """It has recipients to call by then."""
    await db.execute(_WAKE, workspace_id, campaign_id, at)


def _values(chosen: CampaignSettings) -> tuple[Any, ...]:
    return (
        chosen.name,
        chosen.agent_id,
        chosen.agent_version,
        list(chosen.number_ids),
        None if chosen.hours is None else chosen.hours.model_dump(mode="json"),
        chosen.retries.model_dump(mode="json"),
        chosen.calls_per_minute,
        chosen.most_open_calls,
        chosen.leaves_messages,
        chosen.starts_at,
        chosen.ends_at,
        chosen.call_screening,
    )


def _known(kind: type[BaseModel], stored: Mapping[str, Any]) -> dict[str, Any]:
    """Without fields that a later version has stored: while it is rolled out, this one still ends calls."""
    return {name: value for name, value in stored.items() if name in kind.model_fields}


def _campaign(row: Any) -> Campaign:
    chosen = CampaignSettings(
        name=row["name"],
        agent_id=row["agent_id"],
        agent_version=row["agent_version"],
        number_ids=tuple(row["number_ids"]),
        hours=None if row["hours"] is None else CallingHours.model_validate(_known(CallingHours, row["hours"])),
        retries=RetryPolicy.model_validate(_known(RetryPolicy, row["retries"])),
        calls_per_minute=row["calls_per_minute"],
        most_open_calls=row["most_open_calls"],
        leaves_messages=row["leaves_messages"],
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        call_screening=row["call_screening"],
    )
    return Campaign(
        id=row["id"],
        workspace_id=row["workspace_id"],
        settings=chosen,
        status=row["status"],
        status_reason=row["status_reason"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        next_dispatch_at=row["next_dispatch_at"],
    )

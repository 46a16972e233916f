"""SQL for campaigns, their recipients, and the calls to recipients."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel

from control.campaigns.calling_hours import CallingHours
from control.campaigns.recipients import (
    CallOutcome,
    CampaignAttempt,
    CampaignProgress,
    CampaignRecipient,
    NewRecipient,
    RecipientOutcome,
    RecipientStatus,
)
from control.campaigns.settings import Campaign, CampaignFilter, CampaignSettings, CampaignStatus, RetryPolicy
from control.db.keyset import Keyset, ListPage, PageRequest, cut_page
from control.db.pool import Connection
from shared.ids import new_id

# -- Campaigns --

_SETTINGS: Final = tuple(CampaignSettings.model_fields)
_SETTINGS_COLUMNS: Final = ", ".join(_SETTINGS)
_SETTINGS_PLACES: Final = ", ".join(f"${place}" for place, _ in enumerate(_SETTINGS, 4))
_CAMPAIGNS: Final = f"""
    SELECT id, workspace_id, {_SETTINGS_COLUMNS}, status, status_reason, next_dispatch_at, created_at, updated_at,
           started_at, finished_at
    FROM campaigns
"""
_FILTERS: Final = tuple(CampaignFilter.model_fields)
_CAMPAIGN_FILTER: Final = " ".join(
    f"AND (${place}::text IS NULL OR {name} = ${place})" for place, name in enumerate(_FILTERS, 2)
)
_CAMPAIGN_ORDER: Final = Keyset(
    ("created_at", "id"), "SELECT created_at, id FROM campaigns WHERE id = $1 AND workspace_id = $2"
)
_INSERT_CAMPAIGN: Final = f"""
    INSERT INTO campaigns (id, workspace_id, status, next_dispatch_at, created_at, updated_at, {_SETTINGS_COLUMNS})
    VALUES ($1, $2, 'draft', $3, $3, $3, {_SETTINGS_PLACES})
"""
_UPDATE_CAMPAIGN: Final = f"""
    UPDATE campaigns SET ({_SETTINGS_COLUMNS}) = ROW ({_SETTINGS_PLACES}), next_dispatch_at = $3, updated_at = $3
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
# Selects campaigns that may place a call now, longest waiting first.
_SELECT_DUE_CAMPAIGNS: Final = """
    SELECT id, workspace_id FROM campaigns WHERE status = 'running' AND next_dispatch_at <= $1
    ORDER BY next_dispatch_at LIMIT $2
"""
# Skips a campaign that another worker is dispatching.
_LOCK_DUE_CAMPAIGN: Final = f"""
    {_CAMPAIGNS} WHERE workspace_id = $1 AND id = $2 AND status = 'running' AND next_dispatch_at <= $3
    FOR UPDATE SKIP LOCKED
"""
_DELAY_CAMPAIGN: Final = """
    UPDATE campaigns SET next_dispatch_at = $3, status_reason = $4 WHERE workspace_id = $1 AND id = $2
"""
# Does not wait for a lock. See `lock_free_campaign`.
_LOCK_FREE_CAMPAIGN: Final = f"{_CAMPAIGNS} WHERE workspace_id = $1 AND id = $2 FOR UPDATE SKIP LOCKED"
# Makes a running campaign search for recipients soon.
_WAKE_CAMPAIGN: Final = """
    UPDATE campaigns SET next_dispatch_at = $3
    WHERE workspace_id = $1 AND id = $2 AND status = 'running' AND next_dispatch_at > $3
"""


async def lock_list(db: Connection, workspace_id: UUID) -> None:
    """Serialize transactions that count a workspace's campaigns before they add or start a campaign."""
    await db.execute("SELECT pg_advisory_xact_lock(hashtextextended('campaigns ' || $1::text, 0))", str(workspace_id))


async def select_campaigns(
    db: Connection, workspace_id: UUID, wanted: CampaignFilter, page: PageRequest
) -> ListPage[Campaign]:
    """Return a page of campaigns, newest first. Raises Invalid (code cursor_unknown)."""
    values = (workspace_id, *_filter_values(wanted))
    clause = await _CAMPAIGN_ORDER.make_clause(db, page, values, (workspace_id,))
    rows = await db.fetch(f"{_CAMPAIGNS} WHERE workspace_id = $1 {_CAMPAIGN_FILTER} {clause.tail}", *clause.values)
    return cut_page([_make_campaign(row) for row in rows], page)


async def count_campaigns(db: Connection, workspace_id: UUID, wanted: CampaignFilter) -> int:
    """Count the matching campaigns of a workspace."""
    sql = f"SELECT count(*) FROM campaigns WHERE workspace_id = $1 {_CAMPAIGN_FILTER}"
    found: int = await db.fetchval(sql, workspace_id, *_filter_values(wanted))
    return found


def _filter_values(wanted: CampaignFilter) -> list[Any]:
    """Return the values of `_FILTERS`."""
    return [getattr(wanted, name) for name in _FILTERS]


async def select_campaign(
    db: Connection, workspace_id: UUID, campaign_id: UUID, *, lock: bool = False
) -> Campaign | None:
    """Return a campaign, or None.

    Args:
        lock: Lock the row until the transaction ends. No call is placed while it is locked.
    """
    locking = "FOR UPDATE" if lock else ""
    row = await db.fetchrow(f"{_CAMPAIGNS} WHERE workspace_id = $1 AND id = $2 {locking}", workspace_id, campaign_id)
    return None if row is None else _make_campaign(row)


async def insert_campaign(
    db: Connection, campaign_id: UUID, workspace_id: UUID, chosen: CampaignSettings, now: datetime
) -> None:
    """Insert a campaign as a draft."""
    await db.execute(_INSERT_CAMPAIGN, campaign_id, workspace_id, now, *_values(chosen))


async def update_settings(
    db: Connection, workspace_id: UUID, campaign_id: UUID, chosen: CampaignSettings, now: datetime
) -> None:
    """Replace the settings of a campaign."""
    await db.execute(_UPDATE_CAMPAIGN, workspace_id, campaign_id, now, *_values(chosen))


async def update_status(
    db: Connection, workspace_id: UUID, campaign_id: UUID, status: CampaignStatus, reason: str | None, now: datetime
) -> None:
    """Store the status of a campaign, which must be locked."""
    await db.execute(_UPDATE_STATUS, workspace_id, campaign_id, status, reason, now)


async def delete_campaign(db: Connection, workspace_id: UUID, campaign_id: UUID) -> None:
    """Delete a campaign with its recipients and their attempts."""
    await db.execute("DELETE FROM campaigns WHERE workspace_id = $1 AND id = $2", workspace_id, campaign_id)


async def select_due_campaigns(db: Connection, now: datetime, most: int) -> list[tuple[UUID, UUID]]:
    """Return workspace and id of the campaigns that may place a call now. Needs platform scope."""
    return [(row["workspace_id"], row["id"]) for row in await db.fetch(_SELECT_DUE_CAMPAIGNS, now, most)]


async def lock_due_campaign(db: Connection, workspace_id: UUID, campaign_id: UUID, now: datetime) -> Campaign | None:
    """Lock a campaign. Needs platform scope.

    Returns None if the campaign may not place a call now, or if another worker has locked it.
    """
    row = await db.fetchrow(_LOCK_DUE_CAMPAIGN, workspace_id, campaign_id, now)
    return None if row is None else _make_campaign(row)


async def lock_free_campaign(db: Connection, workspace_id: UUID, campaign_id: UUID) -> Campaign | None:
    """Lock a campaign. Return None if another transaction has locked it. Needs platform scope.

    Use it in transactions that hold locks of calls or attempts: a dispatcher may wait for these locks while it holds
    the campaign.
    """
    row = await db.fetchrow(_LOCK_FREE_CAMPAIGN, workspace_id, campaign_id)
    return None if row is None else _make_campaign(row)


async def delay_campaign(db: Connection, campaign: Campaign, until: datetime, reason: str | None) -> None:
    """Store that no call may be placed before `until`. The campaign must be locked. Needs platform scope."""
    await db.execute(_DELAY_CAMPAIGN, campaign.workspace_id, campaign.id, until, reason)


async def wake_campaign(db: Connection, workspace_id: UUID, campaign_id: UUID, at: datetime) -> None:
    """Make a running campaign search for recipients no later than this time."""
    await db.execute(_WAKE_CAMPAIGN, workspace_id, campaign_id, at)


def _values(chosen: CampaignSettings) -> list[Any]:
    """Return the values of `_SETTINGS`."""
    values = [getattr(chosen, name) for name in _SETTINGS]
    return [value.model_dump(mode="json") if isinstance(value, BaseModel) else value for value in values]


def _known(kind: type[BaseModel], stored: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out fields that a later release stored.

    During the rollout of that release, this release still ends calls.
    """
    return {name: value for name, value in stored.items() if name in kind.model_fields}


def _make_campaign(row: Any) -> Campaign:
    hours = None if row["hours"] is None else CallingHours.model_validate(_known(CallingHours, row["hours"]))
    retries = RetryPolicy.model_validate(_known(RetryPolicy, row["retries"]))
    settings = {name: row[name] for name in _SETTINGS}
    settings |= {"hours": hours, "retries": retries}
    return Campaign(
        id=row["id"],
        workspace_id=row["workspace_id"],
        # Not validated, because the rules may have changed since the settings were stored.
        settings=CampaignSettings.model_construct(**settings),
        status=row["status"],
        status_reason=row["status_reason"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        next_dispatch_at=row["next_dispatch_at"],
    )


# -- Recipients --

_RECIPIENT_COLUMNS: Final = """
    r.id, r.workspace_id, r.campaign_id, r.phone_number, r.variables, r.timezone, r.reference, r.status, r.outcome,
    r.detail, r.attempts, r.next_attempt_at, r.created_at, r.finished_at
"""
_RECIPIENTS: Final = f"SELECT {_RECIPIENT_COLUMNS} FROM campaign_recipients r"
# The order in which recipients were added.
_RECIPIENT_ORDER: Final = Keyset(
    ("r.id",),
    "SELECT id FROM campaign_recipients WHERE id = $1 AND workspace_id = $2 AND campaign_id = $3",
    descending=False,
)
_RECIPIENT_FILTER: Final = """
    WHERE r.workspace_id = $1 AND r.campaign_id = $2 AND ($3::text IS NULL OR r.status = $3)
      AND ($4::text IS NULL OR r.outcome = $4) AND ($5::text IS NULL OR r.phone_number = $5)
"""
# Keeps an existing recipient with the same number in the campaign.
_INSERT_RECIPIENTS: Final = """
    INSERT INTO campaign_recipients (id, workspace_id, campaign_id, phone_number, variables, timezone, reference,
                                     status, attempts, next_attempt_at, created_at)
    SELECT n.id, $1, $2, n.phone_number, n.variables, n.timezone, n.reference, 'pending', 0, $3, $3
    FROM unnest($4::uuid[], $5::text[], $6::jsonb[], $7::text[], $8::text[])
        AS n (id, phone_number, variables, timezone, reference)
    ON CONFLICT (campaign_id, phone_number) DO NOTHING
    RETURNING phone_number
"""
_CLAIM_DUE_RECIPIENTS: Final = f"""
    {_RECIPIENTS} WHERE r.workspace_id = $1 AND r.campaign_id = $2 AND r.status = 'pending' AND r.next_attempt_at <= $3
    ORDER BY r.next_attempt_at, r.id LIMIT $4 FOR UPDATE SKIP LOCKED
"""
_DEFER_RECIPIENTS: Final = """
    UPDATE campaign_recipients r SET next_attempt_at = n.at
    FROM unnest($2::uuid[], $3::timestamptz[]) AS n (id, at)
    WHERE r.workspace_id = $1 AND r.id = n.id AND r.status = 'pending'
"""
_UPDATE_RECIPIENT: Final = """
    UPDATE campaign_recipients
    SET status = $3, outcome = $4, detail = $5, attempts = $6, next_attempt_at = $7,
        finished_at = CASE WHEN $3 = 'finished' THEN $8::timestamptz END
    WHERE workspace_id = $1 AND id = $2
"""
# Skips recipients that a worker is calling at the moment; the next run finds them.
_FINISH_PENDING: Final = """
    UPDATE campaign_recipients SET status = 'finished', outcome = coalesce(outcome, 'not_called'), detail = $3,
                                   finished_at = $4
    WHERE id IN (SELECT id FROM campaign_recipients
                 WHERE workspace_id = $1 AND campaign_id = $2 AND status = 'pending'
                 ORDER BY next_attempt_at, id LIMIT $5 FOR UPDATE SKIP LOCKED)
"""
# Pending recipients of campaigns that have ended since $2.
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
_DELETE_RECIPIENTS: Final = """
    DELETE FROM campaign_recipients
    WHERE id IN (SELECT id FROM campaign_recipients WHERE workspace_id = $1 ORDER BY phone_number LIMIT $2)
"""
_FIND_OPEN: Final = """
    SELECT (SELECT min(next_attempt_at) FROM campaign_recipients
            WHERE workspace_id = $1 AND campaign_id = $2 AND status = 'pending'),
           EXISTS (SELECT FROM campaign_attempts WHERE workspace_id = $1 AND campaign_id = $2 AND finished_at IS NULL)
"""


async def insert_recipients(
    db: Connection, workspace_id: UUID, campaign_id: UUID, rows: Sequence[NewRecipient], now: datetime
) -> set[str]:
    """Insert recipients and return their numbers. Numbers that are not returned already exist in the campaign."""
    stored = await db.fetch(
        _INSERT_RECIPIENTS,
        workspace_id,
        campaign_id,
        now,
        sorted(UUID(new_id()) for _ in rows),  # Ids that are created within one millisecond have no order.
        [row.phone_number for row in rows],
        [dict(row.variables) for row in rows],
        [row.timezone for row in rows],
        [row.reference for row in rows],
    )
    return {row["phone_number"] for row in stored}


async def count_recipients(db: Connection, workspace_id: UUID, campaign_id: UUID) -> int:
    """Count the recipients of a campaign."""
    found: int = await db.fetchval(
        "SELECT count(*) FROM campaign_recipients WHERE workspace_id = $1 AND campaign_id = $2",
        workspace_id,
        campaign_id,
    )
    return found


async def select_recipients(
    db: Connection,
    workspace_id: UUID,
    campaign_id: UUID,
    *,
    status: RecipientStatus | None,
    outcome: RecipientOutcome | None,
    number: str | None,
    page: PageRequest,
) -> ListPage[CampaignRecipient]:
    """Return a page of recipients, with the total unless the page is next to a row.

    Raises Invalid (code cursor_unknown).
    """
    values = (workspace_id, campaign_id, status, outcome, number)
    clause = await _RECIPIENT_ORDER.make_clause(db, page, values, (workspace_id, campaign_id))
    rows = await db.fetch(f"{_RECIPIENTS} {_RECIPIENT_FILTER} {clause.tail}", *clause.values)
    found = cut_page([_make_recipient(row) for row in rows], page)
    if page.cursor is not None:
        return found
    return found.with_total(
        await db.fetchval(f"SELECT count(*) FROM campaign_recipients r {_RECIPIENT_FILTER}", *values)
    )


async def select_recipient(
    db: Connection, workspace_id: UUID, campaign_id: UUID, recipient_id: UUID
) -> CampaignRecipient | None:
    """Return a recipient, or None if the campaign does not have this recipient."""
    row = await db.fetchrow(
        f"{_RECIPIENTS} WHERE r.workspace_id = $1 AND r.campaign_id = $2 AND r.id = $3",
        workspace_id,
        campaign_id,
        recipient_id,
    )
    return None if row is None else _make_recipient(row)


async def claim_due_recipients(
    db: Connection, workspace_id: UUID, campaign_id: UUID, now: datetime, most: int
) -> list[CampaignRecipient]:
    """Return due pending recipients, locked.

    Skips recipients that another transaction has locked. Needs platform scope.
    """
    return [_make_recipient(row) for row in await db.fetch(_CLAIM_DUE_RECIPIENTS, workspace_id, campaign_id, now, most)]


async def defer_recipients(db: Connection, workspace_id: UUID, times: Sequence[tuple[UUID, datetime]]) -> None:
    """Store the times before which pending recipients must not be called. Needs platform scope."""
    await db.execute(
        _DEFER_RECIPIENTS, workspace_id, [recipient_id for recipient_id, _ in times], [at for _, at in times]
    )


async def update_recipient(db: Connection, recipient: CampaignRecipient) -> None:
    """Store status, outcome and times of a locked recipient. Needs platform scope."""
    await db.execute(
        _UPDATE_RECIPIENT,
        recipient.workspace_id,
        recipient.id,
        recipient.status,
        recipient.outcome,
        recipient.detail,
        recipient.attempts,
        recipient.next_attempt_at,
        recipient.finished_at,
    )


async def finish_pending(
    db: Connection, workspace_id: UUID, campaign_id: UUID, detail: str, now: datetime, most: int
) -> int:
    """Finish up to `most` pending recipients. Return how many were finished. Needs platform scope."""
    status = await db.execute(_FINISH_PENDING, workspace_id, campaign_id, detail, now, most)
    return int(status.split()[-1])


async def finish_remaining(db: Connection, now: datetime, since: datetime, most: int) -> int:
    """Finish pending recipients of all campaigns that were completed or canceled since `since`.

    Returns how many were finished. Needs platform scope.
    """
    status = await db.execute(_FINISH_REMAINING, now, since, most)
    return int(status.split()[-1])


async def find_open(db: Connection, workspace_id: UUID, campaign_id: UUID) -> tuple[datetime | None, bool]:
    """Return when the next pending recipient may be called (None without pending recipients), and whether a call is
    open.
    """
    row = await db.fetchrow(_FIND_OPEN, workspace_id, campaign_id)
    return row[0], row[1]


async def advance_uncalled(db: Connection, workspace_id: UUID, campaign_id: UUID, now: datetime) -> None:
    """Make recipients that were never called due, because the hours that they waited for have changed."""
    await db.execute(_ADVANCE_UNCALLED, workspace_id, campaign_id, now)


async def delete_recipients(db: Connection, workspace_id: UUID, most: int) -> int:
    """Delete up to `most` recipients of a workspace with their attempts. Return how many. Needs platform scope."""
    status = await db.execute(_DELETE_RECIPIENTS, workspace_id, most)
    return int(status.split()[-1])


async def delete_number(db: Connection, workspace_id: UUID, number: str) -> int:
    """Delete the recipients with this number that are not being called, with their attempts. Return how many.

    Needs platform scope.
    """
    status = await db.execute(
        "DELETE FROM campaign_recipients WHERE workspace_id = $1 AND phone_number = $2 AND status <> 'calling'",
        workspace_id,
        number,
    )
    return int(status.split()[-1])


async def has_number(db: Connection, workspace_id: UUID, number: str) -> bool:
    """Return whether a recipient of the workspace has this number. Needs platform scope."""
    found: bool = await db.fetchval(
        "SELECT EXISTS (SELECT FROM campaign_recipients WHERE workspace_id = $1 AND phone_number = $2)",
        workspace_id,
        number,
    )
    return found


def _make_recipient(row: Any) -> CampaignRecipient:
    """Convert a row with the recipient's columns."""
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


# -- Calls to recipients --

# Inserts nothing while another campaign call to this number of the workspace is open.
_INSERT_ATTEMPT: Final = """
    INSERT INTO campaign_attempts (call_id, workspace_id, campaign_id, recipient_id, phone_number, started_at)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (workspace_id, phone_number) WHERE finished_at IS NULL DO NOTHING
"""
_COUNT_PACE: Final = """
    SELECT (SELECT count(*) FROM campaign_attempts
            WHERE workspace_id = $1 AND campaign_id = $2 AND finished_at IS NULL),
           (SELECT count(*) FROM campaign_attempts
            WHERE workspace_id = $1 AND campaign_id = $2 AND started_at > $3::timestamptz - interval '1 minute')
"""
# Locks the recipients of these calls in one order, so that two transactions cannot deadlock.
_LOCK_CALLED_RECIPIENTS: Final = """
    SELECT r.*, a.call_id, a.outcome AS call_outcome, a.finished_at AS call_finished_at
    FROM campaign_attempts a JOIN campaign_recipients r ON r.id = a.recipient_id
    WHERE a.workspace_id = ANY($1::uuid[]) AND a.call_id = ANY($2::uuid[]) ORDER BY r.id FOR UPDATE OF r, a
"""
_FINISH_ATTEMPT: Final = """
    UPDATE campaign_attempts SET outcome = $3, detail = $4, finished_at = coalesce(finished_at, $5)
    WHERE workspace_id = $1 AND call_id = $2
"""
_SELECT_ATTEMPTS: Final = """
    SELECT call_id, started_at, finished_at, outcome, detail FROM campaign_attempts
    WHERE workspace_id = $1 AND recipient_id = $2 ORDER BY started_at, call_id LIMIT $3
"""
_FIND_CALLED_RECIPIENT: Final = """
    SELECT campaign_id, recipient_id FROM campaign_attempts WHERE workspace_id = $1 AND call_id = $2
"""
_PROGRESS: Final = """
    SELECT status, coalesce(outcome, '') AS outcome, count(*) AS recipients, min(next_attempt_at) AS next_at
    FROM campaign_recipients WHERE workspace_id = $1 AND campaign_id = $2 GROUP BY 1, 2
"""
_CALLS: Final = """
    SELECT count(*) AS calls, count(*) FILTER (WHERE finished_at IS NULL) AS open,
           count(*) FILTER (WHERE started_at > $3::timestamptz - interval '1 hour') AS last_hour
    FROM campaign_attempts WHERE workspace_id = $1 AND campaign_id = $2
"""


@dataclass(frozen=True, slots=True)
class LockedAttempt:
    """A call with its recipient, which is locked.

    Attributes:
        outcome: As stored.
        finished_at: As stored.
    """

    call_id: UUID
    outcome: CallOutcome | None
    finished_at: datetime | None
    recipient: CampaignRecipient


async def insert_attempt(db: Connection, call_id: UUID, recipient: CampaignRecipient, now: datetime) -> bool:
    """Insert a call. Return False if another campaign call to this number is open. Needs platform scope."""
    status = await db.execute(
        _INSERT_ATTEMPT,
        call_id,
        recipient.workspace_id,
        recipient.campaign_id,
        recipient.id,
        recipient.phone_number,
        now,
    )
    return bool(status == "INSERT 0 1")


async def count_pace(db: Connection, workspace_id: UUID, campaign_id: UUID, now: datetime) -> tuple[int, int]:
    """Count the open calls and the calls of the last minute. Needs platform scope."""
    row = await db.fetchrow(_COUNT_PACE, workspace_id, campaign_id, now)
    return row[0], row[1]


async def lock_called_recipients(
    db: Connection, workspace_ids: Sequence[UUID], call_ids: Sequence[UUID]
) -> list[LockedAttempt]:
    """Lock and return the recipients of these calls. Calls without a campaign are left out. Needs platform scope."""
    rows = await db.fetch(_LOCK_CALLED_RECIPIENTS, workspace_ids, call_ids)
    return [
        LockedAttempt(row["call_id"], row["call_outcome"], row["call_finished_at"], _make_recipient(row))
        for row in rows
    ]


async def finish_attempt(
    db: Connection, workspace_id: UUID, call_id: UUID, outcome: CallOutcome, detail: str | None, at: datetime
) -> None:
    """Store the outcome of a call. A call that was already finished keeps its time. Needs platform scope."""
    await db.execute(_FINISH_ATTEMPT, workspace_id, call_id, outcome, detail, at)


async def select_attempts(
    db: Connection, workspace_id: UUID, recipient_id: UUID, limit: int = 1_000
) -> list[CampaignAttempt]:
    """Return the calls to a recipient, oldest first."""
    return [CampaignAttempt(**row) for row in await db.fetch(_SELECT_ATTEMPTS, workspace_id, recipient_id, limit)]


async def find_called_recipient(db: Connection, workspace_id: UUID, call_id: UUID) -> tuple[UUID, UUID] | None:
    """Return campaign and recipient of a call, or None if no campaign placed it. Needs platform scope."""
    row = await db.fetchrow(_FIND_CALLED_RECIPIENT, workspace_id, call_id)
    return None if row is None else (row["campaign_id"], row["recipient_id"])


async def load_progress(
    db: Connection, workspace_id: UUID, campaign_id: UUID, calls_per_minute: int, now: datetime
) -> CampaignProgress:
    """Count the stored recipients and calls of a campaign."""
    rows = await db.fetch(_PROGRESS, workspace_id, campaign_id)
    calls: Any = await db.fetchrow(_CALLS, workspace_id, campaign_id, now)
    by_status: dict[RecipientStatus, int] = {"pending": 0, "calling": 0, "finished": 0}
    by_outcome: dict[RecipientOutcome, int] = {}
    for row in rows:
        by_status[row["status"]] += row["recipients"]
        if row["outcome"] and row["status"] == "finished":
            by_outcome[row["outcome"]] = row["recipients"]
    pending = by_status["pending"]
    return CampaignProgress(
        by_status=by_status,
        by_outcome=by_outcome,
        calls=calls["calls"],
        calls_last_hour=calls["last_hour"],
        open_calls=calls["open"],
        next_call_at=min((row["next_at"] for row in rows if row["status"] == "pending"), default=None),
        remaining_seconds=round(60 * pending / calls_per_minute) if pending else None,
    )


# -- Numbers to call from --

_SELECT_CALLER_NUMBERS: Final = """
    SELECT id FROM phone_numbers
    WHERE workspace_id = $1 AND id = ANY($2::uuid[]) AND status = 'active' AND carrier IN ('twilio', 'telnyx') LIMIT 100
"""


async def select_caller_numbers(db: Connection, workspace_id: UUID, number_ids: Sequence[UUID]) -> set[UUID]:
    """Return which of these numbers the workspace can call from."""
    return {row["id"] for row in await db.fetch(_SELECT_CALLER_NUMBERS, workspace_id, list(number_ids))}

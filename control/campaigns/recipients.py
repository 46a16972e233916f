"""Service of a campaign's recipients: adds them row by row, lists them, exports what became of them."""

import asyncio
import csv
import io
from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

from control.campaigns import store_attempts, store_campaigns, store_recipients
from control.campaigns.csv_rows import ColumnMap, CsvRows, read_csv
from control.campaigns.model import (
    Campaign,
    CampaignAttempt,
    CampaignRecipient,
    ImportResult,
    NewRecipient,
    RecipientOutcome,
    RecipientStatus,
    RowFault,
)
from control.campaigns.recipient_rows import FindMissing, check_rows
from control.campaigns.service import Campaigns
from control.db.keyset import ListPage, PageRequest
from control.db.pool import Connection
from control.db.scope import enter_workspace
from control.db.transaction import Transact
from control.platform.audit import Actor, Change, record_change
from control.platform.csv_cells import BYTE_ORDER_MARK, defuse_formula
from shared.errors import Conflict, ErrorDetail, NotFound

# Rows of one statement, and of one page of an export.
BATCH: Final = 1_000
_EXPORTED: Final = (
    "phone_number", "reference", "status", "outcome", "detail", "attempts", "next_attempt_at", "finished_at",
)  # fmt: skip


class CampaignRecipients:
    """Works within the current transaction, in the workspace's scope."""

    def __init__(self, campaigns: Campaigns) -> None:
        self._campaigns = campaigns

    async def add(
        self,
        db: Connection,
        workspace_id: UUID,
        actor: Actor,
        campaign_id: UUID,
        rows: Sequence[NewRecipient],
        now: datetime,
    ) -> ImportResult:
        """Stores the rows that can be called, and returns the faults of all others. Raises NotFound, Conflict (code
        campaign_over)."""
        campaign, find_missing = await self._prepare(db, workspace_id, campaign_id)
        good, faults = await asyncio.to_thread(check_rows, rows, find_missing)
        return await self._store(db, actor, campaign, good, faults, now)

    async def add_file(
        self,
        db: Connection,
        workspace_id: UUID,
        actor: Actor,
        campaign_id: UUID,
        data: bytes,
        columns: ColumnMap,
        now: datetime,
    ) -> ImportResult:
        """As `add`, for a CSV file. Raises as `add` and `read_csv` do."""
        campaign, find_missing = await self._prepare(db, workspace_id, campaign_id)
        # A second for 10,000 rows, in which the event loop goes on.
        read, good, faults = await asyncio.to_thread(_read_file, data, columns, find_missing)
        stored = await self._store(db, actor, campaign, good, faults, now)
        return ImportResult(stored.added, stored.faults, read.ignored_columns)

    async def list_page(
        self,
        db: Connection,
        workspace_id: UUID,
        campaign_id: UUID,
        *,
        status: RecipientStatus | None,
        outcome: RecipientOutcome | None,
        number: str | None,
        page: PageRequest,
    ) -> ListPage[CampaignRecipient]:
        """A page, in the order in which they were added. Raises NotFound, Invalid (code cursor_unknown)."""
        await self._campaigns.get(db, workspace_id, campaign_id)
        return await store_recipients.select_page(
            db, workspace_id, campaign_id, status=status, outcome=outcome, number=number, page=page
        )

    async def get(
        self, db: Connection, workspace_id: UUID, campaign_id: UUID, recipient_id: UUID
    ) -> tuple[CampaignRecipient, list[CampaignAttempt]]:
        """With its calls, the oldest first. Raises NotFound (codes campaign_not_found, recipient_not_found)."""
        await self._campaigns.get(db, workspace_id, campaign_id)
        found = await store_recipients.select_one(db, workspace_id, campaign_id, recipient_id)
        if found is None:
            raise NotFound("This campaign has no such recipient.", code="recipient_not_found")
        return found, await store_attempts.select_attempts(db, workspace_id, recipient_id)

    async def make_results(self, workspace_id: UUID, campaign_id: UUID, transact: Transact) -> AsyncGenerator[bytes]:
        """Yields a CSV file with one row a recipient, read page by page. Raises what `transact` raises."""
        yield BYTE_ORDER_MARK.encode() + _format_rows([_EXPORTED])
        last: UUID | None = None
        while True:
            page = await transact(partial(_read_page, workspace_id, campaign_id, last))
            if page.rows:
                yield _format_rows([_make_row(one) for one in page.rows])
                last = page.rows[-1].id
            if not page.has_more:
                return

    async def _prepare(self, db: Connection, workspace_id: UUID, campaign_id: UUID) -> tuple[Campaign, FindMissing]:
        campaign = await self._require_open(db, workspace_id, campaign_id)
        agent = await self._campaigns.find_agent(db, workspace_id, campaign.settings)
        return campaign, lambda row: agent.missing_variables(row.variables)

    async def _require_open(
        self, db: Connection, workspace_id: UUID, campaign_id: UUID, *, lock: bool = False
    ) -> Campaign:
        campaign = await self._campaigns.get(db, workspace_id, campaign_id, lock=lock)
        if campaign.is_over:
            raise Conflict("This campaign is over.", code="campaign_over")
        return campaign

    async def _store(
        self,
        db: Connection,
        actor: Actor,
        campaign: Campaign,
        good: Sequence[NewRecipient],
        faults: Sequence[RowFault],
        now: datetime,
    ) -> ImportResult:
        # Locked only now: the rows were checked for a second meanwhile, and calls are placed under this lock.
        await self._require_open(db, campaign.workspace_id, campaign.id, lock=True)
        limits = await self._campaigns.limits(db, campaign.workspace_id)
        free = limits.recipients - await store_recipients.count_all(db, campaign.workspace_id, campaign.id)
        added, all_faults = 0, list(faults)
        for first in range(0, len(good), BATCH):
            # Duplicates take no place, so each batch takes what the ones before left.
            left = max(0, free - added)
            batch, beyond = good[first : first + BATCH][:left], good[first : first + BATCH][left:]
            stored = await store_recipients.insert_recipients(db, campaign.workspace_id, campaign.id, batch, now)
            added += len(stored)
            all_faults += [_duplicate(row) for row in batch if row.phone_number not in stored]
            all_faults += [_beyond(row, limits.recipients) for row in beyond]
        if added:
            await store_campaigns.wake(db, campaign.workspace_id, campaign.id, now)
        after = {"added": added, "refused": len(all_faults)}
        change = Change("campaign.add_recipients", "campaign", str(campaign.id), campaign.workspace_id, after=after)
        await record_change(db, actor, change)
        return ImportResult(added, sorted(all_faults, key=lambda one: one.place))


def _read_file(
    data: bytes, columns: ColumnMap, find_missing: FindMissing
) -> tuple[CsvRows, list[NewRecipient], list[RowFault]]:
    read = read_csv(data, columns)
    good, faults = check_rows(read.rows, find_missing)
    return read, good, [*read.faults, *faults]


async def _read_page(
    workspace_id: UUID, campaign_id: UUID, last: UUID | None, db: Connection
) -> ListPage[CampaignRecipient]:
    await enter_workspace(db, workspace_id)
    page = PageRequest(BATCH, starting_after=last)
    return await store_recipients.select_page(
        db, workspace_id, campaign_id, status=None, outcome=None, number=None, page=page
    )


def _duplicate(row: NewRecipient) -> RowFault:
    return RowFault(row.place, ErrorDetail("phone_number", "duplicate", "is in the campaign already"))


def _beyond(row: NewRecipient, most: int) -> RowFault:
    return RowFault(row.place, ErrorDetail(None, "recipient_limit", f"a campaign has {most:,} recipients at most"))


def _make_row(one: CampaignRecipient) -> list[str]:
    values = (getattr(one, name) for name in _EXPORTED)
    return [
        value.isoformat() if isinstance(value, datetime) else "" if value is None else str(value) for value in values
    ]


def _format_rows(rows: Sequence[Sequence[str]]) -> bytes:
    file = io.StringIO(newline="")
    csv.writer(file).writerows([[defuse_formula(cell) for cell in row] for row in rows])
    return file.getvalue().encode()

"""Campaigns: members create, run and fill them, and the packages of calls query the rules of a campaign's call.

Settlement runs in the transaction that stores a call's end. The facts of a call may change later, when media corrects
the carrier's report. Then the attempt is settled again, and the recipient's state is recomputed unless another call to
the recipient is open.
"""

import asyncio
import csv
import io
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

import structlog

from control.agents.plans.service import AgentLookup, AnsweringAgent
from control.audit.service import Actor, Change, record_change
from control.campaigns import queries
from control.campaigns.outcomes import (
    CAMPAIGN_NOT_RUNNING,
    OUTSIDE_HOURS,
    PAUSING_DETAILS,
    EndedCall,
    find_detail,
    find_outcome,
)
from control.campaigns.queries import LockedAttempt
from control.campaigns.recipients import (
    CampaignAttempt,
    CampaignProgress,
    CampaignRecipient,
    FindMissing,
    ImportResult,
    NewRecipient,
    RecipientOutcome,
    RecipientStatus,
    RowFault,
    check_rows,
)
from control.campaigns.recipients_csv import ColumnMap, CsvRows, read_csv
from control.campaigns.retries import apply_attempts, find_call_time, finish_recipient
from control.campaigns.settings import (
    CallScreening,
    Campaign,
    CampaignFilter,
    CampaignSettings,
    CampaignStatus,
    CampaignWarning,
)
from control.db.keyset import ListPage, PageRequest
from control.db.pool import Connection
from control.db.scope import enter_workspace
from control.db.transaction import Transact
from control.outbound_webhooks.event_types import CampaignEventData, EventType, RecipientEventData
from control.outbound_webhooks.service import ReportedFact, report_facts
from control.platform.csv_cells import BYTE_ORDER_MARK, defuse_formula
from control.platform.service import Platform
from control.workspaces.service import Workspaces
from shared.errors import Conflict, ErrorDetail, Invalid, NotFound
from shared.ids import new_id

log = structlog.get_logger()
LONGEST_CAMPAIGN: Final = timedelta(days=366)
_NO_OUTBOUND: Final = "outbound_not_in_tier"
# Names of the platform's settings, and of the tier's features that override them.
_LIMITS: Final = {
    "campaigns": "campaigns",
    "running": "campaigns_running",
    "recipients": "campaign_recipients",
    "attempts": "campaign_attempts",
}


@dataclass(frozen=True, slots=True)
class CampaignLimits:
    """The limits of a workspace's campaigns.

    Attributes:
        campaigns: Maximum number of campaigns.
        running: Maximum number of running campaigns.
        recipients: Maximum number of recipients of a campaign.
        attempts: Maximum number of attempts for a recipient.
    """

    campaigns: int
    running: int
    recipients: int
    attempts: int


class Campaigns:
    """Manages campaigns, within the current transaction and in the workspace's scope."""

    def __init__(self, workspaces: Workspaces, agents: AgentLookup, platform: Platform) -> None:
        self._workspaces, self._agents, self._platform = workspaces, agents, platform

    async def list_page(
        self, db: Connection, workspace_id: UUID, wanted: CampaignFilter, page: PageRequest
    ) -> ListPage[Campaign]:
        """Return a page of campaigns, newest first. Raises Invalid (code cursor_unknown)."""
        found = await queries.select_campaigns(db, workspace_id, wanted, page)
        if page.cursor is not None:
            return found
        return found.with_total(await queries.count_campaigns(db, workspace_id, wanted))

    async def get(self, db: Connection, workspace_id: UUID, campaign_id: UUID, *, lock: bool = False) -> Campaign:
        """Return a campaign. Raises NotFound (code campaign_not_found).

        Args:
            lock: Lock the campaign, so that no call is placed until the transaction ends.
        """
        found = await queries.select_campaign(db, workspace_id, campaign_id, lock=lock)
        if found is None:
            raise NotFound("This campaign does not exist.", code="campaign_not_found")
        return found

    async def limits(self, db: Connection, workspace_id: UUID) -> CampaignLimits:
        """Return the workspace's limits, from the platform's settings and the tier's features.

        Raises:
            NotFound: The workspace does not exist.
        """
        tier = await self._workspaces.limits(db, workspace_id)
        values = {field: await self._platform.setting(db, name) for field, name in _LIMITS.items()}
        own = {field: tier.features.get(name) for field, name in _LIMITS.items()}
        return CampaignLimits(**values | {field: value for field, value in own.items() if isinstance(value, int)})

    async def list_warnings(self, db: Connection, workspace_id: UUID) -> list[CampaignWarning]:
        """Return a warning (code outbound_not_in_tier) if the tier does not allow outbound calls."""
        tier = await self._workspaces.limits(db, workspace_id)
        if tier.features.get("outbound_calls", False):
            return []
        text = "This workspace's tier has no outbound calls: the campaign cannot start until the tier changes."
        return [CampaignWarning(_NO_OUTBOUND, text)]

    async def find_agent(self, db: Connection, workspace_id: UUID, chosen: CampaignSettings) -> AnsweringAgent:
        """Return the agent that makes the campaign's calls.

        Raises NotFound (code agent_not_found), Invalid (code agent_version_unknown).
        """
        agent = await self._agents.find_by_agent(db, workspace_id, chosen.agent_id, chosen.agent_version)
        if agent is None or agent.agent_id is None:
            raise NotFound("This agent does not exist.", code="agent_not_found")
        if agent.version is None:
            raise Invalid("The agent does not have this version.", code="agent_version_unknown", param="agent_version")
        return agent

    async def create(
        self, db: Connection, workspace_id: UUID, actor: Actor, chosen: CampaignSettings, now: datetime
    ) -> Campaign:
        """Create a campaign as a draft.

        Raises NotFound (code agent_not_found), Invalid (codes agent_version_unknown, number_not_found, dates_invalid,
        too_many_attempts) and Conflict (codes campaign_limit, workspace_suspended).
        """
        await self._workspaces.require_not_suspended(db, workspace_id)
        await queries.lock_list(db, workspace_id)
        limits = await self.limits(db, workspace_id)
        if await queries.count_campaigns(db, workspace_id, CampaignFilter()) >= limits.campaigns:
            raise Conflict(f"This workspace can have at most {limits.campaigns} campaigns.", code="campaign_limit")
        await self._check(db, workspace_id, chosen, limits)
        campaign_id = UUID(new_id())
        await queries.insert_campaign(db, campaign_id, workspace_id, chosen, now)
        made = await self.get(db, workspace_id, campaign_id)
        await _record(db, actor, "campaign.create", made, after=chosen.model_dump(mode="json"))
        return made

    async def update(
        self,
        db: Connection,
        workspace_id: UUID,
        actor: Actor,
        campaign_id: UUID,
        chosen: CampaignSettings,
        now: datetime,
    ) -> Campaign:
        """Replace the settings, which apply from the next call on.

        Raises the errors of `create`, NotFound and Conflict (code campaign_over).
        """
        await self._workspaces.require_not_suspended(db, workspace_id)
        before = await self.get(db, workspace_id, campaign_id, lock=True)
        if before.is_over:
            raise _over()
        await self._check(db, workspace_id, chosen, await self.limits(db, workspace_id))
        await queries.update_settings(db, workspace_id, campaign_id, chosen, now)
        if chosen.hours != before.settings.hours:
            await queries.advance_uncalled(db, workspace_id, campaign_id, now)
        before_and_after = {"before": before.settings.model_dump(mode="json"), "after": chosen.model_dump(mode="json")}
        await _record(db, actor, "campaign.update", before, **before_and_after)
        return await self.get(db, workspace_id, campaign_id)

    async def delete(self, db: Connection, workspace_id: UUID, actor: Actor, campaign_id: UUID) -> None:
        """Delete a campaign with its recipients.

        Its calls are kept. Raises NotFound and Conflict (code campaign_running).
        """
        campaign = await self.get(db, workspace_id, campaign_id, lock=True)
        _, is_calling = await queries.find_open(db, workspace_id, campaign_id)
        if campaign.status == "running" or is_calling:
            text = "This campaign is calling. Cancel it, and delete it after its calls have ended."
            raise Conflict(text, code="campaign_running")
        await queries.delete_campaign(db, workspace_id, campaign_id)
        await _record(db, actor, "campaign.delete", campaign, before=campaign.settings.model_dump(mode="json"))

    async def start(
        self, db: Connection, workspace_id: UUID, actor: Actor, campaign_id: UUID, now: datetime
    ) -> Campaign:
        """Start a draft or resume a paused campaign.

        Raises NotFound and Conflict (codes campaign_status, campaign_empty, campaign_ended, running_campaign_limit,
        agent_not_live, outbound_not_in_tier, workspace_suspended, owner_unverified).
        """
        await self._workspaces.require_running(db, workspace_id)
        await queries.lock_list(db, workspace_id)
        campaign = await self.get(db, workspace_id, campaign_id, lock=True)
        if campaign.status not in ("draft", "paused"):
            raise _wrong_status(campaign, "draft or paused")
        await self._require_startable(db, campaign, now)
        await change_status(db, campaign, "running", None, now)
        action = "campaign.start" if campaign.status == "draft" else "campaign.resume"
        await _record(db, actor, action, campaign)
        return await self.get(db, workspace_id, campaign_id)

    async def pause(
        self, db: Connection, workspace_id: UUID, actor: Actor, campaign_id: UUID, now: datetime
    ) -> Campaign:
        """Pause a campaign, which stops all calls that are not dialed yet.

        Raises NotFound and Conflict (code campaign_status).
        """
        campaign = await self.get(db, workspace_id, campaign_id, lock=True)
        if campaign.status != "running":
            raise _wrong_status(campaign, "running")
        return await self._stop(db, actor, campaign, "paused", now)

    async def cancel(
        self, db: Connection, workspace_id: UUID, actor: Actor, campaign_id: UUID, now: datetime
    ) -> Campaign:
        """Cancel a campaign permanently.

        Calls in progress continue. Raises NotFound and Conflict (code campaign_over).
        """
        campaign = await self.get(db, workspace_id, campaign_id, lock=True)
        if campaign.is_over:
            raise _over()
        return await self._stop(db, actor, campaign, "canceled", now)

    async def get_progress(
        self, db: Connection, workspace_id: UUID, campaign_id: UUID, now: datetime
    ) -> CampaignProgress:
        """Return the progress of a campaign. Raises NotFound."""
        campaign = await self.get(db, workspace_id, campaign_id)
        pace = campaign.settings.calls_per_minute
        return await queries.load_progress(db, workspace_id, campaign_id, pace, now)

    async def _stop(
        self, db: Connection, actor: Actor, campaign: Campaign, status: CampaignStatus, now: datetime
    ) -> Campaign:
        await change_status(db, campaign, status, None, now)
        await _record(db, actor, "campaign.pause" if status == "paused" else "campaign.cancel", campaign)
        return await self.get(db, campaign.workspace_id, campaign.id)

    async def _require_startable(self, db: Connection, campaign: Campaign, now: datetime) -> None:
        chosen = campaign.settings
        if chosen.ends_at is not None and now >= chosen.ends_at:
            raise Conflict("This campaign's end has passed. Change its ends_at first.", code="campaign_ended")
        following, is_calling = await queries.find_open(db, campaign.workspace_id, campaign.id)
        if following is None and not is_calling:
            raise Conflict("This campaign has nobody to call. Add recipients first.", code="campaign_empty")
        limits = await self.limits(db, campaign.workspace_id)
        running = CampaignFilter(status="running")
        if await queries.count_campaigns(db, campaign.workspace_id, running) >= limits.running:
            text = f"This workspace can have at most {limits.running} running campaigns."
            raise Conflict(text, code="running_campaign_limit")
        agent = await self.find_agent(db, campaign.workspace_id, chosen)
        if not agent.is_live:
            raise Conflict("This campaign's agent is not live. Activate it first.", code="agent_not_live")
        if not agent.features.get("outbound_calls", False):
            raise Conflict("This workspace's tier has no outbound calls.", code=_NO_OUTBOUND)

    async def _check(
        self, db: Connection, workspace_id: UUID, chosen: CampaignSettings, limits: CampaignLimits
    ) -> None:
        await self.find_agent(db, workspace_id, chosen)
        known = await queries.select_caller_numbers(db, workspace_id, chosen.number_ids)
        if unknown := [number_id for number_id in chosen.number_ids if number_id not in known]:
            text = f"The workspace does not have an active number with the id {unknown[0]}."
            raise Invalid(text, code="number_not_found", param="number_ids")
        if chosen.retries.most_attempts > limits.attempts:
            text = f"retries.most_attempts: this workspace can have at most {limits.attempts}."
            raise Invalid(text, code="too_many_attempts", param="retries.most_attempts")
        _require_dates(chosen)


def _require_dates(chosen: CampaignSettings) -> None:
    """Raise Invalid (code dates_invalid) if the campaign's dates are wrong."""
    since, until = chosen.starts_at, chosen.ends_at
    if since is None or until is None:
        return
    if not since < until <= since + LONGEST_CAMPAIGN:
        text = f"ends_at must be after starts_at, and within {LONGEST_CAMPAIGN.days} days of it."
        raise Invalid(text, code="dates_invalid", param="ends_at")


def _over() -> Conflict:
    return Conflict("This campaign is over.", code="campaign_over")


def _wrong_status(campaign: Campaign, wanted: str) -> Conflict:
    return Conflict(f"This campaign is {campaign.status}, but must be {wanted}.", code="campaign_status")


async def _record(
    db: Connection,
    actor: Actor,
    action: str,
    campaign: Campaign,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    change = Change(action, "campaign", str(campaign.id), campaign.workspace_id, before=before, after=after)
    await record_change(db, actor, change)


# -- Recipients --

# Maximum number of rows in a statement and in a page of an export.
BATCH: Final = 1_000
# Columns of the results file: fields of a recipient, then settings of its campaign.
_EXPORTED: Final = (
    "phone_number", "reference", "status", "outcome", "detail", "attempts", "next_attempt_at", "finished_at",
)  # fmt: skip
_EXPORTED_SETTINGS: Final = ("external_ref",)


class CampaignRecipients:
    """Manages the recipients of campaigns, within the current transaction and in the workspace's scope."""

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
        """Store the rows that can be called, and return the faults of all others.

        Raises NotFound and Conflict (code campaign_over).
        """
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
        """Add the rows of a CSV file. Raises the errors of `add` and `read_csv`."""
        campaign, find_missing = await self._prepare(db, workspace_id, campaign_id)
        # Read in a thread, because 10,000 rows take a second.
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
        """Return a page of recipients, in the order of addition. Raises NotFound and Invalid (code cursor_unknown)."""
        await self._campaigns.get(db, workspace_id, campaign_id)
        return await queries.select_recipients(
            db, workspace_id, campaign_id, status=status, outcome=outcome, number=number, page=page
        )

    async def get(
        self, db: Connection, workspace_id: UUID, campaign_id: UUID, recipient_id: UUID
    ) -> tuple[CampaignRecipient, list[CampaignAttempt]]:
        """Return a recipient with its calls, oldest first.

        Raises NotFound (codes campaign_not_found, recipient_not_found).
        """
        await self._campaigns.get(db, workspace_id, campaign_id)
        found = await queries.select_recipient(db, workspace_id, campaign_id, recipient_id)
        if found is None:
            raise NotFound("This campaign does not have this recipient.", code="recipient_not_found")
        return found, await queries.select_attempts(db, workspace_id, recipient_id)

    async def make_results(self, campaign: Campaign, transact: Transact) -> AsyncGenerator[bytes]:
        """Yield a CSV file with one row per recipient, read page by page. Raises the errors of `transact`."""
        yield BYTE_ORDER_MARK.encode() + _write_csv([_EXPORTED + _EXPORTED_SETTINGS])
        last: UUID | None = None
        while True:
            page = await transact(partial(_read_export_page, campaign.workspace_id, campaign.id, last))
            if page.rows:
                yield _write_csv([_export_row(campaign, recipient) for recipient in page.rows])
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
            raise _over()
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
        # Lock only now: checking the rows took a second, and calls are placed under this lock.
        await self._require_open(db, campaign.workspace_id, campaign.id, lock=True)
        limits = await self._campaigns.limits(db, campaign.workspace_id)
        free = limits.recipients - await queries.count_recipients(db, campaign.workspace_id, campaign.id)
        added, all_faults = 0, list(faults)
        for first in range(0, len(good), BATCH):
            # Duplicates take no place, so each batch uses the places that the previous batches left.
            left = max(0, free - added)
            batch, beyond = good[first : first + BATCH][:left], good[first : first + BATCH][left:]
            stored = await queries.insert_recipients(db, campaign.workspace_id, campaign.id, batch, now)
            added += len(stored)
            all_faults += [_duplicate(row) for row in batch if row.phone_number not in stored]
            all_faults += [_beyond(row, limits.recipients) for row in beyond]
        if added:
            await queries.wake_campaign(db, campaign.workspace_id, campaign.id, now)
        after = {"added": added, "refused": len(all_faults)}
        change = Change("campaign.add_recipients", "campaign", str(campaign.id), campaign.workspace_id, after=after)
        await record_change(db, actor, change)
        return ImportResult(added, sorted(all_faults, key=lambda fault: fault.place))


def _read_file(
    data: bytes, columns: ColumnMap, find_missing: FindMissing
) -> tuple[CsvRows, list[NewRecipient], list[RowFault]]:
    read = read_csv(data, columns)
    good, faults = check_rows(read.rows, find_missing)
    return read, good, [*read.faults, *faults]


async def _read_export_page(
    workspace_id: UUID, campaign_id: UUID, last: UUID | None, db: Connection
) -> ListPage[CampaignRecipient]:
    await enter_workspace(db, workspace_id)
    page = PageRequest(BATCH, starting_after=last)
    return await queries.select_recipients(
        db, workspace_id, campaign_id, status=None, outcome=None, number=None, page=page
    )


def _duplicate(row: NewRecipient) -> RowFault:
    return RowFault(row.place, ErrorDetail("phone_number", "duplicate", "is already in the campaign"))


def _beyond(row: NewRecipient, most: int) -> RowFault:
    return RowFault(row.place, ErrorDetail(None, "recipient_limit", f"a campaign can have at most {most:,} recipients"))


def _export_row(campaign: Campaign, recipient: CampaignRecipient) -> list[str]:
    values = [getattr(recipient, name) for name in _EXPORTED]
    values += [getattr(campaign.settings, name) for name in _EXPORTED_SETTINGS]
    return [
        value.isoformat() if isinstance(value, datetime) else "" if value is None else str(value) for value in values
    ]


def _write_csv(rows: Sequence[Sequence[str]]) -> bytes:
    file = io.StringIO(newline="")
    csv.writer(file).writerows([[defuse_formula(cell) for cell in row] for row in rows])
    return file.getvalue().encode()


# -- Changes of status, and events for customers' systems --

_EVENTS: Final[dict[CampaignStatus, EventType]] = {
    "running": "campaign.started",
    "paused": "campaign.paused",
    "completed": "campaign.completed",
    "canceled": "campaign.completed",
}


async def change_status(
    db: Connection, campaign: Campaign, status: CampaignStatus, reason: str | None, now: datetime
) -> None:
    """Store and report a new status of a locked campaign.

    Args:
        reason: A code, if the platform changes the status.
    """
    await queries.update_status(db, campaign.workspace_id, campaign.id, status, reason, now)
    data = CampaignEventData(campaign.id, campaign.settings.name, campaign.settings.external_ref, status, reason)
    await report_facts(db, [ReportedFact(campaign.workspace_id, _EVENTS[status], campaign.id, now, data)])
    log.info("campaign.status_changed", campaign_id=str(campaign.id), status=status, reason=reason)


async def pause_campaign(db: Connection, campaign: Campaign, reason: str | None, now: datetime) -> None:
    """Pause a running campaign. Needs platform scope."""
    current = await queries.lock_free_campaign(db, campaign.workspace_id, campaign.id)
    if current is not None and current.status == "running":
        await change_status(db, current, "paused", reason, now)


async def report_recipient(
    db: Connection, campaign: Campaign, recipient: CampaignRecipient, call_id: UUID | None, now: datetime
) -> None:
    """Report that a recipient of the campaign is finished.

    Args:
        call_id: The recipient's last call; None if there was none.
    """
    data = RecipientEventData(
        campaign_id=campaign.id,
        external_ref=campaign.settings.external_ref,
        recipient_id=recipient.id,
        outcome=recipient.outcome or "not_called",
        detail=recipient.detail,
        attempts=recipient.attempts,
        last_call_id=call_id,
    )
    fact = ReportedFact(recipient.workspace_id, "campaign.recipient_finished", recipient.id, now, data, call_id=call_id)
    await report_facts(db, [fact])


# -- Calls of campaigns, for the nouns of calls --


@dataclass(frozen=True, slots=True)
class CallRules:
    """The campaign's rules for a call.

    Attributes:
        obstacle: Why the call may not be dialed now, as its end_detail; None if it may be dialed.
        leaves_message: Whether the agent may leave its message on a machine.
        call_screening: How to treat phones that ask who is calling; None for the agent's setting.
    """

    obstacle: str | None = None
    leaves_message: bool = True
    call_screening: CallScreening | None = None


async def find_rules(db: Connection, workspace_id: UUID, call_id: UUID, now: datetime) -> CallRules:
    """Return the rules of the campaign that placed a queued call; the defaults if none did. Needs platform scope.

    The call may have waited for minutes since the dispatcher placed it, so campaign and calling hours are checked
    again.
    """
    found = await queries.find_called_recipient(db, workspace_id, call_id)
    if found is None:
        return CallRules()
    campaign_id, recipient_id = found
    campaign = await queries.select_campaign(db, workspace_id, campaign_id)
    recipient = await queries.select_recipient(db, workspace_id, campaign_id, recipient_id)
    if campaign is None or recipient is None or campaign.status != "running":
        return CallRules(CAMPAIGN_NOT_RUNNING)
    settings = campaign.settings
    if settings.ends_at is not None and now >= settings.ends_at:
        return CallRules(CAMPAIGN_NOT_RUNNING)
    if find_call_time(recipient, settings.hours, now) != now:
        return CallRules(OUTSIDE_HOURS)
    return CallRules(None, settings.leaves_messages, settings.call_screening)


async def settle_attempts(db: Connection, ended: Sequence[EndedCall]) -> int:
    """Settle the calls that a campaign placed: each recipient is called again later or is finished.

    Needs platform scope, and one indexed query if no campaign placed any of the calls. Times count from a call's end,
    so that a repeated settlement has an equal result.

    Returns:
        How many calls were settled.
    """
    if not ended:
        return 0
    calls = {call.call_id: call for call in ended}
    locked = await queries.lock_called_recipients(db, sorted({call.workspace_id for call in ended}), sorted(calls))
    for attempt in locked:
        await _settle(db, attempt, calls[attempt.call_id])
    return len(locked)


async def _settle(db: Connection, attempt: LockedAttempt, call: EndedCall) -> None:
    outcome = find_outcome(call)
    if attempt.finished_at is not None and attempt.outcome == outcome:
        return
    detail = find_detail(call, outcome)
    await queries.finish_attempt(db, call.workspace_id, call.call_id, outcome, detail, call.at)
    recipient = attempt.recipient
    campaign = await queries.select_campaign(db, recipient.workspace_id, recipient.campaign_id)
    if campaign is None:  # The campaign is being deleted.
        return
    after = await _decide(db, campaign, recipient, call.at)
    if after != recipient:
        await queries.update_recipient(db, after)
    if after.status == "finished":
        await report_recipient(db, campaign, after, call.call_id, call.at)
    if outcome == "not_dialled" and call.end_detail in PAUSING_DETAILS:
        await pause_campaign(db, campaign, call.end_detail, call.at)


async def _decide(db: Connection, campaign: Campaign, recipient: CampaignRecipient, now: datetime) -> CampaignRecipient:
    attempts = await queries.select_attempts(db, recipient.workspace_id, recipient.id)
    after = apply_attempts(recipient, campaign.settings, attempts, now)
    if campaign.is_over and after.status == "pending":
        return finish_recipient(after, now)
    return after


# -- Deletion, for privacy --


async def delete_recipients_with_number(db: Connection, workspace_id: UUID, number: str) -> int:
    """Delete the recipients with this number from all campaigns of the workspace, with their attempts.

    Needs platform scope. A recipient with an open call stays until the call ends: while the call waits to be dialed,
    the rules of its campaign apply, and no other campaign may call the number.

    Returns:
        How many recipients were deleted.
    """
    return await queries.delete_number(db, workspace_id, number)


async def has_recipient_with_number(db: Connection, workspace_id: UUID, number: str) -> bool:
    """Return whether a campaign of the workspace still contains this number. Needs platform scope."""
    return await queries.has_number(db, workspace_id, number)


async def delete_workspace_recipients(db: Connection, workspace_id: UUID, most: int) -> int:
    """Delete up to `most` recipients of a workspace that is being purged. Return how many. Needs platform scope."""
    return await queries.delete_recipients(db, workspace_id, most)

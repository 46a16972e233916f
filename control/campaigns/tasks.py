"""Worker tasks for campaigns: place their calls, and finish recipients of campaigns that have ended.

Several workers may dispatch concurrently: each campaign is locked by one worker at a time. Each call is one
transaction, which locks campaign and recipient, places the call by the rules of all outbound calls, and stores the
attempt. If a worker is killed, either everything is stored or nothing.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog

from control.campaigns import queries
from control.campaigns.outcomes import PlacementRefusal, judge_refusal
from control.campaigns.recipients import CampaignCall, CampaignRecipient
from control.campaigns.retries import NO_HOURS, find_call_time, finish_recipient
from control.campaigns.service import change_status, report_recipient
from control.campaigns.settings import Campaign
from control.db.duties import Duty, OutsideDuty, WorkerTasks
from control.db.pool import Connection, Pool, PoolExhausted
from control.db.scope import enter_platform
from control.do_not_call.rules import LISTED
from shared.errors import Problem
from shared.logs import error_fields

log = structlog.get_logger()
MOST_CAMPAIGNS: Final = 100
# Maximum number of calls per run. A run occupies a worker's duty for a few seconds.
MOST_CALLS: Final = 200
# Maximum number of steps per run, including steps that place no call.
MOST_STEPS: Final = 2_000
# Maximum number of recipients that a step claims. Recipients outside their calling hours are deferred together.
LOOKED_AT: Final = 20
# How soon a campaign is dispatched again: while its calls run, and while it waits for recipients.
POLL: Final = timedelta(seconds=2)
IDLE: Final = timedelta(seconds=30)
# Number of recipients that a step finishes in a campaign whose end date has passed.
MOST_FINISHED: Final = 1_000
# Wait before calling a number that another campaign is calling.
BUSY_DELAY: Final = timedelta(minutes=5)
FINISHED_AT_ONCE: Final = 1_000
# A campaign that ended longer ago has no pending recipients.
OVER_FOR: Final = timedelta(days=7)


# Inserts a call and the job that dials it, in this transaction, and returns the call's id. Raises Problem.
PlaceCall = Callable[[Connection, CampaignCall, datetime], Awaitable[UUID]]


def campaigns_tasks(pool: Pool, place_call: PlaceCall) -> WorkerTasks:
    """Return the duties `campaign_calls` and `campaign_remains`."""
    dispatcher = CampaignDispatcher(pool, place_call)

    async def dispatch(pool: Pool, now: datetime) -> int:
        return await dispatcher.run(now)

    async def finish_remaining(db: Connection, now: datetime) -> int:
        return await queries.finish_remaining(db, now, now - OVER_FOR, FINISHED_AT_ONCE)

    return WorkerTasks(
        duties=[
            OutsideDuty("campaign_calls", 1.0, dispatch, MOST_CALLS),
            Duty("campaign_remains", 15.0, finish_remaining, FINISHED_AT_ONCE),
        ]
    )


class CampaignDispatcher:
    """Places the campaign calls that are due now."""

    def __init__(self, pool: Pool, place_call: PlaceCall) -> None:
        self._pool, self._place_call = pool, place_call

    async def run(self, now: datetime) -> int:
        """Place up to MOST_CALLS calls, taking campaigns in turn. Return the number of calls."""
        async with self._pool.transaction() as db:
            await enter_platform(db)
            due = deque(await queries.select_due_campaigns(db, now, MOST_CAMPAIGNS))
        placed, failed = 0, None
        for _ in range(MOST_STEPS):
            if not due or placed >= MOST_CALLS:
                break
            named = due.popleft()
            try:
                has_placed, goes_on = await self._dispatch(*named, now)
            except (OSError, PoolExhausted):  # The database is unavailable.
                raise
            except Exception as error:  # A failing campaign must not stop the others.  # noqa: BLE001
                log.error("campaign.dispatch_failed", campaign_id=str(named[1]), **error_fields(error))
                failed = error
                continue
            placed += has_placed
            if goes_on:
                due.append(named)
        if failed is not None:
            raise failed
        return placed

    async def _dispatch(self, workspace_id: UUID, campaign_id: UUID, now: datetime) -> tuple[bool, bool]:
        """Make one step of a campaign.

        Return whether a call was placed, and whether another step may follow immediately.
        """
        async with self._pool.transaction() as db:
            await enter_platform(db)
            campaign = await queries.lock_due_campaign(db, workspace_id, campaign_id, now)
            if campaign is None or not await _may_call(db, campaign, now):
                return False, False
            claimed = await queries.claim_due_recipients(db, campaign.workspace_id, campaign.id, now, LOOKED_AT)
            recipient = await _choose(db, campaign, claimed, now)
            if recipient is not None:
                return await self._call(db, campaign, recipient, now)
            if claimed:  # All claimed recipients were deferred or finished; there may be more.
                return False, True
            await _rest(db, campaign, now)
            return False, False

    async def _call(
        self, db: Connection, campaign: Campaign, recipient: CampaignRecipient, now: datetime
    ) -> tuple[bool, bool]:
        try:
            async with db.transaction():
                call_id = await self._place_call(db, _make_call(campaign, recipient), now)
                if not await queries.insert_attempt(db, call_id, recipient, now):
                    raise _NumberBusy
        except _NumberBusy:
            await queries.defer_recipients(db, campaign.workspace_id, [(recipient.id, now + BUSY_DELAY)])
            return False, True
        except Problem as problem:
            return False, await _apply_refusal(db, campaign, recipient, judge_refusal(problem), now)
        await queries.update_recipient(db, replace(recipient, status="calling"))
        gap = timedelta(seconds=60 / campaign.settings.calls_per_minute)
        # A late run catches up on missed calls of the last POLL.
        following = max(campaign.next_dispatch_at, now - POLL) + gap
        await queries.delay_campaign(db, campaign, following, None)
        return True, following <= now


class _NumberBusy(Exception):
    """Another campaign call to this number is open."""


async def _may_call(db: Connection, campaign: Campaign, now: datetime) -> bool:
    """Return whether dates and pace allow a call now. If not, delay or end the campaign."""
    chosen = campaign.settings
    if chosen.starts_at is not None and now < chosen.starts_at:
        await queries.delay_campaign(db, campaign, chosen.starts_at, None)
        return False
    if chosen.ends_at is not None and now >= chosen.ends_at:
        await _end(db, campaign, now)
        return False
    open_calls, last_minute = await queries.count_pace(db, campaign.workspace_id, campaign.id, now)
    if open_calls >= chosen.most_open_calls or last_minute >= chosen.calls_per_minute:
        await queries.delay_campaign(db, campaign, now + POLL / 2, campaign.status_reason)
        return False
    return True


async def _choose(
    db: Connection, campaign: Campaign, claimed: Sequence[CampaignRecipient], now: datetime
) -> CampaignRecipient | None:
    """Return the first recipient that may be called now, or None.

    Recipients before it are deferred until their calling hours. Recipients without calling hours are finished.
    """
    deferred: list[tuple[UUID, datetime]] = []
    chosen = None
    for recipient in claimed:
        at = find_call_time(recipient, campaign.settings.hours, now)
        if at == now:
            chosen = recipient
            break
        if at is None:
            await _finish(db, campaign, recipient, NO_HOURS, now)
        else:
            deferred.append((recipient.id, at))
    if deferred:
        await queries.defer_recipients(db, campaign.workspace_id, deferred)
    return chosen


async def _apply_refusal(
    db: Connection, campaign: Campaign, recipient: CampaignRecipient, refusal: PlacementRefusal, now: datetime
) -> bool:
    """Apply the consequence of a refused call. Return whether the campaign may call another recipient now."""
    if refusal.consequence == "finish":
        await _finish(db, campaign, recipient, refusal.code, now)
    elif refusal.consequence == "defer":
        await queries.defer_recipients(db, campaign.workspace_id, [(recipient.id, now + refusal.delay)])
    elif refusal.consequence == "wait":
        await queries.delay_campaign(db, campaign, now + refusal.delay, refusal.code)
    else:
        await change_status(db, campaign, "paused", refusal.code, now)
    return refusal.consequence in ("finish", "defer")


async def _finish(db: Connection, campaign: Campaign, recipient: CampaignRecipient, code: str, now: datetime) -> None:
    outcome = recipient.outcome or "refused"
    after = finish_recipient(replace(recipient, outcome="opted_out" if code == LISTED else outcome, detail=code), now)
    await queries.update_recipient(db, after)
    await report_recipient(db, campaign, after, None, now)


async def _rest(db: Connection, campaign: Campaign, now: datetime) -> None:
    """Delay a campaign in which nobody can be called now, or complete it."""
    following, is_calling = await queries.find_open(db, campaign.workspace_id, campaign.id)
    if following is None and not is_calling:
        await change_status(db, campaign, "completed", None, now)
        return
    latest = now + (POLL if is_calling else IDLE)
    await queries.delay_campaign(db, campaign, min(max(following or latest, now + POLL / 2), latest), None)


async def _end(db: Connection, campaign: Campaign, now: datetime) -> None:
    """End a campaign whose end date has passed. Pending recipients are finished; calls in progress continue."""
    named = (campaign.workspace_id, campaign.id)
    await queries.finish_pending(db, *named, "campaign_ended", now, MOST_FINISHED)
    following, is_calling = await queries.find_open(db, campaign.workspace_id, campaign.id)
    if following is None and not is_calling:
        await change_status(db, campaign, "completed", "campaign_ended", now)
    else:
        await queries.delay_campaign(db, campaign, now + POLL, "campaign_ended")


def _make_call(campaign: Campaign, recipient: CampaignRecipient) -> CampaignCall:
    """Return the call. A recipient is called from the same number each time, as long as the numbers stay unchanged."""
    numbers = tuple(campaign.settings.number_ids)
    first = recipient.id.int % len(numbers) if numbers else 0
    return CampaignCall(
        workspace_id=campaign.workspace_id,
        agent_id=campaign.settings.agent_id,
        agent_version=campaign.settings.agent_version,
        number_ids=numbers[first:] + numbers[:first],
        phone_number=recipient.phone_number,
        variables=recipient.variables,
    )

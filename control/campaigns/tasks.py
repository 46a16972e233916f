"""The worker's tasks for campaigns: places their calls, and ends recipients of campaigns that are over."""

from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog

from control.campaigns import queries
from control.campaigns.rules import (
    NO_HOURS,
    Campaign,
    CampaignRecipient,
    Refusal,
    find_call_time,
    finish_recipient,
    judge_refusal,
)
from control.campaigns.service import change_status, report_recipient
from control.db.duties import Duty, OutsideDuty, WorkerTasks
from control.db.pool import Connection, Pool, PoolExhausted
from control.db.scope import enter_platform
from control.do_not_call.rules import LISTED
from shared.errors import Problem
from shared.logs import error_fields

MOST_CAMPAIGNS: Final = 100
# Calls of one run, which hold a worker's duty for a few seconds.
MOST_CALLS: Final = 200
# Steps of one run: those that place no call included.
MOST_STEPS: Final = 2_000
# Recipients that one step looks at. Those outside their calling hours are deferred at once.
LOOKED_AT: Final = 20
# How often a campaign looks again that waits for its calls to end, and for recipients.
POLL: Final = timedelta(seconds=2)
IDLE: Final = timedelta(seconds=30)
# Recipients that one step of a campaign whose time is over finishes.
MOST_FINISHED: Final = 1_000
# A number with an open call of another campaign is tried again after so long.
BUSY_DELAY: Final = timedelta(minutes=5)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignCall:
    """A call to place. number_ids: numbers to call from, the preferred one first; empty: any."""

    workspace_id: UUID
    agent_id: UUID
    agent_version: int | None
    number_ids: Sequence[UUID]
    phone_number: str
    variables: Mapping[str, str]


# Inserts a call and the job that dials it, in this transaction, and returns its id. Raises Problem.
PlaceCall = Callable[[Connection, CampaignCall, datetime], Awaitable[UUID]]


class _NumberBusy(Exception):
    """Another call of a campaign to this number is open."""


class CampaignDispatcher:
    """Places the calls that are due now."""

    def __init__(self, pool: Pool, place_call: PlaceCall) -> None:
        self._pool, self._place_call = pool, place_call

    async def run(self, now: datetime) -> int:
        """Places up to MOST_CALLS calls, one of each campaign in turn; returns how many. Raises what a campaign failed
        with, after the others had their turns."""
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
            except (OSError, PoolExhausted):  # of no campaign: there is no database
                raise
            except Exception as error:  # one campaign that fails must not keep the others from calling  # noqa: BLE001
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
        """One step of a campaign: whether a call was placed, and whether the campaign may place another one now."""
        async with self._pool.transaction() as db:
            await enter_platform(db)
            campaign = await queries.lock_due_campaign(db, workspace_id, campaign_id, now)
            if campaign is None or not await _may_call(db, campaign, now):
                return False, False
            claimed = await queries.claim_due_recipients(db, campaign.workspace_id, campaign.id, now, LOOKED_AT)
            recipient = await _choose(db, campaign, claimed, now)
            if recipient is not None:
                return await self._call(db, campaign, recipient, now)
            if claimed:  # all were deferred or finished; there may be more
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
        # A late run makes up for what it missed, up to the time between two runs.
        following = max(campaign.next_dispatch_at, now - POLL) + gap
        await queries.delay_campaign(db, campaign, following, None)
        return True, following <= now


async def _may_call(db: Connection, campaign: Campaign, now: datetime) -> bool:
    """Whether its dates and its pace allow a call now; else it looks again later, or is over."""
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
    """The first that may be called now. Those before it are deferred until their hours, or finished without any."""
    deferred: list[tuple[UUID, datetime]] = []
    chosen = None
    for one in claimed:
        at = find_call_time(one, campaign.settings.hours, now)
        if at == now:
            chosen = one
            break
        if at is None:
            await _finish(db, one, NO_HOURS, now)
        else:
            deferred.append((one.id, at))
    if deferred:
        await queries.defer_recipients(db, campaign.workspace_id, deferred)
    return chosen


async def _apply_refusal(
    db: Connection, campaign: Campaign, recipient: CampaignRecipient, refusal: Refusal, now: datetime
) -> bool:
    """Whether the campaign may call another recipient now."""
    if refusal.consequence == "finish":
        await _finish(db, recipient, refusal.code, now)
    elif refusal.consequence == "defer":
        await queries.defer_recipients(db, campaign.workspace_id, [(recipient.id, now + refusal.delay)])
    elif refusal.consequence == "wait":
        await queries.delay_campaign(db, campaign, now + refusal.delay, refusal.code)
    else:
        await change_status(db, campaign, "paused", refusal.code, now)
    return refusal.consequence in ("finish", "defer")


async def _finish(db: Connection, recipient: CampaignRecipient, code: str, now: datetime) -> None:
    outcome = recipient.outcome or "refused"
    after = finish_recipient(replace(recipient, outcome="opted_out" if code == LISTED else outcome, detail=code), now)
    await queries.update_recipient(db, after)
    await report_recipient(db, after, None, now)


async def _rest(db: Connection, campaign: Campaign, now: datetime) -> None:
    """Nobody can be called now: the campaign looks again later, or is completed."""
    following, is_calling = await queries.find_open(db, campaign.workspace_id, campaign.id)
    if following is None and not is_calling:
        await change_status(db, campaign, "completed", None, now)
        return
    latest = now + (POLL if is_calling else IDLE)
    await queries.delay_campaign(db, campaign, min(max(following or latest, now + POLL / 2), latest), None)


async def _end(db: Connection, campaign: Campaign, now: datetime) -> None:
    """Its time is over: who was not reached is not called any more; calls that run go on."""
    named = (campaign.workspace_id, campaign.id)
    await queries.finish_pending(db, *named, "campaign_ended", now, MOST_FINISHED)
    following, is_calling = await queries.find_open(db, campaign.workspace_id, campaign.id)
    if following is None and not is_calling:
        await change_status(db, campaign, "completed", "campaign_ended", now)
    else:
        await queries.delay_campaign(db, campaign, now + POLL, "campaign_ended")


def _make_call(campaign: Campaign, recipient: CampaignRecipient) -> CampaignCall:
    """A recipient is called from the same number each time while there are as many."""
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


FINISHED_AT_ONCE: Final = 1_000
# Of campaigns that ended longer ago no recipient is pending any more.
OVER_FOR: Final = timedelta(days=7)


def campaigns_tasks(pool: Pool, place_call: PlaceCall) -> WorkerTasks:
    """Duties `campaign_calls` and `campaign_remains`. place_call: of the room of calls."""
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

"""Settles attempts: when a call of a campaign is over, its recipient is called again later, or is finished.

Runs in the transaction that stores the call's end. What is known of a call may change afterwards (media corrects what
was concluded from the carrier's report): then the attempt is settled again, and the recipient decided anew, unless a
further call to it is open."""

from collections.abc import Sequence
from datetime import datetime

from control.campaigns import store_attempts, store_campaigns, store_recipients
from control.campaigns.call_outcomes import PAUSING_DETAILS, EndedCall, find_detail, find_outcome
from control.campaigns.changes import pause_campaign, report_recipient
from control.campaigns.model import Campaign, CampaignRecipient
from control.campaigns.schedule import apply_attempts, finish_recipient
from control.campaigns.store_attempts import LockedAttempt
from control.db.pool import Connection


async def settle_attempts(db: Connection, ended: Sequence[EndedCall]) -> int:
    """Settles those of these calls that a campaign placed; returns how many. One indexed query where none did. Times
    count from the call's end, so that a repeated settlement has the same result. Needs platform scope."""
    if not ended:
        return 0
    calls = {call.call_id: call for call in ended}
    locked = await store_attempts.lock_recipients(db, sorted({call.workspace_id for call in ended}), sorted(calls))
    for attempt in locked:
        await _settle(db, attempt, calls[attempt.call_id])
    return len(locked)


async def _settle(db: Connection, attempt: LockedAttempt, call: EndedCall) -> None:
    outcome = find_outcome(call)
    if attempt.finished_at is not None and attempt.outcome == outcome:
        return
    detail = find_detail(call, outcome)
    await store_attempts.finish_attempt(db, call.workspace_id, call.call_id, outcome, detail, call.at)
    recipient = attempt.recipient
    campaign = await store_campaigns.select_one(db, recipient.workspace_id, recipient.campaign_id)
    if campaign is None:  # it is being deleted
        return
    after = await _decide(db, campaign, recipient, call.at)
    if after != recipient:
        await store_recipients.update_recipient(db, after)
    if after.status == "finished":
        await report_recipient(db, after, call.call_id, call.at)
    if outcome == "not_dialled" and call.end_detail in PAUSING_DETAILS:
        await pause_campaign(db, campaign, call.end_detail, call.at)


async def _decide(db: Connection, campaign: Campaign, recipient: CampaignRecipient, now: datetime) -> CampaignRecipient:
    attempts = await store_attempts.select_attempts(db, recipient.workspace_id, recipient.id)
    after = apply_attempts(recipient, campaign.settings, attempts, now)
    if campaign.is_over and after.status == "pending":
        return finish_recipient(after, now)
    return after

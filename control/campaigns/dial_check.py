"""Whether a queued call of a campaign may be dialled: it may have waited for minutes since it was placed."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from control.campaigns import store_attempts, store_campaigns, store_recipients
from control.campaigns.call_outcomes import CAMPAIGN_NOT_RUNNING, OUTSIDE_HOURS
from control.campaigns.model import CallScreening
from control.campaigns.schedule import find_time
from control.db.pool import Connection


async def find_obstacle(db: Connection, workspace_id: UUID, call_id: UUID, now: datetime) -> str | None:
    """Why the call may not be dialled now, as its end_detail; None: it may, or no campaign placed it. Needs platform
    scope."""
    found = await store_attempts.find_recipient(db, workspace_id, call_id)
    if found is None:
        return None
    campaign_id, recipient_id = found
    campaign = await store_campaigns.select_one(db, workspace_id, campaign_id)
    recipient = await store_recipients.select_one(db, workspace_id, campaign_id, recipient_id)
    if campaign is None or recipient is None or campaign.status != "running":
        return CAMPAIGN_NOT_RUNNING
    if campaign.settings.ends_at is not None and now >= campaign.settings.ends_at:
        return CAMPAIGN_NOT_RUNNING
    if find_time(recipient, campaign.settings.hours, now) != now:
        return OUTSIDE_HOURS
    return None


@dataclass(frozen=True, slots=True)
class CallRules:
    """leaves_message: whether a machine may get the agent's message. call_screening: what phones that ask who calls
    get; None: as the agent says."""

    leaves_message: bool = True
    call_screening: CallScreening | None = None


async def find_rules(db: Connection, workspace_id: UUID, call_id: UUID) -> CallRules:
    """The rules of the campaign that placed the call. Needs platform scope."""
    found = await store_attempts.find_recipient(db, workspace_id, call_id)
    if found is None:
        return CallRules()
    campaign = await store_campaigns.select_one(db, workspace_id, found[0])
    if campaign is None:
        return CallRules(leaves_message=False)
    return CallRules(campaign.settings.leaves_messages, campaign.settings.call_screening)

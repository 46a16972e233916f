"""Whether a queued call of a campaign may be dialled: it may have waited for minutes since it was placed."""

from datetime import datetime
from uuid import UUID

from control.campaigns import store_attempts, store_campaigns, store_recipients
from control.campaigns.call_outcomes import CAMPAIGN_NOT_RUNNING, OUTSIDE_HOURS
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


async def leaves_message(db: Connection, workspace_id: UUID, call_id: UUID) -> bool:
    """Whether a machine may get the agent's message: of a campaign's call, what the campaign says; of others, yes.
    Needs platform scope."""
    found = await store_attempts.find_recipient(db, workspace_id, call_id)
    if found is None:
        return True
    campaign = await store_campaigns.select_one(db, workspace_id, found[0])
    return campaign is not None and campaign.settings.leaves_messages

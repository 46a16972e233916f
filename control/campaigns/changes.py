"""Changes of a campaign's status, with what customers' systems are told of them."""

from datetime import datetime
from typing import Final
from uuid import UUID

import structlog

from control.campaigns import store_campaigns
from control.campaigns.model import Campaign, CampaignRecipient, CampaignStatus
from control.db.pool import Connection
from control.outbound_webhooks.event_types import CampaignEventData, EventType, RecipientEventData
from control.outbound_webhooks.outbox import ReportedFact, report_facts

log = structlog.get_logger()

_EVENTS: Final[dict[CampaignStatus, EventType]] = {
    "running": "campaign.started",
    "paused": "campaign.paused",
    "completed": "campaign.completed",
    "canceled": "campaign.completed",
}


async def change_status(
    db: Connection, campaign: Campaign, status: CampaignStatus, reason: str | None, now: datetime
) -> None:
    """The campaign must be locked. reason: a code, where the platform changes it."""
    await store_campaigns.update_status(db, campaign.workspace_id, campaign.id, status, reason, now)
    data = CampaignEventData(campaign.id, campaign.settings.name, status, reason)
    await report_facts(db, [ReportedFact(campaign.workspace_id, _EVENTS[status], campaign.id, now, data)])
    log.info("campaign.status_changed", campaign_id=str(campaign.id), status=status, reason=reason)


async def pause_campaign(db: Connection, campaign: Campaign, reason: str | None, now: datetime) -> None:
    """Pauses it if it is running still. One that a dispatcher has locked is not waited for: its next call is refused
    for the same reason, which pauses it then. Needs platform scope."""
    current = await store_campaigns.lock_free(db, campaign.workspace_id, campaign.id)
    if current is not None and current.status == "running":
        await change_status(db, current, "paused", reason, now)


async def report_recipient(db: Connection, recipient: CampaignRecipient, call_id: UUID | None, now: datetime) -> None:
    """Tells that a recipient is finished. call_id: of its last call; None without one."""
    data = RecipientEventData(
        campaign_id=recipient.campaign_id,
        recipient_id=recipient.id,
        outcome=recipient.outcome or "not_called",
        detail=recipient.detail,
        attempts=recipient.attempts,
        last_call_id=call_id,
    )
    fact = ReportedFact(recipient.workspace_id, "campaign.recipient_finished", recipient.id, now, data, call_id=call_id)
    await report_facts(db, [fact])

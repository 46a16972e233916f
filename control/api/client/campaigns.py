"""Routes of campaigns, for the members of their workspace."""

from typing import Annotated, Final
from uuid import UUID

from pydantic import Field

from control.api.client.campaigns_views import (
    CampaignAnswer,
    CampaignList,
    CampaignProgressAnswer,
    to_campaign_view,
    to_progress_view,
)
from control.campaigns.calling_hours import CallingHours
from control.campaigns.rules import CallScreening, Campaign, CampaignSettings, CampaignStatus, RetryPolicy
from control.campaigns.service import Campaigns
from control.http.access import member
from control.http.body import Body, Name
from control.http.context import MemberContext
from control.http.fields import CampaignId
from control.http.pagination import MAX_VERSION, ListQuery, UtcDatetime, page_fields
from control.http.route import Route

CAMPAIGNS: Final = "/workspaces/{workspaceId}/campaigns"
CAMPAIGN: Final = f"{CAMPAIGNS}/{{campaignId}}"
MOST_NUMBERS: Final = 20

NumberIds = Annotated[list[UUID], Field(max_length=MOST_NUMBERS)]


class CampaignsQuery(ListQuery):
    """Filters of the list."""

    status: CampaignStatus | None = Field(None, description="Only campaigns with this status.")


class CampaignBody(Body):
    """A campaign's settings."""

    name: Name = Field(description="For people.", examples=["Recall December"])
    agent_id: UUID = Field(description="The agent that calls.")
    agent_version: int | None = Field(
        None,
        ge=1,
        le=MAX_VERSION,
        description="The version that calls; null: the current one at each call.",
        examples=[3],
    )
    number_ids: NumberIds = Field(
        [], description="Numbers to call from, up to 20; empty: the agent's own, else any of the workspace."
    )
    hours: CallingHours | None = Field(
        None,
        description="When recipients may be called, by the clock where each of them is; null: hours that are usual in "
        "the number's country. Who calls answers for the law of the place.",
    )
    retries: RetryPolicy = Field(RetryPolicy(), description="How often a recipient is called.")
    calls_per_minute: int = Field(
        10, ge=1, le=600, description="Calls that are placed within any minute, at most.", examples=[10]
    )
    most_open_calls: int = Field(
        2, ge=1, le=500, description="Calls at the same time, those that ring included.", examples=[2]
    )
    leaves_messages: bool = Field(
        False, description="Whether a machine gets the agent's voicemail message; else the call is ended."
    )
    call_screening: CallScreening | None = Field(None, description="What phones that ask who calls get.")
    starts_at: UtcDatetime | None = Field(
        None, description="No call is placed before; null: none is held back.", examples=["2026-12-01T08:00:00Z"]
    )
    ends_at: UtcDatetime | None = Field(
        None, description="No call is placed after; null: no end.", examples=["2026-12-20T20:00:00Z"]
    )

    def to_settings(self) -> CampaignSettings:
        """As the service takes them."""
        return CampaignSettings(
            name=self.name,
            agent_id=self.agent_id,
            agent_version=self.agent_version,
            number_ids=self.number_ids,
            hours=self.hours,
            retries=self.retries,
            calls_per_minute=self.calls_per_minute,
            most_open_calls=self.most_open_calls,
            leaves_messages=self.leaves_messages,
            call_screening=self.call_screening,
            starts_at=self.starts_at,
            ends_at=self.ends_at,
        )


async def list_campaigns(context: MemberContext, query: CampaignsQuery) -> CampaignList:
    """The workspace's campaigns, newest first."""
    found = await context.services[Campaigns].list_page(
        context.db, context.workspace_id, status=query.status, page=query.request()
    )
    return CampaignList([to_campaign_view(one) for one in found.rows], **page_fields(query, found))


async def create_campaign(context: MemberContext, body: CampaignBody) -> CampaignAnswer:
    """Creates a campaign as a draft. Add recipients, then start it. `warnings` says what
    will keep it from starting."""
    made = await context.services[Campaigns].create(
        context.db, context.workspace_id, context.actor, body.to_settings(), context.now
    )
    return await _to_answer(context, made)


async def get_campaign(context: MemberContext, campaign_id: CampaignId) -> CampaignAnswer:
    """A campaign."""
    found = await context.services[Campaigns].get(context.db, context.workspace_id, campaign_id)
    return await _to_answer(context, found)


async def replace_campaign(context: MemberContext, campaign_id: CampaignId, body: CampaignBody) -> CampaignAnswer:
    """Replaces a campaign's settings. They hold from the next call on."""
    changed = await context.services[Campaigns].update(
        context.db, context.workspace_id, context.actor, campaign_id, body.to_settings(), context.now
    )
    return await _to_answer(context, changed)


async def delete_campaign(context: MemberContext, campaign_id: CampaignId) -> None:
    """Deletes a campaign with its recipients. Its calls stay."""
    await context.services[Campaigns].delete(context.db, context.workspace_id, context.actor, campaign_id)


async def start_campaign(context: MemberContext, campaign_id: CampaignId) -> CampaignAnswer:
    """Starts a draft, or a paused campaign again."""
    started = await context.services[Campaigns].start(
        context.db, context.workspace_id, context.actor, campaign_id, context.now
    )
    return await _to_answer(context, started)


async def pause_campaign(context: MemberContext, campaign_id: CampaignId) -> CampaignAnswer:
    """Pauses a campaign. Calls that wait to be dialled are not dialled; those that run go on."""
    paused = await context.services[Campaigns].pause(
        context.db, context.workspace_id, context.actor, campaign_id, context.now
    )
    return await _to_answer(context, paused)


async def cancel_campaign(context: MemberContext, campaign_id: CampaignId) -> CampaignAnswer:
    """Ends a campaign for good. Calls that run go on."""
    canceled = await context.services[Campaigns].cancel(
        context.db, context.workspace_id, context.actor, campaign_id, context.now
    )
    return await _to_answer(context, canceled)


async def get_campaign_progress(context: MemberContext, campaign_id: CampaignId) -> CampaignProgressAnswer:
    """How many recipients were called, with which outcome, and how long the rest takes at the pace."""
    found = await context.services[Campaigns].get_progress(context.db, context.workspace_id, campaign_id, context.now)
    return CampaignProgressAnswer(to_progress_view(found))


async def _to_answer(context: MemberContext, campaign: Campaign) -> CampaignAnswer:
    warnings = await context.services[Campaigns].list_warnings(context.db, context.workspace_id)
    return CampaignAnswer(to_campaign_view(campaign), warnings)


_READ: Final = member("viewer", "campaigns:read")
_WRITE: Final = member("member", "campaigns:write")

ROUTES: tuple[Route, ...] = (
    Route("GET", CAMPAIGNS, list_campaigns, _READ, beyond_spec=True),
    Route("POST", CAMPAIGNS, create_campaign, _WRITE, status=201, idempotent=True, beyond_spec=True),
    Route("GET", CAMPAIGN, get_campaign, _READ, beyond_spec=True),
    Route("PUT", CAMPAIGN, replace_campaign, _WRITE, beyond_spec=True),
    Route("DELETE", CAMPAIGN, delete_campaign, _WRITE, beyond_spec=True),
    Route("POST", f"{CAMPAIGN}/start", start_campaign, _WRITE, beyond_spec=True),
    Route("POST", f"{CAMPAIGN}/pause", pause_campaign, _WRITE, beyond_spec=True),
    Route("POST", f"{CAMPAIGN}/cancel", cancel_campaign, _WRITE, beyond_spec=True),
    Route("GET", f"{CAMPAIGN}/progress", get_campaign_progress, _READ, beyond_spec=True),
)

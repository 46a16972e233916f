"""Service of campaigns: create, change, start, pause, resume, cancel, delete."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from control.agents.lookup import AgentLookup, AnsweringAgent
from control.campaigns import read_numbers, store_attempts, store_campaigns, store_recipients
from control.campaigns.changes import change_status
from control.campaigns.limits import CampaignLimits, load_limits
from control.campaigns.model import Campaign, CampaignProgress, CampaignSettings, CampaignStatus, CampaignWarning
from control.db.keyset import ListPage, PageRequest
from control.db.pool import Connection
from control.platform.audit import Actor, Change, record_change
from control.platform.service import Platform
from control.workspaces.service import Workspaces
from shared.errors import Conflict, Invalid, NotFound
from shared.ids import new_id

LONGEST_CAMPAIGN: Final = timedelta(days=366)
_NO_OUTBOUND: Final = "outbound_not_in_tier"


class Campaigns:
    """Works within the current transaction, in the workspace's scope."""

    def __init__(self, workspaces: Workspaces, agents: AgentLookup, platform: Platform) -> None:
        self._workspaces, self._agents, self._platform = workspaces, agents, platform

    async def list_page(
        self, db: Connection, workspace_id: UUID, *, status: CampaignStatus | None, page: PageRequest
    ) -> ListPage[Campaign]:
        """A page, newest first. status: None for all. Raises Invalid (code cursor_unknown)."""
        found = await store_campaigns.select_page(db, workspace_id, status, page)
        if page.cursor is not None:
            return found
        return found.with_total(await store_campaigns.count(db, workspace_id, status))

    async def get(self, db: Connection, workspace_id: UUID, campaign_id: UUID, *, lock: bool = False) -> Campaign:
        """lock: no call is placed until the transaction ends. Raises NotFound (code campaign_not_found)."""
        found = await store_campaigns.select_one(db, workspace_id, campaign_id, lock=lock)
        if found is None:
            raise NotFound("There is no such campaign.", code="campaign_not_found")
        return found

    async def limits(self, db: Connection, workspace_id: UUID) -> CampaignLimits:
        """What the workspace may have."""
        return await load_limits(db, self._platform, self._workspaces, workspace_id)

    async def list_warnings(self, db: Connection, workspace_id: UUID) -> list[CampaignWarning]:
        """Warn with code `outbound_not_in_tier` if the tier has no outbound calls."""
        tier = await self._workspaces.limits(db, workspace_id)
        if tier.features.get("outbound_calls", False):
            return []
        text = "This workspace's tier has no outbound calls: the campaign cannot start until the tier changes."
        return [CampaignWarning(_NO_OUTBOUND, text)]

    async def find_agent(self, db: Connection, workspace_id: UUID, chosen: CampaignSettings) -> AnsweringAgent:
        """The agent that calls. Raises NotFound (code agent_not_found), Invalid (code agent_version_unknown)."""
        agent = await self._agents.find_by_agent(db, workspace_id, chosen.agent_id, chosen.agent_version)
        if agent is None or agent.agent_id is None:
            raise NotFound("There is no such agent.", code="agent_not_found")
        if agent.version is None:
            raise Invalid("The agent has no such version.", code="agent_version_unknown", param="agent_version")
        return agent

    async def create(
        self, db: Connection, workspace_id: UUID, actor: Actor, chosen: CampaignSettings, now: datetime
    ) -> Campaign:
        """Creates a draft. Raises NotFound (code agent_not_found), Invalid (codes agent_version_unknown,
        number_not_found, dates_invalid, too_many_attempts), Conflict (codes campaign_limit, workspace_suspended)."""
        await self._workspaces.require_not_suspended(db, workspace_id)
        await store_campaigns.lock_list(db, workspace_id)
        limits = await self.limits(db, workspace_id)
        if await store_campaigns.count(db, workspace_id) >= limits.campaigns:
            raise Conflict(f"This workspace has {limits.campaigns} campaigns at most.", code="campaign_limit")
        await self._check(db, workspace_id, chosen, limits)
        campaign_id = UUID(new_id())
        await store_campaigns.insert_campaign(db, campaign_id, workspace_id, chosen, now)
        made = await self.get(db, workspace_id, campaign_id)
        await _record(db, actor, "campaign.create", made, after=_audited(chosen))
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
        """Replaces its settings, which hold from the next call on. Raises as `create`, and NotFound, Conflict (code
        campaign_over)."""
        await self._workspaces.require_not_suspended(db, workspace_id)
        before = await self.get(db, workspace_id, campaign_id, lock=True)
        if before.is_over:
            raise _over()
        await self._check(db, workspace_id, chosen, await self.limits(db, workspace_id))
        await store_campaigns.update_settings(db, workspace_id, campaign_id, chosen, now)
        if chosen.hours != before.settings.hours:
            await store_recipients.advance_uncalled(db, workspace_id, campaign_id, now)
        before_and_after = {"before": _audited(before.settings), "after": _audited(chosen)}
        await _record(db, actor, "campaign.update", before, **before_and_after)
        return await self.get(db, workspace_id, campaign_id)

    async def delete(self, db: Connection, workspace_id: UUID, actor: Actor, campaign_id: UUID) -> None:
        """Deletes it with its recipients; its calls stay. Raises NotFound, Conflict (code campaign_running)."""
        campaign = await self.get(db, workspace_id, campaign_id, lock=True)
        _, is_calling = await store_recipients.find_open(db, workspace_id, campaign_id)
        if campaign.status == "running" or is_calling:
            text = "This campaign is calling: cancel it, and delete it when its calls are over."
            raise Conflict(text, code="campaign_running")
        await store_campaigns.delete_campaign(db, workspace_id, campaign_id)
        await _record(db, actor, "campaign.delete", campaign, before=_audited(campaign.settings))

    async def start(
        self, db: Connection, workspace_id: UUID, actor: Actor, campaign_id: UUID, now: datetime
    ) -> Campaign:
        """Starts a draft, or a paused campaign again. Raises NotFound, Conflict (codes campaign_status,
        campaign_empty, campaign_ended, running_campaign_limit, agent_not_live, outbound_not_in_tier,
        workspace_suspended, owner_unverified)."""
        await self._workspaces.require_running(db, workspace_id)
        await store_campaigns.lock_list(db, workspace_id)
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
        """No further call is dialled, those that wait to be dialled included. Raises NotFound, Conflict (code
        campaign_status)."""
        campaign = await self.get(db, workspace_id, campaign_id, lock=True)
        if campaign.status != "running":
            raise _wrong_status(campaign, "running")
        return await self._stop(db, actor, campaign, "paused", now)

    async def cancel(
        self, db: Connection, workspace_id: UUID, actor: Actor, campaign_id: UUID, now: datetime
    ) -> Campaign:
        """Ends it for good; calls that run go on. Raises NotFound, Conflict (code campaign_over)."""
        campaign = await self.get(db, workspace_id, campaign_id, lock=True)
        if campaign.is_over:
            raise _over()
        return await self._stop(db, actor, campaign, "canceled", now)

    async def get_progress(
        self, db: Connection, workspace_id: UUID, campaign_id: UUID, now: datetime
    ) -> CampaignProgress:
        """Raises NotFound."""
        campaign = await self.get(db, workspace_id, campaign_id)
        pace = campaign.settings.calls_per_minute
        return await store_attempts.load_progress(db, workspace_id, campaign_id, pace, now)

    async def _stop(
        self, db: Connection, actor: Actor, campaign: Campaign, status: CampaignStatus, now: datetime
    ) -> Campaign:
        await change_status(db, campaign, status, None, now)
        await _record(db, actor, "campaign.pause" if status == "paused" else "campaign.cancel", campaign)
        return await self.get(db, campaign.workspace_id, campaign.id)

    async def _require_startable(self, db: Connection, campaign: Campaign, now: datetime) -> None:
        chosen = campaign.settings
        if chosen.ends_at is not None and now >= chosen.ends_at:
            raise Conflict("This campaign's end has passed: change its ends_at first.", code="campaign_ended")
        following, is_calling = await store_recipients.find_open(db, campaign.workspace_id, campaign.id)
        if following is None and not is_calling:
            raise Conflict("This campaign has nobody to call: add recipients first.", code="campaign_empty")
        limits = await self.limits(db, campaign.workspace_id)
        if await store_campaigns.count(db, campaign.workspace_id, "running") >= limits.running:
            text = f"This workspace may have {limits.running} campaigns running at once."
            raise Conflict(text, code="running_campaign_limit")
        agent = await self.find_agent(db, campaign.workspace_id, chosen)
        if not agent.is_live:
            raise Conflict("This campaign's agent is not live: activate it first.", code="agent_not_live")
        if not agent.features.get("outbound_calls", False):
            raise Conflict("This workspace's tier has no outbound calls.", code=_NO_OUTBOUND)

    async def _check(
        self, db: Connection, workspace_id: UUID, chosen: CampaignSettings, limits: CampaignLimits
    ) -> None:
        await self.find_agent(db, workspace_id, chosen)
        known = await read_numbers.select_active(db, workspace_id, chosen.number_ids)
        if unknown := [one for one in chosen.number_ids if one not in known]:
            text = f"The workspace has no active number with the id {unknown[0]}."
            raise Invalid(text, code="number_not_found", param="number_ids")
        if chosen.retries.most_attempts > limits.attempts:
            text = f"retries.most_attempts: this workspace may have {limits.attempts} at most."
            raise Invalid(text, code="too_many_attempts", param="retries.most_attempts")
        _require_dates(chosen)


def _require_dates(chosen: CampaignSettings) -> None:
    """Raises Invalid (code dates_invalid)."""
    since, until = chosen.starts_at, chosen.ends_at
    if since is None or until is None:
        return
    if not since < until <= since + LONGEST_CAMPAIGN:
        text = f"ends_at must be after starts_at, and within {LONGEST_CAMPAIGN.days} days of it."
        raise Invalid(text, code="dates_invalid", param="ends_at")


def _over() -> Conflict:
    return Conflict("This campaign is over.", code="campaign_over")


def _wrong_status(campaign: Campaign, wanted: str) -> Conflict:
    return Conflict(f"This campaign is {campaign.status}; it would have to be {wanted}.", code="campaign_status")


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


def _audited(chosen: CampaignSettings) -> dict[str, Any]:
    return {
        "name": chosen.name,
        "agent_id": str(chosen.agent_id),
        "agent_version": chosen.agent_version,
        "number_ids": [str(one) for one in chosen.number_ids],
        "hours": None if chosen.hours is None else chosen.hours.model_dump(mode="json"),
        "retries": chosen.retries.model_dump(mode="json"),
        "calls_per_minute": chosen.calls_per_minute,
        "most_open_calls": chosen.most_open_calls,
        "leaves_messages": chosen.leaves_messages,
        "call_screening": chosen.call_screening,
        "starts_at": None if chosen.starts_at is None else chosen.starts_at.isoformat(),
        "ends_at": None if chosen.ends_at is None else chosen.ends_at.isoformat(),
    }

"""A workspace with a campaign, and a dispatcher in virtual time: real PostgreSQL, and calls that end on demand."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from control.calls.changes.service import save_changes
from control.calls.records import queries as records_queries
from control.calls.records.state import CallState, close
from control.campaigns.calling_hours import CallingHours
from control.campaigns.recipients import ImportResult, NewRecipient
from control.campaigns.service import CampaignRecipients, Campaigns
from control.campaigns.settings import Campaign, CampaignSettings
from control.campaigns.tasks import CampaignDispatcher
from shared.events import CallStatus, EndReason
from tests.control.calls.call_platform import CallPlatform, LiveWorkspace

# A Wednesday at noon in New York.
NOON = datetime.fromisoformat("2026-11-25T17:00:00+00:00")
ALWAYS = CallingHours.model_validate(
    {
        "weekly": {
            day: [{"opens": "00:00", "closes": "23:59"}]
            for day in ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
        }
    }
)
DAYTIME = CallingHours.model_validate({"weekly": {"wednesday": [{"opens": "09:00", "closes": "20:00"}]}})


def number_of(index: int) -> str:
    """A number of New York City."""
    return f"+1212555{index:04}" if index < 100 else f"+1212{200 + index // 10_000 + 300}{index % 10_000:04}"


@dataclass(slots=True)
class CampaignWorkspace:
    """A workspace, and a dispatcher whose clock stands still until it is moved."""

    platform: CallPlatform
    workspace: LiveWorkspace
    dispatcher: CampaignDispatcher
    now: datetime = NOON
    ended: dict[UUID, CallState] = field(default_factory=dict)

    def settings(self, **changes: Any) -> CampaignSettings:
        """Ten calls a minute, two at once, at any time, unless changed."""
        chosen: dict[str, Any] = {"name": "Recall", "agent_id": self.workspace.agent_id, "hours": ALWAYS}
        return CampaignSettings(**chosen | changes)

    async def create(self, **changes: Any) -> Campaign:
        """A draft."""
        service, owner = self.platform.services[Campaigns], self.workspace
        return await self.platform.in_workspace(
            owner, lambda db: service.create(db, owner.workspace_id, owner.actor, self.settings(**changes), self.now)
        )

    async def add(self, campaign: Campaign, *numbers: str, **fields: Any) -> ImportResult:
        """Adds recipients."""
        rows = [NewRecipient(place=at, phone_number=one, **fields) for at, one in enumerate(numbers)]
        service, owner = self.platform.services[CampaignRecipients], self.workspace
        return await self.platform.in_workspace(
            owner, lambda db: service.add(db, owner.workspace_id, owner.actor, campaign.id, rows, self.now)
        )

    async def change(self, action: str, campaign: Campaign) -> Campaign:
        """start, pause or cancel."""
        method, owner = getattr(self.platform.services[Campaigns], action), self.workspace
        changed: Campaign = await self.platform.in_workspace(
            owner, lambda db: method(db, owner.workspace_id, owner.actor, campaign.id, self.now)
        )
        return changed

    async def start(self, *numbers: str, **changes: Any) -> Campaign:
        """A running campaign with these recipients."""
        campaign = await self.create(**changes)
        added = await self.add(campaign, *numbers)
        assert added.added == len(numbers), added.faults
        return await self.change("start", campaign)

    async def run(self, seconds: float = 0) -> int:
        """Moves the clock, then dispatches once."""
        self.now += timedelta(seconds=seconds)
        return await self.dispatcher.run(self.now)

    async def open_calls(self) -> list[Any]:
        """Rows of the workspace's open calls, the oldest first."""
        rows = await self.platform.call_rows(self.workspace)
        return [row for row in rows if row["status"] in ("queued", "ringing", "in_progress")]

    async def end(
        self,
        call_id: UUID,
        status: CallStatus = "no_answer",
        reason: EndReason | None = None,
        detail: str | None = None,
        *,
        dialed: bool = True,
        dies: bool = False,
    ) -> None:
        """Ends a call as the carrier's or control's report does. dies: before the transaction commits."""

        async def work(db: Any) -> None:
            before = (await records_queries.lock_states(db, [call_id]))[call_id]
            named = replace(before, carrier_call_id=before.carrier_call_id or (f"CA{call_id}" if dialed else None))
            answered = self.now if status == "completed" else None
            talked = replace(named, answered_at=answered)
            await save_changes(db, [(before, close(talked, status, reason, detail, self.now, "carrier"))])
            if dies:
                raise ZeroDivisionError

        await self.platform.in_platform(work)

    async def end_all(self, status: CallStatus = "no_answer", reason: EndReason | None = None) -> int:
        """Ends all open calls; returns how many."""
        rows = await self.open_calls()
        for row in rows:
            await self.end(row["id"], status, reason)
        return len(rows)

    async def get(self, campaign: Campaign) -> Campaign:
        """As stored."""
        owner = self.workspace
        return await self.platform.in_workspace(
            owner, lambda db: self.platform.services[Campaigns].get(db, owner.workspace_id, campaign.id)
        )

    async def recipients(self, campaign: Campaign) -> dict[str, Any]:
        """Rows by number."""
        rows = await self.platform.in_platform(
            lambda db: db.fetch("SELECT * FROM campaign_recipients WHERE campaign_id = $1 ORDER BY id", campaign.id)
        )
        return {row["phone_number"]: row for row in rows}

    async def attempts(self, campaign: Campaign) -> list[Any]:
        """Rows, the oldest first."""
        rows = await self.platform.in_platform(
            lambda db: db.fetch(
                "SELECT * FROM campaign_attempts WHERE campaign_id = $1 ORDER BY started_at, call_id", campaign.id
            )
        )
        return list(rows)


async def make_campaign_workspace(platform: CallPlatform) -> CampaignWorkspace:
    """A workspace of its own; campaigns of the tests before call nobody any more."""
    await platform.in_platform(lambda db: db.execute("UPDATE campaigns SET status = 'canceled'"))
    platform.gateway.dialed.clear()
    made = await platform.create_workspace()
    return CampaignWorkspace(platform, made, CampaignDispatcher(platform.pool, platform.outbound.place_for_campaign))

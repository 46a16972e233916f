"""Runs two campaigns over both carriers: one worker is killed, the first campaign is paused and resumed."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from lab.scenarios.campaign.recipients import (
    LoggedRing,
    RecipientPhone,
    RehearsalRecipient,
    make_recipients,
    make_subscriber,
)
from lab.scenarios.campaign.zone_windows import ZoneWindow, choose_windows, make_hours
from lab.stage.platform import Platform
from lab.stage.workspace import PASSWORD
from simulator.carrier.prepared_turn import PreparedTurn

# A shorter ring than usual: nobody answers a part of the calls.
RING_S: Final = 10
PACE: Final = 240
MOST_OPEN: Final = 40
ATTEMPTS: Final = 2
GAP: Final = timedelta(minutes=1)
SOON: Final = timedelta(minutes=2)
# The second campaign has so many recipients of the first one who opt out, and as many whose line is busy.
SHARED: Final = 20
PAUSE_S: Final = 20.0
# From the answer to the request to pause on: a call that was being dialed at that moment still rings.
PAUSE_GRACE: Final = timedelta(seconds=2)
LONGEST_S: Final = 900.0
# The longest delay of a pending recipient is five minutes; those with a later time wait for their hours. The next
# window by Chicago's clock is that of New York, an hour after the run began.
_SOON: Final = timedelta(minutes=8)
_POLL_S: Final = 0.5
_WISH: Final = "Please take me off your list."
_MESSAGE: Final = "This is the dentist. Please call us back."
_LEFT: Final = """
    SELECT count(*) AS n FROM campaign_recipients
    WHERE campaign_id = ANY($1::uuid[]) AND (status = 'calling' OR status = 'pending' AND next_attempt_at < $2)
"""
_WAITING: Final = """
    SELECT count(*) AS n FROM campaign_recipients WHERE campaign_id = ANY($1::uuid[]) AND status <> 'finished'
"""


@dataclass(slots=True)
class CampaignRun:
    """What took place. recipients: by number; both: numbers of both campaigns. log: of the phones. campaigns: ids.
    killed_at, paused_at, resumed_at: of the first campaign. open_at_kill: calls that went on when the worker died."""

    windows: Sequence[ZoneWindow]
    recipients: Mapping[str, RehearsalRecipient]
    both: frozenset[str]
    log: list[LoggedRing] = field(default_factory=list)
    campaigns: list[str] = field(default_factory=list)
    killed_at: datetime | None = None
    open_at_kill: int = 0
    paused_at: datetime | None = None
    resumed_at: datetime | None = None

    @property
    def open_rings(self) -> int:
        """Calls that go on."""
        return sum(one.ended_at is None for one in self.log)


async def run_campaigns(
    platform: Platform, turns: Sequence[PreparedTurn], count: int, *, kill_after: int, pause_after: int
) -> CampaignRun:
    """turns: what somebody says who opts out. kill_after, pause_after: numbers of calls. Returns when nobody is left
    whose hours are near. Raises TimeoutError, ApiError."""
    await _set_up(platform)
    windows = choose_windows(datetime.now(UTC), SOON)
    recipients = make_recipients(count, windows)
    run = CampaignRun(windows, {recipient.number: recipient for recipient in recipients}, _choose_shared(recipients))
    for recipient in recipients:
        phone = RecipientPhone(recipient, turns, run.log)
        platform.network.phone_network.subscribers[recipient.number] = make_subscriber(phone)
    await _list_numbers(platform, [recipient.number for recipient in recipients if recipient.kind.is_listed])
    async with asyncio.timeout(LONGEST_S):
        run.campaigns.append(await _start_campaign(platform, "twilio", windows, list(run.recipients)))
        await _wait_for_calls(run, kill_after)
        run.killed_at, run.open_at_kill = datetime.now(UTC), run.open_rings
        platform.worker.kill()
        await platform.worker.stop()
        run.campaigns.append(await _start_campaign(platform, "telnyx", windows, sorted(run.both)))
        await _wait_for_calls(run, pause_after)
        await _pause(platform, run)
        await _wait_until_called(platform, run)
    await _end_campaigns(platform, run)
    return run


async def _set_up(platform: Platform) -> None:
    settings = [{"key": "outbound_ring_s", "value": RING_S}]
    await platform.staff.request("PUT", "/admin/config/settings", {"settings": settings})
    owner, workspace = platform.workspace.owner, platform.workspace
    for agent in workspace.agents.values():
        path = f"{workspace.path}/agents/{agent.id}"
        speech = (await owner.request("GET", path))["agent"]["config"]["speech"]
        heard = [{"provider": "standin", "options": {"final_ms": 100, "text": _WISH}}]
        config = {"speech": {**speech, "stt": heard}, "voicemail_message": _MESSAGE, "analysis": {"enabled": False}}
        await owner.request("PUT", path, {"config": config})


def _choose_shared(recipients: Sequence[RehearsalRecipient]) -> frozenset[str]:
    wanted = ("opts out", "busy")
    return frozenset(
        one.number
        for name in wanted
        for one in [each for each in recipients if each.kind.name == name and each.window.area == "212"][:SHARED]
    )


async def _list_numbers(platform: Platform, numbers: Sequence[str]) -> None:
    path = f"{platform.workspace.path}/do-not-call-numbers"
    await platform.workspace.owner.request("POST", path, {"numbers": [{"number": number} for number in numbers]})


async def _start_campaign(platform: Platform, agent: str, windows: Sequence[ZoneWindow], numbers: Sequence[str]) -> str:
    """Returns its id. Its calls are placed from the numbers of both carriers."""
    owner, path = platform.workspace.owner, f"{platform.workspace.path}/campaigns"
    held = (await owner.request("GET", f"{platform.workspace.path}/phone-numbers"))["phone_numbers"]
    gap = round(GAP.total_seconds() / 60)
    again = {"most": ATTEMPTS - 1, "delay_minutes": gap}
    body = {
        "name": f"Recall by {agent}",
        "agent_id": platform.workspace.agents[agent].id,
        "number_ids": [one["id"] for one in held],
        "hours": make_hours(windows),
        "retries": {"most_attempts": ATTEMPTS, "gap_minutes": gap, "busy": again, "no_answer": again, "machine": again},
        "calls_per_minute": PACE,
        "most_open_calls": MOST_OPEN,
        "leaves_messages": True,
    }
    made: str = (await owner.request("POST", path, body))["campaign"]["id"]
    added = await owner.request(
        "POST", f"{path}/{made}/recipients", {"recipients": [{"phone_number": number} for number in numbers]}
    )
    assert added["added"] == len(numbers), added["faults"]
    await owner.request("POST", f"{path}/{made}/start")
    return made


async def _wait_for_calls(run: CampaignRun, calls: int) -> None:
    while len(run.log) < calls:  # noqa: ASYNC110 -- the phones give no signal
        await asyncio.sleep(_POLL_S)


async def _pause(platform: Platform, run: CampaignRun) -> None:
    """Pauses both campaigns; the killed worker is started again meanwhile."""
    for campaign_id in run.campaigns:
        await _change(platform, campaign_id, "pause")
    run.paused_at = datetime.now(UTC)
    await asyncio.sleep(PAUSE_S)
    await platform.worker.start()
    run.resumed_at = datetime.now(UTC)
    for campaign_id in run.campaigns:
        await _change(platform, campaign_id, "start")


async def _wait_until_called(platform: Platform, run: CampaignRun) -> None:
    while True:
        [left] = await platform.rows(_LEFT, run.campaigns, datetime.now(UTC) + _SOON)
        if not left["n"] and not run.open_rings:
            return
        await asyncio.sleep(_POLL_S)


async def _end_campaigns(platform: Platform, run: CampaignRun) -> None:
    """Cancels what waits for later hours; its recipients are finished by the worker."""
    await platform.workspace.owner.sign_in("o@example.com", PASSWORD)
    for campaign_id in run.campaigns:
        path = f"{platform.workspace.path}/campaigns/{campaign_id}"
        if (await platform.workspace.owner.request("GET", path))["campaign"]["status"] == "running":
            await _change(platform, campaign_id, "cancel")
    async with asyncio.timeout(60.0):
        while (await platform.rows(_WAITING, run.campaigns))[0]["n"]:  # noqa: ASYNC110 -- another process finishes them
            await asyncio.sleep(_POLL_S)


async def _change(platform: Platform, campaign_id: str, action: str) -> Mapping[str, Any]:
    path = f"{platform.workspace.path}/campaigns/{campaign_id}/{action}"
    return await platform.workspace.owner.request("POST", path)

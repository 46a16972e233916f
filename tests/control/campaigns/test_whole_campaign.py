"""A whole campaign in virtual time: people who answer, busy lines, machines, opt-outs, workers that die, a pause."""

import asyncio
import itertools
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest

from control.campaigns.settings import Campaign, RetryPolicy
from control.campaigns.tasks import CampaignDispatcher
from control.do_not_call.rules import NewListing
from control.do_not_call.service import DoNotCallList
from shared.events import CallStatus, EndReason
from tests.control.campaigns.campaign_workspace import NOON, CampaignWorkspace

# What becomes of each call to a recipient, by the last digit of the number; the last one repeats.
SCRIPTS: Final[dict[int, tuple[tuple[CallStatus, EndReason | None], ...]]] = {
    0: (("completed", "caller_hangup"),),
    1: (("busy", None), ("completed", "agent_hangup")),
    2: (("no_answer", None),),
    3: (("completed", "voicemail"),),
    4: (("failed", "carrier_error"), ("no_answer", None), ("busy", None)),
}
POLICY: Final = RetryPolicy(most_attempts=3, most_a_day=2, gap_minutes=30)
PACE: Final = 20
OPEN: Final = 12
AREAS: Final = {"212": "America/New_York", "415": "America/Los_Angeles", "808": "Pacific/Honolulu"}
COUNT: Final = 27

pytestmark = pytest.mark.asyncio(loop_scope="module")


class _Killed(BaseException):
    """A worker that dies after it has placed a call, before the transaction ends."""


@dataclass(slots=True)
class Run:
    """A campaign that is called to its end. calls: so far, by number; killed: workers that died."""

    tenant: CampaignWorkspace
    campaign: Campaign
    listed: frozenset[str]
    calls: Counter[str] = field(default_factory=Counter)
    killed: int = 0

    async def step(self, seconds: int, *, kill: bool) -> None:
        """Two workers dispatch at once, after another one that dies; then all open calls end."""
        self.tenant.now += timedelta(seconds=seconds)
        if kill:
            try:
                await CampaignDispatcher(self.tenant.platform.pool, self._place_and_die).run(self.tenant.now)
            except _Killed:
                self.killed += 1
        await asyncio.gather(self.tenant.run(), self.tenant.run())
        for row in await self.tenant.open_calls():
            number = row["called_number"]
            script = SCRIPTS[int(number[-1]) % len(SCRIPTS)]
            status, reason = script[min(self.calls[number], len(script) - 1)]
            self.calls[number] += 1
            await self.tenant.end(row["id"], status, reason)

    async def _place_and_die(self, *arguments: Any) -> Any:
        await _placer(self.tenant)(*arguments)
        raise _Killed


def _placer(tenant: CampaignWorkspace) -> Any:
    return tenant.platform.outbound.place_for_campaign


async def begin(tenant: CampaignWorkspace, count: int) -> Run:
    """Recipients in three time zones, some of whom are on the do-not-call list."""
    await tenant.platform.in_platform(
        lambda db: db.execute("UPDATE settings SET value = '100000' WHERE key LIKE 'outbound_calls_per_%'")
    )
    numbers = [f"+1{area}{index // len(AREAS) + 2_340_000}" for index in range(count) for area in [_area_of(index)]]
    listed = frozenset(numbers[::9])
    owner, rows = tenant.workspace, [NewListing(1, one, "") for one in sorted(listed)]
    await tenant.platform.in_workspace(
        owner,
        lambda db: tenant.platform.services[DoNotCallList].add(
            db, owner.workspace_id, owner.actor, rows, "member", tenant.now
        ),
    )
    settings = {"hours": None, "retries": POLICY, "calls_per_minute": PACE, "most_open_calls": OPEN}
    return Run(tenant, await tenant.start(*numbers, **settings), listed)


def _area_of(index: int) -> str:
    return list(AREAS)[index % len(AREAS)]


async def call_everybody(run: Run, *, step_s: int, most_days: int = 5) -> None:
    """Until the campaign is completed. A worker dies every third step; after three steps a member pauses the campaign
    for an hour."""
    steps = 0
    while (campaign := await run.tenant.get(run.campaign)).status != "completed":
        assert run.tenant.now < NOON + timedelta(days=most_days), campaign
        steps += 1
        if steps == 3:
            await run.tenant.change("pause", run.campaign)
            before = len(await run.tenant.attempts(run.campaign))
            await run.step(3_600, kill=False)
            assert len(await run.tenant.attempts(run.campaign)) == before
            await run.tenant.change("start", run.campaign)
        resting = campaign.status == "running" and campaign.next_dispatch_at > run.tenant.now + timedelta(seconds=20)
        await run.step(900 if resting else step_s, kill=steps % 3 == 0)


async def check(run: Run) -> None:
    """Each as often as allowed, in its hours, at the pace, never twice at once, and nobody forgotten."""
    attempts = await run.tenant.attempts(run.campaign)
    by_number: defaultdict[str, list[Any]] = defaultdict(list)
    for attempt in attempts:
        by_number[attempt["phone_number"]].append(attempt)
        local = attempt["started_at"].astimezone(ZoneInfo(AREAS[attempt["phone_number"][2:5]]))
        assert 8 <= local.hour < 21, attempt
    for ended in by_number.values():
        assert len(ended) <= POLICY.most_attempts
        for first, following in itertools.pairwise(ended):
            assert following["started_at"] >= first["finished_at"] + timedelta(minutes=POLICY.gap_minutes)
    times = sorted(attempt["started_at"] for attempt in attempts)
    for place, at in enumerate(times[PACE:], PACE):
        assert at - times[place - PACE] >= timedelta(minutes=1)
    recipients = await run.tenant.recipients(run.campaign)
    assert {row["status"] for row in recipients.values()} == {"finished"}
    assert {number for number, row in recipients.items() if row["outcome"] == "opted_out"} == run.listed
    for number, row in recipients.items():
        assert row["attempts"] == run.calls[number] == len(by_number[number])
        if number not in run.listed:
            assert (row["outcome"], row["attempts"]) == EXPECTED[int(number[-1]) % len(SCRIPTS)], number


EXPECTED: Final = {
    0: ("answered", 1),
    1: ("answered", 2),
    2: ("no_answer", 3),
    3: ("machine", 3),
    4: ("busy", 3),
}


async def test_everybody_is_called_as_often_as_allowed(tenant: CampaignWorkspace) -> None:
    run = await begin(tenant, COUNT)
    await call_everybody(run, step_s=15)
    await check(run)
    assert run.killed

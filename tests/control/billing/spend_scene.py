"""Many calls of a workspace with a spending limit, in virtual time: real admission, ledger, Redis scripts and duty; the
callers and the media node are simulated, the node with media's own rule of when a call's time is over."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

import msgspec

from control.agents.plans.service import AgentLookup
from control.billing.accounts.service import change_settings
from control.billing.invoices.service import Invoices
from control.billing.limits.rules import SpendSnapshot, SpendTerms
from control.billing.limits.service import SpendGuard, TransferLimits, load_snapshot
from control.billing.limits.tasks import SpendLimitDuty
from control.billing.prices import queries as prices_queries
from control.billing.prices.rules import ANY_MODEL, NewPrice, PriceKey
from control.calls.admission.service import save_refusal
from control.calls.announcements import make_refusal
from control.calls.carrier_reports.rules import CarrierStatus
from control.calls.carrier_reports.service import apply_status
from control.calls.events.service import parse_event, write_events
from control.calls.records.refusals import RefusedCall
from control.calls.records.running_calls import AdmittedCall
from control.calls.transfers.service import EndTransferJob
from control.calls.transfers.tasks import make_end_transfer_job
from control.carriers.service import Carriers
from control.db.pool import Connection
from media.server.bus.time_limits import EVERY_S, CallTime
from shared.bus.client import bus_client
from shared.bus.granted_time import GrantedTimes
from shared.events import CallEnded, CallUsage, EventEnvelope, encode_event
from tests.control.calls.call_platform import NOW, CallPlatform, LiveWorkspace
from tests.platform.catalog import PRICED_FROM

# Of a call's last words.
WORDS_S = 5
DUTY_S = 10
# Webhooks that are handled at the same moment: each needs a connection.
AT_ONCE = 6
# A tier without included minutes, so that money alone counts, and its price of a minute.
TIER = "metered"
PRICE = Decimal("0.12")
# A Redis that is not there.
NOWHERE = "unix:///nonexistent/valkey.sock"


@dataclass(slots=True)
class SceneCall:
    """began: seconds of the scene. hangs_up: when its caller does, in seconds of the call. transferred_at: of
    the scene; from then on no node has the call."""

    admitted: AdmittedCall
    began: int
    hangs_up: int
    time: CallTime = field(default_factory=CallTime)
    transferred_at: int | None = None
    last_words_at: int | None = None
    ended_at: int | None = None

    @property
    def is_running(self) -> bool:
        return self.ended_at is None


@dataclass(slots=True)
class SpendScene:
    """at: the scene's time in seconds. is_redis_up, is_worker_up: switched by tests. told: what refused callers
    heard."""

    platform: CallPlatform
    workspace: LiveWorkspace
    at: int = 0
    is_redis_up: bool = True
    is_worker_up: bool = True
    calls: list[SceneCall] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    _duty: SpendLimitDuty = field(init=False)
    _due_transfers: list[UUID] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._duty = self._make_duty(self.guard)

    @property
    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.at)

    @property
    def guard(self) -> SpendGuard:
        return self.platform.services[SpendGuard]

    @property
    def running(self) -> list[SceneCall]:
        return [call for call in self.calls if call.is_running]

    async def lose_redis(self) -> None:
        """All that it knew is gone."""
        await self.platform.redis.flushall()

    async def ring_many(self, hang_ups: Sequence[int]) -> int:
        """As many calls at once, each with the second in which its caller hangs up; returns how many are admitted."""
        slots = asyncio.Semaphore(AT_ONCE)

        async def ring(hangs_up: int) -> bool:
            async with slots:
                return await self.ring(hangs_up)

        return sum(await asyncio.gather(*map(ring, hang_ups)))

    async def ring(self, hangs_up: int) -> bool:
        """A call as webhooks handle it."""
        call = await self.platform.ring(self.workspace, at=self.now)
        if isinstance(call, AdmittedCall) and not await self._reserve(call.spend_terms):
            call = await self._refuse(call)
        if isinstance(call, RefusedCall):
            assert call.announcement
            self.told.append(call.announcement)
            return False
        await self._report(call, "in_progress", self.now)
        self.calls.append(SceneCall(call, self.at, hangs_up))
        return True

    async def run(self, seconds: int) -> None:
        """Lets the scene's time pass."""
        until = self.at + seconds
        while self.at < until:
            self.at += 1
            await self._end_calls()
            if self.at % round(EVERY_S) == 0:
                await self._look_at_times()
            if self.is_worker_up and self.at % DUTY_S == 0:
                await self.renew()

    async def renew(self) -> None:
        """A run of the worker's duty."""
        duty = self._duty if self.is_redis_up else self._make_duty(_away())
        await duty.run(self.platform.pool, self.now)
        run_job = make_end_transfer_job(
            self.platform.pool, self.platform.services[AgentLookup], self.platform.services[Carriers], lambda: self.now
        )
        while self._due_transfers:
            await run_job(msgspec.json.encode(EndTransferJob(self._due_transfers.pop())))
        self._hear_carrier()

    async def transfer(self, call: SceneCall) -> None:
        """The agent transfers the caller; media reports the end of its part."""
        call.transferred_at = self.at
        talked_ms = (self.at - call.began) * 1_000
        ended = CallEnded("completed", "transferred", "", talked_ms, CallUsage(call_ms=talked_ms), "+12125550199")
        envelope = EventEnvelope(str(call.admitted.call_id), 9, self.now.isoformat(), ended)
        line = parse_event("1-0", encode_event(envelope))
        await self.platform.in_platform(lambda db: write_events(db, [line]))

    async def spent(self) -> Decimal:
        """What the ledger charges for the minutes of all calls."""

        async def total(db: Connection) -> Decimal:
            found: Decimal = await db.fetchval(
                "SELECT coalesce(sum(price), 0) FROM usage_records WHERE workspace_id = $1 "
                "AND resource_type = 'call_minutes'",
                self.workspace.workspace_id,
            )
            return found

        return await self.platform.in_platform(total)

    async def _reserve(self, terms: SpendTerms | None) -> bool:
        return terms is None or (self.is_redis_up and await self.guard.admit(terms, self._reader(terms)))

    def _reader(self, terms: SpendTerms) -> Callable[[frozenset[UUID]], Awaitable[SpendSnapshot]]:
        async def read(reserved: frozenset[UUID]) -> SpendSnapshot:
            return await self.platform.in_platform(lambda db: load_snapshot(db, terms.workspace_id, reserved, terms.at))

        return read

    async def _refuse(self, call: AdmittedCall) -> RefusedCall:
        refused = make_refusal("spend_limit", call.plan.agent.language, call.call_id)
        await self.platform.in_platform(lambda db: save_refusal(db, call.call_id, refused.reason, self.now))
        return refused

    async def _look_at_times(self) -> None:
        """What the node does every EVERY_S."""
        running = [one for one in self.running if one.transferred_at is None]
        due = [one for one in running if self.at - one.began >= one.time.ask_s] if self.is_redis_up else []
        found = await GrantedTimes(self.platform.redis).read([str(one.admitted.call_id) for one in due])
        for one, granted in zip(due, found, strict=True):
            one.time.update(granted, self.at - one.began)
        for one in running:
            if one.last_words_at is None and one.time.is_over(self.at - one.began):
                one.last_words_at = self.at

    def _make_duty(self, guard: SpendGuard) -> SpendLimitDuty:
        return SpendLimitDuty(self.platform.services[Invoices].mail, guard, TransferLimits(self._end_transfer))

    async def _end_transfer(self, db: Connection, call_id: UUID) -> None:
        self._due_transfers.append(call_id)

    def _hear_carrier(self) -> None:
        """Callers to whom the carrier speaks the last words."""
        told = {carrier_call_id for carrier_call_id, *_ in self.platform.gateway.spoken}
        for one in self.running:
            if one.admitted.carrier_call_id in told and one.last_words_at is None:
                one.last_words_at = self.at

    async def _end_calls(self) -> None:
        for one in self.running:
            is_said = one.last_words_at is not None and self.at >= one.last_words_at + WORDS_S
            if is_said or self.at - one.began >= one.hangs_up:
                await self._end(one)

    async def _end(self, call: SceneCall) -> None:
        call.ended_at = self.at
        await self._report(call.admitted, "completed", self.now, duration_s=self.at - call.began)

    async def _report(self, call: AdmittedCall, status: str, at: datetime, duration_s: int | None = None) -> None:
        report = CarrierStatus("twilio", call.carrier_call_id, status, at, duration_s=duration_s)  # type: ignore[arg-type]
        await self.platform.in_platform(lambda db: apply_status(db, report))


def _away() -> SpendGuard:
    return SpendGuard(bus_client(NOWHERE, 0.2))


async def make_scene(platform: CallPlatform, limit: Decimal, *, tier: str = TIER) -> SpendScene:
    """A paying workspace with this limit."""
    await platform.in_platform(add_metered_tier)
    workspace = await platform.create_workspace(tier=tier)
    await platform.in_platform(lambda db: _activate(db, workspace.workspace_id))
    await set_limit(platform, workspace, limit)
    return SpendScene(platform, workspace)


async def add_metered_tier(db: Connection) -> None:
    """Adds the tier TIER; nothing happens if it exists. In platform scope."""
    if await db.fetchval("SELECT EXISTS (SELECT FROM tiers WHERE tier_name = $1)", TIER):
        return
    await db.execute(
        "INSERT INTO tiers SELECT (jsonb_populate_record(t, jsonb_build_object('tier_name', $1::text, "
        "'included_minutes', 0, 'price_per_minute', $2::numeric, 'max_concurrent_calls', 500))).* "
        "FROM tiers t WHERE tier_name = 'growth'",
        TIER,
        PRICE,
    )
    key = PriceKey("price", TIER, "call_minutes", ANY_MODEL, "minute")
    await prices_queries.insert_versions(db, [NewPrice(key, PRICE, "tier", PRICED_FROM)], PRICED_FROM)


async def _activate(db: Connection, workspace_id: UUID) -> None:
    await db.execute("UPDATE workspaces SET status = 'active' WHERE id = $1", workspace_id)
    await db.execute(
        "UPDATE workspace_changes SET status = 'active', at = $2 WHERE workspace_id = $1", workspace_id, NOW
    )


async def set_limit(
    platform: CallPlatform, workspace: LiveWorkspace, limit: Decimal | None, *, pauses: bool = True
) -> None:
    """As the workspace's settings do it."""
    values = {"usage_limit_monthly": limit, "auto_pause_on_limit": pauses}
    await platform.in_workspace(
        workspace,
        lambda db: change_settings(db, workspace.actor, workspace.workspace_id, values),
    )

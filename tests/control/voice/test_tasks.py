"""Figures of providers from stored calls and from probes at a real socket, within the day's budget."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from control.audit.service import Actor
from control.billing.prices.service import update_estimates
from control.db.pool import Connection, Pool, open_pool
from control.db.scope import enter_platform
from control.platform.service import Platform
from control.voice.catalog.service import ProviderAdministration, ProviderEdit
from control.voice.figures import queries as figures_queries
from control.voice.figures.queries import ProbeResult, select_measurements
from control.voice.figures.rules import RoleFigures
from control.voice.key_check import KeyChecker
from control.voice.tasks import measure_calls, probe_providers, tell_out_of_service, voice_tasks
from control.voice.workspace_providers.queries import ProviderSettings, upsert_settings
from control.worker_runtime import WorkerMetrics
from shared.bus.client import bus_client
from shared.bus.health import ProviderHealthStates
from shared.egress import EgressGuard
from shared.ids import new_id
from shared.secrets import Sealer
from tests.platform.catalog import seed_catalog
from tests.platform.chat_vendor import ChatVendor, chat_vendor
from tests.platform.services import KEY

SEALER = Sealer([KEY])
NOW = datetime.now(UTC)


@dataclass
class Measured:
    """A database with one provider in service that can be probed."""

    pool: Pool
    owner: Connection
    vendor: ChatVendor

    async def probe(self, now: datetime) -> int:
        return await probe_providers(self.pool, SEALER, Platform(), now)

    async def figures(self, provider: str) -> dict[tuple[str, str], RoleFigures]:
        found = await figures_queries.select_figures(self.owner)
        return {(one.role, one.source): one for one in found if one.provider == provider}

    async def call(
        self,
        used: dict[str, str],
        failed: dict[str, str],
        llm_ms: int,
        created_at: datetime,
        workspace: UUID | None = None,
    ) -> None:
        """Stores a call. used, failed: providers by role. workspace: None: a new one."""
        call_id, workspace_id = UUID(new_id()), workspace or UUID(new_id())
        await self.owner.execute(
            "INSERT INTO workspaces (id, name, status, tier_name) VALUES ($1, 'W', 'active', 'growth') "
            "ON CONFLICT DO NOTHING",
            workspace_id,
        )
        await self.owner.execute(
            "INSERT INTO calls (id, workspace_id, direction, carrier, status, created_at) "
            "VALUES ($1, $2, 'inbound', 'twilio', 'completed', $3)",
            call_id, workspace_id, created_at,
        )  # fmt: skip
        await self.owner.executemany(
            "INSERT INTO usage_records (id, workspace_id, call_id, at, resource_type, provider, quantity, unit, cost, "
            "price) VALUES ($1, $2, $3, $4, $5, $6, 1, 'ms', 1, 0)",
            [(UUID(new_id()), workspace_id, call_id, created_at, role, name) for role, name in used.items()],
        )
        events: list[tuple[str, dict[str, Any]]] = [
            ("provider.failed", {"kind": role, "provider": name}) for role, name in failed.items()
        ]
        events.append(("turn.latency", {"stt_ms": 10, "llm_first_token_ms": llm_ms, "tts_first_byte_ms": 90}))
        await self.owner.executemany(
            "INSERT INTO call_events (call_id, seq, workspace_id, at, event_type, event_data) "
            "VALUES ($1, $2, $3, $4, $5, $6)",
            [(call_id, seq, workspace_id, created_at, kind, data) for seq, (kind, data) in enumerate(events)],
        )


@pytest.fixture
async def measured(fresh_database_url: str) -> AsyncIterator[Measured]:
    async with (
        open_pool(fresh_database_url, size=2) as pool,
        open_pool(fresh_database_url, size=1, role="owner") as owners,
        owners.acquire() as owner,
        chat_vendor() as vendor,
    ):
        await seed_catalog(owner)
        edit = ProviderEdit({"vendor": "openai", "llm": {"base_url": vendor.url, "model": "tiny"}}, key="vendor-key-1")
        administration = ProviderAdministration(SEALER, KeyChecker(EgressGuard()))
        await administration.create(owner, Actor("system"), "my-llama", edit)
        yield Measured(pool, owner, vendor)


async def test_figures_of_calls(measured: Measured) -> None:
    for llm_ms in (200, 300, 900):
        await measured.call({"stt": "deepgram", "llm": "groq"}, {}, llm_ms, NOW - timedelta(minutes=1))
    await measured.call({"llm": "openai"}, {"llm": "groq"}, 5_000, NOW - timedelta(minutes=1))
    await measured.call({"llm": "groq"}, {"llm": "groq"}, 1, NOW - timedelta(hours=2))
    async with measured.pool.transaction() as db:
        await enter_platform(db)
        assert await measure_calls(db, NOW) == 3
    groq = (await measured.figures("groq"))["llm", "calls"]
    assert (groq.requests, groq.error_rate, groq.p50_ms, groq.p95_ms, groq.status) == (3, 0.0, 300, 300, "healthy")
    row = await measured.owner.fetchrow("SELECT health_status, latency_ms FROM providers WHERE provider = 'groq'")
    assert tuple(row) == ("healthy", 300)
    later = NOW + timedelta(hours=1)
    async with measured.pool.transaction() as db:
        await enter_platform(db)
        await measure_calls(db, later)
    unknown = (await measured.figures("groq"))["llm", "calls"]
    assert (unknown.status, unknown.requests, unknown.p50_ms, unknown.since) == ("unknown", 0, None, later)


async def test_calls_under_a_key_of_ones_own_never_count(measured: Measured) -> None:
    """Also after the workspace has returned to the platform's key."""
    own, now = UUID(new_id()), NOW + timedelta(minutes=1)
    for _ in range(3):
        await measured.call({"llm": "groq"}, {"llm": "groq"}, 9_000, NOW, own)
        await measured.call({"llm": "groq"}, {}, 300, NOW)
    for uses_platform_key in (False, True):
        settings = ProviderSettings(uses_platform_key=uses_platform_key, sealed=b"sealed")
        await upsert_settings(measured.owner, own, "groq", settings, now)
        async with measured.pool.transaction() as db:
            await enter_platform(db)
            found = await select_measurements(db, NOW - timedelta(hours=1))
        assert own not in {one.workspace_id for one in found} and len(found) == 3
    await measured.call({"llm": "groq"}, {}, 300, now + timedelta(seconds=1), own)
    async with measured.pool.transaction() as db:
        await enter_platform(db)
        (mine,) = [
            measurement
            for measurement in await select_measurements(db, NOW - timedelta(hours=1))
            if measurement.workspace_id == own
        ]
    assert (mine.requests, mine.failures) == (1, 0)


async def test_a_workspace_with_many_calls_does_not_hide_the_others(measured: Measured) -> None:
    await measured.call({"llm": "groq"}, {}, 300, NOW - timedelta(minutes=5))
    loud = UUID(new_id())
    for _ in range(4):
        await measured.call({"llm": "groq"}, {"llm": "groq"}, 300, NOW, loud)
    async with measured.pool.transaction() as db:
        await enter_platform(db)
        found = await db.fetch(figures_queries._SELECT_MEASUREMENTS, NOW - timedelta(hours=1), 2, 5_000)
    assert {row["workspace_id"] == loud: row["requests"] for row in found} == {True: 1, False: 1}


async def test_probes_are_measured_apart_and_not_repeated_by_a_second_worker(measured: Measured) -> None:
    assert await measured.probe(NOW) == 1
    assert await measured.probe(NOW + timedelta(seconds=10)) == 0
    found = (await measured.figures("my-llama"))["llm", "probes"]
    assert (found.status, found.requests, found.error_rate) == ("healthy", 1, 0.0)
    measured.vendor.keys = set()
    for minutes in (5, 10, 15, 20):
        await measured.probe(NOW + timedelta(minutes=minutes))
    found = (await measured.figures("my-llama"))["llm", "probes"]
    assert (found.status, found.requests, found.error_rate) == ("down", 5, 0.8)
    reasons = await measured.owner.fetch("SELECT reason FROM provider_probes WHERE latency_ms IS NULL")
    assert {row["reason"] for row in reasons} == {"HTTP 401 invalid_api_key"}


async def test_repeats_a_failed_probe_with_growing_waits_until_it_works(measured: Measured) -> None:
    keys, measured.vendor.keys = measured.vendor.keys, set()
    probed = [seconds for seconds in range(0, 1_001, 20) if await measured.probe(NOW + timedelta(seconds=seconds))]
    assert probed == [0, 20, 60, 140, 300, 600, 900]
    found = (await measured.figures("my-llama"))["llm", "probes"]
    assert (found.status, found.requests, found.error_rate) == ("down", 7, 1.0)
    measured.vendor.keys = keys
    assert await measured.probe(NOW + timedelta(seconds=1_200)) == 1
    found = (await measured.figures("my-llama"))["llm", "probes"]
    assert (found.status, found.requests, found.error_rate) == ("healthy", 1, 0.0)


async def test_new_key_resets_what_probes_found(measured: Measured) -> None:
    measured.vendor.keys = {"vendor-key-2"}
    for minutes in (0, 5, 10):
        await measured.probe(NOW + timedelta(minutes=minutes))
    assert (await measured.figures("my-llama"))["llm", "probes"].status == "down"
    administration = ProviderAdministration(SEALER, KeyChecker(EgressGuard()))
    await administration.change(measured.owner, Actor("system"), "my-llama", ProviderEdit({}, key="vendor-key-2"))
    assert await measured.figures("my-llama") == {}
    row = await measured.owner.fetchrow("SELECT health_status, error_rate FROM providers WHERE provider = 'my-llama'")
    assert tuple(row) == ("unknown", None)
    assert await measured.probe(NOW + timedelta(minutes=10, seconds=1)) == 1
    assert (await measured.figures("my-llama"))["llm", "probes"].status == "healthy"


async def test_drops_results_of_a_provider_that_changed_during_its_probe(measured: Measured) -> None:
    result = ProbeResult("my-llama", "llm", NOW, None, Decimal(0), "HTTP 401")
    versions = await figures_queries.select_versions(measured.owner)
    await measured.owner.execute("UPDATE providers SET updated_at = updated_at + interval '1 second'")
    await figures_queries.insert_probes(measured.owner, [result], versions)
    assert await figures_queries.select_probe_states(measured.owner, NOW) == {}


async def test_staff_are_told_of_a_platform_key_that_is_not_accepted(measured: Measured, valkey_url: str) -> None:
    redis, metrics = bus_client(valkey_url, 5.0), WorkerMetrics()
    tasks = voice_tasks(SEALER, Platform(), ProviderHealthStates(redis), metrics.report_refused_keys)
    (duty,) = (one for one in tasks.duties if one.name == "provider_keys")
    line = 'vocalized_worker_provider_key_refused{provider="my-llama"} 1.0'
    for minutes, keys, is_told in ((0, set[str](), True), (5, {"vendor-key-1"}, False), (10, set[str](), True)):
        measured.vendor.keys = keys
        now = NOW + timedelta(minutes=minutes)
        await measured.probe(now)
        assert await duty.run_once(measured.pool, now) == is_told
        assert (line in metrics.render().decode()) == is_told
    await measured.owner.execute("UPDATE providers SET is_enabled = false WHERE provider = 'my-llama'")
    assert await duty.run_once(measured.pool, now) == 0
    assert "key_refused{" not in metrics.render().decode()
    await redis.aclose()


async def test_probes_stop_at_the_days_budget(measured: Measured) -> None:
    day = NOW.replace(hour=12)
    await measured.owner.execute(
        "INSERT INTO provider_probes (id, provider, role, at, cost) VALUES ($1, 'my-llama', 'llm', $2, $3)",
        UUID(new_id()), day - timedelta(hours=1), Decimal("0.498"),
    )  # fmt: skip
    assert await measured.probe(day) == 0
    assert measured.vendor.asked == []
    assert await measured.probe(day + timedelta(days=1)) == 1


async def test_costs_of_a_minute_follow_the_prices(measured: Measured) -> None:
    async with measured.pool.transaction() as db:
        await enter_platform(db)
        assert await update_estimates(db, NOW + timedelta(minutes=5)) > 5
    rows = await measured.owner.fetch("SELECT provider, estimated_costs FROM providers")
    costs = {row["provider"]: row["estimated_costs"] for row in rows}
    assert costs["deepgram"]["stt"] == 0.0048
    assert costs["groq"]["llm"] == pytest.approx(4_500 * 0.15e-6 + 150 * 0.6e-6)
    assert costs["local"] == {"stt": 0.0, "tts": 0.0}
    assert costs["my-llama"] == {}


async def test_media_is_told_which_providers_are_out_of_service(measured: Measured, valkey_url: str) -> None:
    redis = bus_client(valkey_url, 5.0)
    states = ProviderHealthStates(redis)
    assert await tell_out_of_service(measured.pool, states) > 0
    out = await states.list_out_of_service()
    assert "azure-openai" in out and "my-llama" not in out
    await measured.owner.execute("UPDATE providers SET is_enabled = true")
    await tell_out_of_service(measured.pool, states)
    assert await states.list_out_of_service() == frozenset()
    await redis.aclose()

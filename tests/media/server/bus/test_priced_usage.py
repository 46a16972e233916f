"""A real call in the ledger: media tells what providers consumed, control prices it, while the call runs and after."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest

from control.analytics.rollups.service import roll_up_days
from control.billing.prices.rules import PRICE_UNITS, PriceKey, PriceUnit, Role
from control.billing.prices.service import set_cost
from control.calls import routes as staff_views
from control.calls.records.reports import CallReport
from control.calls.records.running_calls import AdmittedCall
from control.db.pool import Connection
from control.voice.catalog.queries import upsert_instance
from control.voice.routing.rules import ProviderOffer
from shared.events import UsageRecorded
from tests.control.calls.call_platform import CallPlatform, LiveWorkspace, open_call_platform
from tests.control.calls.consumed_events import running_consumer
from tests.media.providers.sse_server import CHUNKED, DONE, SseServer, Step, delta, event, sse_server
from tests.media.server.phone import Phone
from tests.platform.bus_node import BusNode, wait_until

# Of each role the provider that fails, then the one that takes over, and what their units cost us.
CHAINS: Final[Mapping[Role, tuple[str, str]]] = {
    "stt": ("deaf", "ear"), "llm": ("cut", "mind"), "tts": ("hoarse", "mouth"),
}  # fmt: skip
PRICES: Final[Mapping[str, Mapping[PriceUnit, Decimal]]] = {
    "deaf": {"minute": Decimal("0.06")},
    "ear": {"minute": Decimal("0.012")},
    "cut": {"million_prompt_tokens": Decimal(10), "million_completion_tokens": Decimal(100)},
    "mind": {
        # First the prices of the cache: they would replace that of the others a minute later.
        "million_cached_tokens": Decimal("0.5"), "million_cache_write_tokens": Decimal("2.5"),
        "million_prompt_tokens": Decimal(2), "million_completion_tokens": Decimal(8),
    },
    "hoarse": {"thousand_characters": Decimal("0.08")},
    "mouth": {"thousand_characters": Decimal("0.04")},
}  # fmt: skip
# What one unit of the ledger costs, by the unit of its price.
SIZES: Final[Mapping[str, tuple[PriceUnit, int]]] = {
    "ms": ("minute", 60_000),
    "characters": ("thousand_characters", 1_000),
    "prompt_tokens": ("million_prompt_tokens", 1_000_000),
    "cached_tokens": ("million_cached_tokens", 1_000_000),
    "cache_write_tokens": ("million_cache_write_tokens", 1_000_000),
    "completion_tokens": ("million_completion_tokens", 1_000_000),
}
# Longer than the test listens, so that the caller can interrupt it.
LONG_SPEECH_MS: Final = 8_000
COUNTED: Final = {
    "prompt_tokens": 1_000,
    "completion_tokens": 40,
    "prompt_tokens_details": {"cached_tokens": 600, "cache_write_tokens": 100},
}
CUT: Final[Sequence[Step]] = [delta(content="We open "), delta(content="at ")]
WHOLE: Final[Sequence[Step]] = [
    delta(content="We open at nine and close at five."), delta("stop"), event({"choices": [], "usage": COUNTED}), DONE,
    b"",
]  # fmt: skip
TOLD: Final = "SELECT seq, at, event_data FROM call_events WHERE call_id = $1 AND event_type = $2 ORDER BY seq"
ROWS: Final = "SELECT * FROM usage_records WHERE call_id = $1 AND seq IS NOT NULL ORDER BY seq"
SHARES: Final = "SELECT provider, cost, unpriced FROM usage_daily WHERE workspace_id = $1 AND provider = ANY($2)"


@pytest.fixture
async def platform(
    database_url: str, bus_node: BusNode, valkey_url: str, tmp_path: Path
) -> AsyncIterator[CallPlatform]:
    """Control on the node's bus."""
    async with open_call_platform(database_url, valkey_url, tmp_path) as opened:
        yield opened


@asynccontextmanager
async def models() -> AsyncIterator[Mapping[str, SseServer]]:
    """The servers of both language models."""
    async with sse_server((CHUNKED, CUT)) as cut, sse_server((CHUNKED, WHOLE)) as mind:
        yield {"cut": cut, "mind": mind}


async def install(db: Connection, servers: Mapping[str, SseServer]) -> None:
    """Puts the providers into the catalog, with their prices."""
    for role, names in CHAINS.items():
        for name in names:
            fails = {"fail": "midway"} if name in ("deaf", "hoarse") else {}
            options = {
                "stt": {"final_ms": 10, "text": "and so my fellow americans", **fails},
                "llm": {"model": f"{name}-1", "base_url": servers[name].url if name in servers else ""},
                "tts": {"first_byte_ms": 10, "audio_ms": LONG_SPEECH_MS, "chunk_ms": 200, **fails},
            }[role]
            offer = ProviderOffer(
                provider=name,
                kinds=[role],
                is_enabled=True,
                priority=10,
                needs_key=False,
                for_tests=False,
                config={"vendor": "openai" if role == "llm" else "standin", role: options},
                options={},
                platform_key=False,
            )
            await upsert_instance(db, offer, None)
            for unit, price in PRICES[name].items():
                assert unit in PRICE_UNITS[role]
                model = f"{name}-1" if role == "llm" else "*"
                await set_cost(db, PriceKey("cost", name, role, model, unit), price, datetime.now(UTC))


async def open_call(platform: CallPlatform) -> tuple[LiveWorkspace, AdmittedCall]:
    speech = {role: [{"provider": name} for name in names] for role, names in CHAINS.items()}
    workspace = await platform.create_workspace(
        greeting="Good morning.", speech=speech, turn={"silence_ms": 400, "adaptive": False}
    )
    return workspace, await platform.admit(workspace, at=datetime.now(UTC))


async def select(platform: CallPlatform, query: str, *values: Any) -> list[Any]:
    return list(await platform.in_platform(lambda db: db.fetch(query, *values)))


async def stored(platform: CallPlatform, call_id: UUID, kind: str) -> list[Any]:
    return await select(platform, TOLD, call_id, kind)


async def get_report(platform: CallPlatform, workspace: LiveWorkspace, call_id: UUID) -> CallReport:
    return await platform.in_workspace(workspace, lambda db: platform.records.get(db, workspace.workspace_id, call_id))


async def check_rows(platform: CallPlatform, call_id: UUID) -> list[Any]:
    """Each event of usage is one row, priced as this test computes it."""
    told = await stored(platform, call_id, "usage.recorded")
    # The call goes on: an event may be stored between the two queries.
    rows = [row for row in await select(platform, ROWS, call_id) if row["seq"] <= told[-1]["seq"]]
    assert [(row["seq"], row["at"]) for row in rows] == [(one["seq"], one["at"]) for one in told]
    for row, one in zip(rows, told, strict=True):
        data = one["event_data"]
        for name in ("resource_type", "provider", "vendor", "model", "quantity", "unit"):
            assert row[name] == data[name], name
        assert row["estimated"] == data.get("estimated", False)
        unit, size = SIZES[row["unit"]]
        exact = PRICES[row["provider"]][unit] * row["quantity"] / size
        assert row["cost"] == round(exact, 9) and row["price"] == 0, dict(row)
    return rows


def sums(rows: Sequence[Any], *names: str) -> Mapping[Any, Decimal]:
    """Our cost by these columns."""
    found: dict[Any, Decimal] = {}
    for row in rows:
        key = tuple(row[name] for name in names)
        found[key] = found.get(key, Decimal(0)) + row["cost"]
    return found


def quantities(rows: Sequence[Any]) -> Counter[tuple[str, str, str]]:
    found: Counter[tuple[str, str, str]] = Counter()
    for row in rows:
        found[row["resource_type"], row["provider"], row["unit"]] += int(row["quantity"])
    return found


async def test_each_attempt_of_a_call_is_priced_as_both_programs_count(
    bus_node: BusNode, platform: CallPlatform, speech: bytes
) -> None:
    async with models() as servers, running_consumer(platform):
        await platform.in_platform(lambda db: install(db, servers))
        workspace, call = await open_call(platform)
        phone = await bus_node.dial(call.plan)
        await talk(platform, phone, call.call_id, speech)
        rows = await check_rows(platform, call.call_id)
        assert {row["provider"] for row in rows} >= {"deaf", "hoarse", "cut", "mind", "mouth"}, "while the call runs"
        running = await get_report(platform, workspace, call.call_id)
        assert running.summary_line.status == "in_progress"
        assert sum(cost.cost or 0 for cost in running.costs) == sum(row["cost"] for row in rows) > 0
        await phone.hang_up()
        await wait_until(lambda: stored(platform, call.call_id, "call.ended"))
        await check_ended(bus_node, platform, workspace, call.call_id)


async def talk(platform: CallPlatform, phone: Phone, call_id: UUID, speech: bytes) -> None:
    """The caller asks, interrupts the answer, and hears the next one begin."""

    async def rows_of_both_models() -> bool:
        told = [UsageRecorded(**_usage(one)) for one in await stored(platform, call_id, "usage.recorded")]
        return sum(one.provider == "mind" and one.unit == "cached_tokens" for one in told) >= 2

    async with phone.sending_silence():
        await wait_until(lambda: stored(platform, call_id, "call.started"))
    await phone.pause(4_000)
    await phone.speak(speech)
    await phone.pause(3_000)
    await phone.speak(speech)
    async with phone.sending_silence():
        await wait_until(lambda: stored(platform, call_id, "turn.interrupted"))
        await wait_until(rows_of_both_models)


def _usage(row: Any) -> dict[str, Any]:
    return {name: value for name, value in row["event_data"].items() if name != "type"}


async def check_ended(bus_node: BusNode, platform: CallPlatform, workspace: LiveWorkspace, call_id: UUID) -> None:
    """Rows, call.ended, media's metrics, both API views and the roll-ups say the same."""
    rows = await check_rows(platform, call_id)
    failed = {one["event_data"]["provider"] for one in await stored(platform, call_id, "provider.failed")}
    assert failed == {first for first, _ in CHAINS.values()}
    told = quantities(rows)
    for (kind, provider, unit), quantity in told.items():
        labels = {"kind": kind, "provider": provider, "unit": unit}
        assert bus_node.metric("vocalized_media_usage_total", **labels) == quantity, labels
    requests = told["llm", "mind", "prompt_tokens"] // 300
    assert requests >= 2, "both answers"
    assert told["llm", "mind", "cached_tokens"] == requests * 600
    assert told["llm", "mind", "cache_write_tokens"] == requests * 100
    assert told["llm", "mind", "completion_tokens"] == requests * 40
    assert all(row["estimated"] == (row["provider"] == "cut") for row in rows if row["resource_type"] == "llm")

    report = await get_report(platform, workspace, call_id)
    view, staff = (
        staff_views.to_answer(report, None).call,
        staff_views.to_admin_answer(report, is_content_withheld=False).call,
    )
    assert view.usage == report.details.usage, "the ledger's sums are those that media added up"
    assert {(cost.provider, cost.unit): cost.cost for cost in staff.costs if cost.provider in PRICES} == sums(
        rows, "provider", "unit"
    )
    charged = {cost.resource_type: cost.cost for cost in view.costs if cost.cost}
    assert list(charged) == ["call_minutes"] and view.duration_seconds > 0
    assert round(charged["call_minutes"], 6) == view.cost_list > 0

    while await platform.in_platform(lambda db: roll_up_days(db, 200)):
        pass
    days = await select(platform, SHARES, workspace.workspace_id, list(PRICES))
    assert {(day["provider"],): day["cost"] for day in days} == sums(rows, "provider")
    assert {day["unpriced"] for day in days} == {0}

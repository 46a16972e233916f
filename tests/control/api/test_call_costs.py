"""Costs of a call, for its customer and for the staff."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from shared.ids import new_id
from tests.control.api.call_workspace import NOW, CallWorkspace, make_call_workspace
from tests.platform.api import Api, running_api

# resource_type, provider, vendor, model, quantity, unit, cost, price, estimated
ROWS: tuple[tuple[Any, ...], ...] = (
    ("stt", "deepgram", "deepgram", "nova-3", 12_000, "ms", Decimal("0.00096"), 0, False),
    ("stt", "local", "local", "", 63_000, "ms", 0, 0, False),
    ("llm", "groq", "openai", "oss", 1_500, "prompt_tokens", Decimal("0.000225"), 0, True),
    ("llm", "groq", "openai", "oss", 500, "prompt_tokens", Decimal("0.000075"), 0, False),
    ("llm", "groq", "openai", "oss", 300, "cached_tokens", None, 0, False),
    ("llm", "groq", "openai", "oss", 60, "completion_tokens", Decimal("0.000036"), 0, False),
    ("tts", "standin", "standin", "", 80, "characters", None, 0, False),
)
MINUTES = ("call_minutes", "", "", "", 75, "second", 0, Decimal("0.125"), False)


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url) as running:
        yield running


async def insert_rows(workspace: CallWorkspace, call_id: str, *rows: tuple[Any, ...]) -> None:
    for row in rows:
        await workspace.api.owner.execute(
            "INSERT INTO usage_records (id, workspace_id, call_id, at, resource_type, provider, vendor, model, "
            "quantity, unit, cost, price, estimated) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
            UUID(new_id()), UUID(workspace.workspace_id), UUID(call_id), NOW, *row,
        )  # fmt: skip


async def test_costs_and_usage_are_readable_while_the_call_runs(api: Api) -> None:
    workspace = await make_call_workspace(api)
    call_id = await workspace.insert_call(status="in_progress")
    await insert_rows(workspace, call_id, *ROWS)
    call = (await workspace.ann.get(f"{workspace.calls_path}/{call_id}")).body["call"]
    assert call["usage"] == {
        "stt_ms": 75_000, "llm_prompt_tokens": 2_300, "llm_completion_tokens": 60, "tts_characters": 80,
    }  # fmt: skip
    assert {(cost["resource_type"], cost["unit"]): (cost["quantity"], cost["cost"]) for cost in call["costs"]} == {
        ("stt", "ms"): (75_000, 0), ("llm", "prompt_tokens"): (2_000, 0), ("llm", "cached_tokens"): (300, 0),
        ("llm", "completion_tokens"): (60, 0), ("tts", "characters"): (80, 0),
    }  # fmt: skip


async def test_customers_see_what_they_pay_and_no_provider(api: Api) -> None:
    workspace = await make_call_workspace(api)
    usage = {"call_ms": 75_000, "stt_ms": 1, "heard_ms": 9}
    call_id = await workspace.insert_call(details={"usage": usage})
    await insert_rows(workspace, call_id, *ROWS, MINUTES)
    call = (await workspace.ann.get(f"{workspace.calls_path}/{call_id}")).body["call"]
    (minutes,) = [cost for cost in call["costs"] if cost["resource_type"] == "call_minutes"]
    assert minutes == {
        "resource_type": "call_minutes", "quantity": 75, "unit": "second", "cost": 0.125, "currency": "usd",
    }  # fmt: skip
    assert (call["usage"]["stt_ms"], call["usage"]["heard_ms"]) == (75_000, 9)
    unpriced = await workspace.insert_call()
    await insert_rows(workspace, unpriced, MINUTES, (*MINUTES[:7], None, False))
    call = (await workspace.ann.get(f"{workspace.calls_path}/{unpriced}")).body["call"]
    assert [cost["cost"] for cost in call["costs"]] == [None], "unknown is not 0"


async def test_staff_see_each_providers_share(api: Api) -> None:
    workspace = await make_call_workspace(api)
    call_id = await workspace.insert_call()
    await insert_rows(workspace, call_id, *ROWS, MINUTES)
    costs = (await (await api.admin("read_only")).get(f"/admin/calls/{call_id}")).body["call"]["costs"]
    shares = {(cost["provider"], cost["unit"]): (cost["quantity"], cost["cost"]) for cost in costs}
    assert shares["deepgram", "ms"] == (12_000, 0.00096)
    assert shares["groq", "prompt_tokens"] == (2_000, 0.0003)
    assert shares["groq", "cached_tokens"] == (300, None)
    assert [cost for cost in costs if cost["unit"] == "prompt_tokens"] == [
        {
            "resource_type": "llm", "provider": "groq", "vendor": "openai", "model": "oss", "quantity": 2_000,
            "unit": "prompt_tokens", "cost": 0.0003, "price": 0, "currency": "usd", "price_currency": "usd",
            "estimated": True,
        }
    ]  # fmt: skip


async def test_a_tiers_new_price_opens_a_version(api: Api) -> None:
    staff = await api.admin("finance")
    new = {
        "tier_name": "plus", "display_name": "Plus", "monthly_fee": 1, "included_minutes": 0, "price_per_minute": 0.2,
        "max_agents": 1,
    }  # fmt: skip
    assert (await staff.post("/admin/config/tiers", new)).status == 201
    for price in (0.3, 0.3):
        assert (await staff.put("/admin/config/tiers/plus", {"price_per_minute": price})).status == 200
    prices = await api.owner.fetch("SELECT price FROM price_versions WHERE provider = 'plus' ORDER BY valid_from")
    assert [row["price"] for row in prices] == [Decimal("0.2"), Decimal("0.3")]

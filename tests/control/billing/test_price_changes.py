"""Price versions: seeded once, opened by changes, never changed."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import pytest

from config.catalog_prices import shipped_prices
from control.billing.prices.rules import PriceKey, PriceUnit, Role
from control.billing.prices.service import LEAD, follow_tier_prices, list_prices, seed_prices, set_cost
from control.db.pool import Connection
from shared.errors import Invalid
from tests.control.calls.call_platform import CallPlatform
from tests.platform.catalog import PRICED_FROM

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def key(provider: str, role: Role = "stt", model: str = "*", unit: PriceUnit = "minute") -> PriceKey:
    return PriceKey("cost", provider, role, model, unit)


async def execute(platform: CallPlatform, statement: str) -> None:
    await platform.in_platform(lambda db: db.execute(statement))


async def versions(platform: CallPlatform, provider: str) -> list[tuple[Decimal, datetime, str]]:
    rows = await platform.in_platform(
        lambda db: db.fetch(
            "SELECT price, valid_from, source FROM price_versions WHERE provider = $1 ORDER BY id", provider
        )
    )
    return [(row["price"], row["valid_from"], row["source"]) for row in rows]


async def change_tier_price(db: Connection, price: Decimal) -> None:
    """As the staff do."""
    await db.execute("UPDATE tiers SET price_per_minute = $1 WHERE tier_name = 'business'", price)
    await follow_tier_prices(db, NOW)


def shipped(provider: str, price: str) -> list[dict[str, Any]]:
    return [{"provider": provider, "role": "stt", "model": "*", "unit": "minute", "price": Decimal(price)}]


async def test_shipped_prices_are_seeded_once(platform: CallPlatform) -> None:
    before = await platform.in_platform(list_prices)
    await platform.in_platform(lambda db: seed_prices(db, shipped_prices(), NOW))
    assert await platform.in_platform(list_prices) == before
    found = {one.version.key: one.version.price for one in before}
    assert found[key("deepgram", model="nova-3")] == Decimal("0.0048")
    assert found[key("openai", "llm", "gpt-4o", "million_cached_tokens")] == Decimal("1.25")
    assert found[key("local")] == 0, "free is a price"
    assert found[key("browser", "telephony")] == 0
    assert found[PriceKey("price", "growth", "call_minutes", "*", "minute")] == Decimal("0.10")
    assert not [one for one in found if one.provider in ("standin", "twilio", "telnyx")], "unknown is not free"


async def test_a_changed_shipped_price_opens_a_version(platform: CallPlatform) -> None:
    for price, now in (("1", NOW), ("1", NOW + timedelta(days=1)), ("2", NOW + timedelta(days=2))):
        await platform.in_platform(partial(seed_prices, shipped=shipped("x", price), now=now))
    assert await versions(platform, "x") == [
        (Decimal(1), NOW, "shipped"),
        (Decimal(2), NOW + timedelta(days=2) + LEAD, "shipped"),
    ]


async def test_an_operators_price_stays_when_the_shipped_one_changes(platform: CallPlatform) -> None:
    changed = await platform.in_platform(lambda db: set_cost(db, key("deepgram"), Decimal("0.5"), NOW))
    assert (changed.version.price, changed.version.valid_from) == (Decimal("0.5"), NOW + LEAD)
    again = await platform.in_platform(lambda db: set_cost(db, key("deepgram"), Decimal("0.5"), NOW))
    assert again == changed, "the same price opens no version"
    await platform.in_platform(lambda db: seed_prices(db, shipped("deepgram", "9"), NOW + timedelta(days=1)))
    newest = await platform.in_platform(lambda db: list_prices(db, "deepgram"))
    assert [one.version.price for one in newest if one.version.key == key("deepgram")] == [Decimal("0.5")]
    action = await platform.in_platform(
        lambda db: db.fetchrow("SELECT * FROM audit_log WHERE action = 'price.set' ORDER BY id DESC LIMIT 1")
    )
    assert action["resource_id"] == "deepgram stt * minute"
    assert Decimal(str(action["details"]["before"]["price"])) == Decimal("0.0077")


async def test_a_second_change_holds_after_the_first(platform: CallPlatform) -> None:
    new = key("twilio", "telephony", "outbound")
    first = await platform.in_platform(lambda db: set_cost(db, new, Decimal("0.014"), NOW))
    second = await platform.in_platform(lambda db: set_cost(db, new, Decimal("0.015"), NOW))
    assert [one.version.valid_from for one in (first, second)] == [NOW, NOW + LEAD]


@pytest.mark.parametrize(
    ("new", "begins"),
    [
        (key("deepgram", model="nova-4"), NOW + LEAD),
        (key("groq", "llm", "*", "million_cached_tokens"), NOW + LEAD),
        (key("local", "tts", "fast", "thousand_characters"), NOW + LEAD),
        (key("standin"), NOW),
        (key("standin", "llm", "*", "million_prompt_tokens"), NOW),
    ],
)
async def test_a_first_price_replaces_the_one_of_any_model_later(
    platform: CallPlatform, new: PriceKey, begins: datetime
) -> None:
    changed = await platform.in_platform(lambda db: set_cost(db, new, Decimal("0.5"), NOW))
    assert changed.version.valid_from == begins


async def test_a_tiers_version_follows_its_price(platform: CallPlatform) -> None:
    for price in ("0.2", "0.2", "0.3"):
        await platform.in_platform(partial(change_tier_price, price=Decimal(price)))
    assert await versions(platform, "business") == [
        (Decimal("0.085"), PRICED_FROM, "tier"),
        (Decimal("0.2"), NOW + LEAD, "tier"),
        (Decimal("0.3"), NOW + 2 * LEAD, "tier"),
    ]


@pytest.mark.parametrize(
    ("wrong", "price", "param"),
    [
        (key("deepgram", "tts"), "1", "unit"),
        (key("nobody"), "1", "provider"),
        (key("openai"), "1", "provider"),
        (key("bell", "telephony"), "1", "provider"),
        (key("twilio", "telephony", "sideways"), "1", "model"),
        (key("deepgram"), "-0.1", "price"),
        (key("deepgram"), "1000001", "price"),
        (key("deepgram"), "0.0000000001", "price"),
    ],
)
async def test_a_price_that_no_usage_would_meet_is_refused(
    platform: CallPlatform, wrong: PriceKey, price: str, param: str
) -> None:
    with pytest.raises(Invalid) as error:
        await platform.in_platform(lambda db: set_cost(db, wrong, Decimal(price), NOW))
    assert error.value.param == param


async def test_versions_cannot_be_changed_or_begin_in_the_past(platform: CallPlatform) -> None:
    for statement in ("UPDATE price_versions SET price = 0", "DELETE FROM price_versions"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await execute(platform, statement)
    with pytest.raises(asyncpg.CheckViolationError):
        await platform.in_platform(
            lambda db: db.execute(
                "INSERT INTO price_versions (side, provider, role, model, unit, price, source, valid_from) "
                "VALUES ('cost', 'x', 'stt', '*', 'minute', 1, 'operator', now() - interval '1 second')"
            )
        )


async def test_tenants_do_not_see_prices(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    assert await platform.in_workspace(workspace, lambda db: db.fetchval("SELECT count(*) FROM price_versions")) == 0

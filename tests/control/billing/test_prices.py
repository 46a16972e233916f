"""Which price version holds, and what a quantity costs by it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.billing.prices.rules import (
    UNKNOWN,
    Amount,
    Consumption,
    LedgerUnit,
    PriceKey,
    PriceList,
    PriceUnit,
    PriceVersion,
    Role,
)

START = datetime(2026, 11, 1, tzinfo=UTC)


def version(number: int, price: str, *, hours: int = 0, model: str = "*", unit: PriceUnit = "minute") -> PriceVersion:
    role: Role = "stt" if unit == "minute" else "tts" if unit == "thousand_characters" else "llm"
    key = PriceKey("cost", "acme", role, model, unit)
    return PriceVersion(number, key, Decimal(price), START + timedelta(hours=hours))


def used(quantity: int, unit: LedgerUnit = "ms", *, model: str = "m", provider: str = "acme") -> Consumption:
    role: Role = "stt" if unit == "ms" else "tts" if unit == "characters" else "llm"
    return Consumption("cost", provider, role, model, unit, quantity)


@given(st.lists(st.integers(0, 20), unique=True, max_size=8), st.integers(-5, 25))
def test_the_latest_version_before_the_moment_holds(hours: list[int], at: int) -> None:
    versions = [version(hour, str(hour), hours=hour) for hour in hours]
    amount = PriceList(versions).calculate(used(60_000), START + timedelta(hours=at))
    begun = [hour for hour in hours if hour <= at]
    assert amount == (Amount(Decimal(max(begun)), max(begun)) if begun else UNKNOWN)


@pytest.mark.parametrize(
    ("unit", "price_unit", "size"),
    [
        ("ms", "minute", 60_000),
        ("characters", "thousand_characters", 1_000),
        ("prompt_tokens", "million_prompt_tokens", 1_000_000),
        ("cached_tokens", "million_cached_tokens", 1_000_000),
        ("cache_write_tokens", "million_cache_write_tokens", 1_000_000),
        ("completion_tokens", "million_completion_tokens", 1_000_000),
    ],
)
@given(quantity=st.integers(0, 10**9), price=st.decimals(0, 10**6, places=9))
def test_an_amount_is_exact_to_nine_places(
    unit: LedgerUnit, price_unit: PriceUnit, size: int, quantity: int, price: Decimal
) -> None:
    amount = PriceList([version(1, str(price), unit=price_unit)]).calculate(used(quantity, unit), START).value
    assert amount is not None
    exact = Fraction(price) * quantity / size
    assert Fraction(amount) == Fraction(round(exact * 10**9), 10**9), "rounded once, half to even"


def test_halves_are_rounded_to_even() -> None:
    prices = PriceList([version(1, "0.000000001", unit="thousand_characters")])
    amounts = [prices.calculate(used(quantity, "characters"), START).value for quantity in (500, 1_500, 2_500)]
    assert amounts == [Decimal("0E-9"), Decimal("2E-9"), Decimal("2E-9")]


def test_a_model_without_a_price_of_its_own_has_that_of_any_model() -> None:
    prices = PriceList([version(1, "1"), version(2, "2", model="own", hours=1)])
    later = START + timedelta(hours=1)
    assert prices.calculate(used(60_000, model="own"), later).value == 2
    assert prices.calculate(used(60_000, model="own"), START).value == 1, "its own price did not hold yet"
    assert prices.calculate(used(60_000, model=""), later).value == 1
    assert prices.calculate(used(60_000, provider="other"), later) == UNKNOWN


def test_cached_tokens_without_a_price_cost_as_much_as_the_others() -> None:
    prices = PriceList(
        [
            version(1, "4", model="m", unit="million_prompt_tokens"),
            version(2, "1", unit="million_cached_tokens"),
            version(3, "2", model="cheap", unit="million_cached_tokens"),
            version(4, "8", model="cheap", unit="million_prompt_tokens"),
        ]
    )
    cached = {
        model: prices.calculate(used(1_000_000, "cached_tokens", model=model), START).value
        for model in ("m", "cheap", "other")
    }
    assert cached == {"m": 4, "cheap": 2, "other": 1}


def test_tokens_written_to_a_cache_have_their_price_or_that_of_the_prompt() -> None:
    prices = PriceList(
        [
            version(1, "4", model="m", unit="million_prompt_tokens"),
            version(2, "1", model="m", unit="million_cached_tokens"),
            version(3, "5", model="dear", unit="million_cache_write_tokens"),
            version(4, "4", model="dear", unit="million_prompt_tokens"),
        ]
    )
    written = {
        model: prices.calculate(used(1_000_000, "cache_write_tokens", model=model), START).value
        for model in ("m", "dear", "unknown")
    }
    assert written == {"m": 4, "dear": 5, "unknown": None}

"""Rounding to the currency's smallest unit."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.billing.money import exponent_of, format_money, round_money
from control.billing.stripe.client import to_minor


@pytest.mark.parametrize(
    ("amount", "currency", "rounded"),
    [
        ("1.005", "usd", "1.01"), ("-1.005", "usd", "-1.01"), ("1.0049999", "usd", "1.00"), ("1234.5", "jpy", "1235"),
        ("-0.4", "jpy", "0"), ("1.0049", "kwd", "1.000"), ("1.005", "kwd", "1.010"), ("2", "eur", "2.00"),
    ],
)  # fmt: skip
def test_half_is_rounded_away_from_zero(amount: str, currency: str, rounded: str) -> None:
    assert round_money(Decimal(amount), currency) == Decimal(rounded)
    assert round_money(Decimal(amount), currency).as_tuple().exponent == -exponent_of(currency)


@given(st.decimals(-(10**9), 10**9, places=9), st.sampled_from(("usd", "jpy", "kwd")))
def test_an_amount_and_its_reversal_cancel_out(amount: Decimal, currency: str) -> None:
    rounded = round_money(amount, currency)
    assert rounded + round_money(-amount, currency) == 0
    step = Decimal("0.01") if currency == "kwd" else Decimal(1).scaleb(-exponent_of(currency))
    assert abs(rounded - amount) * 2 <= step and rounded % step == 0


@given(
    st.decimals(-(10**6), 10**6, places=9), st.sampled_from(("usd", "eur", "jpy", "krw", "isk", "kwd", "bhd", "omr"))
)
def test_each_amount_that_is_charged_can_be_charged_at_stripe(amount: Decimal, currency: str) -> None:
    charged = round_money(amount, currency)
    places = 2 if currency == "isk" else exponent_of(currency)
    assert Decimal(to_minor(charged, currency)).scaleb(-places) == charged


def test_format() -> None:
    assert format_money(Decimal("1234.5"), "usd") == "1,234.50 USD"
    assert format_money(Decimal("1234"), "jpy") == "1,234 JPY"
    assert format_money(Decimal("1234.5"), "kwd") == "1,234.500 KWD"

"""Rows of the ledger: of events, and of calls whose facts change."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from control.billing.ledger.rules import (
    NOTHING_BOOKED,
    BookedAmounts,
    CallTier,
    FinishedCall,
    LedgerRow,
    UsageEvent,
    make_minutes_row,
    make_telephony_row,
    make_usage_row,
)
from control.billing.prices.rules import ZERO, Amount, PriceKey, PriceList, PriceVersion
from shared.events import UsageRecorded

AT = datetime(2026, 11, 25, 12, tzinfo=UTC)
CALL = FinishedCall(
    call_id=UUID(int=1),
    workspace_id=UUID(int=2),
    agent_id=None,
    at=AT,
    seconds=0,
    is_test=False,
    carrier="telnyx",
    direction="inbound",
)
MINUTE = PriceVersion(5, PriceKey("price", "growth", "call_minutes", "*", "minute"), Decimal("0.1"), AT)
GROWTH = CallTier("growth", "usd")
LINE = PriceVersion(6, PriceKey("cost", "telnyx", "telephony", "inbound", "minute"), Decimal("0.0035"), AT)

seconds = st.integers(0, 20_000)
costs = st.none() | st.decimals(0, 50, places=6)


def book(rows: Sequence[LedgerRow]) -> BookedAmounts:
    """What the store reads of these rows."""
    settled = any(row.entry == "adjustment" and None not in (row.cost.value, row.price.value) for row in rows)
    return BookedAmounts(
        quantity=sum((row.quantity for row in rows), Decimal()),
        cost=sum((row.cost.value or Decimal() for row in rows), Decimal()),
        price=sum((row.price.value or Decimal() for row in rows), Decimal()),
        rows=len(rows),
        is_settled=settled or not any(None in (row.cost.value, row.price.value) for row in rows),
    )


@given(st.lists(seconds, min_size=1, max_size=6))
def test_minutes_always_add_up_to_the_latest_duration(durations: list[int]) -> None:
    rows: list[LedgerRow] = []
    for duration in durations:
        row = make_minutes_row(replace(CALL, seconds=duration), GROWTH, PriceList([MINUTE]), book(rows))
        rows += [row] if row else []
    whole = make_minutes_row(replace(CALL, seconds=durations[-1]), GROWTH, PriceList([MINUTE]), NOTHING_BOOKED)
    booked = book(rows)
    assert booked.quantity == durations[-1]
    assert booked.price == (whole.price.value if whole else 0)
    assert make_minutes_row(replace(CALL, seconds=durations[-1]), GROWTH, PriceList([MINUTE]), booked) is None
    assert {row.price.version for row in rows} <= {5}


@given(st.lists(st.tuples(seconds, costs), min_size=1, max_size=6), st.booleans())
def test_a_carriers_report_replaces_what_its_price_said(facts: list[tuple[int, Decimal | None]], priced: bool) -> None:
    prices, reported = PriceList([LINE] if priced else []), None
    rows: list[LedgerRow] = []
    for duration, cost in facts:
        reported = cost if cost is not None else reported
        call = replace(CALL, seconds=duration, carrier_cost=reported)
        row = make_telephony_row(call, prices, book(rows))
        rows += [row] if row else []
    booked = book(rows)
    assert booked.quantity == facts[-1][0]
    if reported is not None:
        assert (booked.cost, booked.is_settled) == (reported, True)
    elif not priced:
        assert (booked.cost, booked.is_settled) == (Decimal(0), not rows)
    assert make_telephony_row(call, prices, booked) is None


def test_a_reported_cost_of_zero_settles_an_unknown_one() -> None:
    first = make_telephony_row(replace(CALL, seconds=30), PriceList([]), NOTHING_BOOKED)
    assert first is not None and (first.cost.value, first.entry) == (None, "usage")
    free = replace(CALL, seconds=30, carrier_cost=Decimal(0))
    second = make_telephony_row(free, PriceList([]), book([first]))
    assert second is not None
    assert not second.quantity and second.cost.value == 0
    assert second.entry == "adjustment"


def test_carriers_bill_each_begun_minute() -> None:
    costs = {}
    for duration in (1, 60, 61, 120):
        row = make_telephony_row(replace(CALL, seconds=duration), PriceList([LINE]), NOTHING_BOOKED)
        assert row is not None and row.quantity == duration
        costs[duration] = row.cost.value
    one, two = Decimal("0.0035"), Decimal("0.007")
    assert costs == {1: one, 60: one, 61: two, 120: two}


def test_a_call_without_connected_time_has_no_row() -> None:
    assert make_minutes_row(CALL, GROWTH, PriceList([MINUTE]), NOTHING_BOOKED) is None
    assert make_telephony_row(CALL, PriceList([]), NOTHING_BOOKED) is None


def test_test_calls_are_not_charged_but_cost_us_the_line() -> None:
    call = replace(CALL, seconds=60, is_test=True)
    minutes = make_minutes_row(call, GROWTH, PriceList([MINUTE]), NOTHING_BOOKED)
    line = make_telephony_row(call, PriceList([LINE]), NOTHING_BOOKED)
    assert minutes is not None and (minutes.quantity, minutes.price) == (Decimal(60), ZERO)
    assert line is not None and line.cost == Amount(Decimal("0.0035"), 6)


def test_a_call_is_charged_in_the_currency_of_its_workspace() -> None:
    yen = PriceVersion(7, PriceKey("price", "growth", "call_minutes", "*", "minute", "jpy"), Decimal(15), AT)
    row = make_minutes_row(
        replace(CALL, seconds=90), CallTier("growth", "jpy"), PriceList([MINUTE, yen]), NOTHING_BOOKED
    )
    assert row is not None and row.price == Amount(Decimal("22.5"), 7)
    row = make_minutes_row(
        replace(CALL, seconds=90), CallTier("growth", "eur"), PriceList([MINUTE, yen]), NOTHING_BOOKED
    )
    assert row is not None and row.price.value is None, "no price is taken for one in another currency"


def test_an_unknown_tier_is_an_unknown_price() -> None:
    row = make_minutes_row(replace(CALL, seconds=60), CallTier(None, "usd"), PriceList([MINUTE]), NOTHING_BOOKED)
    assert row is not None and (row.price.value, row.cost) == (None, ZERO)


def test_a_row_of_an_event_has_its_facts() -> None:
    used = UsageRecorded("llm", "my-llama", "openai", "tiny", 1_200, "prompt_tokens", True)
    row = make_usage_row(UsageEvent(UUID(int=1), UUID(int=2), UUID(int=3), 100_004, AT, used), PriceList([]))
    assert (row.call_id, row.workspace_id, row.agent_id) == (UUID(int=1), UUID(int=2), UUID(int=3))
    assert (row.seq, row.at, row.entry) == (100_004, AT, "usage")
    assert (row.resource_type, row.provider, row.vendor, row.model) == ("llm", "my-llama", "openai", "tiny")
    assert (row.quantity, row.estimated) == (Decimal(1_200), True)
    assert row.unit == "prompt_tokens"
    assert (row.cost, row.price) == (Amount(None), ZERO), "unknown is not 0"


def test_usage_under_a_workspaces_own_key_costs_us_nothing() -> None:
    key = PriceKey("cost", "openai", "llm", "*", "million_prompt_tokens")
    prices = PriceList([PriceVersion(7, key, Decimal(2), AT)])
    ours = UsageRecorded("llm", "openai", "openai", "tiny", 500_000, "prompt_tokens")
    rows = [
        make_usage_row(UsageEvent(UUID(int=1), UUID(int=2), None, 1, AT, used), prices)
        for used in (ours, msgspec.structs.replace(ours, own_key=True))
    ]
    assert [row.cost for row in rows] == [Amount(Decimal(1), 7), ZERO]
    assert [row.quantity for row in rows] == [Decimal(500_000)] * 2

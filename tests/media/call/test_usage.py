"""Totals of what a call consumes."""

from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from media.call.usage import UsageTotals
from shared.events import CallNudged, CallUsage, Event, UsageRecorded, UsageUnit


def recorded(quantity: int, unit: UsageUnit) -> UsageRecorded:
    return UsageRecorded("llm", "a", "a", "", quantity, unit)


def test_totals_are_rounded_once_at_the_end() -> None:
    totals = UsageTotals()
    for _ in range(3):
        totals.tts_ms += 0.375
        totals.heard_ms += 0.25
    assert totals.total(5_000) == CallUsage(call_ms=5_000, tts_ms=1, heard_ms=1)


def test_totals_continue_from_an_earlier_stream() -> None:
    before = CallUsage(
        call_ms=9,
        stt_ms=1,
        llm_requests=2,
        llm_prompt_tokens=3,
        llm_completion_tokens=4,
        tts_characters=5,
        tts_ms=6,
        heard_ms=7,
    )
    assert UsageTotals(before).total(9) == before


def test_tokens_of_the_cache_are_prompt_tokens() -> None:
    totals = UsageTotals()
    totals.add(recorded(100, "prompt_tokens"))
    totals.add(recorded(20, "cached_tokens"))
    totals.add(recorded(3, "cache_write_tokens"))
    assert totals.total(0) == CallUsage(llm_prompt_tokens=123)


UNITS: tuple[UsageUnit, ...] = get_args(UsageUnit)


@given(
    st.lists(st.builds(recorded, st.integers(1, 10**6), st.sampled_from(UNITS)) | st.just(CallNudged(1)), max_size=9)
)
def test_each_event_is_added_to_one_total(events: list[Event]) -> None:
    totals = UsageTotals()
    for event in events:
        totals.add(event)
    usage = totals.total(0)
    added = usage.stt_ms + usage.llm_prompt_tokens + usage.llm_completion_tokens + usage.tts_characters
    assert added == sum(event.quantity for event in events if isinstance(event, UsageRecorded))

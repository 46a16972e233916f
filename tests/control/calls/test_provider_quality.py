"""What a call's events say of its providers: the same in any order."""

from datetime import timedelta
from itertools import permutations

import pytest

from control.analytics.latency import bucket_of
from control.calls.events.rules import NewEvent, apply_events
from control.calls.records.details import decode_details, encode_details
from shared.events import CallEnded, CallUsage, Event, ProviderFailed, TurnLatency
from tests.control.calls.test_state import T0, call

END = CallEnded("completed", "agent_hangup", "", 30_000, CallUsage(call_ms=30_000))
EVENTS: list[Event] = [
    TurnLatency(1, 700, 400, 100, 150, 50),
    TurnLatency(2, 900, 400, 100, 300, 100),
    ProviderFailed("stt", "deepgram", "late", "groq"),
    ProviderFailed("stt", "deepgram", "cut", "groq"),
    ProviderFailed("tts", "cartesia", "late"),
]


@pytest.mark.parametrize("order", list(permutations(range(6)))[::37])
def test_quality_is_the_same_in_any_order(order: tuple[int, ...]) -> None:
    state = call(status="in_progress")
    for number in order:
        event = [*EVENTS, END][number]
        state, _ = apply_events(state, [], [NewEvent(number, T0 + timedelta(seconds=number), event)])
    details = decode_details(encode_details(state.details))
    assert details.failed_providers == {"stt": ("deepgram",), "tts": ("cartesia",)}
    assert details.latency == {
        "stt": {bucket_of(100): 2},
        "llm": {bucket_of(150): 1, bucket_of(300): 1},
        "tts": {bucket_of(50): 1, bucket_of(100): 1},
    }


def test_no_failure_is_known_only_at_the_end() -> None:
    before, _ = apply_events(call(status="in_progress"), [], [NewEvent(1, T0, EVENTS[0])])
    assert before.details.failed_providers is None
    after, _ = apply_events(before, [], [NewEvent(2, T0, END)])
    assert after.details.failed_providers == {}
    assert encode_details(after.details)["failed_providers"] == {}, "it is stored, unlike other defaults"

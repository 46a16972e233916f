"""created ≤ started ≤ answered ≤ ended for every call, in whatever order reports come and whosever clock is off."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from random import Random
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from control.calls.carrier_reports import rules as carrier_reports_rules
from control.calls.carrier_reports.rules import CarrierStatus
from control.calls.events.rules import NewEvent, apply_events
from control.calls.records import state as records_state
from control.calls.records.state import CallState
from control.carriers.rules import PlacedCall
from shared.events import CallEnded, CallerSaid, CallResumed, CallStarted, CallUsage, Event

CREATED = datetime(2026, 11, 25, 12, 0, 0, 400_000, tzinfo=UTC)
Step = Callable[[CallState], CallState]
# Seconds by which a clock is off; fractions, because carriers round to whole seconds.
offsets = st.sampled_from((-600.0, -1.0, -0.4, 0.0, 0.6, 90.0, 600.0))


def by_carrier(carrier: Any, status: Any, at: datetime, duration_s: int | None = None) -> Step:
    report = CarrierStatus(carrier, "C1", status, at.replace(microsecond=0), duration_s=duration_s)
    return lambda state: carrier_reports_rules.apply_carrier_status(state, report)


def by_media(seq: int, event: Event, at: datetime) -> Step:
    return lambda state: apply_events(state, (), [NewEvent(seq, at, event)])[0]


def by_control(at: datetime) -> Step:
    return partial(records_state.mark_dialed, placed=PlacedCall("C1"), at=at)


def reports(carrier: Any, carrier_s: float, media_s: float, control_s: float) -> list[Step]:
    """What is reported of a call before its end. …_s: how far the clock of each is off."""

    def at(seconds: float, offset: float) -> datetime:
        return CREATED + timedelta(seconds=seconds + offset)

    return [
        by_control(at(1, control_s)),
        by_carrier(carrier, "ringing", at(2, carrier_s)),
        by_carrier(carrier, "in_progress", at(6, carrier_s)),
        by_media(1, CallStarted("twilio", "C1", "S1", "Desk"), at(7, media_s)),
        by_media(100_001, CallResumed(9_000, 4_000, 1, "S2"), at(16, media_s)),
    ]


def ends(carrier: Any, carrier_s: float, media_s: float) -> list[Step]:
    """The end by media, as the agent's or as a transfer, and by the carrier."""
    media, line = (CREATED + timedelta(seconds=36 + offset) for offset in (media_s, carrier_s))
    ended, transferred = (
        CallEnded("completed", reason, "", 29_000, CallUsage()) for reason in ("agent_hangup", "transferred")
    )
    return [
        by_media(100_009, ended, media),
        by_media(100_009, transferred, media),
        by_carrier(carrier, "completed", line, 30 if carrier == "twilio" else None),
        by_carrier(carrier, "no_answer", line),
    ]


def new_call(carrier: str) -> CallState:
    return CallState(
        id=UUID(int=1), workspace_id=UUID(int=5), created_at=CREATED, is_test=False, direction="outbound",
        carrier=carrier, carrier_call_id=None, status="queued",
    )  # fmt: skip


def times(state: CallState) -> list[datetime]:
    found = [state.created_at, state.started_at, state.answered_at, state.ended_at]
    return [at for at in found if at is not None]


def after(carrier: str, steps: Sequence[Step]) -> CallState:
    """The state at the end; its times are in order after each step."""
    state = new_call(carrier)
    for step in steps:
        state = step(state)
        assert all(earlier <= later for earlier, later in pairwise(times(state))), times(state)
        assert state.duration_seconds >= 0 and state.created_at == CREATED
    return state


@given(
    st.sampled_from(("twilio", "telnyx")),
    st.tuples(offsets, offsets, offsets),
    st.integers(0, 2**32),
    st.integers(0, 9),
)
def test_times_are_in_order_after_each_report(
    carrier: str, clocks: tuple[float, float, float], seed: int, left_out: int
) -> None:
    steps = [*reports(carrier, *clocks), *ends(carrier, *clocks[:2])] * 2
    Random(seed).shuffle(steps)
    after(carrier, steps[left_out:])


@given(
    st.sampled_from(("twilio", "telnyx")),
    st.tuples(offsets, offsets, offsets),
    st.integers(0, 3),
    st.integers(0, 2**32),
)
def test_any_order_of_reports_gives_the_same_times(
    carrier: str, clocks: tuple[float, float, float], end: int, seed: int
) -> None:
    steps = [*reports(carrier, *clocks), ends(carrier, *clocks[:2])[end]]
    expected = after(carrier, steps)
    Random(seed).shuffle(steps)
    assert times(after(carrier, steps)) == times(expected)


def test_times_of_right_clocks_are_stored_as_they_are() -> None:
    state = after("twilio", [*reports("twilio", 0, 0, 0), *ends("twilio", 0, 0)])
    expected = [0.0, 1.0, 5.6, 36.0]
    assert times(state) == [CREATED + timedelta(seconds=seconds) for seconds in expected]


def test_no_utterance_begins_before_the_call() -> None:
    """As nodes of the version before reported it: the true start of speech is reckoned back from its detection."""
    _, utterances = apply_events(new_call("twilio"), [], [NewEvent(1, CREATED, CallerSaid(1, "Hi.", -10, 300))])
    assert [(utterance["start_ms"], utterance["end_ms"]) for utterance in utterances] == [(0, 300)]

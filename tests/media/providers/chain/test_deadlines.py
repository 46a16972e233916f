"""The rules that turn usual waits into limits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.providers.chain.deadlines import Deadlines
from media.providers.wait_history import UsualWait

DEADLINES = Deadlines()
seconds = st.floats(0.01, 10.0)
usual_waits = st.none() | st.tuples(seconds, seconds).map(lambda pair: UsualWait(min(pair), max(pair)))


def test_late_after_is_the_p99_within_the_bounds() -> None:
    assert DEADLINES.late_after(None) is None
    found = [DEADLINES.late_after(UsualWait(*wait)) for wait in ((0.1, 0.1), (0.3, 0.5), (0.5, 3.0), (1.0, 3.0))]
    assert found == [0.25, pytest.approx(0.55), 0.9, 1.5]


@given(usual_waits)
def test_a_wait_is_late_within_the_bounds(usual: UsualWait | None) -> None:
    late_s = DEADLINES.late_after(usual)
    if usual is None:
        assert late_s is None
    else:
        assert late_s is not None and DEADLINES.least_s <= late_s <= max(0.9, 1.5 * usual.median_s)
        assert late_s >= min(usual.p99_s, 0.9)


@given(usual_waits, usual_waits)
def test_a_stall_costs_the_bound_at_most_unless_such_gaps_are_usual(
    usual: UsualWait | None, gap: UsualWait | None
) -> None:
    known = gap or usual
    stalled_s = DEADLINES.stalled_after(usual, gap)
    assert DEADLINES.least_stall_s <= stalled_s <= max(0.9, 1.5 * (known.median_s if known else 0.0))
    if gap is not None:
        assert stalled_s >= min(gap.p99_s, 0.9)


@given(usual_waits, usual_waits, st.booleans())
def test_limits_of_streams_shrink_only_while_another_provider_is_left(
    usual: UsualWait | None, gap: UsualWait | None, last: bool
) -> None:
    for make in (DEADLINES.model_limits, DEADLINES.voice_limits):
        alone = make(usual, gap, has_rival=False, last=last)
        assert alone == make(None, None, has_rival=False, last=last)
        if not last:
            beside = make(usual, gap, has_rival=True, last=False)
            assert beside.first_s == alone.first_s
            assert beside.next_s <= alone.next_s and beside.alive_s <= alone.alive_s


def test_a_stall_of_an_unknown_stream_costs_the_bound() -> None:
    assert DEADLINES.stalled_after(None, None) == DEADLINES.bound_s
    assert DEADLINES.model_limits(None, None, has_rival=True, last=False).next_s == 0.9


def test_a_recognizer_s_session_is_opened_within_the_bound_where_another_could_be() -> None:
    known = UsualWait(0.2, 0.4)
    assert DEADLINES.open_limit(known, has_other=True) == 0.9
    assert DEADLINES.open_limit(known, has_other=False) == DEADLINES.open_limit(None, has_other=True) == 3.0

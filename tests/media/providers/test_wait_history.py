"""The quantiles of the latest waits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.providers.wait_history import FEWEST, KEPT, UsualWait, WaitHistory


def learn(waits: list[float]) -> UsualWait | None:
    history = WaitHistory()
    for wait in waits:
        history.add(wait)
    return history.usual()


def test_too_few_waits_say_nothing() -> None:
    assert learn([0.1] * (FEWEST - 1)) is None
    assert learn([0.1] * FEWEST) == UsualWait(0.1, 0.1)


def test_one_outlier_moves_nothing_and_the_oldest_are_forgotten() -> None:
    waits = [0.1] * (KEPT - 1)
    assert learn([9.0, *waits]) == UsualWait(0.1, 0.1)
    assert learn([*waits, 9.0, 9.0, 9.0]) == UsualWait(0.1, 9.0)
    assert learn([9.0] * KEPT + [0.2] * KEPT) == UsualWait(0.2, 0.2)


def test_waits_that_are_cut_off_keep_the_p99_where_it_is() -> None:
    history = WaitHistory()
    for wait in range(1, 101):
        history.add(wait / 100)
    for _ in range(20 * KEPT):
        history.add(0.5)
        history.add_cut_off(5.0)
    assert history.usual() == UsualWait(0.5, 0.99)


def test_the_first_answers_correct_the_vendor_s_figures_upwards_only() -> None:
    figures, history = UsualWait(0.3, 0.9), WaitHistory()
    for _ in range(10):
        history.add_cut_off(5.0)
    history.add(1.2)
    history.add(1.2)
    assert history.correct(figures) == figures
    history.add(1.3)
    assert history.correct(figures) == UsualWait(1.2, 1.2)
    for _ in range(6):
        history.add(0.1)
    assert history.correct(figures) == UsualWait(0.3, 1.2)


@pytest.mark.parametrize("before", range(FEWEST + 1))
def test_one_slow_answer_changes_nothing_however_few_are_known(before: int) -> None:
    figures, history = UsualWait(0.2, 0.35), WaitHistory()
    for _ in range(before):
        history.add(0.2)
    known = history.usual() or history.correct(figures)
    history.add(1.4)
    for _ in range(FEWEST):
        assert (history.usual() or history.correct(figures)).p99_s <= known.p99_s
        history.add(0.2)


@given(st.lists(st.floats(0, 60), min_size=FEWEST, max_size=KEPT))
def test_quantiles_are_waits_that_enough_others_do_not_exceed(waits: list[float]) -> None:
    usual = learn(waits)
    assert usual is not None
    assert sum(wait <= usual.median_s for wait in waits) >= 0.5 * len(waits)
    assert sum(wait <= usual.p99_s for wait in waits) >= min(0.99 * len(waits), len(waits) - 1)
    assert usual.median_s <= usual.p99_s <= max(waits)

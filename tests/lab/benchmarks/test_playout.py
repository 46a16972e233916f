"""The carrier's playout buffer."""

from hypothesis import given
from hypothesis import strategies as st

from lab.benchmarks.playout import Playout


def test_audio_drains_in_real_time() -> None:
    playout = Playout()
    playout.play(10.0, 8000)
    playout.play(10.1, 8000)
    assert playout.playing(11.9)
    assert not playout.playing(12.0)
    assert playout.quiet_for(12.5) == 0.5


def test_gap_before_late_audio_is_returned() -> None:
    playout = Playout()
    playout.play(10.0, 800)
    assert playout.play(10.05, 800) == 0.0
    assert round(playout.play(10.5, 800), 6) == 0.3


def test_a_mark_is_due_when_all_before_it_was_played() -> None:
    playout = Playout()
    playout.play(10.0, 8000)
    playout.mark(10.0, "half way")
    playout.play(10.0, 8000)
    playout.mark(10.0, "end")
    assert playout.played(10.9) == []
    assert playout.played(11.0) == ["half way"]
    assert playout.played(99.0) == ["end"]


def test_a_mark_on_an_empty_buffer_is_due_at_once() -> None:
    playout = Playout()
    playout.mark(10.0, "now")
    assert playout.played(10.0) == ["now"]


def test_clear_empties_the_buffer_and_returns_the_marks() -> None:
    playout = Playout()
    playout.play(10.0, 8000)
    playout.mark(10.0, "end")
    assert playout.clear(10.2) == ["end"]
    assert not playout.playing(10.2)
    assert playout.played(99.0) == []
    assert round(playout.quiet_for(10.5), 6) == 0.3


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(1, 4000)), min_size=1))
def test_end_is_the_sum_of_audio_and_gaps(arrivals: list[tuple[float, int]]) -> None:
    """The buffer becomes empty after the duration of all audio and gaps since the first audio."""
    playout = Playout()
    times = sorted(at for at, _ in arrivals)
    sizes = [size for _, size in arrivals]
    gaps = [playout.play(at, size) for at, size in zip(times, sizes, strict=True)]
    dry_at = times[0] + sum(gaps[1:]) + sum(sizes) / 8000
    assert not playout.playing(dry_at + 1e-6)
    assert playout.playing(dry_at - 1e-6)

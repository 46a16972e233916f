"""The ledger against a carrier of its own: whatever the delays, it claims what was heard and no more."""

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.media.call.bench import STEP_MS, WORD_MS, Bench
from tests.media.call.carrier import BYTES_PER_MS, Carrier, stretches

LONGEST_DELAY_MS = 150

Step = tuple[str, int]
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.integers(5, 700)),
        st.tuples(st.just("wait"), st.integers(1, 600)),
        st.tuples(st.just("hold"), st.integers(0, 500)),
    ),
    min_size=1,
    max_size=10,
)
_delays = st.lists(st.integers(0, LONGEST_DELAY_MS), min_size=1, max_size=8)


def play(bench: Bench, steps: Sequence[Step]) -> None:
    """Runs the course, then waits for the end; a hold lasts for its milliseconds, and the voice goes on meanwhile."""
    bench.say(80)
    for what, ms in steps:
        if what == "say":
            bench.say(ms)
        elif what == "wait":
            bench.wait(ms)
        else:
            bench.hold()
            bench.say(40)
            bench.wait(ms)
            bench.resume()
        bench.take()
    bench.complete()
    bench.wait_until_finished()
    bench.take()


@settings(max_examples=60)
@given(steps=_steps, out=_delays, back=_delays)
def test_never_claims_more_than_was_played_and_converges_to_it(
    steps: list[Step], out: list[int], back: list[int]
) -> None:
    bench = Bench(Carrier(out, back))
    play(bench, steps)
    found = stretches(bench.carrier, bench.audio)
    # With a hold, the clear may overtake by so much what the delay of the audio had put off.
    jitter = max(out) if any(what == "hold" for what, _ in steps) else 0
    for now, heard in bench.samples:
        played = max(stretch.reached(now) for stretch in found) / BYTES_PER_MS
        assert heard <= played + max(out) + jitter + STEP_MS
        assert heard >= played - max(back) - jitter - STEP_MS
    assert found[-1].end == len(bench.audio)
    assert bench.heard == bench.utterance.audio_ms
    assert bench.ledger.heard_text(bench.carrier.now) == bench.utterance.text.strip()


@settings(max_examples=60)
@given(steps=_steps, out=_delays, back=_delays)
def test_holds_lose_nothing_and_the_kept_audio_is_what_was_played(
    steps: list[Step], out: list[int], back: list[int]
) -> None:
    bench = Bench(Carrier(out, back))
    play(bench, steps)
    found = stretches(bench.carrier, bench.audio)
    late = (max(out) + max(back) + STEP_MS) * BYTES_PER_MS
    for before, after in pairwise(found):
        assert after.start - before.end <= (max(out) - min(out) + STEP_MS) * BYTES_PER_MS, "lost"
        assert before.end - after.start <= WORD_MS * BYTES_PER_MS + late, "said again"
    holds = sum(what == "hold" for what, _ in steps)
    played = sum(len(run.audio) for run in bench.carrier.runs)
    assert abs(len(bench.take()) - played) <= holds * late


@settings(max_examples=40)
@given(steps=_steps, delay=st.integers(0, LONGEST_DELAY_MS))
def test_with_steady_delays_holds_lose_not_one_byte(steps: list[Step], delay: int) -> None:
    bench = Bench(Carrier([delay], [delay]))
    play(bench, steps)
    furthest = 0
    for stretch in stretches(bench.carrier, bench.audio):
        assert stretch.start <= furthest
        furthest = max(furthest, stretch.end)


@settings(max_examples=40)
@given(steps=_steps, out=_delays, back=_delays)
def test_without_holds_the_kept_audio_is_whole_and_in_its_place(
    steps: list[Step], out: list[int], back: list[int]
) -> None:
    bench = Bench(Carrier(out, back))
    play(bench, [step for step in steps if step[0] != "hold"])
    assert bench.take() == bench.audio
    (whole,) = stretches(bench.carrier, bench.audio)
    at = 0
    for piece in bench.kept:
        time = whole.time_of(at)
        assert time is not None
        assert abs(time - piece.at_ms) <= max(*out, *back) + STEP_MS
        at += len(piece.audio)

"""Playback against a simulated carrier with random delays: what it reports as heard was played."""

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from media.audio.framer import FRAME
from tests.media.call.playback_harness import STEP_MS, WORD_MS, PlaybackHarness
from tests.media.call.simulated_carrier import BYTES_PER_MS, SimulatedCarrier, played_stretches

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


def run_steps(harness: PlaybackHarness, steps: Sequence[Step]) -> None:
    """Runs the steps, then waits for the end. During a hold the voice delivers 40 ms more."""
    harness.say(80)
    for what, ms in steps:
        if what == "say":
            harness.say(ms)
        elif what == "wait":
            harness.wait(ms)
        else:
            harness.hold()
            harness.say(40)
            harness.wait(ms)
            harness.resume()
        harness.all_heard_audio()
    harness.complete()
    harness.wait_until_finished()
    harness.all_heard_audio()


@settings(max_examples=60)
@given(steps=_steps, out=_delays, back=_delays)
def test_heard_ms_stays_near_the_played_position_and_converges_to_it(
    steps: list[Step], out: list[int], back: list[int]
) -> None:
    harness = PlaybackHarness(SimulatedCarrier(out, back))
    run_steps(harness, steps)
    found = played_stretches(harness.carrier, harness.audio)
    # After a hold, the clear may arrive sooner than audio that was delayed more; the difference is at most this.
    jitter = max(out) if any(what == "hold" for what, _ in steps) else 0
    for now, heard in harness.samples:
        played = max(stretch.reached(now) for stretch in found) / BYTES_PER_MS
        assert heard <= played + max(out) + jitter + STEP_MS
        assert heard >= played - max(back) - jitter - STEP_MS
    assert found[-1].end == len(harness.audio)
    assert harness.heard == harness.utterance.audio_ms
    assert harness.playback.heard_text(harness.carrier.now) == harness.utterance.text.strip()


@settings(max_examples=60)
@given(steps=_steps, out=_delays, back=_delays)
def test_holds_lose_no_audio_and_heard_audio_is_what_was_played(
    steps: list[Step], out: list[int], back: list[int]
) -> None:
    harness = PlaybackHarness(SimulatedCarrier(out, back))
    run_steps(harness, steps)
    found = played_stretches(harness.carrier, harness.audio)
    late = (max(out) + max(back) + STEP_MS) * BYTES_PER_MS
    for before, after in pairwise(found):
        assert after.start - before.end <= (max(out) - min(out) + STEP_MS) * BYTES_PER_MS, "audio was lost"
        assert before.end - after.start <= WORD_MS * BYTES_PER_MS + late, "more than a word was repeated"
    holds = sum(what == "hold" for what, _ in steps)
    played = sum(len(run.audio) for run in harness.carrier.runs)
    assert abs(len(harness.all_heard_audio()) - played) <= holds * late + FRAME, "the last frame is filled up"


@settings(max_examples=40)
@given(steps=_steps, delay=st.integers(0, LONGEST_DELAY_MS))
def test_holds_lose_no_byte_with_constant_delays(steps: list[Step], delay: int) -> None:
    harness = PlaybackHarness(SimulatedCarrier([delay], [delay]))
    run_steps(harness, steps)
    furthest = 0
    for stretch in played_stretches(harness.carrier, harness.audio):
        assert stretch.start <= furthest
        furthest = max(furthest, stretch.end)


@settings(max_examples=40)
@given(steps=_steps, out=_delays, back=_delays)
def test_heard_audio_without_holds_is_complete_with_its_times(
    steps: list[Step], out: list[int], back: list[int]
) -> None:
    harness = PlaybackHarness(SimulatedCarrier(out, back))
    run_steps(harness, [step for step in steps if step[0] != "hold"])
    assert harness.all_heard_audio() == harness.audio
    (whole,) = played_stretches(harness.carrier, harness.audio)
    at = 0
    for audio, at_ms in harness.heard_audio:
        time = whole.time_of(at)
        assert time is not None
        assert abs(time - at_ms) <= max(*out, *back) + STEP_MS
        at += len(audio)

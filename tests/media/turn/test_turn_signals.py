"""A recognizer's own opinion of the turn's end: what it changes of the silence, and what never does."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.turn.decisions import CallerDone
from media.turn.endpoint import TurnRules
from media.turn.evidence import GOES_ON, TurnEvidence
from media.turn.expected_cost import end_silence
from media.turn.floor import Floor
from media.turn.floor_state import FloorState
from tests.media.turn.floor_harness import STEP, FloorHarness, ScriptedJudge

TEXT = "I wanted to ask about my order"
LIKELY, DONE, OPEN = 0.3, 0.99, 0.05
NO_PROBABILITIES = (math.nan, math.inf, -math.inf, 7.0, -0.1, None)


def paused(first: float, *, silent_ms: int = 300, **rules: bool) -> FloorHarness:
    """A caller has said TEXT and is silent; the model of the words has answered."""
    call = FloorHarness(Floor(TurnRules(**rules), judge=ScriptedJudge({TEXT: first})))  # type: ignore[arg-type]
    return call.speech(1_000).silence(silent_ms).text(TEXT)


def signal(call: FloorHarness, finished: float | None, text: str = TEXT) -> FloorHarness:
    return call.record(call.floor.turn_signal(call.now, text, finished))


def silence_before_the_end(call: FloorHarness) -> int:
    call.silence(3_000)
    (done,) = (each for each in call.log if isinstance(each, CallerDone))
    return done.t - done.end_ms


def silence_for(words: float, vendor: float | None = None) -> int:
    """The silence in whole frames."""
    return -(-end_silence(TurnEvidence(text=words, vendor=vendor), TurnRules()).ms // STEP) * STEP


SHORT, UNDECIDED = silence_for(LIKELY, 0.9), silence_for(LIKELY)


def test_without_a_signal_the_words_decide() -> None:
    assert silence_before_the_end(paused(LIKELY)) == UNDECIDED > SHORT
    assert silence_before_the_end(paused(DONE)) == silence_for(DONE)


def test_an_end_shortens_the_silence_after_likely_words() -> None:
    assert silence_before_the_end(signal(paused(LIKELY), 0.9)) == SHORT


def test_an_end_that_comes_after_the_short_silence_ends_the_turn_at_once() -> None:
    assert silence_before_the_end(signal(paused(OPEN, silent_ms=1_600), 0.9)) == 1_600


def test_an_end_alone_does_not_end_open_words_soon() -> None:
    assert silence_before_the_end(signal(paused(OPEN), 1.0)) == silence_for(OPEN, 1.0) > 700


def test_an_end_that_is_taken_back_lengthens_the_silence() -> None:
    call = signal(paused(LIKELY), 0.9)
    assert silence_before_the_end(signal(call, GOES_ON)) == silence_for(LIKELY, GOES_ON) > UNDECIDED


def test_a_signal_that_is_withdrawn_leaves_the_words_alone() -> None:
    assert silence_before_the_end(signal(signal(paused(DONE), GOES_ON), None, "")) == silence_for(DONE)


def test_marks_and_capitals_are_no_difference() -> None:
    assert silence_before_the_end(signal(paused(LIKELY), 0.9, "I wanted to ask, about my order.")) == SHORT


@pytest.mark.parametrize("text", ["I wanted to ask", f"{TEXT} please", "yes", ""])
def test_a_signal_about_other_words_changes_nothing(text: str) -> None:
    assert silence_before_the_end(signal(paused(LIKELY), 0.9, text)) == UNDECIDED


def test_a_signal_ends_with_the_words_that_it_is_about() -> None:
    call = signal(paused(LIKELY), 0.9).text(f"{TEXT} please", final=False)
    assert silence_before_the_end(call) > SHORT


def test_a_signal_before_the_pause_was_noticed_counts_in_it() -> None:
    call = FloorHarness(Floor(TurnRules(), judge=ScriptedJudge({TEXT: LIKELY})))
    call.speech(1_000).text(TEXT, final=False).silence(100)
    assert call.floor.state is FloorState.CALLER
    assert silence_before_the_end(signal(call, 0.9).silence(200).text(TEXT)) == SHORT


def still_speech(call: FloorHarness, ms: int) -> FloorHarness:
    """The detector calls it speech, although the voice is over."""
    for _ in range(ms // STEP):
        call.now += STEP
        call.record(call.floor.frame(call.now, True, call.voice))
    return call


def test_a_signal_before_the_detector_has_noticed_the_end_counts() -> None:
    call = FloorHarness(Floor(TurnRules(), judge=ScriptedJudge({TEXT: LIKELY})))
    signal(still_speech(call.speech(1_000).text(TEXT, final=False), 100), 0.9)
    assert silence_before_the_end(still_speech(call, 60).silence(100).text(TEXT)) == SHORT


def test_a_signal_in_a_gap_between_words_is_out_of_date_with_the_next_sound() -> None:
    call = FloorHarness(Floor(TurnRules(), judge=ScriptedJudge({TEXT: LIKELY})))
    signal(still_speech(call.speech(1_000).text(TEXT, final=False), 100), 0.9)
    assert silence_before_the_end(call.speech(200).silence(300).text(TEXT)) == UNDECIDED


@pytest.mark.parametrize("garbage", [math.nan, math.inf, 7.0, -0.1])
@pytest.mark.parametrize("text", [None, TEXT])
def test_an_opinion_that_is_no_probability_says_nothing(garbage: float, text: str | None) -> None:
    call = paused(LIKELY)
    call.record(call.floor.hint(call.now, call.token, garbage, text))
    assert silence_before_the_end(call) == UNDECIDED


def test_a_signal_during_speech_or_before_it_is_out_of_date() -> None:
    unsignaled = paused(LIKELY).speech(200).silence(300).text(TEXT)
    call = signal(paused(LIKELY), 0.9).speech(200)
    signal(call, 0.9).silence(300).text(TEXT)
    assert silence_before_the_end(call) == silence_before_the_end(unsignaled)


def test_a_signal_after_the_turn_has_ended_changes_nothing() -> None:
    call = paused(DONE).silence(600)
    before = list(call.log)
    assert isinstance(before[-1], CallerDone)
    signal(signal(call, GOES_ON), 1.0)
    assert call.log == before
    assert call.floor.state is FloorState.THINKING


def test_a_signal_of_the_turn_before_does_not_count_for_the_same_words_again() -> None:
    call = signal(paused(LIKELY), 0.9).silence(600)
    call.agent().silence(400)
    signal(call, 0.9).agent_done()
    call.log.clear()
    call.speech(1_000).silence(300).text(TEXT)
    assert silence_before_the_end(call) == UNDECIDED


def test_nor_for_words_that_were_too_soft_for_the_detector() -> None:
    call = signal(paused(LIKELY), 0.9).silence(600)
    call.agent().silence(1_000).agent_done()
    call.silence(1_000).log.clear()
    call.text(TEXT, final=False)
    assert silence_before_the_end(call.silence(100).text(TEXT)) == UNDECIDED


def test_a_signal_while_the_agent_is_held_decides_no_hold() -> None:
    call = paused(DONE).silence(600).agent().silence(1_000).speech(300)
    assert call.floor.state is FloorState.HELD
    call.silence(100).log.clear()
    signal(call, 1.0, "uh-huh")
    assert call.log == []
    assert call.floor.state is FloorState.HELD


def test_a_plan_with_plain_silence_hears_no_signal() -> None:
    with_signal = signal(paused(LIKELY, adaptive=False), 1.0)
    assert silence_before_the_end(with_signal) == silence_before_the_end(paused(LIKELY, adaptive=False))


@pytest.mark.parametrize("garbage", NO_PROBABILITIES)
@pytest.mark.parametrize("words", [0.05, OPEN, LIKELY, DONE])
def test_what_is_no_probability_says_nothing(garbage: float | None, words: float) -> None:
    assert silence_before_the_end(signal(paused(words), garbage)) == silence_before_the_end(paused(words))


@settings(max_examples=40)
@given(st.floats(0, 1), st.lists(st.floats() | st.none(), max_size=4))
def test_signals_move_the_silence_within_bounds(words: float, signals: list[float | None]) -> None:
    call = paused(words)
    for finished in signals:
        signal(call, finished)
    found = silence_before_the_end(call)
    assert silence_for(words, 1.0) <= found <= silence_for(words, 0.0)

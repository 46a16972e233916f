"""A second judge's late answer: what it changes of the silence, and when."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.turn.decisions import CallerDone
from media.turn.endpoint import TurnRules
from media.turn.evidence import EvidenceCollector, TurnEvidence
from media.turn.expected_reply import ExpectedReply
from media.turn.floor import Floor
from media.turn.operating_curve import DEFAULT_WEIGHTS, silence_for
from media.turn.second_opinion import NEUTRAL, average, can_change
from tests.media.turn.floor_harness import FloorHarness, ScriptedJudge

TEXT = "I wanted to ask about my order"
# A probability just above the curve's threshold, and one below it.
DONE = DEFAULT_WEIGHTS.text_done
SURE, UNSURE = DONE + 0.02, DONE - 0.02
SHORT, UNDECIDED = (
    round(TurnRules().silence_ms * share)
    for share in (DEFAULT_WEIGHTS.prepared.short, DEFAULT_WEIGHTS.prepared.undecided)
)
chances = st.floats(0, 1)
thresholds = st.floats(0.8, 0.95)


def paused(first: float, *, silent_ms: int = 300) -> FloorHarness:
    """A caller has said TEXT and is silent; the first judge has answered."""
    judge = ScriptedJudge({TEXT: first})
    call = FloorHarness(Floor(TurnRules(), judge=judge)).speech(1_000).silence(silent_ms)
    return call.text(TEXT)


def opinion(call: FloorHarness, finished: float, text: str = TEXT) -> FloorHarness:
    return call.record(call.floor.hint(call.now, call.token, finished, text))


def silence_before_the_end(call: FloorHarness) -> int:
    call.silence(3_000)
    (done,) = (each for each in call.log if isinstance(each, CallerDone))
    return done.t - done.end_ms


def test_the_silence_is_the_first_judges_without_an_answer() -> None:
    assert silence_before_the_end(paused(SURE)) == SHORT
    assert silence_before_the_end(paused(UNSURE)) in range(UNDECIDED, UNDECIDED + 20)


def test_doubt_that_comes_in_time_lengthens_the_silence() -> None:
    assert silence_before_the_end(opinion(paused(SURE), 0.01)) in range(UNDECIDED, UNDECIDED + 20)


def test_consent_that_comes_in_time_shortens_the_silence() -> None:
    assert silence_before_the_end(opinion(paused(UNSURE), 0.99)) == SHORT


def test_consent_that_comes_after_the_short_silence_ends_the_turn_at_once() -> None:
    call = paused(UNSURE).silence(600)
    assert silence_before_the_end(opinion(call, 0.99)) == 900


def test_an_answer_after_the_turn_has_ended_changes_nothing() -> None:
    call = paused(SURE).silence(600)
    before = list(call.log)
    assert isinstance(before[-1], CallerDone)
    opinion(call, 0.01)
    assert call.log == before


def test_an_answer_while_the_caller_speaks_again_changes_nothing() -> None:
    call = paused(UNSURE).speech(200)
    before = list(call.log)
    opinion(call, 1.0)
    assert call.log == before


def test_an_answer_about_other_words_changes_nothing() -> None:
    call = opinion(paused(SURE), 0.01, "I wanted to ask")
    assert silence_before_the_end(call) == SHORT


def test_the_floor_names_the_words_that_could_be_decided() -> None:
    assert paused(SURE).floor.open_text == TEXT
    assert paused(0.5).floor.open_text == ""
    assert paused(SURE).speech(100).floor.open_text == ""
    assert opinion(paused(SURE), 0.4).floor.open_text == ""


def test_plain_silence_asks_nobody() -> None:
    call = FloorHarness(Floor(TurnRules(adaptive=False), judge=ScriptedJudge({TEXT: 0.9})))
    assert call.speech(1_000).silence(300).text(TEXT).floor.open_text == ""


def test_what_a_rule_decides_nobody_is_asked_about() -> None:
    collector = EvidenceCollector(TurnRules(), ScriptedJudge(default=0.9))
    collector.collect("I would like a table and", ExpectedReply.REPLY)
    assert collector.judged_once == ("", 0.0)
    collector.add_opinion("I would like a table and", 1.0)
    found = collector.collect("I would like a table and", ExpectedReply.REPLY)
    assert (found.text, found.second) == (0.02, None)
    collector.collect(TEXT, ExpectedReply.REPLY)
    assert collector.judged_once == (TEXT, 0.9)


def test_an_answer_holds_for_the_same_words_in_the_next_pause() -> None:
    collector = EvidenceCollector(TurnRules(), ScriptedJudge(default=0.9))
    collector.collect(TEXT, ExpectedReply.REPLY)
    collector.add_opinion(TEXT, 0.1)
    collector.begin_pause()
    assert collector.collect(TEXT, ExpectedReply.REPLY).second == 0.1
    assert collector.collect(f"{TEXT} please", ExpectedReply.REPLY).second is None


@settings(max_examples=50)
@given(chances, chances, chances, thresholds)
def test_the_average_rises_with_both(first: float, second: float, other: float, done: float) -> None:
    assert 0 < average(first, second, done) < 1
    low, high = sorted((second, other))
    assert average(first, low, done) <= average(first, high, done)
    assert average(low, first, done) <= average(high, first, done)


@settings(max_examples=50)
@given(chances, chances, thresholds)
def test_what_is_not_asked_about_would_have_been_decided_alike(first: float, second: float, done: float) -> None:
    if not can_change(first, done):
        assert (average(first, second, done) >= done) == (first >= done)


@settings(max_examples=50)
@given(thresholds)
def test_a_neutral_answer_leaves_the_threshold_where_it_is(done: float) -> None:
    assert average(done, NEUTRAL, done) == pytest.approx(done)


def test_what_is_asked_about_can_go_either_way() -> None:
    assert not can_change(1.0, DONE) and average(1.0, 0.0, DONE) >= DONE
    for first in (UNSURE, DONE, SURE):
        assert can_change(first, DONE)
        assert average(first, 0.0, DONE) < DONE <= average(first, 1.0, DONE)


def test_the_curve_weighs_both_judges() -> None:
    assert silence_for(TurnEvidence(text=SURE, second=0.0), TurnRules()) == UNDECIDED
    assert silence_for(TurnEvidence(text=UNSURE, second=1.0), TurnRules()) == SHORT

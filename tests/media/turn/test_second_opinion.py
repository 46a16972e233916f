"""A second judge's late answer: what it changes of the silence, and when."""

import pytest

from media.turn.decisions import CallerDone
from media.turn.endpoint import TurnRules
from media.turn.evidence import EvidenceCollector, TurnEvidence
from media.turn.expected_cost import end_silence
from media.turn.expected_reply import ExpectedReply
from media.turn.floor import Floor
from tests.media.turn.floor_harness import FloorHarness, ScriptedJudge

TEXT = "I wanted to ask about my order"
SURE, UNSURE = 0.95, 0.3


def silence_for(first: float | None, second: float | None = None) -> int:
    """The silence in whole frames."""
    return -(-end_silence(TurnEvidence(text=first, second=second), TurnRules()).ms // 20) * 20


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


@pytest.mark.parametrize("second", [None, 0.01, 0.35, 0.99])
def test_an_answer_that_comes_in_time_changes_the_silence(second: float | None) -> None:
    call = paused(UNSURE)
    if second is not None:
        opinion(call, second)
    assert silence_before_the_end(call) == silence_for(UNSURE, second)


def test_doubt_lengthens_and_consent_shortens_the_silence() -> None:
    assert silence_for(UNSURE, 0.01) > silence_for(UNSURE) > silence_for(UNSURE, 0.99)


def test_consent_that_comes_after_the_shorter_silence_ends_the_turn_at_once() -> None:
    call = paused(0.1).silence(900)
    assert silence_for(0.1, 0.99) < 1_200 < silence_for(0.1)
    assert silence_before_the_end(opinion(call, 0.99)) == 1_200


def test_an_answer_after_the_turn_has_ended_changes_nothing() -> None:
    call = paused(0.6).silence(600)
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
    call = opinion(paused(UNSURE), 0.01, "I wanted to ask")
    assert silence_before_the_end(call) == silence_for(UNSURE)


def test_the_floor_names_the_words_that_could_be_decided() -> None:
    assert paused(UNSURE).floor.open_text == TEXT
    assert paused(SURE).floor.open_text == ""
    assert paused(UNSURE).speech(100).floor.open_text == ""
    assert opinion(paused(UNSURE), 0.4).floor.open_text == ""


def test_plain_silence_asks_nobody() -> None:
    call = FloorHarness(Floor(TurnRules(adaptive=False), judge=ScriptedJudge({TEXT: 0.5})))
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

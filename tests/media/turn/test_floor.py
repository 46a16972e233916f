"""Turn-taking in virtual time: each test plays a few seconds of a call."""

import pytest

from media.turn.decisions import (
    CallerDone,
    CallerPaused,
    CallerStarted,
    Decision,
    HoldAgent,
    InterruptAgent,
    NothingSaid,
    ResumeAgent,
)
from media.turn.endpoint import ExpectedReply, TurnRules
from media.turn.expected_dictation import DictationKind, ExpectedDictation
from media.turn.floor import Floor
from media.turn.floor_state import FloorState
from tests.media.turn.floor_harness import STEP, make_floor, make_judged_floor, make_speaking_agent

PHONE = ExpectedDictation(DictationKind.PHONE)

# --- the caller's turn ---


def test_a_turn_ends_after_the_silence_counted_from_the_true_end_of_speech() -> None:
    call = make_floor().speech(1_000).silence(200)
    assert call.log == [CallerStarted(20), CallerPaused(1_200, 1)]
    assert len(call.text("hello there").silence(180).log) == 2
    assert call.silence(20).log[-1] == CallerDone(1_400, 1_000, "hello there", 1_400)
    assert call.floor.state is FloorState.THINKING


def test_detector_hangover_counts_as_silence() -> None:
    call = make_floor().speech(1_000)
    for _ in range(5):
        call.now += STEP
        call.log += call.floor.frame(call.now, True, 1_000)
    call.silence(100).text("hello").silence(200)
    assert call.log[-1] == CallerDone(1_400, 1_000, "hello", 1_400)


def test_text_is_requested_at_half_of_a_short_silence() -> None:
    assert make_floor(silence_ms=240).speech(200).silence(120).log[-1] == CallerPaused(320, 1)


def test_speech_after_a_pause_continues_the_turn() -> None:
    call = make_floor().speech(400).silence(300).text("and so").speech(400)
    assert CallerStarted(720, again=True) in call.log
    call.silence(200).text("and so my fellow", token=1).text("and so my fellow americans").silence(200)
    assert call.log[-1] == CallerDone(1_500, 1_100, "and so my fellow americans", 1_500)
    assert call.kinds().count("CallerPaused") == 2


def test_the_turn_waits_for_its_text() -> None:
    call = make_floor().speech(400).silence(800)
    assert call.new_kinds() == ["CallerStarted", "CallerPaused"]
    call.text("hello")
    assert call.log == [CallerDone(1_200, 400, "hello", 800)]


def test_wait_for_the_text_is_limited() -> None:
    call = make_floor().speech(400).text("hello", final=False).silence(200 + 1_500)
    assert call.log[-1] == CallerDone(2_100, 400, "hello", 800)


def test_text_for_an_older_pause_does_not_end_the_turn() -> None:
    call = make_floor().speech(400).silence(300).speech(400).silence(300).text("one", token=1).silence(300)
    assert "CallerDone" not in call.kinds()
    call.text("one two")
    assert call.log[-1] == CallerDone(call.now, 1_100, "one two", 1_500)


def test_an_older_and_shorter_text_does_not_replace_a_newer_one() -> None:
    call = make_floor().speech(400).silence(300).speech(400).text("one two", final=False).silence(200)
    call.text("one", token=1).silence(1_600)
    assert call.log[-1] == CallerDone(call.now - 100, 1_100, "one two", 1_500)


def test_noise_gives_nothing_said() -> None:
    call = make_floor().speech(200).silence(200).text("").silence(200)
    assert call.log[-1] == NothingSaid(600)
    assert call.floor.state is FloorState.LISTENING and call.floor.turn == 1


def test_words_that_end_a_turn_shorten_the_silence_and_others_lengthen_it() -> None:
    call = make_judged_floor({"can I have a table": 0.95}, prepare_ms=0)
    call.speech(400).silence(200).text("can I have a table").silence(160)
    assert call.log[-1] == CallerDone(760, 400, "can I have a table", 760)
    call = make_judged_floor({"I want": 0.05}, prepare_ms=0).speech(400).silence(200).text("I want").silence(1_160)
    assert "CallerDone" not in call.kinds()
    assert isinstance(call.silence(20).log[-1], CallerDone)


def test_a_full_stop_of_the_recognizer_ends_nothing() -> None:
    call = make_judged_floor({}).speech(400).silence(200).text("I would like.").silence(600)
    assert "CallerDone" not in call.kinds()


def test_callers_who_pause_long_get_more_time() -> None:
    last = "I want one table"
    call = make_judged_floor({"I": 0.1, "I want": 0.1, "I want one": 0.1}, prepare_ms=0)
    for words in ("I", "I want", "I want one"):
        call.speech(400).silence(1_000).text(words)
    call.log.clear()
    call.speech(400).silence(200).text(last).silence(1_000)
    assert "CallerDone" not in call.kinds(), "680 ms would have been enough without the long pauses"
    assert isinstance(call.silence(600).log[-1], CallerDone)


def test_a_turn_that_was_ended_too_early_counts_for_the_pace() -> None:
    call = make_judged_floor({"we": 0.95, "we want": 0.95}, prepare_ms=0)
    for words in ("we", "we want"):
        call.speech(1_200).silence(200).text(words).silence(800)  # the reply is being made, and given up
    call.log.clear()
    call.speech(1_200).silence(200).text("we want one").silence(600)
    assert call.kinds() == ["HoldAgent", "InterruptAgent", "CallerPaused"], "680 ms would be enough at first"
    assert isinstance(call.silence(400).log[-1], CallerDone)


def test_agent_question_changes_the_silence() -> None:
    call = make_floor(adaptive=True)
    call.record(call.floor.agent_speaking(0, ExpectedReply.DIGITS, True, dictated=PHONE)).silence(500).agent_done()
    call.speech(600).silence(200).text("four one five").silence(1_180)
    assert "CallerDone" not in call.kinds()
    assert isinstance(call.silence(20).log[-1], CallerDone)


def test_unfinished_hint_lengthens_the_silence_and_an_old_hint_is_ignored() -> None:
    call = make_floor(adaptive=True).speech(400).silence(200).text("a table for two").hint(0.1).silence(300)
    assert "CallerDone" not in call.kinds()
    assert isinstance(call.silence(200).log[-1], CallerDone)
    call = make_floor(adaptive=True).speech(400).silence(200).text("a table for two")
    call.log += call.floor.hint(call.now, 0, 0.0)
    assert isinstance(call.silence(200).log[-1], CallerDone)


# --- words without detected speech ---


def test_words_without_detected_speech_are_a_turn() -> None:
    call = make_floor().silence(1_000).text("hello", final=False)
    assert call.new_kinds() == ["CallerPaused"] and call.floor.state is FloorState.PAUSED
    call.silence(100).text("hello are you there", final=False).silence(100).text("hello are you there", token=1)
    call.silence(280)
    assert call.log == []
    assert call.silence(20).log == [CallerDone(1_500, 1_100, "hello are you there", 1_500)]


def test_final_text_after_nothing_said_is_not_lost() -> None:
    call = make_floor().speech(400).silence(1_700)
    assert call.new_kinds() == ["CallerStarted", "CallerPaused", "NothingSaid"]
    call.text("hello", token=1)
    assert call.log == [CallerDone(2_100, 400, "hello", 800)]


def test_empty_text_while_listening_is_ignored() -> None:
    assert make_floor().silence(100).text("", token=0).log == []


# --- keys, and replies that must not begin ---


def test_a_key_interrupts_an_audible_agent() -> None:
    assert make_speaking_agent().key("5").new_kinds() == ["HoldAgent", "InterruptAgent"]
    call = make_speaking_agent().speech(100).key("5")
    assert call.kinds() == ["HoldAgent", "InterruptAgent"] and call.floor.state is FloorState.CALLER


@pytest.mark.parametrize("before", ["listening", "thinking", "no barge-in"])
def test_a_key_interrupts_nothing_else(before: str) -> None:
    calls = {
        "listening": make_floor(),
        "thinking": make_floor().speech(400).silence(200).text("hello").silence(200),
        "no barge-in": make_speaking_agent(barge_in=False),
    }
    call = calls[before]
    state = call.floor.state
    call.log.clear()
    assert call.key("#").log == [] and call.floor.state is state


def test_an_agent_may_not_begin_while_the_caller_has_the_floor() -> None:
    call = make_floor().speech(100)
    assert call.floor.agent_thinking(100) == (InterruptAgent(100),)
    call.silence(200)
    assert call.floor.agent_speaking(300) == (InterruptAgent(300),)
    assert call.floor.agent_done(300) == ()
    assert call.floor.state is FloorState.PAUSED


def test_turn_is_committed_once_when_the_reply_sounds_or_ends_silently() -> None:
    call = make_floor().speech(400).silence(200).text("hello").silence(200)
    assert call.floor.turn == 0
    call.agent()
    assert call.floor.turn == 1
    call.agent(ends=3_000).silence(100).agent_done()
    assert call.floor.turn == 1
    call.speech(400).silence(200).text("bye").silence(200).agent_done()
    assert call.floor.turn == 2 and call.floor.state is FloorState.LISTENING


def test_floor_is_free_after_the_greeting() -> None:
    call = make_floor().agent(ends=1_000).silence(1_000).agent_done()
    assert call.log == [] and call.floor.state is FloorState.LISTENING


def test_nothing_is_allocated_for_a_frame_that_decides_nothing() -> None:
    floor = Floor(TurnRules())
    assert floor.frame(20, False, 0) is floor.frame(40, False, 0)


@pytest.mark.parametrize("decision", [HoldAgent(1), ResumeAgent(1), NothingSaid(1), InterruptAgent(1)])
def test_decisions_cannot_be_changed(decision: Decision) -> None:
    with pytest.raises(AttributeError):
        decision.t = 2  # type: ignore[misc]

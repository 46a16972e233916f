"""Speech over the agent, in virtual time: holds, interruptions, backchannels, and a floor without barge-in."""

import pytest

from media.turn.decisions import CallerDone, CallerStarted, HoldAgent, InterruptAgent, NothingSaid
from media.turn.floor_state import FloorState
from tests.media.turn.floor_harness import make_floor, make_speaking_agent


def test_speech_holds_the_agent_at_once_and_words_interrupt() -> None:
    call = make_speaking_agent().speech(20)
    assert call.new_kinds() == ["HoldAgent"]
    call.speech(280).text("wait", final=False)
    assert call.new_kinds() == ["InterruptAgent"] and call.floor.state is FloorState.CALLER
    call.speech(500).silence(200).text("wait I meant Sunday").silence(200)
    assert call.kinds() == ["CallerPaused", "CallerDone"]


@pytest.mark.parametrize("backchannel", ["uh-huh", "Okay.", "yeah right", ""])
def test_backchannel_or_cough_resumes_the_agent(backchannel: str) -> None:
    call = make_speaking_agent().speech(300).silence(240)
    assert call.new_kinds() == ["HoldAgent"]
    call.silence(20)
    assert call.new_kinds() == ["CallerPaused"]
    call.text(backchannel)
    assert call.new_kinds() == ["ResumeAgent"]
    assert call.agent_done().silence(500).log == [] and call.floor.state is FloorState.LISTENING


def test_agent_resumes_after_700_ms_without_text() -> None:
    call = make_speaking_agent().speech(300).silence(260 + 700)
    assert call.new_kinds() == ["HoldAgent", "CallerPaused", "ResumeAgent"]


def test_a_late_text_still_interrupts() -> None:
    call = make_speaking_agent().speech(300).silence(960)
    call.log.clear()
    call.text("what about Sunday")
    assert call.kinds() == ["HoldAgent", "InterruptAgent", "CallerDone"]
    assert isinstance(call.log[2], CallerDone) and call.log[2].text == "what about Sunday"


def test_long_speech_interrupts_whatever_its_words() -> None:
    call = make_speaking_agent().speech(1_000)
    assert call.new_kinds() == ["HoldAgent"]
    assert call.speech(20).new_kinds() == ["InterruptAgent"]
    call.silence(200).text("").silence(200)
    assert call.log[-1] == NothingSaid(call.now, interrupted=True)


def test_pause_in_held_speech_restarts_the_count_within_a_limit() -> None:
    call = make_speaking_agent(resume_wait_ms=900)
    for _ in range(10):
        call.speech(300).silence(400)
        if "InterruptAgent" in call.kinds():
            break
    assert call.log[0] == HoldAgent(1_820) and InterruptAgent(4_820) in call.log
    assert call.kinds().count("HoldAgent") == 1


def test_fewer_words_than_the_minimum_do_not_interrupt_but_are_answered_later() -> None:
    call = make_speaking_agent(min_words=3).speech(300).silence(260).text("the blue one maybe later", final=False)
    assert call.new_kinds() == ["HoldAgent", "CallerPaused", "InterruptAgent"]
    call = make_speaking_agent(min_words=3).speech(300).silence(260).text("on Sunday")
    assert call.new_kinds() == ["HoldAgent", "CallerPaused", "ResumeAgent"]
    call.silence(500).agent_done()
    assert call.new_kinds() == ["CallerPaused"]
    call.text("on Sunday").silence(100)
    assert [d.text for d in call.log if isinstance(d, CallerDone)] == ["on Sunday"]


def test_demand_interrupts_below_the_minimum_of_words() -> None:
    assert "InterruptAgent" in make_speaking_agent(min_words=3).speech(300).text("stop", final=False).kinds()


def test_any_word_answers_a_question_whose_end_is_near() -> None:
    call = make_floor().agent(asks=True, ends=2_000).silence(1_200).speech(300).text("yeah", final=False)
    assert call.kinds() == ["HoldAgent", "InterruptAgent"]
    call = make_floor().agent(asks=True, ends=9_000).silence(1_200).speech(300).silence(260).text("yeah")
    assert call.kinds() == ["HoldAgent", "CallerPaused", "ResumeAgent"]


def test_speech_before_the_reply_is_audible_reopens_the_turn() -> None:
    call = make_floor().speech(400).silence(200).text("I want").silence(200)
    call.log.clear()
    call.silence(100).speech(300)
    assert call.new_kinds() == ["HoldAgent"]
    call.text("I want a table", final=False)
    assert call.new_kinds() == ["InterruptAgent"]
    call.silence(200).text("I want a table").silence(200)
    assert [d.text for d in call.log if isinstance(d, CallerDone)] == ["I want a table"]


def test_backchannel_before_the_reply_is_audible_changes_nothing() -> None:
    call = make_floor().speech(400).silence(200).text("I want a table?").silence(200)
    call.log.clear()
    call.speech(200).silence(260).text("I want a table? okay")
    assert call.kinds() == ["HoldAgent", "CallerPaused", "ResumeAgent"] and call.floor.state is FloorState.THINKING


def test_noise_that_interrupted_the_reply_reopens_the_answered_words() -> None:
    call = make_floor().speech(400).silence(200).text("I want a table").silence(200)
    call.log.clear()
    call.speech(1_100).silence(200).text("I want a table").silence(200)
    assert call.kinds() == ["HoldAgent", "InterruptAgent", "CallerPaused", "CallerDone"]


def test_false_holds_make_the_next_hold_need_more_speech() -> None:
    call = make_speaking_agent()
    for _ in range(2):
        call.speech(100 + 300).silence(300).text("").silence(500)
    call.log.clear()
    call.speech(300)
    assert call.new_kinds() == []
    assert call.speech(20).new_kinds() == ["HoldAgent"]


def test_speech_too_short_for_a_hold_is_a_turn_when_the_agent_is_done() -> None:
    call = make_speaking_agent(false_hold_ms=400).speech(200).silence(300).text("")
    call.speech(300).silence(500)
    call.log.clear()
    call.agent_done()
    assert call.new_kinds() == ["CallerPaused"]
    call.text("and Sunday").silence(100)
    assert call.kinds() == ["CallerDone"]


def test_backchannel_over_a_statement_is_no_turn() -> None:
    call = make_speaking_agent(false_hold_ms=400).speech(200).silence(300).text("").speech(300).silence(500)
    call.agent_done().text("uh-huh").silence(100)
    assert isinstance(call.log[-1], NothingSaid)


def test_caller_has_the_floor_when_the_agent_ends_during_a_hold() -> None:
    call = make_speaking_agent().speech(300)
    call.log.clear()
    call.agent_done()
    assert call.log == [CallerStarted(call.now, again=True)] and call.floor.state is FloorState.CALLER
    call.silence(200).text("and Sunday").silence(200)
    assert isinstance(call.log[-1], CallerDone)


# --- no barge-in ---


def test_words_over_an_agent_without_barge_in_become_a_turn_afterwards() -> None:
    call = make_speaking_agent(barge_in=False).speech(1_500).silence(300).text("and Sunday", final=True, token=None)
    assert call.new_kinds() == ["CallerOverlaps"]
    call.silence(500).agent_done()
    assert call.new_kinds() == ["CallerPaused"]
    call.text("and Sunday").silence(20)
    assert [d.text for d in call.log if isinstance(d, CallerDone)] == ["and Sunday"]


def test_words_before_a_reply_without_barge_in_keep_the_turn_open() -> None:
    call = make_floor(barge_in=False).speech(400).silence(200).text("a table").silence(200)
    call.speech(400).agent()  # it becomes audible in the middle of a word, of which no text is known yet
    assert call.floor.is_overlapped and call.floor.turn == 0, "the recognizer keeps what it has heard"
    call.speech(200).silence(500).agent_done()
    assert call.floor.state is FloorState.PAUSED
    call.text("a table for two").silence(100)
    assert [d.text for d in call.log if isinstance(d, CallerDone)] == ["a table", "a table for two"]


def test_a_reply_that_fails_under_the_caller_s_words_leaves_the_turn_open() -> None:
    call = make_floor().speech(400).silence(200).text("a table").silence(200).silence(200).speech(300)
    assert call.floor.state is FloorState.HELD and call.floor.is_overlapped
    call.agent_done()  # without a sound
    assert call.floor.turn == 0, "the recognizer keeps the beginning of the sentence"
    call.speech(600).silence(200).text("a table for two").silence(200)
    assert [d.text for d in call.log if isinstance(d, CallerDone)] == ["a table", "a table for two"]


def test_speech_that_continues_after_the_agent_is_a_turn() -> None:
    call = make_speaking_agent(barge_in=False).speech(500).agent_done()
    assert call.log[1:] == [CallerStarted(call.now, again=True)]
    assert call.new_kinds() == ["CallerOverlaps", "CallerStarted"]


# --- keys after words ---


@pytest.mark.parametrize("final", [True, False])
def test_a_key_answers_words_too_few_to_interrupt(final: bool) -> None:
    call = make_speaking_agent(min_words=2).text("tomorrow", final=final).key("5")
    assert call.new_kinds() == ["HoldAgent", "InterruptAgent", "CallerPaused"]
    call.text("tomorrow").silence(400)
    assert [d.text for d in call.log] == ["tomorrow"] and call.new_kinds() == ["CallerDone"]  # type: ignore[union-attr]


def test_a_key_asks_for_the_words_of_speech_too_short_to_hold() -> None:
    call = make_speaking_agent().speech(300).silence(960)
    assert call.new_kinds() == ["HoldAgent", "CallerPaused", "ResumeAgent"]
    assert call.speech(100).silence(100).key("5").new_kinds() == ["HoldAgent", "InterruptAgent", "CallerPaused"]
    call.text("tomorrow").silence(400)
    assert call.kinds() == ["CallerDone"]


def test_a_nod_before_a_key_needs_no_answer() -> None:
    call = make_speaking_agent().text("okay").key("5").silence(3_000)
    assert call.kinds() == ["HoldAgent", "InterruptAgent"] and call.floor.state is FloorState.LISTENING


@pytest.mark.parametrize("cough", [60, 300])
def test_who_presses_a_key_is_not_asked_again_for_a_cough(cough: int) -> None:
    call = make_speaking_agent().speech(cough).key("5").silence(400).text("").silence(400)
    assert call.log[-1] == NothingSaid(call.log[-1].t, interrupted=False)


# --- an utterance that cannot be interrupted ---


def test_words_over_an_utterance_that_cannot_be_interrupted_are_answered_after_it() -> None:
    call = make_floor()
    assert call.floor.agent_thinking(0, interruptible=False) == ()
    call.speech(400).text("who is", final=False)
    assert call.new_kinds() == ["CallerOverlaps"]
    call.record(call.floor.agent_speaking(call.now))
    call.speech(800).text("who is this please", final=False).silence(1_000).record(call.floor.dtmf(call.now, "5"))
    assert call.new_kinds() == [] and call.floor.turn == 0, "the turn is still open, so the recognizer keeps its words"
    call.agent_done()
    assert call.new_kinds() == ["CallerPaused"]
    call.text("who is this please").silence(20)
    assert [d.text for d in call.log if isinstance(d, CallerDone)] == ["who is this please"]


def test_utterance_that_cannot_be_interrupted_takes_the_floor_of_a_caller_who_speaks() -> None:
    call = make_floor().speech(400)
    assert call.floor.agent_thinking(call.now, interruptible=False) == ()
    call.record(call.floor.agent_speaking(call.now)).speech(200).silence(600)
    assert call.new_kinds() == ["CallerStarted"]
    call.agent_done().text("hello there").silence(20)
    assert [d.text for d in call.log if isinstance(d, CallerDone)] == ["hello there"]


def test_next_utterance_can_be_interrupted_again() -> None:
    call = make_floor()
    call.floor.agent_thinking(0, interruptible=False)
    call.record(call.floor.agent_speaking(0)).silence(400).agent_done().agent().silence(200)
    call.speech(200)
    assert call.new_kinds() == ["HoldAgent"]

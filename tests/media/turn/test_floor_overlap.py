"""Speech over the agent, in virtual time: holds, interruptions, backchannels, and a floor without barge-in."""

import pytest

from media.turn.floor import (
    CallerDone,
    CallerStarted,
    Hold,
    Interrupted,
    NothingSaid,
    State,
)
from tests.media.turn.scene import scene, talking


def test_speech_holds_the_agent_at_once_and_words_interrupt() -> None:
    call = talking().speech(20)
    assert call.take() == ["Hold"]
    call.speech(280).text("wait", final=False)
    assert call.take() == ["Interrupted"] and call.floor.state is State.CALLER
    call.speech(500).silence(200).text("wait I meant Sunday").silence(200)
    assert call.kinds() == ["CallerPaused", "CallerDone"]


@pytest.mark.parametrize("nod", ["uh-huh", "Okay.", "yeah right", ""])
def test_a_backchannel_or_a_cough_resumes(nod: str) -> None:
    call = talking().speech(300).silence(240)
    assert call.take() == ["Hold"]
    call.silence(20)
    assert call.take() == ["CallerPaused"]
    call.text(nod)
    assert call.take() == ["Resume"]
    assert call.done().silence(500).log == [] and call.floor.state is State.LISTENING


def test_without_text_the_agent_resumes_after_a_while() -> None:
    call = talking().speech(300).silence(260 + 700)
    assert call.take() == ["Hold", "CallerPaused", "Resume"]


def test_a_late_text_still_interrupts() -> None:
    call = talking().speech(300).silence(960)
    call.log.clear()
    call.text("what about Sunday")
    assert call.kinds() == ["Hold", "Interrupted", "CallerDone"]
    assert isinstance(call.log[2], CallerDone) and call.log[2].text == "what about Sunday"


def test_long_speech_interrupts_whatever_its_words() -> None:
    call = talking().speech(1_000)
    assert call.take() == ["Hold"]
    assert call.speech(20).take() == ["Interrupted"]
    call.silence(200).text("").silence(200)
    assert call.log[-1] == NothingSaid(call.t, interrupted=True)


def test_a_pause_in_held_speech_starts_the_count_again_but_not_for_ever() -> None:
    call = talking(resume_wait_ms=900)
    for _ in range(10):
        call.speech(300).silence(400)
        if "Interrupted" in call.kinds():
            break
    assert call.log[0] == Hold(1_820) and Interrupted(4_820) in call.log
    assert call.kinds().count("Hold") == 1


def test_fewer_words_than_the_minimum_do_not_interrupt_but_are_answered_later() -> None:
    call = talking(min_words=3).speech(300).silence(260).text("the blue one maybe later", final=False)
    assert call.take() == ["Hold", "CallerPaused", "Interrupted"]
    call = talking(min_words=3).speech(300).silence(260).text("on Sunday")
    assert call.take() == ["Hold", "CallerPaused", "Resume"]
    call.silence(500).done()
    assert call.take() == ["CallerPaused"]
    call.text("on Sunday").silence(100)
    assert [d.text for d in call.log if isinstance(d, CallerDone)] == ["on Sunday"]


def test_a_demand_interrupts_whatever_the_minimum() -> None:
    assert "Interrupted" in talking(min_words=3).speech(300).text("stop", final=False).kinds()


def test_any_word_answers_a_question_whose_end_is_near() -> None:
    call = scene().agent(asks=True, ends=2_000).silence(1_200).speech(300).text("yeah", final=False)
    assert call.kinds() == ["Hold", "Interrupted"]
    call = scene().agent(asks=True, ends=9_000).silence(1_200).speech(300).silence(260).text("yeah")
    assert call.kinds() == ["Hold", "CallerPaused", "Resume"]


def test_speech_while_the_reply_is_thought_about_takes_the_turn_back() -> None:
    call = scene().speech(400).silence(200).text("I want").silence(200)
    call.log.clear()
    call.silence(100).speech(300)
    assert call.take() == ["Hold"]
    call.text("I want a table", final=False)
    assert call.take() == ["Interrupted"]
    call.silence(200).text("I want a table").silence(200)
    assert [d.text for d in call.log if isinstance(d, CallerDone)] == ["I want a table"]


def test_a_nod_while_the_reply_is_thought_about_changes_nothing() -> None:
    call = scene().speech(400).silence(200).text("I want a table?").silence(200)
    call.log.clear()
    call.speech(200).silence(260).text("I want a table? okay")
    assert call.kinds() == ["Hold", "CallerPaused", "Resume"] and call.floor.state is State.THINKING


def test_noise_that_cost_the_reply_brings_the_answered_words_back() -> None:
    call = scene().speech(400).silence(200).text("I want a table").silence(200)
    call.log.clear()
    call.speech(1_100).silence(200).text("I want a table").silence(200)
    assert call.kinds() == ["Hold", "Interrupted", "CallerPaused", "CallerDone"]


def test_holds_for_nothing_make_the_next_hold_need_more_speech() -> None:
    call = talking()
    for _ in range(2):
        call.speech(100 + 300).silence(300).text("").silence(500)
    call.log.clear()
    call.speech(300)
    assert call.take() == []
    assert call.speech(20).take() == ["Hold"]


def test_speech_too_short_to_hold_a_wary_floor_is_heard_when_the_agent_is_done() -> None:
    call = talking(wary_ms=400).speech(200).silence(300).text("")
    call.speech(300).silence(500)
    call.log.clear()
    call.done()
    assert call.take() == ["CallerPaused"]
    call.text("and Sunday").silence(100)
    assert call.kinds() == ["CallerDone"]


def test_a_nod_over_a_statement_is_no_turn_when_the_agent_is_done() -> None:
    call = talking(wary_ms=400).speech(200).silence(300).text("").speech(300).silence(500)
    call.done().text("uh-huh").silence(100)
    assert isinstance(call.log[-1], NothingSaid)


def test_the_agent_finishes_while_it_is_held() -> None:
    call = talking().speech(300)
    call.log.clear()
    call.done()
    assert call.log == [CallerStarted(call.t, again=True)] and call.floor.state is State.CALLER
    call.silence(200).text("and Sunday").silence(200)
    assert isinstance(call.log[-1], CallerDone)


# --- no barge-in ---


def test_without_barge_in_the_agent_is_never_held_and_the_words_become_a_turn_afterwards() -> None:
    call = talking(barge_in=False).speech(1_500).silence(300).text("and Sunday", final=True, token=None)
    assert call.log == []
    call.silence(500).done()
    assert call.take() == ["CallerPaused"]
    call.text("and Sunday").silence(20)
    assert [d.text for d in call.log if isinstance(d, CallerDone)] == ["and Sunday"]


def test_without_barge_in_words_before_the_reply_sounds_are_carried_over_its_commit() -> None:
    call = scene(barge_in=False).speech(400).silence(200).text("a table").silence(200)
    call.speech(400).text("a table for two", final=False).silence(300).agent().silence(500).done()
    assert call.floor.state is State.PAUSED
    call.text("").silence(100)
    assert [d.text for d in call.log if isinstance(d, CallerDone)] == ["a table", "for two"]


def test_speech_that_goes_on_when_the_agent_is_done() -> None:
    call = talking(barge_in=False).speech(500).done()
    assert call.log == [CallerStarted(call.t, again=True)]

"""Turn-taking in virtual time: each test is a short scene of a call."""

import pytest

from media.turn.endpoint import Expect, Rules
from media.turn.floor import (
    CallerDone,
    CallerPaused,
    CallerStarted,
    Decision,
    Floor,
    Hold,
    Interrupted,
    NothingSaid,
    Resume,
    State,
)
from tests.media.turn.scene import STEP, scene, talking

# --- the caller's turn ---


def test_a_turn_ends_after_the_silence_counted_from_the_true_end_of_speech() -> None:
    call = scene().speech(1_000).silence(200)
    assert call.log == [CallerStarted(20), CallerPaused(1_200, 1)]
    assert len(call.text("hello there").silence(180).log) == 2
    assert call.silence(20).log[-1] == CallerDone(1_400, 1_000, "hello there", 1_400)
    assert call.floor.state is State.THINKING


def test_a_detector_s_hangover_is_part_of_the_silence() -> None:
    call = scene().speech(1_000)
    for _ in range(5):
        call.t += STEP
        call.log += call.floor.frame(call.t, True, 1_000)
    call.silence(100).text("hello").silence(200)
    assert call.log[-1] == CallerDone(1_400, 1_000, "hello", 1_400)


def test_the_text_is_asked_for_at_half_of_a_short_silence() -> None:
    assert scene(silence_ms=240).speech(200).silence(120).log[-1] == CallerPaused(320, 1)


def test_speech_after_a_pause_goes_on_with_the_same_turn() -> None:
    call = scene().speech(400).silence(300).text("and so").speech(400)
    assert CallerStarted(720, again=True) in call.log
    call.silence(200).text("and so my fellow", token=1).text("and so my fellow americans").silence(200)
    assert call.log[-1] == CallerDone(1_500, 1_100, "and so my fellow americans", 1_500)
    assert call.kinds().count("CallerPaused") == 2


def test_the_turn_waits_for_its_text() -> None:
    call = scene().speech(400).silence(800)
    assert call.take() == ["CallerStarted", "CallerPaused"]
    call.text("hello")
    assert call.log == [CallerDone(1_200, 400, "hello", 800)]


def test_a_text_that_does_not_come_is_not_waited_for_forever() -> None:
    call = scene().speech(400).text("hello", final=False).silence(200 + 1_500)
    assert call.log[-1] == CallerDone(2_100, 400, "hello", 800)


def test_an_answer_to_an_older_pause_does_not_end_the_turn() -> None:
    call = scene().speech(400).silence(300).speech(400).silence(300).text("one", token=1).silence(300)
    assert "CallerDone" not in call.kinds()
    call.text("one two")
    assert call.log[-1] == CallerDone(call.t, 1_100, "one two", 1_500)


def test_an_older_and_shorter_text_does_not_replace_a_newer_one() -> None:
    call = scene().speech(400).silence(300).speech(400).text("one two", final=False).silence(200)
    call.text("one", token=1).silence(1_600)
    assert call.log[-1] == CallerDone(call.t - 100, 1_100, "one two", 1_500)


def test_noise_gives_nothing_said() -> None:
    call = scene().speech(200).silence(200).text("").silence(200)
    assert call.log[-1] == NothingSaid(600)
    assert call.floor.state is State.LISTENING and call.floor.turn == 1


def test_a_finished_sentence_ends_the_turn_sooner_and_a_broken_off_one_later() -> None:
    call = scene(adaptive=True, silence_ms=600).speech(400).silence(200).text("Can I have a table?").silence(220)
    assert call.log[-1] == CallerDone(820, 400, "Can I have a table?", 820)
    call = scene(adaptive=True, silence_ms=600).speech(400).silence(200).text("I want a").silence(840)
    assert "CallerDone" not in call.kinds()
    assert isinstance(call.silence(20).log[-1], CallerDone)


def test_the_agent_s_question_sets_the_patience() -> None:
    call = scene(adaptive=True).agent(Expect.DIGITS, asks=True).silence(500).done()
    call.speech(600).silence(200).text("four one five").silence(1_180)
    assert "CallerDone" not in call.kinds()
    assert isinstance(call.silence(20).log[-1], CallerDone)


def test_a_hint_of_doubt_lengthens_the_silence_and_an_old_one_counts_for_nothing() -> None:
    call = scene(adaptive=True).speech(400).silence(200).text("a table for two").hint(0.1).silence(300)
    assert "CallerDone" not in call.kinds()
    assert isinstance(call.silence(100).log[-1], CallerDone)
    call = scene(adaptive=True).speech(400).silence(200).text("a table for two")
    call.log += call.floor.hint(call.t, 0, 0.0)
    assert isinstance(call.silence(200).log[-1], CallerDone)


# --- words without a voice ---


def test_words_that_the_detector_missed_make_a_turn() -> None:
    call = scene().silence(1_000).text("hello", final=False)
    assert call.take() == ["CallerPaused"] and call.floor.state is State.PAUSED
    call.silence(100).text("hello are you there", final=False).silence(100).text("hello are you there", token=1)
    call.silence(280)
    assert call.log == []
    assert call.silence(20).log == [CallerDone(1_500, 1_100, "hello are you there", 1_500)]


def test_a_final_text_that_comes_after_nothing_said_is_not_lost() -> None:
    call = scene().speech(400).silence(1_700)
    assert call.take() == ["CallerStarted", "CallerPaused", "NothingSaid"]
    call.text("hello", token=1)
    assert call.log == [CallerDone(2_100, 400, "hello", 800)]


def test_an_empty_text_while_listening_is_nothing() -> None:
    assert scene().silence(100).text("", token=0).log == []


# --- keys, and agents out of turn ---


def test_a_key_interrupts_an_audible_agent() -> None:
    assert talking().key("5").take() == ["Hold", "Interrupted"]
    call = talking().speech(100).key("5")
    assert call.kinds() == ["Hold", "Interrupted"] and call.floor.state is State.CALLER


@pytest.mark.parametrize("before", ["listening", "thinking", "no barge-in"])
def test_a_key_interrupts_nothing_else(before: str) -> None:
    calls = {
        "listening": scene(),
        "thinking": scene().speech(400).silence(200).text("hello").silence(200),
        "no barge-in": talking(barge_in=False),
    }
    call = calls[before]
    state = call.floor.state
    call.log.clear()
    assert call.key("#").log == [] and call.floor.state is state


def test_an_agent_may_not_begin_while_the_caller_has_the_floor() -> None:
    call = scene().speech(100)
    assert call.floor.agent_thinking(100) == (Interrupted(100),)
    call.silence(200)
    assert call.floor.agent_speaking(300) == (Interrupted(300),)
    assert call.floor.agent_done(300) == ()
    assert call.floor.state is State.PAUSED


def test_the_turn_is_committed_once_by_the_first_sound_or_by_a_silent_end() -> None:
    call = scene().speech(400).silence(200).text("hello").silence(200)
    assert call.floor.turn == 0
    call.agent()
    assert call.floor.turn == 1
    call.agent(ends=3_000).silence(100).done()
    assert call.floor.turn == 1
    call.speech(400).silence(200).text("bye").silence(200).done()
    assert call.floor.turn == 2 and call.floor.state is State.LISTENING


def test_a_greeting_is_spoken_and_its_end_brings_the_floor_back() -> None:
    call = scene().agent(ends=1_000).silence(1_000).done()
    assert call.log == [] and call.floor.state is State.LISTENING


def test_nothing_is_allocated_for_a_frame_that_decides_nothing() -> None:
    floor = Floor(Rules())
    assert floor.frame(20, False, 0) is floor.frame(40, False, 0)


@pytest.mark.parametrize("decision", [Hold(1), Resume(1), NothingSaid(1), Interrupted(1)])
def test_decisions_cannot_be_changed(decision: Decision) -> None:
    with pytest.raises(AttributeError):
        decision.t = 2  # type: ignore[misc]

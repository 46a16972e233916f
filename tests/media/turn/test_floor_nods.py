"""Nods over the agent, in virtual time: it goes on more quietly while speech may be one."""

import pytest

from media.turn.backchannels import is_misheard_backchannel
from media.turn.decisions import CallerDone, HoldAgent, InterruptAgent, LowerAgent, ResumeAgent
from media.turn.endpoint import ExpectedReply
from media.turn.floor_state import FloorState
from tests.media.turn.floor_harness import FloorHarness, make_floor, make_speaking_agent


def polite(**rules: int | bool) -> FloorHarness:
    return make_speaking_agent(nod_ms=300, **rules)


@pytest.mark.parametrize("words", ["uh-huh", "Right?", "okay", "Here.", ""])
def test_a_nod_never_silences_the_agent(words: str) -> None:
    call = polite().speech(300).silence(260).text(words)
    assert call.new_kinds() == ["LowerAgent", "CallerPaused", "ResumeAgent"]
    assert call.floor.state is FloorState.SPEAKING
    assert call.silence(2_000).agent_done().silence(500).log == [], "nothing is left to answer"


def test_speech_that_is_too_long_for_a_nod_silences_the_agent() -> None:
    call = polite().speech(20)
    assert call.log == [LowerAgent(call.now)]
    call.log.clear()
    assert call.speech(280).log == []
    assert call.speech(20).log == [HoldAgent(call.now, lowered=True)]
    call.log.clear()
    call.silence(260).text("okay")
    assert call.log[-1] == ResumeAgent(call.now), "it was silent, so it continues from the word that was cut"


@pytest.mark.parametrize(("after_ms", "kind"), [(980, "HoldAgent"), (1_000, "LowerAgent")])
def test_nobody_nods_to_words_that_have_just_begun(after_ms: int, kind: str) -> None:
    call = make_floor(nod_ms=300).speech(400).silence(200).text("hello").silence(200).agent().silence(after_ms - 20)
    call.log.clear()
    assert call.speech(20).new_kinds() == [kind]


def test_words_that_are_known_to_be_a_nod_give_it_more_time() -> None:
    call = polite().speech(200).text("uh-huh", final=False).speech(780)
    assert call.new_kinds() == ["LowerAgent"]
    assert call.speech(40).new_kinds() == ["HoldAgent", "InterruptAgent"], "a second of speech interrupts"


def test_words_interrupt_a_lowered_agent_at_once() -> None:
    call = polite().speech(200)
    call.log.clear()
    call.text("wait", final=False)
    assert call.log == [HoldAgent(call.now, lowered=True), InterruptAgent(call.now)]
    call.silence(200).text("wait").silence(200)
    assert isinstance(call.log[-1], CallerDone)


def test_a_key_interrupts_a_lowered_agent() -> None:
    call = polite().speech(200)
    call.log.clear()
    assert call.key("5").kinds() == ["HoldAgent", "InterruptAgent"]


def test_nods_do_not_make_the_next_hold_need_more_speech() -> None:
    call = polite()
    for count in range(1, 4):
        call.speech(200).silence(300).text("mhm " * count).silence(500)
    call.log.clear()
    assert call.speech(20).new_kinds() == ["LowerAgent"]


def test_noise_does_not_lower_the_agent_again_and_again() -> None:
    call = polite().speech(100).silence(300).text("mhm").silence(500)
    for _ in range(20):  # a knock each second, of which the recognizer makes no word
        call.speech(100).silence(300).text("mhm").silence(600)
    assert call.new_kinds().count("LowerAgent") == 2
    assert call.speech(700).new_kinds()[0] == "LowerAgent", "longer speech is still noticed"


def test_an_answer_to_the_agent_s_own_question_takes_the_floor() -> None:
    call = make_floor(nod_ms=300).agent(ExpectedReply.YES_NO, asks=True, ends=2_000).silence(1_200).speech(20)
    assert call.new_kinds() == ["HoldAgent"]
    assert call.speech(280).text("right", final=False).kinds() == ["InterruptAgent"]


def test_last_words_are_held_at_once() -> None:
    call = polite()
    call.record(call.floor.agent_speaking(call.now, is_last=True)).speech(20)
    assert call.new_kinds() == ["HoldAgent"]


def test_speech_before_the_reply_is_audible_holds_it() -> None:
    call = make_floor(nod_ms=300).speech(400).silence(200).text("I want").silence(200)
    call.log.clear()
    call.silence(100).speech(300)
    assert call.new_kinds() == ["HoldAgent"]
    call.silence(260).text("I want here")
    assert call.new_kinds() == ["CallerPaused", "InterruptAgent"], "a word that is added to the turn is no nod"


def test_a_misheard_nod_is_one_short_word() -> None:
    call = polite().speech(700).silence(260).text("here")
    assert call.new_kinds() == ["LowerAgent", "HoldAgent", "CallerPaused", "InterruptAgent"]
    assert polite().speech(300).silence(260).text("here we go").kinds()[-1] == "InterruptAgent"
    assert not is_misheard_backchannel(["no"]) and not is_misheard_backchannel([])


def test_the_agent_s_end_ends_a_lowered_hold() -> None:
    call = polite().speech(200)
    call.log.clear()
    call.agent_done()
    assert call.new_kinds() == ["CallerStarted"]
    call.silence(200).text("uh-huh").silence(200)
    assert call.kinds() == ["CallerPaused", "NothingSaid"]


def test_what_the_detector_adds_to_speech_does_not_make_it_longer() -> None:
    call = polite().speech(200)
    for _ in range(10):  # the detector still says speech, 200 ms after its end
        call.now += 20
        call.record(call.floor.frame(call.now, True, call.voice))
    call.silence(100).text("yeah")
    assert call.kinds() == ["LowerAgent", "CallerPaused", "ResumeAgent"]


def test_nor_an_interruption_of_a_long_nod() -> None:
    call = polite().speech(900)
    for _ in range(10):
        call.now += 20
        call.record(call.floor.frame(call.now, True, call.voice))
    call.silence(100).text("great")
    assert call.kinds() == ["LowerAgent", "HoldAgent", "CallerPaused", "ResumeAgent"]

"""Callers who go on with their turn while its answer begins, in virtual time."""

import pytest

from media.turn.decisions import CallerDone, CallerPaused, InterruptAgent, LowerAgent
from media.turn.endpoint import TurnRules
from media.turn.floor import Floor
from media.turn.floor_state import FloorState
from tests.media.turn.floor_harness import FloorHarness


class Sound:
    """What the floor asks of the detector: whether the sound may be speech, and when the speech began."""

    def __init__(self) -> None:
        self.may_be_speech = False
        self.onset_ms: int | None = None


@pytest.fixture
def sound() -> Sound:
    return Sound()


def answered(sound: Sound, text: str = "I want", **rules: int | bool) -> FloorHarness:
    """The caller has said the text; its answer is audible since now."""
    chosen = {"silence_ms": 400, "adaptive": False, **rules}
    floor = Floor(
        TurnRules(**chosen),  # type: ignore[arg-type]
        may_be_speech=lambda: sound.may_be_speech,
        onset_ms=lambda: call.voice if sound.onset_ms is None else sound.onset_ms,
    )
    call = FloorHarness(floor).speech(400).silence(200).text(text).silence(300)
    call.record(floor.agent_speaking(call.now))
    call.log.clear()
    return call


def go_on(call: FloorHarness, sound: Sound, ms: int) -> FloorHarness:
    """Speech that is noticed with its first frame."""
    sound.onset_ms = call.now
    return call.speech(ms)


def texts(call: FloorHarness) -> list[str]:
    return [decision.text for decision in call.log if isinstance(decision, CallerDone)]


# --- how much voice withdraws the answer: 300 ms, measured as up to 340 ---


@pytest.mark.parametrize("after_ms", [100, 300, 580])
def test_enough_voice_withdraws_the_answer_before_any_words_are_known(sound: Sound, after_ms: int) -> None:
    call = go_on(answered(sound).silence(after_ms), sound, 300)
    assert call.new_kinds() == ["HoldAgent"]
    call.speech(40)
    assert call.log == [InterruptAgent(call.log[0].t, early=True)] and call.floor.turn == 0
    call.silence(200).text("I want a table").silence(200)
    assert texts(call) == ["I want a table"] and call.settled == []


def test_less_voice_without_words_restores_it(sound: Sound) -> None:
    call = go_on(answered(sound).silence(100), sound, 280).silence(260).text("I want")
    assert call.new_kinds() == ["HoldAgent", "CallerPaused", "ResumeAgent"]
    assert call.silence(600).log == [] and len(call.settled) == 1


def test_the_voice_counts_from_its_true_start(sound: Sound) -> None:
    call = answered(sound).silence(300)
    sound.onset_ms = call.now - 120
    assert call.speech(200).new_kinds() == ["HoldAgent"]
    assert call.speech(40).new_kinds() == ["InterruptAgent"]


def test_what_the_detector_adds_does_not_count(sound: Sound) -> None:
    call = go_on(answered(sound).silence(100), sound, 260)
    for _ in range(10):
        call.now += 20
        call.record(call.floor.frame(call.now, True, call.voice))
    assert call.new_kinds() == ["HoldAgent"]


def test_a_known_backchannel_is_given_more_time(sound: Sound) -> None:
    call = go_on(answered(sound).silence(100), sound, 200).text("I want uh-huh", final=False).speech(400)
    assert call.new_kinds() == ["HoldAgent"]
    call.silence(260).text("I want uh-huh")
    assert call.new_kinds() == ["CallerPaused", "ResumeAgent"]


def test_one_word_goes_on_whatever_an_interruption_needs(sound: Sound) -> None:
    call = go_on(answered(sound, min_words=3).silence(100), sound, 200).text("I want tea", final=False)
    assert call.log[-1] == InterruptAgent(call.now, early=True)


def test_a_word_that_is_often_written_for_a_nod_is_one_of_the_turn(sound: Sound) -> None:
    call = go_on(answered(sound, "I want to go").silence(100), sound, 200).silence(260).text("I want to go home")
    assert call.new_kinds() == ["HoldAgent", "CallerPaused", "InterruptAgent"]
    assert texts(call.silence(400)) == ["I want to go home"]


def test_a_sound_that_withdrew_an_answer_and_added_no_words_withdraws_none_again(sound: Sound) -> None:
    call = go_on(answered(sound).silence(100), sound, 400).silence(200).text("I want").silence(200)
    assert texts(call) == ["I want"], "it is answered again"
    call.record(call.floor.agent_speaking(call.now)).silence(100)
    call.log.clear()
    go_on(call, sound, 400).silence(260).text("I want")
    assert call.new_kinds() == ["HoldAgent", "CallerPaused", "ResumeAgent"]


def test_words_after_such_a_sound_withdraw_it(sound: Sound) -> None:
    call = go_on(answered(sound).silence(100), sound, 400).silence(200).text("I want").silence(200)
    call.record(call.floor.agent_speaking(call.now)).silence(100)
    call.log.clear()
    go_on(call, sound, 400).text("I want a table", final=False)
    assert call.log[-1] == InterruptAgent(call.now, early=True)


def test_a_greeting_is_not_withdrawn_by_voice_alone(sound: Sound) -> None:
    call = FloorHarness(Floor(TurnRules(), may_be_speech=lambda: sound.may_be_speech)).agent().silence(100)
    sound.may_be_speech = True
    assert call.silence(20).log == [LowerAgent(call.now, is_suspected=True)], "there is no turn that can go on"
    sound.may_be_speech = False
    assert call.speech(500).new_kinds() == ["LowerAgent", "HoldAgent"]


# --- when the speech began ---


@pytest.mark.parametrize(("onset_ms", "is_early"), [(620, True), (660, False)])
def test_when_the_speech_began_decides_and_not_when_it_is_noticed(sound: Sound, onset_ms: int, is_early: bool) -> None:
    call = answered(sound)
    began = call.now + onset_ms
    call.silence(720)
    sound.onset_ms = began
    call.speech(20)
    assert call.kinds() == ["HoldAgent"] and call.settled == ([] if is_early else [call.now])
    call.text("I want a table" if is_early else "a table", final=False)
    assert call.log[-1] == InterruptAgent(call.now, early=is_early)


def test_the_window_begins_when_the_carrier_shows_that_the_answer_sounds(sound: Sound) -> None:
    call = answered(sound).silence(200)
    call.floor.agent_sounded(call.now - 40)
    go_on(call.silence(540), sound, 200).text("I want a table", final=False)
    assert call.log[-1] == InterruptAgent(call.now, early=True)
    call = answered(sound).silence(1_000)
    call.floor.agent_sounded(call.now - 40)
    assert call.floor.turn == 1, "a turn that is settled stays settled"


# --- sounds that may become speech ---


def test_a_sound_that_may_be_speech_lowers_the_answer_further_and_changes_nothing_else(sound: Sound) -> None:
    call = answered(sound).silence(100)
    sound.may_be_speech = True
    call.silence(20)
    assert call.log == [LowerAgent(call.now, is_suspected=True, is_early=True)]
    sound.may_be_speech = False
    assert call.silence(1_000).new_kinds() == ["LowerAgent"] and call.floor.state is FloorState.SPEAKING
    assert len(call.settled) == 1


def test_speech_after_the_suspicion_withdraws_the_answer(sound: Sound) -> None:
    call = answered(sound).silence(100)
    sound.onset_ms, sound.may_be_speech = call.now, True
    call.silence(60)
    sound.may_be_speech = False
    call.speech(280)
    assert call.new_kinds() == ["LowerAgent", "HoldAgent", "InterruptAgent"]


def test_a_suspicion_keeps_the_turn_open(sound: Sound) -> None:
    call = answered(sound).silence(580)
    began = call.now
    call.silence(120)
    sound.may_be_speech = True
    call.silence(140)
    assert call.settled == []
    sound.onset_ms, sound.may_be_speech = began, False
    call.speech(20).text("I want a table", final=False)
    assert call.log[-1] == InterruptAgent(call.now, early=True)


def test_later_sounds_only_lower_it(sound: Sound) -> None:
    call = answered(sound).silence(800)
    sound.may_be_speech = True
    assert call.silence(20).log == [LowerAgent(call.now, is_suspected=True)]


def test_the_caller_goes_on_twice(sound: Sound) -> None:
    call = go_on(answered(sound).silence(100), sound, 400).silence(200).text("I want a table").silence(300)
    call.record(call.floor.agent_speaking(call.now)).silence(200)
    go_on(call, sound, 400).silence(200).text("I want a table for two").silence(200)
    assert texts(call) == ["I want a table", "I want a table for two"] and call.floor.turn == 0
    assert sum(isinstance(decision, CallerPaused) for decision in call.log) == 2

"""When a turn can no longer change, in virtual time: callers who go on while the answer begins."""

from media.turn.agent_speech import NOTICED_MS
from media.turn.decisions import CallerDone, InterruptAgent
from media.turn.floor_state import FloorState
from tests.media.turn.floor_harness import FloorHarness, make_floor


def answered(text: str = "I want") -> FloorHarness:
    """The caller has said the text and is answered; the answer is audible since now."""
    call = make_floor(settle_ms=300, nod_ms=300).speech(400).silence(200).text(text).silence(200)
    call.silence(100).record(call.floor.agent_speaking(call.now))
    call.log.clear()
    return call


def test_the_turn_is_settled_once_speech_that_began_in_time_would_have_been_noticed() -> None:
    call = answered().silence(300 + NOTICED_MS - 20)
    assert call.settled == [] and call.floor.turn == 0
    call.silence(20)
    assert call.settled == [call.now] and call.floor.turn == 1
    assert call.silence(2_000).settled == [900 + 300 + NOTICED_MS], "once"


def test_who_goes_on_within_them_continues_the_turn() -> None:
    call = answered().silence(200).speech(20)
    assert call.new_kinds() == ["HoldAgent"], "not lowered: it is hardly a nod"
    call.speech(280).text("I want a table", final=False)
    assert call.log == [InterruptAgent(call.now, early=True)] and call.floor.turn == 0
    call.silence(200).text("I want a table for two").silence(200)
    assert [d.text for d in call.log if isinstance(d, CallerDone)] == ["I want a table for two"]
    assert call.settled == []


def test_a_nod_within_them_changes_nothing() -> None:
    call = answered().silence(100).speech(200).silence(260).text("I want okay")
    assert call.new_kinds() == ["HoldAgent", "CallerPaused", "ResumeAgent"]
    call.silence(20)
    assert call.settled == [call.now] and call.floor.state is FloorState.SPEAKING


def test_later_speech_is_a_turn_of_its_own() -> None:
    call = answered().silence(500).speech(400).text("no on Sunday", final=False)
    assert call.log[-1] == InterruptAgent(call.now, early=False) and call.floor.turn == 1


def test_a_key_settles_the_turn_before_it_interrupts() -> None:
    call = answered().silence(100).key("5")
    assert call.settled == [call.now] and call.kinds() == ["HoldAgent", "InterruptAgent"]


def test_the_end_of_a_short_answer_settles_it() -> None:
    call = answered().silence(100).agent_done()
    assert call.floor.turn == 1 and call.floor.state is FloorState.LISTENING


def test_what_cannot_be_interrupted_settles_it_at_once() -> None:
    call = make_floor(settle_ms=300, barge_in=False).speech(400).silence(200).text("I want").silence(200)
    call.record(call.floor.agent_speaking(call.now))
    assert call.settled == [call.now]
    call = answered().silence(100)
    call.record(call.floor.agent_thinking(call.now, interruptible=False))
    assert call.settled == [call.now]


def test_words_known_late_within_them_continue_the_turn_too() -> None:
    call = answered().silence(100).text("I want a table for two")
    assert call.log[:2][-1] == InterruptAgent(call.now, early=True)
    call.silence(400)
    assert [d.text for d in call.log if isinstance(d, CallerDone)] == ["I want a table for two"]


def test_a_backchannel_is_answered_although_a_key_and_fixed_words_cancelled_its_answer() -> None:
    call = make_floor(settle_ms=300).speech(20).silence(200).text("uh-huh").silence(200)
    call.agent().silence(20).speech(20).key("5")
    call.record(call.floor.agent_thinking(call.now, interruptible=False)).agent_done()
    call.log.clear()
    call.silence(400).text("uh-huh")
    assert call.log[-1] == CallerDone(call.now, call.voice, "uh-huh", call.voice + 400)

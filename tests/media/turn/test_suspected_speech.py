"""Sounds over the agent that may become speech: they lower it, and nothing else, long before it is known."""

import pytest

from media.turn.decisions import HoldAgent, InterruptAgent, LowerAgent
from media.turn.endpoint import TurnRules
from media.turn.floor import Floor
from media.turn.floor_state import FloorState
from tests.media.turn.floor_harness import FloorHarness


class Sound:
    """What the floor asks. may_be_speech: the answer. asked: how often it did."""

    def __init__(self) -> None:
        self.may_be_speech, self.asked = False, 0

    def ask(self) -> bool:
        self.asked += 1
        return self.may_be_speech


@pytest.fixture
def sound() -> Sound:
    return Sound()


def speaking_agent(sound: Sound, **rules: int | bool) -> FloorHarness:
    """An agent that has been audible for two seconds."""
    floor = Floor(TurnRules(**rules), may_be_speech=sound.ask)  # type: ignore[arg-type]
    call = FloorHarness(floor).speech(400).silence(200).text("hello").silence(600).agent().silence(2_000)
    call.log.clear()
    return call


def suspect(call: FloorHarness, sound: Sound, ms: int) -> FloorHarness:
    """A sound of so many ms that may be speech, and turns out to be none."""
    sound.may_be_speech = True
    call.silence(ms)
    sound.may_be_speech = False
    return call


def test_a_suspicious_sound_lowers_the_agent_once(sound: Sound) -> None:
    call = speaking_agent(sound)
    began = call.now + 20
    assert suspect(call, sound, 900).log == [LowerAgent(began, is_suspected=True)]
    assert call.floor.state is FloorState.SPEAKING
    assert call.silence(3_000).agent_done().silence(500).kinds() == ["LowerAgent"], "nothing is held, asked or answered"


def test_speech_after_the_suspicion_is_told_as_any(sound: Sound) -> None:
    call = suspect(speaking_agent(sound), sound, 60)
    call.log.clear()
    call.speech(20)
    assert call.log == [LowerAgent(call.now)]
    call.log.clear()
    call.text("wait", final=False)
    assert call.log == [HoldAgent(call.now, lowered=True), InterruptAgent(call.now)]


def test_sounds_that_come_again_and_again_lower_it_twice(sound: Sound) -> None:
    call = speaking_agent(sound)
    for _ in range(10):
        suspect(call, sound, 200).silence(200)
    first, second = call.log
    assert second.t - first.t >= 1_000
    call.log.clear()
    suspect(call.speech(20).silence(260).text("uh-huh"), sound, 900)
    assert call.new_kinds() == ["LowerAgent", "CallerPaused", "ResumeAgent", "LowerAgent"], (
        "it was speech: counted anew"
    )
    call.agent_done().speech(400).silence(200).text("and now").silence(600).agent().silence(400)
    call.log.clear()
    assert suspect(call, sound, 100).kinds() == ["LowerAgent"], "another answer"


def test_who_may_not_interrupt_lowers_nobody(sound: Sound) -> None:
    assert suspect(speaking_agent(sound, barge_in=False), sound, 500).log == []


def test_nobody_asks_while_the_agent_is_silent(sound: Sound) -> None:
    call = FloorHarness(Floor(TurnRules(), may_be_speech=sound.ask)).silence(1_000).speech(400).silence(200)
    call.text("hello").silence(600)
    assert call.floor.state is FloorState.THINKING and sound.asked == 0
    call.silence(200).agent().silence(1_000)
    assert sound.asked == 49, "in each frame, but the one that settles the turn"

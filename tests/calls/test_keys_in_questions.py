"""Keys that the caller presses within a question do not cut its answer. In virtual time."""

import pytest

from shared.events import AgentSaid, CallerSaid, RecordingRefused
from shared.plan import ConsentPlan
from tests.calls.scripted_call import ScriptedCall
from tests.virtual_time import run_virtual

ANSWER = "We are open from nine to five on weekdays and until noon on Saturdays."
KEY = "(pressed on the keypad: 5)"


def said(scripted: ScriptedCall) -> list[str]:
    """What either side said, in order."""
    return [event.text for event in scripted.events.events if isinstance(event, CallerSaid | AgentSaid)]


@pytest.mark.parametrize("before_ms", [0, 300, 600])
def test_key_within_a_question_waits_for_the_end_of_its_answer(before_ms: int) -> None:
    """before_ms: of the question that were said before the key; then comes the rest of it."""

    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(answers=[ANSWER, "You pressed five."])
        await scripted.silence(200)
        await scripted.say("what are", 300 + before_ms)
        scripted.call.on_digit("5")
        await scripted.say("your hours", 600)
        await scripted.silence(12_000)
        await scripted.hang_up()
        return scripted

    scripted = run_virtual(scenario())
    assert said(scripted) == ["what are your hours", ANSWER, KEY, "You pressed five."]
    assert not any(event.interrupted for event in scripted.events_of(AgentSaid))


def test_key_pressed_while_the_answer_is_made_waits_for_its_end() -> None:
    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(answers=[ANSWER, "You pressed five."])
        scripted.model.delay_s = 1.0
        await scripted.say("what are your hours", 900)
        await scripted.silence(700)
        scripted.call.on_digit("5")
        await scripted.silence(12_000)
        await scripted.hang_up()
        return scripted

    assert said(run_virtual(scenario())) == ["what are your hours", ANSWER, KEY, "You pressed five."]


def test_key_over_the_answer_still_cuts_it() -> None:
    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(answers=[ANSWER, "You pressed five."])
        await scripted.say("what are your hours", 900)
        await scripted.wait_until_sounding()
        await scripted.silence(600)
        scripted.call.on_digit("5")
        await scripted.silence(6_000)
        await scripted.hang_up()
        return scripted

    scripted = run_virtual(scenario())
    assert said(scripted)[2:] == [KEY, "You pressed five."]
    assert scripted.events_of(AgentSaid)[0].interrupted


def test_key_that_refuses_the_recording_acts_within_a_question() -> None:
    async def scenario() -> ScriptedCall:
        consent = ConsentPlan("We record.", refusal_key="9")
        scripted = ScriptedCall(answers=[ANSWER], consent=consent)
        await scripted.listen_until_quiet()
        await scripted.silence(500)
        await scripted.say("what are", 400)
        scripted.call.on_digit("9")
        await scripted.say("your hours", 400)
        await scripted.silence(9_000)
        await scripted.hang_up()
        return scripted

    scripted = run_virtual(scenario())
    (refused,) = scripted.events_of(RecordingRefused)
    assert refused.at_ms < scripted.events_of(AgentSaid)[-1].start_ms, "before the rest is said"

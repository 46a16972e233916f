"""Turns that the caller types are answered as if they were spoken. In virtual time."""

from shared.events import AgentSaid, CallerSaid, TurnLatency
from shared.plan import TurnPlan
from tests.calls.scripted_call import ScriptedCall
from tests.virtual_time import run_virtual

ANSWER = "We are open from nine to five on weekdays and until noon on Saturdays."


def said(scripted: ScriptedCall) -> list[str]:
    """What either side said, in order."""
    return [event.text for event in scripted.events.events if isinstance(event, CallerSaid | AgentSaid)]


def test_typed_turn_is_answered() -> None:
    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(answers=[ANSWER])
        await scripted.silence(200)
        scripted.call.on_text("What are your hours?")
        await scripted.silence(12_000)
        await scripted.hang_up()
        return scripted

    scripted = run_virtual(scenario())
    assert said(scripted) == ["What are your hours?", ANSWER]
    assert [event.turn for event in scripted.events_of(TurnLatency)] == [1]


def test_typed_turn_interrupts_the_agent() -> None:
    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(answers=[ANSWER, "You are welcome."])
        scripted.call.on_text("What are your hours?")
        await scripted.wait_until_sounding()
        await scripted.silence(600)
        scripted.call.on_text("Thank you.")
        await scripted.silence(8_000)
        await scripted.hang_up()
        return scripted

    scripted = run_virtual(scenario())
    first, second = scripted.events_of(AgentSaid)
    assert first.interrupted and ANSWER.startswith(first.text)
    assert second.text == "You are welcome."
    assert [event.text for event in scripted.events_of(CallerSaid)] == ["What are your hours?", "Thank you."]


def test_typed_turns_that_follow_at_once_are_one_turn() -> None:
    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(answers=[ANSWER])
        await scripted.silence(20)
        scripted.call.on_text("Hello.")
        scripted.call.on_text("What are your hours?")
        await scripted.silence(12_000)
        await scripted.hang_up()
        return scripted

    assert said(run_virtual(scenario())) == ["Hello. What are your hours?", ANSWER]


def test_spoken_turn_is_kept_when_the_caller_types_before_its_answer() -> None:
    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(answers=[ANSWER, "A table for four."], turn=TurnPlan(silence_ms=400))
        scripted.model.delay_s = 3.0
        await scripted.silence(200)
        await scripted.say("I want to book a table.", 1_200)
        await scripted.silence(2_000)
        scripted.call.on_text("For four people.")
        await scripted.silence(12_000)
        await scripted.hang_up()
        return scripted

    scripted = run_virtual(scenario())
    turns = [event.text for event in scripted.events_of(CallerSaid)]
    assert turns == ["I want to book a table.", "For four people."]
    asked = [message.text for message in scripted.model.requests[-1].messages if message.role == "user"]
    assert asked == turns

"""Who speaks first, and greetings that cannot be interrupted. Whole calls in virtual time."""

import pytest

from shared.events import AgentSaid, CallerSaid, CallNudged, TurnInterrupted
from shared.plan import LimitsPlan, ResumePoint, TurnPlan
from tests.calls.scripted_call import ScriptedCall
from tests.virtual_time import run_virtual

GREETING = "This call is recorded for quality. How can I help you?"
TURN = TurnPlan(silence_ms=400)


def test_agent_that_waits_greets_after_the_first_words() -> None:
    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(greeting=GREETING, turn=TURN, first_message="wait_for_caller")
        await scripted.silence(2_000)
        assert not scripted.carrier.heard_words()
        await scripted.say("hello", 500)
        await scripted.listen_until_quiet()
        await scripted.say("are you open", 800)
        await scripted.listen_until_quiet()
        await scripted.hang_up()
        return scripted

    scripted = run_virtual(scenario())
    assert [(said.turn, said.text) for said in scripted.events_of(CallerSaid)] == [(1, "hello"), (2, "are you open")]
    assert [(said.turn, said.text) for said in scripted.events_of(AgentSaid)] == [(1, GREETING), (2, "I see.")]
    (request,) = scripted.model.requests
    assert [message.text for message in request.messages] == ["hello", GREETING, "are you open"]


def test_agent_that_waits_greets_instead_of_asking_who_is_there() -> None:
    async def scenario() -> ScriptedCall:
        limits = LimitsPlan(idle_nudge_s=3, silence_s=20)
        scripted = ScriptedCall(greeting=GREETING, turn=TURN, limits=limits, first_message="wait_for_caller")
        await scripted.silence(9_000)
        await scripted.hang_up()
        return scripted

    scripted = run_virtual(scenario())
    assert [said.text for said in scripted.events_of(AgentSaid)] == [GREETING]
    assert len(scripted.events_of(CallNudged)) == 1


def test_resumed_call_begins_at_once() -> None:
    async def scenario() -> ScriptedCall:
        resume = ResumePoint([], 0, ScriptedCall().call.snapshot().usage, 0, 0)
        scripted = ScriptedCall(greeting="Sorry for that.", resume=resume, first_message="wait_for_caller")
        await scripted.listen_until_quiet()
        await scripted.hang_up()
        return scripted

    assert [said.text for said in run_virtual(scenario()).events_of(AgentSaid)] == ["Sorry for that."]


@pytest.mark.parametrize("before_ms", [0, 40, 400, 1_000])
def test_greeting_that_cannot_be_interrupted_is_heard_whole_and_then_answers(before_ms: int) -> None:
    """The caller talks before it sounds, or over it."""

    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(greeting=GREETING, turn=TURN, greeting_interruptible=False)
        await scripted.silence(before_ms)
        await scripted.say("hello who is", 700)
        await scripted.silence(160)
        await scripted.say("this please", 500)
        await scripted.listen_until_quiet()
        await scripted.listen_until_quiet()
        await scripted.hang_up()
        return scripted

    scripted = run_virtual(scenario())
    first, second = scripted.events_of(AgentSaid)
    assert (first.text, first.interrupted, second.text) == (GREETING, False, "I see.")
    assert scripted.events_of(TurnInterrupted) == [] and scripted.carrier.clears == []
    (said,) = scripted.events_of(CallerSaid)
    assert (said.turn, said.text) == (1, "hello who is this please")
    assert said.start_ms == pytest.approx(before_ms, abs=20)
    (request,) = scripted.model.requests
    assert [message.text for message in request.messages] == [GREETING, "hello who is this please"]


def test_keys_do_not_interrupt_it_either() -> None:
    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(greeting=GREETING, turn=TURN, greeting_interruptible=False)
        await scripted.wait_until_sounding()
        await scripted.silence(300)
        scripted.call.on_digit("5")
        await scripted.silence(6_000)
        await scripted.hang_up()
        return scripted

    greeting, answer = run_virtual(scenario()).events_of(AgentSaid)
    assert (greeting.text, greeting.interrupted, answer.text) == (GREETING, False, "I see.")


def test_what_the_caller_adds_over_the_greeting_that_answers_is_a_turn_of_its_own() -> None:
    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(
            greeting=GREETING, turn=TURN, first_message="wait_for_caller", greeting_interruptible=False
        )
        await scripted.say("hello", 500)
        while not scripted.turns_taken:
            await scripted.silence(20)
        await scripted.say("is anyone there", 900)
        await scripted.listen_until_quiet()
        await scripted.listen_until_quiet()
        await scripted.hang_up()
        return scripted

    scripted = run_virtual(scenario())
    assert [said.text for said in scripted.events_of(CallerSaid)] == ["hello", "is anyone there"]
    assert [(said.text, said.interrupted) for said in scripted.events_of(AgentSaid)] == [
        (GREETING, False),
        ("I see.", False),
    ]


def test_backchannel_over_it_needs_no_answer() -> None:
    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(greeting="This call is recorded.", turn=TURN, greeting_interruptible=False)
        await scripted.wait_until_sounding()
        await scripted.silence(300)
        await scripted.say("uh-huh", 300)
        await scripted.listen_until_quiet()
        await scripted.silence(3_000)
        await scripted.hang_up()
        return scripted

    assert len(run_virtual(scenario()).events_of(AgentSaid)) == 1

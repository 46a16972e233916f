"""Callers who go on with their sentence while the answer to its first half begins."""

import pytest

from media.providers.ports import ProviderError
from shared.events import AgentSaid, CallerSaid, TurnInterrupted, TurnLatency, TurnResumed
from shared.plan import TurnPlan
from tests.calls.remote_tools import BOOK_PLAN, ScriptedControl, say_and_book
from tests.calls.scripted_call import Answers, ScriptedCall
from tests.virtual_time import run_virtual

HALF, REST = "i want a table", "for two on friday"


def test_an_answer_that_has_just_begun_is_withdrawn_and_the_turn_remains_one() -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=["How many are you?", "Friday is full."])
        await scripted.say(HALF, 800)
        await scripted.wait_until_sounding()
        await scripted.silence(100)
        await scripted.say(REST, 800)
        await scripted.listen_until_quiet()
        assert [said.text for said in scripted.events_of(CallerSaid)] == [f"{HALF} {REST}"]
        assert [(said.turn, said.text) for said in scripted.events_of(AgentSaid)] == [(1, "Friday is full.")]
        assert scripted.events_of(TurnInterrupted) == [] and scripted.events_of(TurnResumed) == []
        assert [(message.role, message.text) for message in scripted.model.requests[-1].messages] == [
            ("user", f"{HALF} {REST}")
        ]
        ended = await scripted.hang_up()
        assert ended.usage.llm_requests == 2, "the withdrawn answer was paid for"
        assert len(scripted.events_of(TurnLatency)) == 1

    run_virtual(call())


@pytest.mark.parametrize("gap_ms", [740, 1_000])
def test_later_speech_interrupts_the_answer_and_is_a_turn_of_its_own(gap_ms: int) -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=["How many of you will be coming to us?", "Friday is full."])
        await scripted.say(HALF, 800)
        await scripted.wait_until_sounding()
        await scripted.silence(gap_ms)
        await scripted.say(REST, 800)
        await scripted.listen_until_quiet()
        assert [said.text for said in scripted.events_of(CallerSaid)] == [HALF, REST]
        assert len(scripted.events_of(TurnInterrupted)) == 1
        assert scripted.events_of(AgentSaid)[0].interrupted

    run_virtual(call())


def test_a_cough_within_the_first_words_does_not_withdraw_them() -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=["How many are you?"])
        await scripted.say(HALF, 800)
        await scripted.wait_until_sounding()
        await scripted.silence(100)
        await scripted.say("", 200)
        await scripted.listen_until_quiet()
        assert [said.text for said in scripted.events_of(CallerSaid)] == [HALF]
        assert [said.text for said in scripted.events_of(AgentSaid)] == ["How many are you?"]

    run_virtual(call())


def test_an_answer_for_which_a_tool_ran_is_interrupted_and_the_tool_runs_once() -> None:
    async def call() -> None:
        control = ScriptedControl(0.0)
        answers: Answers = [say_and_book("Let me book that."), "Friday is full.", "It is booked."]
        scripted = ScriptedCall(answers=answers, tools=(BOOK_PLAN,), remote_tools=control)
        await scripted.say(HALF, 800)
        await scripted.wait_until_sounding()
        await scripted.silence(100)
        await scripted.say(REST, 800)
        await scripted.silence(6_000)
        assert [said.text for said in scripted.events_of(CallerSaid)] == [HALF, REST]
        assert len(control.runs) == 1
        told = [event for event in scripted.events.events if isinstance(event, CallerSaid | AgentSaid)]
        assert told[0].text == HALF, "before what was heard of the answer"
        assert len(scripted.events_of(TurnInterrupted)) == 1

    run_virtual(call())


@pytest.mark.parametrize("tool_s", [0.0, 3.0])
def test_a_long_sound_after_a_tool_was_called_is_no_second_request(tool_s: float) -> None:
    async def call() -> None:
        control = ScriptedControl(tool_s)
        answers: Answers = [say_and_book("I book."), *["We booked it."] * 3]
        scripted = ScriptedCall(answers=answers, tools=(BOOK_PLAN,), remote_tools=control)
        await scripted.say(HALF, 800)
        await scripted.wait_until_sounding()
        await scripted.silence(100)
        await scripted.say("", 1_300)  # so long that it interrupts, whatever it is
        await scripted.silence(9_000)
        assert [said.text for said in scripted.events_of(CallerSaid)] == [HALF]
        for request in scripted.model.requests:
            assert sum(message.text == HALF for message in request.messages) == 1
        assert len(control.runs) == 1
        assert "We booked it." in " ".join(said.text for said in scripted.events_of(AgentSaid))

    run_virtual(call())


def test_a_turn_is_reported_before_an_answer_that_is_shorter_than_it_stays_open() -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=["Yes."])
        await scripted.say(HALF, 800)
        await scripted.wait_until_sounding()
        await scripted.pause(2_000)  # no caller audio at all
        told = [event for event in scripted.events.events if isinstance(event, CallerSaid | AgentSaid)]
        assert [event.text for event in told] == [HALF, "Yes."]

    run_virtual(call())


def test_a_turn_is_settled_while_no_caller_audio_comes() -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=["We are open from nine to five on all days of the week but Sunday."])
        await scripted.say(HALF, 800)
        await scripted.wait_until_sounding()
        await scripted.pause(1_000)
        assert [said.text for said in scripted.events_of(CallerSaid)] == [HALF]
        assert scripted.carrier.sounding

    run_virtual(call())


def test_a_greeting_is_never_withdrawn() -> None:
    async def call() -> None:
        scripted = ScriptedCall(
            greeting="Hello and welcome to the front desk.", answers=["Friday is full."], turn=TurnPlan(silence_ms=400)
        )
        await scripted.wait_until_sounding()
        await scripted.silence(240)
        await scripted.say("i want a table", 1_400)
        await scripted.listen_until_quiet()
        greeting, answer = scripted.events_of(AgentSaid)
        assert greeting.interrupted and greeting.turn == 0 and answer.text == "Friday is full."
        assert len(scripted.events_of(TurnInterrupted)) == 1

    run_virtual(call())


def test_without_barge_in_words_begun_before_the_answer_are_a_turn_after_it() -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=["How many are you?", "Friday is full."], turn=TurnPlan(400, barge_in="off"))
        scripted.model.delay_s = 0.9
        await scripted.say(HALF, 800)
        await scripted.silence(800)
        await scripted.say(REST, 1_000)  # the answer begins meanwhile
        await scripted.silence(6_000)
        told = [event.text for event in scripted.events.events if isinstance(event, CallerSaid | AgentSaid)]
        assert told == [HALF, "How many are you?", REST, "Friday is full."]

    run_virtual(call())


def test_an_answer_that_fails_under_the_caller_s_words_loses_none_of_them() -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=[ProviderError("scripted", "cut"), "Friday is full."])
        scripted.model.delay_s = 0.9
        await scripted.say(HALF, 800)
        await scripted.silence(900)
        await scripted.say(REST, 1_000)  # the answer fails meanwhile
        await scripted.silence(6_000)
        assert [said.text for said in scripted.events_of(CallerSaid)] == [HALF, REST]
        assert scripted.events_of(AgentSaid)[-1].text == "Friday is full."

    run_virtual(call())

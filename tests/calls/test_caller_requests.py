"""A caller who asks for a person reaches one, whatever the model would answer. Whole calls in virtual time."""

import pytest

from media.providers.ports import ToolCall
from shared.events import AgentSaid, CallEnded, CallerSaid
from shared.plan import TurnPlan
from tests.calls.scripted_call import ScriptedCall
from tests.virtual_time import run_virtual

NUMBER = "+14155550123"
WORDS = "I'll put you through to a colleague."


async def ask(text: str, *, number: str = NUMBER, greeting: str = "Hello.", language: str = "en") -> ScriptedCall:
    """A caller says this after the greeting, and waits."""
    scripted = ScriptedCall(
        greeting=greeting,
        turn=TurnPlan(silence_ms=400),
        transfer_number=number,
        language=language,
        tools=("end_call",),
    )
    await scripted.listen_until_quiet()
    await scripted.say(text, 800)
    await scripted.listen_until_quiet()
    return scripted


def test_words_reach_a_person_without_the_model() -> None:
    async def scenario() -> tuple[ScriptedCall, CallEnded]:
        scripted = await ask("A person, please.")
        assert scripted.carrier.hung_up
        return scripted, await scripted.hang_up()

    scripted, ended = run_virtual(scenario())
    assert scripted.model.requests == []
    assert [said.text for said in scripted.events_of(CallerSaid)] == ["A person, please."]
    assert scripted.events_of(AgentSaid)[-1].text == WORDS
    assert (ended.end_reason, ended.detail) == ("transferred", "the caller asked for a person")
    assert scripted.call.termination.transfer_number == NUMBER


def test_words_over_an_answer_reach_a_person() -> None:
    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(
            answers=["Let me tell you all about our opening hours, which are long."], transfer_number=NUMBER
        )
        await scripted.say("are you open", 800)
        await scripted.wait_until_sounding()
        await scripted.silence(500)
        await scripted.say("let me speak to a human", 1_500)
        await scripted.silence(6_000)
        assert scripted.carrier.hung_up
        return scripted

    assert run_virtual(scenario()).call.termination.transfer_number == NUMBER


@pytest.mark.parametrize(
    ("text", "number", "greeting", "language"),
    [
        ("A person called me.", NUMBER, "Hello.", "en"),
        ("A person, please.", "", "Hello.", "en"),
        ("Una persona.", NUMBER, "¿Para cuántas personas?", "es"),
    ],
)
def test_other_words_are_answered_by_the_model(text: str, number: str, greeting: str, language: str) -> None:
    async def scenario() -> ScriptedCall:
        scripted = await ask(text, number=number, greeting=greeting, language=language)
        assert not scripted.carrier.hung_up
        return scripted

    assert len(run_virtual(scenario()).model.requests) == 1


@pytest.mark.parametrize(
    ("keys", "number", "is_reached"),
    [("0", NUMBER, True), ("000", NUMBER, True), ("0", "", False), ("10", NUMBER, False)],
)
def test_key_zero_reaches_a_person(keys: str, number: str, is_reached: bool) -> None:
    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(greeting="Hello.", transfer_number=number)
        await scripted.listen_until_quiet()
        for key in keys:
            scripted.call.on_digit(key)
        await scripted.silence(1_600)
        await scripted.listen_until_quiet()
        assert scripted.carrier.hung_up is is_reached
        return scripted

    scripted = run_virtual(scenario())
    assert bool(scripted.model.requests) is not is_reached
    assert bool(scripted.call.termination.transfer_number) is is_reached


@pytest.mark.parametrize("greeting", ["Please key in your account number.", "For how many people?"])
def test_key_zero_that_answers_a_question_does_not_transfer(greeting: str) -> None:
    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(greeting=greeting, transfer_number=NUMBER)
        await scripted.listen_until_quiet()
        scripted.call.on_digit("0")
        await scripted.silence(1_600)
        await scripted.listen_until_quiet()
        return scripted

    scripted = run_virtual(scenario())
    assert len(scripted.model.requests) == 1 and not scripted.call.termination.transfer_number


def test_zero_in_a_slowly_typed_number_does_not_transfer() -> None:
    """The first key became a turn before the second one came."""

    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(greeting="Hello.", transfer_number=NUMBER)
        await scripted.listen_until_quiet()
        for key in "10":
            scripted.call.on_digit(key)
            await scripted.silence(2_500)
        await scripted.silence(3_000)
        return scripted

    assert not run_virtual(scenario()).call.termination.transfer_number


def test_zero_after_the_digits_of_a_tool_does_not_transfer() -> None:
    collect = ToolCall("1", "collect_digits", '{"max_digits": 4}')

    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(
            greeting="Hello.", answers=[[collect], "Thank you."], transfer_number=NUMBER, tools=("collect_digits",)
        )
        await scripted.listen_until_quiet()
        await scripted.say("my pin", 600)
        await scripted.silence(2_000)
        for key in "12340":
            scripted.call.on_digit(key)
            await scripted.silence(300)
        await scripted.silence(6_000)
        return scripted

    scripted = run_virtual(scenario())
    assert any("1234" in message.text for request in scripted.model.requests for message in request.messages)
    assert not scripted.call.termination.transfer_number

"""A person who asks in a call not to be called again: told to control once, confirmed, in virtual time."""

import pytest

from shared.events import AgentSaid, CallerOptedOut
from shared.plan import TurnPlan
from tests.calls.scripted_call import ScriptedCall
from tests.virtual_time import run_virtual

NOTED = "All right. I've noted that you don't want to be called again."


async def say(*turns: str, greeting: str = "Hello.", language: str = "en") -> ScriptedCall:
    """A call in which the person says these, each after the agent was heard."""
    scripted = ScriptedCall(greeting=greeting, turn=TurnPlan(silence_ms=400), language=language)
    await scripted.listen_until_quiet()
    for turn in turns:
        await scripted.say(turn, 1_000)
        await scripted.listen_until_quiet()
    return scripted


@pytest.mark.parametrize(
    ("language", "text", "noted"),
    [
        ("en", "Please take me off your list.", NOTED),
        (
            "de",
            "Rufen Sie mich nicht mehr an.",
            "In Ordnung. Ich habe vermerkt, dass Sie nicht mehr angerufen werden möchten.",
        ),
        ("es", "No me llame más.", "De acuerdo. He anotado que no desea recibir más llamadas."),
        ("fr", "Ne m'appelez plus.", "D'accord. J'ai noté que vous ne souhaitez plus être appelé."),
    ],
)
def test_opt_out_is_reported_and_confirmed_without_the_model(language: str, text: str, noted: str) -> None:
    scripted = run_virtual(say(text, language=language))
    (event,) = scripted.events_of(CallerOptedOut)
    assert event.by == "words" and event.at_ms > 0
    assert [one.text for one in scripted.events_of(AgentSaid)] == ["Hello.", noted]
    assert not scripted.model.requests


def test_opt_out_is_reported_once_and_the_model_answers_a_repetition() -> None:
    scripted = run_virtual(say("Stop calling me.", "I said stop calling me.", "Stop calling me!"))
    assert len(scripted.events_of(CallerOptedOut)) == 1
    assert len(scripted.model.requests) == 2


def test_other_words_beside_an_opt_out_are_answered() -> None:
    scripted = run_virtual(say("Stop calling me. When do you open tomorrow?"))
    assert len(scripted.events_of(CallerOptedOut)) == len(scripted.model.requests) == 1


def test_name_is_not_taken_for_an_opt_out() -> None:
    scripted = run_virtual(say("Don't call me Bob."))
    assert not scripted.events_of(CallerOptedOut) and len(scripted.model.requests) == 1


def test_a_language_without_patterns_leaves_it_to_the_model() -> None:
    scripted = run_virtual(say("Stop calling me.", language="pl"))
    assert not scripted.events_of(CallerOptedOut) and len(scripted.model.requests) == 1


def test_the_greeting_that_an_opt_out_cut_off_is_not_said_again() -> None:
    greeting = "Hello, this is Acme, and I would like to tell you about our offers."

    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(greeting=greeting, turn=TurnPlan(silence_ms=400))
        await scripted.wait_until_sounding()
        await scripted.silence(300)
        await scripted.say("Stop calling me.", 1_200)
        await scripted.listen_until_quiet()
        await scripted.silence(2_000)
        return scripted

    scripted = run_virtual(scenario())
    assert len(scripted.events_of(CallerOptedOut)) == 1
    assert [one.text for one in scripted.events_of(AgentSaid)][-1] == NOTED
    assert not scripted.model.requests


def test_opt_out_before_the_greeting_skips_the_greeting() -> None:
    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(
            greeting="Hello, this is Acme.", turn=TurnPlan(silence_ms=400), first_message="wait_for_caller"
        )
        await scripted.say("Stop calling me.", 1_200)
        await scripted.listen_until_quiet()
        await scripted.silence(3_000)
        return scripted

    scripted = run_virtual(scenario())
    assert len(scripted.events_of(CallerOptedOut)) == 1
    assert [one.text for one in scripted.events_of(AgentSaid)] == [NOTED]

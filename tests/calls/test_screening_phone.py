"""Outbound calls to phones that answer by themselves and ask who calls and why. In virtual time."""

from typing import Literal

import pytest

from media.call.screening_phone import LONGEST_WAIT_MS, is_prompt
from shared.events import AgentSaid, CallEnded, CallScreened
from shared.plan import ContextPlan
from tests.calls.scripted_call import ScriptedCall
from tests.virtual_time import run_virtual

PROMPT = "hi if you record your name and reason for calling I'll see if this person is available"
MAILBOX = "you have reached the mailbox of bob miller please leave a message after the tone and i will call you back"
MESSAGE = "This is Ada of Acme about your appointment."
OUTBOUND = ContextPlan(direction="outbound")


@pytest.mark.parametrize(
    "words",
    [
        PROMPT,
        "Hi, I\u2019m Call Assist by Google recording this call for the person you're trying to reach.",
        "Please state your name and why you're calling.",
        "the person you are calling is using a screening service from Google",
        "Bitte nennen Sie Ihren Namen und den Grund Ihres Anrufs.",
        "Veuillez indiquer votre nom et la raison de votre appel.",
        "Diga su nombre y el motivo de su llamada.",
    ],
)
def test_words_of_call_screening(words: str) -> None:
    assert is_prompt(words)


@pytest.mark.parametrize("words", [MAILBOX, "Hello?", "Who is this?", "My name is Ann, and I have no reason to wait."])
def test_words_of_others(words: str) -> None:
    assert not is_prompt(words)


def screened(*, message: str = MESSAGE, words: str = PROMPT, verdict_after_ms: int = 2_000) -> ScriptedCall:
    """A call whose phone speaks; the carrier takes it for a machine meanwhile. Then a person says hello."""

    async def call() -> ScriptedCall:
        scripted = ScriptedCall(
            answers=["I call about your appointment.", "Hello, it is Ada."], context=OUTBOUND, screening_message=message
        )
        first, second = words.split()[:4], words.split()[4:]
        await scripted.silence(300)
        await scripted.say(" ".join(first), verdict_after_ms)
        scripted.call.end("voicemail", polite=False)
        await scripted.say(" ".join(second), 2_000)
        await scripted.silence(6_000)
        if scripted.call.termination.reason is None:
            await scripted.say("hello", 500)
            await scripted.silence(5_000)
        await scripted.hang_up()
        return scripted

    return run_virtual(call())


def test_message_is_said_to_the_phone_and_the_person_is_talked_with() -> None:
    scripted = screened()
    assert [said.text for said in scripted.events_of(AgentSaid)] == [MESSAGE, "I call about your appointment."]
    assert len(scripted.events_of(CallScreened)) == 1
    assert scripted.events_of(CallEnded)[0].end_reason == "caller_hangup"


def test_model_answers_the_phone_without_a_message() -> None:
    scripted = screened(message="")
    assert [said.text for said in scripted.events_of(AgentSaid)] == [
        "I call about your appointment.",
        "Hello, it is Ada.",
    ]
    assert scripted.events_of(CallEnded)[0].end_reason == "caller_hangup"


def test_mailbox_ends_the_call_as_soon_as_its_words_are_known() -> None:
    scripted = screened(words=MAILBOX)
    assert scripted.events_of(CallScreened) == []
    assert scripted.events_of(CallEnded)[0].end_reason == "voicemail"


def test_machine_that_says_nothing_ends_the_call_after_a_while() -> None:
    async def call() -> ScriptedCall:
        scripted = ScriptedCall(context=OUTBOUND)
        await scripted.silence(1_000)
        scripted.call.end("voicemail", polite=False)
        await scripted.silence(round(LONGEST_WAIT_MS) - 500)
        assert scripted.call.termination.reason is None
        await scripted.silence(1_000)
        assert scripted.call.termination.reason == "voicemail"
        await scripted.hang_up()
        return scripted

    run_virtual(call())


@pytest.mark.parametrize(("context", "screening"), [(OUTBOUND, "end"), (ContextPlan(), "answer")])
def test_verdict_ends_calls_at_once_that_do_not_answer_screening(
    context: ContextPlan, screening: Literal["answer", "end"]
) -> None:
    async def call() -> None:
        scripted = ScriptedCall(context=context, screening=screening)
        await scripted.say(PROMPT, 2_000)
        scripted.call.end("voicemail", polite=False)
        assert scripted.call.termination.reason == "voicemail"
        await scripted.hang_up()

    run_virtual(call())

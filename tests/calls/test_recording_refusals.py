"""Which words and keys of a caller refuse a recording that was announced, and what is answered. In virtual time.

A refusal deletes what was recorded, so what only sounds like one must not count.
"""

import pytest

from shared.events import AgentSaid, RecordingRefused
from shared.plan import ConsentPlan, TurnPlan
from tests.calls.scripted_call import ScriptedCall
from tests.virtual_time import run_virtual

CONSENT = ConsentPlan(
    "This call is recorded, say no or press nine if you object.", ("no", "I would rather you did not"), "9"
)
NOT_RECORDED = "All right, this call is not recorded."


async def begin(greeting: str, answers: tuple[str, ...] = (), language: str = "en") -> ScriptedCall:
    """A call whose announcement and greeting were heard."""
    scripted = ScriptedCall(
        greeting=greeting, answers=answers, turn=TurnPlan(silence_ms=400), consent=CONSENT, language=language
    )
    await scripted.listen_until_quiet()
    await scripted.wait_until_sounding()
    await scripted.silence(len(greeting.split()) * 300 + 100)
    return scripted


def is_refused(scripted: ScriptedCall) -> bool:
    return bool(scripted.events_of(RecordingRefused))


@pytest.mark.parametrize(
    ("greeting", "language", "counts"),
    [
        ("Hello, how can I help?", "en", True),
        ("Hello.", "en", True),
        ("Is this a good time?", "en", False),
        ("Hallo, was kann ich tun?", "de", True),
        ("Passt es Ihnen gerade?", "de", False),
        ("¿En qué puedo ayudar?", "es", True),
        ("Vous avez un instant ?", "fr", False),
    ],
)
def test_no_counts_unless_it_answers_the_greeting(greeting: str, language: str, counts: bool) -> None:
    async def scenario() -> ScriptedCall:
        scripted = await begin(greeting, language=language)
        await scripted.say("No.", 400)
        await scripted.listen_until_quiet()
        return scripted

    scripted = run_virtual(scenario())
    assert is_refused(scripted) is counts
    assert bool(scripted.model.requests) is not counts


def test_no_over_the_beginning_of_a_greeting_counts_and_the_greeting_is_said_again() -> None:
    """Nobody knows which of the two it answers: the recording is lost, and the question is asked again."""
    greeting = "Do you have a minute for me now?"

    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(greeting=greeting, turn=TurnPlan(silence_ms=400), consent=CONSENT)
        await scripted.listen_until_quiet()
        await scripted.wait_until_sounding()
        await scripted.silence(300)
        await scripted.say("No.", 1_200)
        await scripted.listen_until_quiet()
        await scripted.silence(4_000)
        await scripted.say("No.", 600)
        await scripted.listen_until_quiet()
        return scripted

    scripted = run_virtual(scenario())
    assert is_refused(scripted) and len(scripted.model.requests) == 1
    assert [one.text for one in scripted.events_of(AgentSaid)][-3:] == [NOT_RECORDED, greeting, "I see."]


def test_greeting_that_gave_way_to_a_question_is_not_said_again() -> None:
    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(
            greeting="Hello, this is the front desk of the practice.",
            answers=["We are open from eight to six today."],
            turn=TurnPlan(silence_ms=400),
            consent=CONSENT,
        )
        await scripted.listen_until_quiet()
        await scripted.wait_until_sounding()
        await scripted.silence(600)
        for text in ("are you open", "don't record me"):
            await scripted.say(text, 1_200)
            await scripted.wait_until_sounding()
            await scripted.silence(1_000)
        await scripted.silence(6_000)
        return scripted

    spoken = [one.text for one in run_virtual(scenario()).events_of(AgentSaid)]
    assert not any("practice" in text for text in spoken) and spoken[-1] == NOT_RECORDED


def test_no_that_interrupts_an_answer_does_not_refuse_the_recording() -> None:
    async def scenario() -> ScriptedCall:
        scripted = await begin("Hello.", ("We are open today. Are you a new customer of our practice here?",))
        await scripted.say("are you open", 800)
        await scripted.wait_until_sounding()
        await scripted.silence(1_500)
        await scripted.say("No.", 1_200)
        await scripted.listen_until_quiet()
        return scripted

    scripted = run_virtual(scenario())
    assert not is_refused(scripted) and len(scripted.model.requests) == 2


@pytest.mark.parametrize(
    ("text", "is_answered"),
    [
        ("Don't record me.", False),
        ("Please don't record me. Thank you!", False),
        ("Don't record me. What are your hours?", True),
        ("don't record me what are your opening hours tomorrow", True),
        ("No. I want to book a table.", True),
    ],
)
def test_other_words_beside_a_recording_refusal_are_answered(text: str, is_answered: bool) -> None:
    async def scenario() -> ScriptedCall:
        scripted = await begin("Hello.")
        await scripted.say(text, 900)
        await scripted.listen_until_quiet()
        await scripted.silence(4_000)
        return scripted

    scripted = run_virtual(scenario())
    assert is_refused(scripted)
    assert [one.text for one in scripted.events_of(AgentSaid)][2:] == [NOT_RECORDED, *["I see."] * is_answered]


@pytest.mark.parametrize(
    ("text", "counts"), [("I would rather you did not.", True), ("I would rather you did not send me letters.", False)]
)
def test_configured_words_later_in_the_call_count_as_a_whole_sentence_only(text: str, counts: bool) -> None:
    async def scenario() -> ScriptedCall:
        scripted = await begin("Hello.")
        await scripted.say("are you open", 800)
        await scripted.listen_until_quiet()
        await scripted.say(text, 900)
        await scripted.listen_until_quiet()
        return scripted

    assert is_refused(run_virtual(scenario())) is counts


@pytest.mark.parametrize(("greeting", "counts"), [("Hello.", True), ("What is your phone number?", False)])
def test_key_within_a_number_does_not_refuse_the_recording(greeting: str, counts: bool) -> None:
    async def scenario() -> ScriptedCall:
        scripted = await begin(greeting)
        scripted.call.on_digit("9")
        await scripted.silence(2_000)
        await scripted.listen_until_quiet()
        return scripted

    assert is_refused(run_virtual(scenario())) is counts

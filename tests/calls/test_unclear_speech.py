"""Whole calls: the caller speaks, and no word of it is understood."""

import pytest

from media.call.phrases import phrases_in
from media.call.silence_monitor import SHORTEST_SPEECH_MS
from shared.events import AgentSaid, CallerSaid
from shared.plan import LimitsPlan, ToolPlan
from tests.calls.faulty_providers import booking
from tests.calls.remote_tools import ScriptedControl
from tests.calls.scripted_call import ScriptedCall
from tests.virtual_time import run_virtual

EN = phrases_in("en")
LIMITS = LimitsPlan(idle_nudge_s=0, silence_s=0)


def said(scripted: ScriptedCall) -> list[str]:
    return [event.text for event in scripted.events_of(AgentSaid)]


async def mumble(scripted: ScriptedCall, ms: int = 900, after_ms: int = 4_000) -> None:
    """The caller speaks, of which the recognizer will know no word, and waits."""
    await scripted.say("", ms)
    await scripted.silence(after_ms)


@pytest.mark.parametrize("language", ["en", "de", "es", "fr-CA", "nl"])
def test_the_agent_asks_again_in_its_language(language: str) -> None:
    async def call() -> None:
        scripted = ScriptedCall(limits=LIMITS, language=language)
        await mumble(scripted)
        assert said(scripted) == [phrases_in(language).not_understood]

    run_virtual(call())


def test_the_caller_waits_no_longer_than_for_an_answer() -> None:
    async def call() -> None:
        scripted = ScriptedCall(limits=LIMITS)
        await scripted.say("", 900)
        await scripted.wait_until_sounding(1_000)

    run_virtual(call())


def test_speech_like_noise_makes_the_agent_ask_once() -> None:
    async def call() -> None:
        scripted = ScriptedCall(limits=LIMITS)
        for _ in range(4):
            await mumble(scripted)
        assert said(scripted) == [EN.not_understood]
        await scripted.say("are you open", 900)
        await scripted.listen_until_quiet()
        await mumble(scripted)
        assert said(scripted) == [EN.not_understood, "I see.", EN.not_understood]
        assert [event.text for event in scripted.events_of(CallerSaid)] == ["are you open"]

    run_virtual(call())


def test_cough_does_not_make_the_agent_ask_again() -> None:
    async def call() -> None:
        scripted = ScriptedCall(limits=LIMITS)
        await mumble(scripted, SHORTEST_SPEECH_MS - 40)
        assert said(scripted) == []

    run_virtual(call())


def test_words_that_come_late_are_answered_and_not_asked_for() -> None:
    """The recognizer has not answered yet when the caller's turn is given up."""

    async def call() -> None:
        scripted = ScriptedCall(limits=LIMITS)
        scripted.recognizer.answer_s = 3.0
        await scripted.say("are you open", 900)
        await scripted.silence(8_000)
        assert said(scripted) == ["I see."]

    run_virtual(call())


def test_a_backchannel_after_the_agents_words_is_not_asked_for() -> None:
    async def call() -> None:
        scripted = ScriptedCall(limits=LIMITS, greeting="Hello, front desk.")
        await scripted.wait_until_sounding()
        await scripted.silence(600)
        await scripted.say("mhm", 700)
        await scripted.silence(4_000)
        assert EN.not_understood not in said(scripted)

    run_virtual(call())


def test_nothing_is_asked_for_before_the_greeting_or_while_a_tool_runs() -> None:
    async def call() -> None:
        scripted = ScriptedCall(limits=LIMITS, greeting="Front desk.", first_message="wait_for_caller")
        await mumble(scripted)
        assert said(scripted) == []

        scripted = ScriptedCall(
            limits=LIMITS,
            answers=[booking(), "It is booked."],
            tools=(ToolPlan("book", remote=True),),
            remote_tools=ScriptedControl(12.0),
        )
        await scripted.say("book a table", 900)
        await scripted.silence(2_000)
        await mumble(scripted)
        assert EN.not_understood not in said(scripted)

    run_virtual(call())

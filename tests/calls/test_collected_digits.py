"""Digits that a tool collects in a call: spoken, pressed and mixed; further tries; and the outcome in the record."""

import json

import pytest

from media.call.phrases import phrases_in
from media.providers.ports import TextDelta, ToolCall
from shared.events import AgentSaid, CallerSaid, DigitPressed, DigitsCollected, ToolRan, encode_event
from tests.calls.remote_tools import results_of
from tests.calls.scripted_call import ScriptedCall
from tests.virtual_time import run_virtual

PROMPT = "What is your number?"
CONFIRMED = "They were read back, and the caller has confirmed them."


def script(*more: str, **arguments: object) -> ScriptedCall:
    collect = ToolCall("1", "collect_digits", json.dumps(arguments))
    return ScriptedCall(answers=[[TextDelta(PROMPT), collect], *more], tools=("collect_digits",))


async def asked(scripted: ScriptedCall) -> None:
    """The agent has asked for the digits."""
    await scripted.say("I want to change my order.", 900)
    await scripted.listen_until_quiet()


async def confirm(scripted: ScriptedCall, words: str = "yes") -> None:
    """The caller hears the digits, and answers."""
    await scripted.listen_until_quiet()
    await scripted.say(words, 300)
    await scripted.listen_until_quiet()


def said(scripted: ScriptedCall) -> list[str]:
    return [one.text for one in scripted.events_of(AgentSaid)]


def outcome(scripted: ScriptedCall) -> DigitsCollected:
    (collected,) = scripted.events_of(DigitsCollected)
    return collected


def test_spoken_digits_are_collected() -> None:
    async def call() -> None:
        scripted = script("Thank you.", spoken=True, kind="phone")
        await asked(scripted)
        await scripted.say("four one five, five five five, oh one two three", 2_000)
        await confirm(scripted)
        assert said(scripted) == [PROMPT, "I have * * *, * * *, * * * *. Is that right?", "Thank you."]
        assert results_of(scripted.model.requests[1]) == [f"The caller gave: 4155550123. {CONFIRMED}"]
        assert len(scripted.model.requests) == 2, "the words are no turn of their own to answer"
        one = outcome(scripted)
        assert (one.outcome, one.count, one.tries, one.sources) == ("complete", 10, 1, ("speech",))
        assert [turn.text for turn in scripted.events_of(CallerSaid)][1].startswith("four one five")

    run_virtual(call())


def test_words_then_keys_are_one_number() -> None:
    async def call() -> None:
        scripted = script("Thank you.", spoken=True, min_digits=10, max_digits=10)
        await asked(scripted)
        await scripted.say("four one five", 900)
        await scripted.silence(2_500)
        for key in "5550123":
            scripted.call.on_digit(key)
            await scripted.silence(200)
        await confirm(scripted)
        assert results_of(scripted.model.requests[1]) == [f"The caller gave: 4155550123. {CONFIRMED}"]
        assert outcome(scripted).sources == ("keys", "speech")
        assert [one.digit for one in scripted.events_of(DigitPressed)] == [""] * 7

    run_virtual(call())


@pytest.mark.parametrize(("kind", "is_over"), [("", True), ("phone", False)])
def test_enough_spoken_digits_are_waited_for_shortly(kind: str, *, is_over: bool) -> None:
    async def call() -> None:
        scripted = script("Thank you.", spoken=True, min_digits=4, max_digits=12, kind=kind)
        await asked(scripted)
        await scripted.say("one two three four five six", 1_200)
        await scripted.silence(8_000)
        assert ("I have" in " ".join(said(scripted))) is is_over

    run_virtual(call())


def test_number_in_two_turns_is_one() -> None:
    async def call() -> None:
        scripted = script("Thank you.", spoken=True, max_digits=8, min_digits=8)
        await asked(scripted)
        await scripted.say("one two three four", 1_000)
        await scripted.silence(2_500)
        await scripted.say("five six seven eight", 1_000)
        await confirm(scripted)
        assert results_of(scripted.model.requests[1]) == [f"The caller gave: 12345678. {CONFIRMED}"]

    run_virtual(call())


@pytest.mark.parametrize("words", ["could you call me back instead", "one moment please, I am looking for it"])
def test_other_words_end_the_collection_and_are_answered(words: str) -> None:
    async def call() -> None:
        scripted = script("Of course.", spoken=True)
        await asked(scripted)
        await scripted.say(words, 1_200)
        await scripted.listen_until_quiet()
        await scripted.silence(20_000)
        assert said(scripted)[:2] == [PROMPT, "Of course."]
        assert outcome(scripted).outcome == "abandoned"
        assert len(scripted.model.requests) == 2
        assert not scripted.events_of(ToolRan)[0].ok

    run_virtual(call())


def test_further_tries_have_prompts_and_the_third_offers_the_keypad() -> None:
    async def call() -> None:
        prompts = ["Once more, please.", "All eight digits, please."]
        scripted = script(
            "Sorry.", spoken=True, min_digits=8, max_digits=8, tries=3, retry_prompts=prompts, timeout_s=3
        )
        await asked(scripted)
        for words in ("one two three", "one two three four"):
            await scripted.say(words, 900)
            await scripted.listen_until_quiet()
        await scripted.say("one two", 900)
        await scripted.listen_until_quiet()
        assert said(scripted) == [PROMPT, prompts[0], f"{prompts[1]} {phrases_in('en').use_keypad}", "Sorry."]
        assert "fewer than the 8" in results_of(scripted.model.requests[1])[0]
        one = outcome(scripted)
        assert (one.outcome, one.count, one.tries) == ("too_few", 2, 3)

    run_virtual(call())


def test_silent_caller_is_asked_again_while_the_answer_waits() -> None:
    async def call() -> None:
        scripted = script("Thank you.", tries=2, first_timeout_s=3, timeout_s=2)
        await asked(scripted)
        await scripted.listen_until_quiet()
        for key in "12#":
            scripted.call.on_digit(key)
            await scripted.silence(200)
        await scripted.listen_until_quiet()
        assert phrases_in("en").not_understood in " ".join(said(scripted))
        assert results_of(scripted.model.requests[1]) == ["The caller pressed: 12"]
        assert (outcome(scripted).tries, outcome(scripted).sources) == (2, ("keys",))

    run_virtual(call())


def test_digit_that_was_not_understood_is_a_failed_try() -> None:
    async def call() -> None:
        scripted = script("Thank you.", spoken=True, max_digits=10, tries=2)
        await asked(scripted)
        await scripted.say("four one five fox five five oh one two three", 2_000)
        await scripted.listen_until_quiet()
        await scripted.say("four one five five five five oh one two three", 2_000)
        await confirm(scripted)
        assert results_of(scripted.model.requests[1]) == [f"The caller gave: 4155550123. {CONFIRMED}"]
        assert outcome(scripted).tries == 2

    run_virtual(call())


def test_time_does_not_run_while_the_caller_speaks() -> None:
    async def call() -> None:
        scripted = script("Thank you.", spoken=True, max_digits=10, timeout_s=1, first_timeout_s=2)
        await asked(scripted)
        await scripted.say("four one five five five five oh one two three", 6_000)
        await confirm(scripted)
        assert results_of(scripted.model.requests[1]) == [f"The caller gave: 4155550123. {CONFIRMED}"]

    run_virtual(call())


@pytest.mark.parametrize("talks", [False, True])
def test_pressed_digits_of_a_payment_are_in_no_event_or_checkpoint(*, talks: bool) -> None:
    """Keys only: what is said instead ends the collection, as before."""

    async def call() -> None:
        scripted = script("Thank you.", "And now?", kind="card")
        await asked(scripted)
        for key in "4111111111111111"[: 8 if talks else 16]:
            scripted.call.on_digit(key)
            await scripted.silence(100)
        if talks:
            await scripted.say("wait a moment please", 900)
        await scripted.listen_until_quiet()
        assert any("4111111111111111" in one for one in results_of(scripted.model.requests[1])) is not talks
        assert outcome(scripted).outcome == ("abandoned" if talks else "complete")
        assert not any(b"41111111" in encode_event(envelope) for envelope in scripted.events.envelopes)
        assert "41111111" not in f"{scripted.call.snapshot()}"
        assert "".join(one.digit for one in scripted.events_of(DigitPressed)) == ""

    run_virtual(call())

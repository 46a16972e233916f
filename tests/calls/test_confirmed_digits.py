"""Digits that the call reads back: what counts as a yes, what does not, and that they are in no record."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from media.call.phrases import phrases_in
from media.providers.ports import TextDelta, ToolCall
from shared.events import AgentSaid, DigitsCollected, RecordingRefused, ToolRan, encode_event
from shared.plan import ConsentPlan
from tests.calls.remote_tools import results_of
from tests.calls.scripted_call import ScriptedCall
from tests.virtual_time import run_virtual

EN = phrases_in("en")
QUESTION = "I have * *, * * *. Is that right?"
TOLD = "The caller pressed: 47110. They were read back, and the caller has confirmed them."
UNKNOWN = "The caller did not confirm the digits that were read back, so they are not known."


async def read_back(*more: str, **arguments: Any) -> ScriptedCall:
    """A call in which the caller has pressed 47110, and heard it."""
    scripted = await pressed(*more, **arguments)
    await scripted.listen_until_quiet()
    return scripted


async def pressed(*more: str, keys: str = "47110", options: Mapping[str, Any] = {}, **arguments: Any) -> ScriptedCall:
    collect = ToolCall("1", "collect_digits", json.dumps({"confirm": True, "max_digits": 5, **arguments}))
    answers: list[str | list[TextDelta | ToolCall]] = [[TextDelta("What is your number?"), collect], *more]
    scripted = ScriptedCall(answers=answers, tools=("collect_digits",), **options)
    await scripted.silence(3_000)
    await scripted.say("I want to change my order.", 900)
    await scripted.listen_until_quiet()
    await press(scripted, keys)
    return scripted


async def press(scripted: ScriptedCall, keys: str) -> None:
    for key in keys:
        scripted.call.on_digit(key)
        await scripted.silence(200)


async def answer(scripted: ScriptedCall, words: str) -> None:
    await scripted.say(words, 300 * len(words.split()))
    await scripted.listen_until_quiet()


def said(scripted: ScriptedCall) -> list[str]:
    return [one.text for one in scripted.events_of(AgentSaid)][1:]


@pytest.mark.parametrize("reply", ["yes", "yeah, that's right", "s\u00ed", "1"])
def test_yes_gives_the_digits_to_the_model(reply: str) -> None:
    async def call() -> None:
        scripted = await read_back("Thank you.")
        assert len(scripted.model.requests) == 1, "the model takes no part"
        if reply == "1":
            await press(scripted, reply)
            await scripted.listen_until_quiet()
        else:
            await answer(scripted, reply)
        assert said(scripted) == [QUESTION, "Thank you."]
        assert not any(one.interrupted for one in scripted.events_of(AgentSaid))
        assert results_of(scripted.model.requests[1]) == [TOLD]
        assert not any(
            b"4 7" in encode_event(envelope) or b"4711" in encode_event(envelope)
            for envelope in scripted.events.envelopes
        )
        assert "4711" not in (record := f"{scripted.call.snapshot()}") and "4 7" not in record

    run_virtual(call())


@pytest.mark.parametrize(("after_ms", "is_answer"), [(600, False), (2_600, True)])
def test_yes_over_the_digits_is_a_backchannel_and_over_the_end_an_answer(after_ms: int, *, is_answer: bool) -> None:
    async def call() -> None:
        scripted = await pressed("Thank you.")
        await scripted.wait_until_sounding()
        await scripted.silence(after_ms)
        await scripted.say("yes", 300)
        await scripted.silence(3_000)
        assert (len(scripted.model.requests) == 2) is is_answer
        assert not is_answer or results_of(scripted.model.requests[1]) == [TOLD]

    run_virtual(call())


def test_no_asks_again_and_the_model_gets_what_is_confirmed_then() -> None:
    async def call() -> None:
        scripted = await read_back("Thank you.", retry_prompts=["All five once more, please."])
        await answer(scripted, "no, that's wrong")
        await press(scripted, "11111")
        await scripted.listen_until_quiet()
        await answer(scripted, "yes")
        assert said(scripted) == [QUESTION, "All five once more, please.", QUESTION, "Thank you."]
        assert results_of(scripted.model.requests[1]) == [TOLD.replace("47110", "11111")]
        (collected,) = scripted.events_of(DigitsCollected)
        assert (collected.outcome, collected.count, collected.tries) == ("complete", 5, 2)

    run_virtual(call())


def test_correction_beside_the_no_is_read_back() -> None:
    async def call() -> None:
        scripted = await read_back("Thank you.", spoken=True)
        await answer(scripted, "no four seven one one two")
        assert said(scripted) == [QUESTION, QUESTION]
        await answer(scripted, "yes")
        assert results_of(scripted.model.requests[1]) == [TOLD.replace("pressed: 47110", "gave: 47112")]

    run_virtual(call())


def test_spoken_correction_of_keys_counts_only_where_digits_may_be_spoken() -> None:
    async def call() -> None:
        scripted = await read_back("Thank you.")
        await answer(scripted, "no four seven one one two")
        assert said(scripted) == [QUESTION, EN.not_understood]

    run_virtual(call())


@pytest.mark.parametrize(
    ("words", "is_refused"), [("No, please don't record me.", True), ("No, let me speak to a person.", False)]
)
def test_what_callers_may_ask_at_any_time_goes_before_the_no(words: str, *, is_refused: bool) -> None:
    async def call() -> None:
        scripted = await pressed(options={"consent": ConsentPlan("We record."), "transfer_number": "+14155550100"})
        await scripted.listen_until_quiet()
        await answer(scripted, words)
        assert said(scripted)[-1] == (EN.not_recorded if is_refused else EN.putting_through)
        assert len(scripted.events_of(RecordingRefused)) == is_refused

    run_virtual(call())


def test_model_never_gets_digits_that_were_refused() -> None:
    async def call() -> None:
        scripted = await read_back("I am sorry.", tries=1)
        await answer(scripted, "no")
        assert results_of(scripted.model.requests[1]) == [UNKNOWN]
        assert [one.outcome for one in scripted.events_of(DigitsCollected)] == ["unconfirmed"]
        assert "47110" not in f"{scripted.model.requests[1]}"

    run_virtual(call())


@pytest.mark.parametrize("reply", ["", "hm well", "5"])
def test_question_is_put_twice_and_then_the_digits_are_unknown(reply: str) -> None:
    async def call() -> None:
        scripted = await read_back("I am sorry.", timeout_s=3)
        for _ in range(2):
            if reply == "5":
                await press(scripted, reply)
            elif reply:
                await scripted.say(reply, 600)
            await scripted.listen_until_quiet()
        assert said(scripted) == [
            QUESTION,
            f"{QUESTION} {EN.yes_or_no.replace('1', '*').replace('2', '*')}",
            "I am sorry.",
        ]
        assert results_of(scripted.model.requests[1]) == [UNKNOWN]

    run_virtual(call())


def test_other_words_are_answered_and_leave_the_digits_unknown() -> None:
    async def call() -> None:
        scripted = await read_back("Of course.")
        await answer(scripted, "could you call me back instead")
        await scripted.silence(15_000)
        assert said(scripted)[:2] == [QUESTION, "Of course."]
        assert not scripted.events_of(ToolRan)[0].ok
        assert [one.outcome for one in scripted.events_of(DigitsCollected)] == ["abandoned"]
        assert "47110" not in f"{scripted.model.requests}"

    run_virtual(call())


def test_keys_only_try_after_a_no_ends_with_other_words() -> None:
    async def call() -> None:
        scripted = await read_back("Of course.")
        await answer(scripted, "no")
        await answer(scripted, "could you call me back instead")
        assert said(scripted)[-1] == "Of course."
        assert [one.outcome for one in scripted.events_of(DigitsCollected)] == ["abandoned"]

    run_virtual(call())


def test_extra_key_of_a_long_number_does_not_confirm_the_digits() -> None:
    async def call() -> None:
        scripted = await pressed("Thank you.", keys="471101")
        await scripted.listen_until_quiet()
        assert len(scripted.model.requests) == 1 and said(scripted) == [QUESTION]

    run_virtual(call())

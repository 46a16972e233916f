"""What is done to a call from outside, and putting callers through."""

import pytest

from media.providers.ports import Message, ToolCall, Words
from shared.events import AgentSaid, ToolRan
from tests.calls.stage import Stage
from tests.virtual_time import run_virtual

PERSON = "+14155550100"


def put_through(text: str) -> list[Words | ToolCall]:
    call = ToolCall("1", "transfer", '{"reason": "a person, please"}')
    return [Words(text), call] if text else [call]


@pytest.mark.parametrize(
    ("text", "said"), [("I'll put you through.", "I'll put you through."), ("", "One moment, please.")]
)
def test_the_model_puts_a_caller_through_after_its_words(text: str, said: str) -> None:
    async def call() -> None:
        stage = Stage(answers=[put_through(text)], person=PERSON)
        await stage.say("let me speak to a person", 900)
        await stage.until_sounding()
        assert not stage.carrier.hung_up
        await stage.until_quiet()
        assert stage.carrier.hung_up
        assert [event.text for event in stage.of(AgentSaid)] == [said]
        assert stage.call.ending.number == PERSON
        assert len(stage.model.asked) == 1, "nothing more is asked of the model"
        (tool,) = stage.of(ToolRan)
        assert (tool.name, tool.ok) == ("transfer", True)
        ended = await stage.hang_up()
        assert (ended.status, ended.end_reason) == ("completed", "transferred")

    run_virtual(call())


def test_without_a_number_nobody_is_put_through() -> None:
    async def call() -> None:
        stage = Stage(answers=["I can take a message."])
        await stage.say("let me speak to a person", 900)
        await stage.until_quiet()
        (ask,) = stage.model.asked
        assert [tool.name for tool in ask.tools] == ["end_call", "collect_digits"]

    run_virtual(call())


def test_a_caller_who_speaks_over_it_is_put_through_at_once() -> None:
    async def call() -> None:
        stage = Stage(answers=[put_through("I'll put you through to a colleague now.")], person=PERSON)
        await stage.say("let me speak to a person", 900)
        await stage.until_sounding()
        await stage.silence(600)
        await stage.say("thank you very much", 1_200)
        await stage.silence(1_000)
        assert stage.carrier.hung_up and stage.call.ending.number == PERSON
        assert (await stage.hang_up()).end_reason == "transferred"

    run_virtual(call())


def test_a_transfer_from_outside_says_its_words_first() -> None:
    async def call() -> None:
        stage = Stage(greeting=" ".join(["word"] * 20))
        await stage.until_sounding()
        await stage.silence(400)
        stage.call.transfer("+14155550101", "A colleague takes over.")
        assert not stage.carrier.hung_up
        await stage.silence(400)
        await stage.until_quiet()
        assert stage.carrier.hung_up and stage.call.ending.number == "+14155550101"
        first, last = stage.of(AgentSaid)
        assert first.interrupted and (last.text, last.interrupted) == ("A colleague takes over.", False)
        assert (await stage.hang_up()).end_reason == "transferred"

    run_virtual(call())


def test_a_transfer_without_words_is_done_at_once() -> None:
    async def call() -> None:
        stage = Stage()
        await stage.silence(200)
        stage.call.transfer("+14155550101", "")
        assert stage.carrier.hung_up
        assert (await stage.hang_up()).end_reason == "transferred"

    run_virtual(call())


def test_a_polite_end_says_goodbye_first() -> None:
    async def call() -> None:
        stage = Stage()
        await stage.silence(200)
        stage.call.end("admin", polite=True)
        assert not stage.carrier.hung_up
        await stage.until_quiet()
        assert stage.carrier.hung_up
        assert [said.text for said in stage.of(AgentSaid)] == ["Goodbye."]
        assert (await stage.hang_up()).end_reason == "admin"

    run_virtual(call())


def test_an_end_that_is_not_polite_is_at_once() -> None:
    async def call() -> None:
        stage = Stage(greeting=" ".join(["word"] * 20))
        await stage.until_sounding()
        stage.call.end("spend_limit", polite=False)
        assert stage.carrier.hung_up
        assert (await stage.hang_up()).end_reason == "spend_limit"

    run_virtual(call())


def test_words_wait_for_the_agents_own_to_end() -> None:
    async def call() -> None:
        stage = Stage(greeting="hello and welcome")
        await stage.until_sounding()
        stage.call.say("We close early today.")
        stage.call.say("Sorry for that.")
        await stage.silence(5_000)
        said = stage.of(AgentSaid)
        assert [event.text for event in said] == ["hello and welcome", "We close early today.", "Sorry for that."]
        assert not any(event.interrupted for event in said)

    run_virtual(call())


def test_words_wait_for_the_caller_and_the_answer_to_them() -> None:
    async def call() -> None:
        stage = Stage(answers=["At nine.", "Yes."])
        await stage.say("when do you", 600)
        stage.call.say("We close early today.")
        await stage.say("open tomorrow", 600)
        await stage.silence(4_000)
        assert [said.text for said in stage.of(AgentSaid)] == ["At nine.", "We close early today."]
        await stage.say("thanks", 400)
        await stage.until_quiet()
        heard = stage.model.asked[-1].messages
        assert Message("assistant", "We close early today.") in heard, "the model knows what it has said"

    run_virtual(call())


def test_words_are_not_said_into_an_ending() -> None:
    async def call() -> None:
        stage = Stage()
        await stage.silence(200)
        stage.call.end("admin", polite=True)
        stage.call.say("One more thing.")
        await stage.until_quiet()
        await stage.silence(1_000)
        assert [said.text for said in stage.of(AgentSaid)] == ["Goodbye."]

    run_virtual(call())

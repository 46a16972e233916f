"""Commands to a call from outside, and transfers."""

import pytest

from media.providers.ports import Message, TextDelta, ToolCall
from shared.events import AgentSaid, ToolRan
from tests.calls.scripted_call import ScriptedCall
from tests.virtual_time import run_virtual

TRANSFER_NUMBER = "+14155550100"


def transfer_answer(text: str) -> list[TextDelta | ToolCall]:
    call = ToolCall("1", "transfer", '{"reason": "a person, please"}')
    return [TextDelta(text), call] if text else [call]


@pytest.mark.parametrize(
    ("text", "said"), [("I'll put you through.", "I'll put you through."), ("", "One moment, please.")]
)
def test_model_transfers_the_caller_after_its_words(text: str, said: str) -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=[transfer_answer(text)], transfer_number=TRANSFER_NUMBER)
        await scripted.say("please connect me now", 900)
        await scripted.wait_until_sounding()
        assert not scripted.carrier.hung_up
        await scripted.listen_until_quiet()
        assert scripted.carrier.hung_up
        assert [event.text for event in scripted.events_of(AgentSaid)] == [said]
        assert scripted.call.termination.transfer_number == TRANSFER_NUMBER
        assert len(scripted.model.requests) == 1, "no request follows the transfer"
        (tool,) = scripted.events_of(ToolRan)
        assert (tool.name, tool.ok) == ("transfer", True)
        ended = await scripted.hang_up()
        assert (ended.status, ended.end_reason) == ("completed", "transferred")

    run_virtual(call())


def test_model_has_no_transfer_tool_without_a_number() -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=["I can take a message."])
        await scripted.say("please connect me now", 900)
        await scripted.listen_until_quiet()
        (request,) = scripted.model.requests
        assert [tool.name for tool in request.tools] == ["end_call", "collect_digits"]

    run_virtual(call())


def test_caller_who_speaks_over_the_announcement_is_transferred_at_once() -> None:
    async def call() -> None:
        scripted = ScriptedCall(
            answers=[transfer_answer("I'll put you through to a colleague now.")], transfer_number=TRANSFER_NUMBER
        )
        await scripted.say("please connect me now", 900)
        await scripted.wait_until_sounding()
        await scripted.silence(600)
        await scripted.say("thank you very much", 1_200)
        await scripted.silence(1_000)
        assert scripted.carrier.hung_up and scripted.call.termination.transfer_number == TRANSFER_NUMBER
        assert (await scripted.hang_up()).end_reason == "transferred"

    run_virtual(call())


def test_transfer_command_plays_its_announcement_first() -> None:
    async def call() -> None:
        scripted = ScriptedCall(greeting=" ".join(["word"] * 20))
        await scripted.wait_until_sounding()
        await scripted.silence(400)
        scripted.call.transfer("+14155550101", "A colleague takes over.")
        assert not scripted.carrier.hung_up
        await scripted.silence(400)
        await scripted.listen_until_quiet()
        assert scripted.carrier.hung_up and scripted.call.termination.transfer_number == "+14155550101"
        first, last = scripted.events_of(AgentSaid)
        assert first.interrupted and (last.text, last.interrupted) == ("A colleague takes over.", False)
        assert (await scripted.hang_up()).end_reason == "transferred"

    run_virtual(call())


def test_transfer_command_without_announcement_is_immediate() -> None:
    async def call() -> None:
        scripted = ScriptedCall()
        await scripted.silence(200)
        scripted.call.transfer("+14155550101", "")
        assert scripted.carrier.hung_up
        ended = await scripted.hang_up()
        assert (ended.end_reason, ended.transfer_to) == ("transferred", "+14155550101")

    run_virtual(call())


def test_a_polite_end_says_goodbye_first() -> None:
    async def call() -> None:
        scripted = ScriptedCall()
        await scripted.silence(200)
        scripted.call.end("admin", polite=True)
        assert not scripted.carrier.hung_up
        await scripted.listen_until_quiet()
        assert scripted.carrier.hung_up
        assert [said.text for said in scripted.events_of(AgentSaid)] == ["Goodbye."]
        assert (await scripted.hang_up()).end_reason == "admin"

    run_virtual(call())


def test_impolite_end_is_immediate() -> None:
    async def call() -> None:
        scripted = ScriptedCall(greeting=" ".join(["word"] * 20))
        await scripted.wait_until_sounding()
        scripted.call.end("spend_limit", polite=False)
        assert scripted.carrier.hung_up
        assert (await scripted.hang_up()).end_reason == "spend_limit"

    run_virtual(call())


def test_text_from_outside_waits_for_the_agent() -> None:
    async def call() -> None:
        scripted = ScriptedCall(greeting="hello and welcome")
        await scripted.wait_until_sounding()
        scripted.call.say("We close early today.")
        scripted.call.say("Sorry for that.")
        await scripted.silence(5_000)
        said = scripted.events_of(AgentSaid)
        assert [event.text for event in said] == ["hello and welcome", "We close early today.", "Sorry for that."]
        assert not any(event.interrupted for event in said)

    run_virtual(call())


def test_text_from_outside_waits_for_the_caller_and_the_answer() -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=["At nine.", "Yes."])
        await scripted.say("when do you", 600)
        scripted.call.say("We close early today.")
        await scripted.say("open tomorrow", 600)
        await scripted.silence(4_000)
        assert [said.text for said in scripted.events_of(AgentSaid)] == ["At nine.", "We close early today."]
        await scripted.say("thanks", 400)
        await scripted.listen_until_quiet()
        heard = scripted.model.requests[-1].messages
        assert Message("assistant", "We close early today.") in heard, "the model gets the text as its own"

    run_virtual(call())


def test_text_is_not_said_once_the_call_is_ending() -> None:
    async def call() -> None:
        scripted = ScriptedCall()
        await scripted.silence(200)
        scripted.call.end("admin", polite=True)
        scripted.call.say("One more thing.")
        await scripted.listen_until_quiet()
        await scripted.silence(1_000)
        assert [said.text for said in scripted.events_of(AgentSaid)] == ["Goodbye."]

    run_virtual(call())

"""The receptionist stores what it noted by the tool `take_message`, where there is one."""

import json
from typing import Any

import pytest

from media.providers.ports import ChatRequest, Message, ToolCall, ToolSpec
from media.providers.receptionist import phrases
from media.providers.receptionist.dialogue_state import ReceptionistReply
from media.providers.receptionist.intake import split_contact
from media.providers.receptionist.llm import ReceptionistLanguageModel
from tests.media.providers.receptionist.conversation import END_CALL, PLAN, Conversation

TAKE_MESSAGE = ToolSpec("take_message", "Stores a message.", {"type": "object", "properties": {"message": {}}})
STORED = "The message is stored, and is sent to the business when the call is over."


class MessageConversation(Conversation):
    """A conversation in which the tool's result follows its call."""

    def __init__(self, result: str = STORED) -> None:
        super().__init__((END_CALL, TAKE_MESSAGE))
        self._result = result

    async def leave(self, *turns: str) -> tuple[dict[str, Any], ReceptionistReply]:
        """The arguments with which the tool is called after the last turn, and the reply to its result."""
        reply = self.talk(*turns)
        assert (reply.tool, reply.text) == ("take_message", "")
        (call,) = [
            event async for event in ReceptionistLanguageModel().stream(self.request) if isinstance(event, ToolCall)
        ]
        self.messages += [Message("assistant", "", (call,)), Message("tool", self._result, (), call.id)]
        after = ReceptionistLanguageModel().reply(ChatRequest(PLAN.agent.prompt, tuple(self.messages), self._tools))
        self.messages.append(Message("assistant", after.text))
        return json.loads(call.arguments), after


async def test_confirmed_message_is_stored_with_name_and_number() -> None:
    call = MessageConversation()
    arguments, after = await call.leave(
        "I'd like to leave a message for Doctor Evans.", "My tooth hurts since yesterday.", "Yes.",
        "Anna Miller, my number is five five five one two three four", "Yes.",
    )  # fmt: skip
    assert arguments == {
        "message": "For Doctor Evans: My tooth hurts since yesterday.", "caller_name": "Anna Miller",
        "callback_number": "five five five one two three four",
    }  # fmt: skip
    assert after.text == phrases.NOTED
    assert call.say("No, thank you.").tool == "end_call"


async def test_caller_who_says_goodbye_before_all_is_asked_is_not_lost() -> None:
    call = MessageConversation()
    arguments, after = await call.leave("Please take a message: the delivery comes at nine.", "Goodbye.")
    assert arguments["message"] == "the delivery comes at nine."
    assert (after.text, after.tool) == (f"{phrases.PASSED_ON} {phrases.GOODBYE}", "end_call")


async def test_appointment_is_a_message_too() -> None:
    call = MessageConversation()
    arguments, _ = await call.leave("I need an appointment on Tuesday at three.", "Yes.", "Anna, 0301234567", "Yes.")
    assert "appointment" in arguments["message"].lower() and arguments["callback_number"] == "0301234567"


async def test_message_that_was_not_stored_is_not_promised() -> None:
    call = MessageConversation("failed: The database is busy or away.")
    _, after = await call.leave("Please take a message: the delivery comes at nine.", "Goodbye.")
    assert after.text == phrases.NOT_NOTED


@pytest.mark.parametrize(
    ("contact", "parts"),
    [
        ("Anna Miller", ("Anna Miller", "")),
        ("Anna Miller 0301234567", ("Anna Miller", "0301234567")),
        ("Anna, and my phone number is 030 123 45 67.", ("Anna", "030 123 45 67")),
        ("Room 12, Anna", ("Room 12, Anna", "")),
        ("five five five one two three four", ("", "five five five one two three four")),
    ],
)
def test_name_and_number(contact: str, parts: tuple[str, str]) -> None:
    assert split_contact(contact) == parts

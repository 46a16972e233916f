"""The receptionist looks into a connected calendar for whoever asks for a free time."""

import pytest

from media.providers.ports import ChatRequest, Message, ToolCall, ToolSpec
from media.providers.receptionist import phrases
from media.providers.receptionist.dialogue_state import ReceptionistReply
from media.providers.receptionist.llm import ReceptionistLanguageModel
from tests.media.providers.receptionist.conversation import END_CALL, PLAN, Conversation

CHECK = ToolSpec("check_availability", "Free times.", {"type": "object", "properties": {"date": {"type": "string"}}})
FOUND = """Free times (time zone UTC; an appointment takes 30 minutes):
Friday, 4 December 2026 (2026-12-04): 09:00 to 10:00, 11:30 to 17:00.
Monday, 7 December 2026 (2026-12-07): 09:00 to 17:00.
Tuesday, 8 December 2026 (2026-12-08): 09:00 to 17:00."""


def ask(call: Conversation, question: str, result: str) -> ReceptionistReply:
    """Ask a question that needs the calendar; return the reply to the tool's result."""
    reply = call.say(question)
    assert (reply.tool, reply.text) == ("check_availability", "")
    (made,) = [event for event in ReceptionistLanguageModel().events(call.request) if isinstance(event, ToolCall)]
    assert made.arguments == "{}"
    call.messages += [Message("assistant", "", (made,)), Message("tool", result, (), made.id)]
    after = ReceptionistLanguageModel().reply(ChatRequest(PLAN.agent.prompt, tuple(call.messages), (END_CALL, CHECK)))
    call.messages.append(Message("assistant", after.text))
    return after


@pytest.mark.parametrize(
    "question", ["What times are free this week?", "Do you have any free appointments?", "When is your next opening?"]
)
def test_says_free_times_of_two_days_and_notes_a_wish(question: str) -> None:
    call = Conversation((END_CALL, CHECK))
    after = ask(call, question, FOUND)
    assert after.text == (
        "I have Friday, 4 December, 09:00 to 10:00, 11:30 to 17:00, and Monday, 7 December, 09:00 to 17:00. "
        + phrases.DAY_AND_TIME
    )
    assert "Friday at three" in call.say("Friday at three.").text


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ("There is no free time on these days. Offer to look at later days.", phrases.NO_FREE_TIME),
        ("No calendar is connected: nothing can be looked up or booked.", phrases.NO_CALENDAR),
    ],
)
def test_offers_a_message_without_a_free_time(result: str, said: str) -> None:
    call = Conversation((END_CALL, CHECK))
    assert ask(call, "When is the next free appointment?", result).text == said
    assert call.say("Yes, please.").text == phrases.TAKE_MESSAGE


@pytest.mark.parametrize("question", ["When are you open on Monday?", "What are your opening hours?"])
def test_questions_for_opening_hours_need_no_calendar(question: str) -> None:
    assert Conversation((END_CALL, CHECK)).say(question).tool == ""


def test_agent_without_a_calendar_notes_a_wish() -> None:
    assert Conversation((END_CALL,)).say("Do you have any free appointments on Tuesday?").tool == ""

"""The conversation: what the model is told is what was heard, and every tool call has its answer."""

from hypothesis import given
from hypothesis import strategies as st

from media.call.transcript import GIVEN_UP, Transcript
from media.providers.ports import Message, ToolCall


def call(number: int) -> ToolCall:
    return ToolCall(f"id{number}", "look_up", "{}")


def test_tells_turns_in_order() -> None:
    transcript = Transcript()
    transcript.agent("Hello.")
    transcript.caller("Are you open?")
    transcript.agent("Yes.")
    assert transcript.messages() == [
        Message("assistant", "Hello."),
        Message("user", "Are you open?"),
        Message("assistant", "Yes."),
    ]


def test_an_utterance_is_cut_to_what_was_heard() -> None:
    transcript = Transcript()
    said = transcript.agent("We are open from nine to five.")
    said.now("We are open")
    assert transcript.messages() == [Message("assistant", "We are open")]


def test_what_nobody_heard_was_not_said() -> None:
    transcript = Transcript()
    transcript.caller("Hello?")
    transcript.agent("Welcome!").now("")
    transcript.agent(" \n")
    assert transcript.messages() == [Message("user", "Hello?")]


def test_a_turn_is_corrected_when_the_caller_goes_on() -> None:
    transcript = Transcript()
    turn = transcript.caller("I want")
    turn.now("I want a table for two.")
    assert transcript.messages() == [Message("user", "I want a table for two.")]


def test_a_tool_call_is_told_although_nothing_was_heard_with_it() -> None:
    transcript = Transcript()
    transcript.agent("").called((call(1),))
    transcript.tool(call(1), "42")
    assert transcript.messages() == [
        Message("assistant", "", tool_calls=(call(1),)),
        Message("tool", "42", tool_call_id="id1"),
    ]


def test_an_empty_result_is_still_a_result() -> None:
    transcript = Transcript()
    transcript.agent("").called((call(1),))
    transcript.tool(call(1), "")
    assert transcript.messages()[1] == Message("tool", "", tool_call_id="id1")


def test_a_tool_that_was_given_up_is_answered_for() -> None:
    """Vendors refuse a conversation in which a tool call has no result right behind it."""
    transcript = Transcript()
    transcript.agent("One moment.").called((call(1), call(2)))
    transcript.tool(call(1), "42")
    transcript.caller("Never mind.")
    assert transcript.messages() == [
        Message("assistant", "One moment.", tool_calls=(call(1), call(2))),
        Message("tool", "42", tool_call_id="id1"),
        Message("tool", GIVEN_UP, tool_call_id="id2"),
        Message("user", "Never mind."),
    ]


def test_ids_that_a_vendor_uses_again_are_not_mixed_up() -> None:
    transcript = Transcript()
    transcript.agent("").called((call(1),))
    transcript.tool(call(1), "first")
    transcript.agent("").called((call(1),))
    transcript.caller("Stop.")
    assert [message.text for message in transcript.messages() if message.role == "tool"] == ["first", GIVEN_UP]


def test_goes_on_from_an_earlier_conversation() -> None:
    before = [Message("user", "Hello?"), Message("assistant", "Hi.")]
    transcript = Transcript(before)
    transcript.caller("Bye.")
    assert transcript.messages() == [*before, Message("user", "Bye.")]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.text("a ", max_size=2)), max_size=12))
def test_every_call_has_exactly_one_result_right_behind_it(rounds: list[tuple[int, int, str]]) -> None:
    transcript = Transcript()
    for asked, answered, text in rounds:
        calls = tuple(map(call, range(asked)))
        transcript.agent(text).called(calls)
        for tool in calls[:answered]:
            transcript.tool(tool, "result")
        transcript.caller(text)
    messages = transcript.messages()
    at = 0
    while at < len(messages):
        expected = [tool.id for tool in messages[at].tool_calls]
        results = messages[at + 1 : at + 1 + len(expected)]
        assert messages[at].role != "tool"
        assert sorted(result.tool_call_id for result in results) == expected
        at += 1 + len(expected)

"""The transcript: the model gets what was heard, and every tool call has its result."""

from hypothesis import given
from hypothesis import strategies as st

from media.call.transcript import CANCELLED_RESULT, Transcript
from media.providers.ports import Message, ToolCall


def call(number: int) -> ToolCall:
    return ToolCall(f"id{number}", "look_up", "{}")


def test_messages_are_in_order() -> None:
    transcript = Transcript()
    transcript.add_agent("Hello.")
    transcript.add_caller("Are you open?")
    transcript.add_agent("Yes.")
    assert transcript.messages() == [
        Message("assistant", "Hello."),
        Message("user", "Are you open?"),
        Message("assistant", "Yes."),
    ]


def test_an_utterance_is_cut_to_what_was_heard() -> None:
    transcript = Transcript()
    said = transcript.add_agent("We are open from nine to five.")
    said.set_text("We are open")
    assert transcript.messages() == [Message("assistant", "We are open")]


def test_unheard_utterances_are_left_out() -> None:
    transcript = Transcript()
    transcript.add_caller("Hello?")
    transcript.add_agent("Welcome!").set_text("")
    transcript.add_agent(" \n")
    assert transcript.messages() == [Message("user", "Hello?")]


def test_turn_is_corrected_when_the_caller_continues() -> None:
    transcript = Transcript()
    turn = transcript.add_caller("I want")
    turn.set_text("I want a table for two.")
    assert transcript.messages() == [Message("user", "I want a table for two.")]


def test_tool_call_is_included_although_nothing_was_heard_with_it() -> None:
    transcript = Transcript()
    transcript.add_agent("").set_tool_calls((call(1),))
    transcript.add_tool_result(call(1), "42")
    assert transcript.messages() == [
        Message("assistant", "", tool_calls=(call(1),)),
        Message("tool", "42", tool_call_id="id1"),
    ]


def test_an_empty_result_is_still_a_result() -> None:
    transcript = Transcript()
    transcript.add_agent("").set_tool_calls((call(1),))
    transcript.add_tool_result(call(1), "")
    assert transcript.messages()[1] == Message("tool", "", tool_call_id="id1")


def test_cancelled_tool_has_a_result() -> None:
    """Vendors refuse a conversation in which a tool call has no result directly after it."""
    transcript = Transcript()
    transcript.add_agent("One moment.").set_tool_calls((call(1), call(2)))
    transcript.add_tool_result(call(1), "42")
    transcript.add_caller("Never mind.")
    assert transcript.messages() == [
        Message("assistant", "One moment.", tool_calls=(call(1), call(2))),
        Message("tool", "42", tool_call_id="id1"),
        Message("tool", CANCELLED_RESULT, tool_call_id="id2"),
        Message("user", "Never mind."),
    ]


def test_repeated_call_ids_are_not_mixed_up() -> None:
    transcript = Transcript()
    transcript.add_agent("").set_tool_calls((call(1),))
    transcript.add_tool_result(call(1), "first")
    transcript.add_agent("").set_tool_calls((call(1),))
    transcript.add_caller("Stop.")
    assert [message.text for message in transcript.messages() if message.role == "tool"] == ["first", CANCELLED_RESULT]


def test_continues_an_earlier_conversation() -> None:
    before = [Message("user", "Hello?"), Message("assistant", "Hi.")]
    transcript = Transcript(before)
    transcript.add_caller("Bye.")
    assert transcript.messages() == [*before, Message("user", "Bye.")]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.text("a ", max_size=2)), max_size=12))
def test_every_tool_call_is_followed_by_exactly_one_result(rounds: list[tuple[int, int, str]]) -> None:
    transcript = Transcript()
    for asked, answered, text in rounds:
        calls = tuple(map(call, range(asked)))
        transcript.add_agent(text).set_tool_calls(calls)
        for tool in calls[:answered]:
            transcript.add_tool_result(tool, "result")
        transcript.add_caller(text)
    messages = transcript.messages()
    at = 0
    while at < len(messages):
        expected = [tool.id for tool in messages[at].tool_calls]
        results = messages[at + 1 : at + 1 + len(expected)]
        assert messages[at].role != "tool"
        assert sorted(result.tool_call_id for result in results) == expected
        at += 1 + len(expected)

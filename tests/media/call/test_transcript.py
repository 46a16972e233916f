"""The transcript: the model gets what was heard, and every tool call has its result."""

from hypothesis import given
from hypothesis import strategies as st

from media.call.transcript import RUNNING_RESULT, ToolResult, Transcript
from media.providers.ports import Message, ToolCall


def call(number: int) -> ToolCall:
    return ToolCall(f"id{number}", "look_up", "{}")


def add_calls(transcript: Transcript, text: str, *calls: ToolCall) -> tuple[ToolResult, ...]:
    """The agent says the text, then the model calls the tools; returns the places of their results."""
    entry = transcript.add_agent(text)
    results = transcript.add_tool_calls(entry, calls)
    entry.close()
    return results


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


def test_note_is_told_once_before_the_latest_turn_and_stays_there() -> None:
    transcript = Transcript()
    transcript.add_note("[Now: 9:00]")
    transcript.add_caller(" ")
    transcript.add_note("[Now: 9:00]")
    assert transcript.messages() == []
    transcript.add_caller("Hello?").set_text("Hello? Anybody?")
    transcript.add_note("[Now: 9:00]")
    transcript.add_agent("Welcome!")
    transcript.add_caller("Bye.")
    transcript.add_note("[Now: 9:00]")
    assert [message.note for message in transcript.messages()] == ["[Now: 9:00]", "", ""]
    transcript.add_note("[Now: 9:01]")
    assert [message.note for message in transcript.messages()] == ["[Now: 9:00]", "", "[Now: 9:01]"]


def test_tool_call_is_included_although_nothing_was_heard_with_it() -> None:
    transcript = Transcript()
    add_calls(transcript, "", call(1))[0].text = "42"
    assert transcript.messages() == [
        Message("assistant", "", tool_calls=(call(1),)),
        Message("tool", "42", tool_call_id="id1"),
    ]


def test_an_empty_result_is_still_a_result() -> None:
    transcript = Transcript()
    add_calls(transcript, "", call(1))[0].text = ""
    assert transcript.messages()[1] == Message("tool", "", tool_call_id="id1")


def test_running_tool_has_a_result_that_is_replaced() -> None:
    """Vendors refuse a conversation in which a tool call has no result directly after it."""
    transcript = Transcript()
    first, second = add_calls(transcript, "One moment.", call(1), call(2))
    first.text = "42"
    transcript.add_caller("And on Sunday?")
    expected = [
        Message("assistant", "One moment.", tool_calls=(call(1), call(2))),
        Message("tool", "42", tool_call_id="id1"),
        Message("tool", RUNNING_RESULT, tool_call_id="id2"),
        Message("user", "And on Sunday?"),
    ]
    assert transcript.messages() == expected
    second.text = "43"
    assert transcript.messages()[2] == Message("tool", "43", tool_call_id="id2")


def test_repeated_call_ids_are_made_unique() -> None:
    """A model that counts its calls from 0 in each answer would mix up their results."""
    transcript = Transcript()
    add_calls(transcript, "", call(1))[0].text = "first"
    add_calls(transcript, "", call(1), ToolCall("", "look_up", "{}"))
    messages = transcript.messages()
    ids = [asked.id for message in messages for asked in message.tool_calls]
    assert ids[0] == "id1" and len(set(ids)) == 3
    assert [message.tool_call_id for message in messages if message.role == "tool"] == ids


def test_checkpoint_knows_the_calls_of_the_utterance_under_way_but_not_its_words() -> None:
    transcript = Transcript()
    transcript.add_caller("A table?")
    (result,) = transcript.add_tool_calls(transcript.add_agent("One moment."), [call(1)])
    running = [Message("user", "A table?"), Message("assistant", "", tool_calls=(call(1),))]
    assert transcript.settled() == running
    result.text = "42"
    assert transcript.settled() == [*running, Message("tool", "42", tool_call_id="id1")]


def test_checkpoint_without_a_result_is_a_tool_that_runs() -> None:
    before = [Message("assistant", "", tool_calls=(call(1), call(2))), Message("tool", "42", tool_call_id="id2")]
    transcript = Transcript(before)
    (running,) = transcript.unfinished_results()
    assert (running.call, running.number) == (call(1), 1)
    assert [result.text for result in transcript.last_results()] == [None, "42"]
    assert transcript.settled() == before


def test_repeated_call_ids_of_a_checkpoint_keep_their_results() -> None:
    """Checkpoints of the version before may hold them."""
    asked = Message("assistant", "", tool_calls=(call(1),))
    answers = [Message("tool", text, tool_call_id="id1") for text in ("first", "second")]
    transcript = Transcript([asked, answers[0], asked, answers[1]])
    assert [message.text for message in transcript.messages() if message.role == "tool"] == ["first", "second"]
    assert transcript.unfinished_results() == []


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
        for result in add_calls(transcript, text, *calls)[:answered]:
            result.text = "result"
        transcript.add_caller(text)
    messages = transcript.messages()
    at = 0
    while at < len(messages):
        expected = [tool.id for tool in messages[at].tool_calls]
        results = messages[at + 1 : at + 1 + len(expected)]
        assert messages[at].role != "tool"
        assert [result.tool_call_id for result in results] == expected
        at += 1 + len(expected)

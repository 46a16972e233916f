"""Tools between the parts of a reply."""

import asyncio

from media.call.phrases import phrases_in
from media.call.reply import MOST_ROUNDS
from media.providers.ports import Message, TextDelta, ToolCall
from media.tools.tool import DEFAULT_TIMEOUT_S, MAY_BE_DONE
from shared.events import ToolRan
from tests.media.call.fakes import FakeModel, ReplyFakes
from tests.media.call.reply_helpers import END, LOOK_UP, hang_up, look_up, run_reply, with_and_without_chain
from tests.virtual_time import clock_ms


@with_and_without_chain
def test_a_tool_runs_between_two_parts(chained: bool) -> None:
    fakes = ReplyFakes(
        FakeModel([TextDelta("One moment."), LOOK_UP], "Table 4 is free."), tools=look_up(), chained=chained
    )
    fakes.transcript.add_caller("A table?")
    reply = run_reply(fakes)
    assert [piece for piece in fakes.voice.pieces if piece] == ["One moment.", " Table 4 is free."]
    assert reply.utterance.text == "One moment. Table 4 is free."
    assert fakes.transcript.messages() == [
        Message("user", "A table?"),
        Message("assistant", "One moment.", tool_calls=(LOOK_UP,)),
        Message("tool", "table 4 is free", tool_call_id="id1"),
        Message("assistant", " Table 4 is free."),
    ]
    assert fakes.model.requests[1].messages == fakes.transcript.messages()[:3]
    assert fakes.tools_ran() == [ToolRan(3, "look_up", True, "table 4 is free", 2_000)]


def test_words_before_a_tool_call_are_spoken_before_the_tool_runs() -> None:
    fakes = ReplyFakes(FakeModel([TextDelta("Just one moment, please"), LOOK_UP], "Done."), tools=look_up())
    audible: list[float] = []
    fakes.on_audio_sent = lambda: audible.append(clock_ms())
    run_reply(fakes)
    assert fakes.voice.pieces == ["Just one moment, ", "please", "", " Done."]
    assert max(audible[:2]) < 1_000 < 2_000 < audible[2]


def test_parts_are_joined_by_one_space() -> None:
    for first, second in [("Wait.", "Done."), ("Wait. ", "Done."), ("Wait.", " Done.")]:
        fakes = ReplyFakes(FakeModel([TextDelta(first), LOOK_UP], [TextDelta(second)]), tools=look_up())
        assert run_reply(fakes).utterance.text == "Wait. Done."


def test_several_tools_run_in_order() -> None:
    again = ToolCall("id9", "look_up", "{}")
    fakes = ReplyFakes(FakeModel([LOOK_UP, again], "Both are free."), tools=look_up())
    run_reply(fakes)
    assert [message.tool_call_id for message in fakes.transcript.messages() if message.role == "tool"] == [
        "id1",
        "id9",
    ]
    assert len(fakes.tools_ran()) == 2


def test_tool_error_is_a_result_for_the_model() -> None:
    fakes = ReplyFakes(FakeModel([ToolCall("id7", "fly", "{}")], "I cannot fly."))
    run_reply(fakes)
    assert fakes.transcript.messages()[1] == Message("tool", "there is no tool named fly", tool_call_id="id7")
    assert fakes.tools_ran() == [ToolRan(3, "fly", False, "there is no tool named fly", 0)]


def test_tool_that_takes_too_long_is_cancelled() -> None:
    async def never() -> str:
        await asyncio.Event().wait()
        return ""

    fakes = ReplyFakes(FakeModel([LOOK_UP], "Sorry."), tools=look_up(never))
    run_reply(fakes)
    took_ms = round(DEFAULT_TIMEOUT_S * 1_000)
    assert fakes.tools_ran() == [ToolRan(3, "look_up", False, f"look_up took too long. {MAY_BE_DONE}", took_ms)]
    assert fakes.said()[-1] == "Sorry."


def test_a_secret_result_goes_to_the_model_and_not_into_the_events() -> None:
    fakes = ReplyFakes(FakeModel([LOOK_UP], "Thanks."), tools=look_up(secret=True))
    run_reply(fakes)
    assert fakes.tools_ran() == [ToolRan(3, "look_up", True, "", 2_000)]
    assert fakes.model.requests[1].messages[-1].text == "table 4 is free"


def test_no_request_follows_a_hang_up() -> None:
    ended: list[bool] = []
    fakes = ReplyFakes(FakeModel([TextDelta("Bye now!"), END]), tools=hang_up(ended))
    run_reply(fakes)
    assert (ended, fakes.said(), len(fakes.model.requests)) == ([True], ["Bye now!"], 1)


def test_hanging_up_without_a_word_says_goodbye() -> None:
    ended: list[bool] = []
    fakes = ReplyFakes(FakeModel([END]), tools=hang_up(ended))
    run_reply(fakes)
    assert ended == [True]
    assert fakes.said() == ["", "Goodbye."]


def test_failed_hang_up_does_not_end_the_reply() -> None:
    ended: list[bool] = []
    fakes = ReplyFakes(FakeModel([ToolCall("id2", "end_call", "{")], [TextDelta("Bye!"), END]), tools=hang_up(ended))
    run_reply(fakes)
    assert ended == [True]
    assert len(fakes.model.requests) == 2


def test_rounds_of_tools_are_limited() -> None:
    fakes = ReplyFakes(FakeModel(*[[LOOK_UP]] * 50), tools=look_up())
    run_reply(fakes)
    assert len(fakes.model.requests) == MOST_ROUNDS
    assert fakes.said()[-1].strip() == phrases_in("en").say_again


def test_fallback_is_spoken_when_the_model_ignores_a_result() -> None:
    fakes = ReplyFakes(FakeModel([TextDelta("One moment."), LOOK_UP], []), tools=look_up())
    run_reply(fakes)
    assert fakes.said() == ["One moment.", " " + phrases_in("en").say_again]

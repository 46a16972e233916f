"""Tools between the parts of a reply."""

import asyncio

from media.call.reply import MOST_ROUNDS, NOTHING_SAID, TOOL_TIMEOUT_S
from media.providers.ports import Message, ToolCall, Words
from shared.events import ToolRan
from tests.media.call.fakes import Model, Stage
from tests.media.call.replies import END, LOOK_UP, each_way, hang_up, look_up, make
from tests.virtual_time import clock_ms


@each_way
def test_a_tool_runs_between_two_parts(chained: bool) -> None:
    stage = Stage(Model([Words("One moment."), LOOK_UP], "Table 4 is free."), tools=look_up(), chained=chained)
    stage.transcript.caller("A table?")
    reply = make(stage)
    assert [piece for piece in stage.voice.pieces if piece] == ["One moment.", " Table 4 is free."]
    assert reply.utterance.text == "One moment. Table 4 is free."
    assert stage.transcript.messages() == [
        Message("user", "A table?"),
        Message("assistant", "One moment.", tool_calls=(LOOK_UP,)),
        Message("tool", "table 4 is free", tool_call_id="id1"),
        Message("assistant", " Table 4 is free."),
    ]
    assert stage.model.asks[1].messages == stage.transcript.messages()[:3]
    assert stage.events == [ToolRan(3, "look_up", True, "table 4 is free", 2_000)]


def test_the_voice_speaks_what_it_has_before_the_tool_runs() -> None:
    stage = Stage(Model([Words("Just one moment, please"), LOOK_UP], "Done."), tools=look_up())
    audible: list[float] = []
    stage.audible = lambda: audible.append(clock_ms())
    make(stage)
    assert stage.voice.pieces == ["Just one moment, ", "please", "", " Done."]
    assert max(audible[:2]) < 1_000 < 2_000 < audible[2]


def test_parts_are_joined_by_exactly_one_blank() -> None:
    for first, second in [("Wait.", "Done."), ("Wait. ", "Done."), ("Wait.", " Done.")]:
        stage = Stage(Model([Words(first), LOOK_UP], [Words(second)]), tools=look_up())
        assert make(stage).utterance.text == "Wait. Done."


def test_several_tools_run_in_order() -> None:
    again = ToolCall("id9", "look_up", "{}")
    stage = Stage(Model([LOOK_UP, again], "Both are free."), tools=look_up())
    make(stage)
    assert [message.tool_call_id for message in stage.transcript.messages() if message.role == "tool"] == ["id1", "id9"]
    assert len(stage.events) == 2


def test_a_tool_that_fails_is_told_to_the_model() -> None:
    stage = Stage(Model([ToolCall("id7", "fly", "{}")], "I cannot fly."))
    make(stage)
    assert stage.transcript.messages()[1] == Message("tool", "there is no tool named fly", tool_call_id="id7")
    assert stage.events == [ToolRan(3, "fly", False, "there is no tool named fly", 0)]


def test_a_tool_that_takes_too_long_is_given_up() -> None:
    async def never() -> str:
        await asyncio.Event().wait()
        return ""

    stage = Stage(Model([LOOK_UP], "Sorry."), tools=look_up(never))
    make(stage)
    assert stage.events == [ToolRan(3, "look_up", False, "look_up took too long", round(TOOL_TIMEOUT_S * 1_000))]
    assert stage.said()[-1] == "Sorry."


def test_a_secret_result_goes_to_the_model_and_not_into_the_events() -> None:
    stage = Stage(Model([LOOK_UP], "Thanks."), tools=look_up(secret=True))
    make(stage)
    assert stage.events == [ToolRan(3, "look_up", True, "", 2_000)]
    assert stage.model.asks[1].messages[-1].text == "table 4 is free"


def test_hanging_up_needs_no_further_answer() -> None:
    ended: list[bool] = []
    stage = Stage(Model([Words("Bye now!"), END]), tools=hang_up(ended))
    make(stage)
    assert (ended, stage.said(), len(stage.model.asks)) == ([True], ["Bye now!"], 1)


def test_hanging_up_without_a_word_says_goodbye() -> None:
    ended: list[bool] = []
    stage = Stage(Model([END]), tools=hang_up(ended))
    make(stage)
    assert ended == [True]
    assert stage.said() == ["", "Goodbye."]


def test_a_hang_up_that_failed_is_no_end() -> None:
    ended: list[bool] = []
    stage = Stage(Model([ToolCall("id2", "end_call", "{")], [Words("Bye!"), END]), tools=hang_up(ended))
    make(stage)
    assert ended == [True]
    assert len(stage.model.asks) == 2


def test_a_model_that_only_calls_tools_comes_to_an_end() -> None:
    stage = Stage(Model(*[[LOOK_UP]] * 50), tools=look_up())
    make(stage)
    assert len(stage.model.asks) == MOST_ROUNDS
    assert stage.said()[-1].strip() == NOTHING_SAID


def test_a_model_that_has_nothing_to_say_to_a_result_is_spoken_for() -> None:
    stage = Stage(Model([Words("One moment."), LOOK_UP], []), tools=look_up())
    make(stage)
    assert stage.said() == ["One moment.", " " + NOTHING_SAID]

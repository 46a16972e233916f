"""One utterance in the making, with a scripted model and voice, in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import pytest

from media.call.reply import MOST_ROUNDS, NOTHING_SAID, TOOL_TIMEOUT_S, Reply
from media.call.tools import Tool, end_call
from media.call.transcript import GIVEN_UP
from media.call.utterance import Utterance
from media.providers.ports import Message, ProviderError, Spoken, TokenUsage, ToolCall, ToolSpec, Words
from shared.events import ToolRan
from tests.media.call.fakes import MS_PER_CHARACTER, Model, Stage, Step, Voice, words
from tests.virtual_time import clock_ms, run_virtual

LOOK_UP = ToolCall("id1", "look_up", '{"what": "table"}')
END = ToolCall("id2", "end_call", "{}")

each_way = pytest.mark.parametrize("chained", [False, True], ids=["bare", "chained"])


def look_up(run: Callable[[], Awaitable[str]] | None = None, *, secret: bool = False) -> dict[str, Tool]:
    async def found(arguments: bytes) -> str:
        await asyncio.sleep(2)
        return await run() if run else "table 4 is free"

    return {"look_up": Tool(ToolSpec("look_up", "Looks something up.", {}), found, secret)}


def hang_up(ended: list[bool]) -> dict[str, Tool]:
    return {"end_call": end_call(lambda: ended.append(True))}


def make(stage: Stage, fixed: str | None = None) -> Reply:
    """Runs a reply to its end."""

    async def scenario() -> Reply:
        reply = start(stage, fixed)
        await reply.run()
        return reply

    return run_virtual(scenario())


def start(stage: Stage, fixed: str | None = None) -> Reply:
    utterance = Utterance(3)
    stage.playback.begin(utterance, clock_ms())
    return Reply(stage.speaker(), utterance, fixed)


async def stop(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


# --- words ---


@each_way
def test_a_fixed_text_is_spoken_as_it_is_and_no_model_is_asked(chained: bool) -> None:
    stage = Stage(chained=chained)
    reply = make(stage, "Hello. This is Anna, how can I help?")
    assert stage.voice.pieces == ["Hello. This is Anna, how can I help?"]
    assert stage.said() == [reply.utterance.text] == ["Hello. This is Anna, how can I help?"]
    assert stage.model.asks == []
    assert reply.utterance.complete


def test_an_empty_fixed_text_is_no_question_to_the_model() -> None:
    stage = Stage()
    reply = make(stage, "")
    assert stage.model.asks == []
    assert (reply.utterance.text, reply.utterance.audio_ms, reply.utterance.complete) == ("", 0, True)


@each_way
def test_the_first_clause_is_spoken_while_the_model_still_writes(chained: bool) -> None:
    text = "Let me see what we have, " + "there is a long list of things that take time to say, " * 5 + "thank you."
    stage = Stage(Model(words(text)), chained=chained)
    reply = make(stage)
    assert stage.voice.pieces[0] == "Let me see what we have, "
    assert "".join(stage.voice.pieces) == text == reply.utterance.text
    assert stage.said() == [text]
    assert reply.stages.first_word == pytest.approx(10)
    assert reply.stages.first_audio == pytest.approx(70 + 100, abs=10)  # the seventh word closes the clause


def test_a_voice_that_takes_words_gets_them_as_they_come() -> None:
    stage = Stage(Model([Words(""), Words("Yes"), Words(", of"), Words(""), Words(" course.")]))
    stage.voice = Voice(streams_text=True)
    make(stage)
    assert stage.voice.pieces == ["Yes", ", of", " course."]


def test_a_sign_of_life_is_no_word() -> None:
    stage = Stage(Model([Words(""), 0.5, Words("Hi there.")]))
    assert make(stage).stages.first_word == 500


def test_asks_with_the_conversation_so_far() -> None:
    stage = Stage(Model("Yes."), tools=look_up())
    stage.transcript.caller("Are you open?")
    make(stage)
    (ask,) = stage.model.asks
    assert ask.system == "Be kind."
    assert ask.language == "en"
    assert [tool.name for tool in ask.tools] == ["look_up"]
    assert ask.messages == [Message("user", "Are you open?")]


@pytest.mark.parametrize("answer", [[], [0.5], [Words("")], [Words(" \n")], [TokenUsage(5, 0)]])
def test_a_model_that_answers_with_nothing_is_spoken_for(answer: list[Step]) -> None:
    stage = Stage(Model(answer))
    make(stage)
    assert [said.strip() for said in stage.said()] == [NOTHING_SAID]


def test_audio_without_sound_is_not_audible() -> None:
    heard: list[float] = []

    class Slow(Voice):
        async def stream(self, text: AsyncIterator[str], language: str) -> AsyncIterator[Spoken]:
            async for _ in text:
                yield Spoken(b"")
                await asyncio.sleep(1)
                yield Spoken(bytes(800))

    stage = Stage(voice=Slow())
    stage.audible = lambda: heard.append(clock_ms())
    assert make(stage, "Hello.").stages.first_audio == 1_000
    assert heard == [1_000]


# --- tools ---


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


# --- cancelled, failed ---


@each_way
@pytest.mark.parametrize("at_s", [0.005, 0.05, 0.25, 1.0])
def test_cancelling_closes_the_model_and_the_voice(chained: bool, at_s: float) -> None:
    stage = Stage(Model([0.04, Words("Let me see what we have. "), 0.3, Words("Oh"), None]), chained=chained)

    async def scenario() -> None:
        task = asyncio.create_task(start(stage).run())
        await asyncio.sleep(at_s)
        await stop(task)
        assert stage.model.closed == 1
        assert stage.voice.closed == (0 if chained and at_s < 0.04 else 1)  # a chain opens a voice for the first words
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert stage.playback.utterance is not None
        assert not stage.playback.utterance.complete

    run_virtual(scenario())


def test_a_model_is_closed_although_it_was_the_voice_that_was_waited_for() -> None:
    """The text stands at a `yield` then: closing it has to reach through to the model."""
    stage = Stage(Model(words("Let me see what we have. And so on and on.")), voice=Voice(first_s=50.0))

    async def scenario() -> None:
        task = asyncio.create_task(start(stage).run())
        await asyncio.sleep(10)
        await stop(task)
        assert (stage.model.closed, stage.voice.closed) == (1, 1)

    run_virtual(scenario())


@each_way
def test_a_tool_is_cancelled_and_answered_for(chained: bool) -> None:
    stage = Stage(Model([Words("One moment."), LOOK_UP]), tools=look_up(), chained=chained)

    async def scenario() -> None:
        task = asyncio.create_task(start(stage).run())
        await asyncio.sleep(1)
        await stop(task)

    run_virtual(scenario())
    assert stage.events == []
    assert stage.transcript.messages() == [
        Message("assistant", "One moment.", tool_calls=(LOOK_UP,)),
        Message("tool", GIVEN_UP, tool_call_id="id1"),
    ]


@each_way
def test_a_model_that_fails_in_the_middle_fails_the_reply(chained: bool) -> None:
    failure = ProviderError("model", "broke")
    stage = Stage(Model([Words("We are open from nine. "), 0.5, failure]), chained=chained)
    with pytest.raises(ProviderError) as caught:
        make(stage)
    assert caught.value is failure
    assert (stage.model.closed, stage.voice.closed) == (1, 1)
    assert stage.playback.utterance is not None
    assert stage.playback.utterance.audio_ms == 5 * MS_PER_CHARACTER + 18 * MS_PER_CHARACTER
    assert not stage.playback.utterance.complete


def test_a_voice_that_fails_in_the_middle_fails_the_reply() -> None:
    stage = Stage(Model(words("We are open from nine. We close at five in the evening.")))
    stage.voice.fails_at = 1
    with pytest.raises(ProviderError, match="voice: told to fail"):
        make(stage)
    assert (stage.model.closed, stage.voice.closed) == (1, 1)


def test_our_own_fault_is_not_hidden() -> None:
    async def broken() -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        make(Stage(Model([LOOK_UP]), tools=look_up(broken)))


# --- cut ---


def cut(heard: str, *texts: str) -> list[str]:
    """A reply of one part for each text, cut to what was heard; the agent's entries in the transcript."""
    scripts: list[list[Step]] = [[Words(text), LOOK_UP] for text in texts]
    stage = Stage(Model(*scripts[:-1], scripts[-1][:1]), tools=look_up())
    reply = make(stage)
    reply.cut(heard)
    return stage.said()


def test_heard_words_are_dealt_out_over_the_parts() -> None:
    parts = "One moment please.", "Table four is free.", "Anything else?"
    assert cut("One moment please. Table four", *parts) == ["One moment please.", "Table four"]
    assert cut("One moment please. Table four is free. Anything", *parts) == [*parts[:2], "Anything"]
    assert cut("One", *parts) == ["One", ""]  # the second part's tool call stays known
    assert cut("", *parts) == ["", ""]


def test_what_was_heard_in_full_stays_as_it_was_written() -> None:
    assert cut("One  moment\nplease. Done.", "One  moment\nplease.", "Done.") == ["One  moment\nplease.", " Done."]


@each_way
def test_nothing_is_written_down_after_the_cut(chained: bool) -> None:
    """The model's next words may already be there when the caller interrupts; and no tool is begun any more."""
    stage = Stage(
        Model([Words("We are open from nine. "), 0.5, Words("Also on Sundays. "), LOOK_UP], "Well."),
        tools=look_up(),
        chained=chained,
    )

    async def scenario() -> None:
        reply = start(stage)
        task = asyncio.create_task(reply.run())
        await asyncio.sleep(0.4)
        reply.cut("We are")
        await asyncio.sleep(3)
        await stop(task)

    run_virtual(scenario())
    assert stage.transcript.messages() == [Message("assistant", "We are")]
    assert stage.events == []
    assert len(stage.model.asks) == 1
    assert stage.model.closed == 1


@each_way
def test_a_tool_that_was_asked_for_before_the_cut_is_not_begun_after_it(chained: bool) -> None:
    stage = Stage(Model([Words("We are open from nine. "), LOOK_UP, 0.5], "Well."), tools=look_up(), chained=chained)

    async def scenario() -> None:
        reply = start(stage)
        task = asyncio.create_task(reply.run())
        await asyncio.sleep(0.4)
        reply.cut("We are")
        await asyncio.sleep(3)
        await stop(task)

    run_virtual(scenario())
    assert stage.transcript.messages() == [Message("assistant", "We are")]
    assert stage.events == []


# --- usage ---


def test_counts_what_was_asked_and_spoken() -> None:
    stage = Stage(
        Model([Words("One moment."), LOOK_UP, TokenUsage(100, 9)], [Words("Done."), TokenUsage(120, 2)]),
        tools=look_up(),
    )
    make(stage)
    usage = stage.usage.total(0)
    assert usage.llm_requests == 2
    assert (usage.llm_prompt_tokens, usage.llm_completion_tokens) == (220, 11)
    assert usage.tts_characters == len("One moment. Done.")
    assert usage.tts_ms == (4 + 8 + 6) * MS_PER_CHARACTER


@each_way
def test_a_request_that_is_given_up_is_paid_for_by_estimate(chained: bool) -> None:
    stage = Stage(Model([Words("x" * 40 + " "), 0.5, None]), chained=chained)
    stage.transcript.caller("y" * 400)

    async def scenario() -> None:
        task = asyncio.create_task(start(stage).run())
        await asyncio.sleep(2)
        await stop(task)

    run_virtual(scenario())
    usage = stage.usage.total(0)
    assert 100 <= usage.llm_prompt_tokens <= 120
    assert 10 <= usage.llm_completion_tokens <= 12


def test_a_request_that_was_refused_costs_nothing() -> None:
    stage = Stage(Model([ProviderError("model", "busy")]))
    with pytest.raises(ProviderError):
        make(stage)
    assert stage.usage.total(0).llm_prompt_tokens == 0
    assert stage.usage.total(0).llm_requests == 1

"""Replies that do not come to their end: cancelled, failed, cut."""

import asyncio

import pytest

from media.call.transcript import GIVEN_UP
from media.providers.ports import Message, ProviderError, Words
from tests.media.call.fakes import MS_PER_CHARACTER, Model, Stage, Step, Voice, words
from tests.media.call.replies import LOOK_UP, each_way, look_up, make, start, stop
from tests.virtual_time import run_virtual

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

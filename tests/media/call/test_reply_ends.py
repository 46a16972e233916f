"""Replies that are cancelled, fail or are cut."""

import asyncio

import pytest

from media.call.transcript import RUNNING_RESULT
from media.providers.ports import Message, ProviderError, TextDelta
from media.tools.runner import FAILED_RESULT
from shared.events import ToolRan
from tests.media.call.fakes import MS_PER_CHARACTER, FakeModel, FakeVoice, ReplyFakes, Step, words
from tests.media.call.reply_helpers import LOOK_UP, cancel, look_up, make_reply, run_reply, with_and_without_chain
from tests.virtual_time import Unhandled, run_virtual

# --- cancelled, failed ---


@with_and_without_chain
@pytest.mark.parametrize("at_s", [0.005, 0.05, 0.25, 1.0])
def test_cancelling_closes_the_model_and_the_voice(chained: bool, at_s: float) -> None:
    fakes = ReplyFakes(
        FakeModel([0.04, TextDelta("Let me see what we have. "), 0.3, TextDelta("Oh"), None]), chained=chained
    )

    async def scenario() -> None:
        task = asyncio.create_task(make_reply(fakes).run())
        await asyncio.sleep(at_s)
        await cancel(task)
        assert fakes.model.closed == 1
        assert fakes.voice.closed == (
            0 if chained and at_s < 0.04 else 1
        )  # a chain opens a voice only for the first words
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert fakes.playback.utterance is not None
        assert not fakes.playback.utterance.complete

    run_virtual(scenario())


def test_model_is_closed_while_the_voice_is_awaited() -> None:
    """The text is suspended at a `yield` then, and closing it must close the model too."""
    fakes = ReplyFakes(FakeModel(words("Let me see what we have. And so on and on.")), voice=FakeVoice(first_s=50.0))

    async def scenario() -> None:
        task = asyncio.create_task(make_reply(fakes).run())
        await asyncio.sleep(10)
        await cancel(task)
        assert (fakes.model.closed, fakes.voice.closed) == (1, 1)

    run_virtual(scenario())


@with_and_without_chain
def test_a_tool_outlives_the_reply_that_called_it(chained: bool) -> None:
    fakes = ReplyFakes(FakeModel([TextDelta("One moment."), LOOK_UP]), tools=look_up(), chained=chained)

    async def scenario() -> None:
        task = asyncio.create_task(make_reply(fakes).run())
        await asyncio.sleep(1)
        await cancel(task)
        assert [message.text for message in fakes.transcript.messages()] == ["One moment.", RUNNING_RESULT]
        await asyncio.sleep(2)

    run_virtual(scenario())
    assert [(ran.name, ran.ok, ran.result) for ran in fakes.tools_ran()] == [("look_up", True, "table 4 is free")]
    assert fakes.transcript.messages() == [
        Message("assistant", "One moment.", tool_calls=(LOOK_UP,)),
        Message("tool", "table 4 is free", tool_call_id="id1"),
    ]


def test_a_result_that_the_model_has_not_answered_yet_is_told_later() -> None:
    """The reply is cut after the tool has ended and before the model has answered."""
    fakes = ReplyFakes(FakeModel([LOOK_UP], [None]), tools=look_up())

    async def scenario() -> list[str | None]:
        reply = make_reply(fakes)
        task = asyncio.create_task(reply.run())
        await asyncio.sleep(3)
        assert len(fakes.model.requests) == 2 and not reply.services.tools.new_results
        await cancel(task)
        reply.cut("")
        new_results = reply.services.tools.new_results
        return [result.text for result in new_results]

    assert run_virtual(scenario()) == ["table 4 is free"]


def test_fillers_are_spoken_and_cut_but_no_part_of_the_transcript() -> None:
    fakes = ReplyFakes(FakeModel([TextDelta("Let me see."), LOOK_UP], [TextDelta("It is free.")]), tools=look_up())

    async def scenario() -> None:
        reply = make_reply(fakes)
        task = asyncio.create_task(reply.run())
        await asyncio.sleep(1)
        assert reply.is_waiting and reply.owes_answer, "words before a tool are no answer"
        reply.fill("One moment.")
        await asyncio.sleep(0.5)
        assert reply.is_waiting and reply.owes_answer
        await task
        assert not reply.is_waiting and not reply.owes_answer
        assert reply.utterance.text == "Let me see. One moment. It is free."
        reply.cut("Let me see. One moment. It is")

    run_virtual(scenario())
    assert fakes.voice.pieces == ["Let me see.", "", " One moment.", "", " It is free."]
    assert fakes.said() == ["Let me see.", "It is"]


@with_and_without_chain
def test_a_model_that_fails_in_the_middle_fails_the_reply(chained: bool) -> None:
    failure = ProviderError("model", "broke")
    fakes = ReplyFakes(FakeModel([TextDelta("We are open from nine. "), 0.5, failure]), chained=chained)
    with pytest.raises(ProviderError) as caught:
        run_reply(fakes)
    assert caught.value is failure
    assert (fakes.model.closed, fakes.voice.closed) == (1, 1)
    assert fakes.playback.utterance is not None
    assert fakes.playback.utterance.audio_ms == 5 * MS_PER_CHARACTER + 18 * MS_PER_CHARACTER
    assert not fakes.playback.utterance.complete


def test_a_voice_that_fails_in_the_middle_fails_the_reply() -> None:
    fakes = ReplyFakes(FakeModel(words("We are open from nine. We close at five in the evening.")))
    fakes.voice.fails_at = 1
    with pytest.raises(ProviderError, match="voice: scripted failure"):
        run_reply(fakes)
    assert (fakes.model.closed, fakes.voice.closed) == (1, 1)


def test_internal_error_of_a_tool_is_reported_and_ends_only_its_run() -> None:
    async def broken() -> str:
        raise ZeroDivisionError

    fakes = ReplyFakes(FakeModel([LOOK_UP], "That did not work."), tools=look_up(broken))
    with pytest.raises(Unhandled, match="a tool crashed"):
        run_reply(fakes)
    assert fakes.said()[-1] == "That did not work."
    assert fakes.tools_ran() == [ToolRan(3, "look_up", False, FAILED_RESULT, 2_000)]


# --- cut ---


def cut(heard: str, *texts: str) -> list[str]:
    """Runs a reply with one part per text, cuts it to `heard`; returns the agent's transcript entries."""
    scripts: list[list[Step]] = [[TextDelta(text), LOOK_UP] for text in texts]
    fakes = ReplyFakes(FakeModel(*scripts[:-1], scripts[-1][:1]), tools=look_up())
    reply = run_reply(fakes)
    reply.cut(heard)
    return fakes.said()


def test_heard_words_are_distributed_over_the_parts() -> None:
    parts = "One moment please.", "Table four is free.", "Anything else?"
    assert cut("One moment please. Table four", *parts) == ["One moment please.", "Table four"]
    assert cut("One moment please. Table four is free. Anything", *parts) == [*parts[:2], "Anything"]
    assert cut("One", *parts) == ["One", ""]  # the second part stays for its tool call
    assert cut("", *parts) == ["", ""]


def test_text_heard_to_its_end_stays_as_written() -> None:
    assert cut("One  moment\nplease. Done.", "One  moment\nplease.", "Done.") == ["One  moment\nplease.", " Done."]


@with_and_without_chain
def test_transcript_does_not_grow_after_the_cut(chained: bool) -> None:
    """The model's next words may already be received when the caller interrupts. No tool is started either."""
    fakes = ReplyFakes(
        FakeModel([TextDelta("We are open from nine. "), 0.5, TextDelta("Also on Sundays. "), LOOK_UP], "Well."),
        tools=look_up(),
        chained=chained,
    )

    async def scenario() -> None:
        reply = make_reply(fakes)
        task = asyncio.create_task(reply.run())
        await asyncio.sleep(0.4)
        reply.cut("We are")
        await asyncio.sleep(3)
        await cancel(task)

    run_virtual(scenario())
    assert fakes.transcript.messages() == [Message("assistant", "We are")]
    assert fakes.events == []
    assert len(fakes.model.requests) == 1
    assert fakes.model.closed == 1


@with_and_without_chain
def test_requested_tool_is_not_started_after_the_cut(chained: bool) -> None:
    fakes = ReplyFakes(
        FakeModel([TextDelta("We are open from nine. "), LOOK_UP, 0.5], "Well."), tools=look_up(), chained=chained
    )

    async def scenario() -> None:
        reply = make_reply(fakes)
        task = asyncio.create_task(reply.run())
        await asyncio.sleep(0.4)
        reply.cut("We are")
        await asyncio.sleep(3)
        await cancel(task)

    run_virtual(scenario())
    assert fakes.transcript.messages() == [Message("assistant", "We are")]
    assert fakes.events == []

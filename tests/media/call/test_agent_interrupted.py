"""Interrupted agents: events, transcript and playback agree on the words that were heard."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.providers.ports import TextDelta
from shared.events import AgentSaid
from tests.media.call.agent_harness import GREETING, LOOK_UP, AgentHarness, answer_interrupted_at, look_up, said, turn
from tests.media.call.fakes import MS_PER_CHARACTER, FakeModel, FakeVoice, ReplyFakes, Step, words
from tests.virtual_time import run_virtual


@pytest.mark.parametrize("chained", [False, True], ids=["bare", "chained"])
def test_interruption_keeps_the_words_that_were_heard(chained: bool) -> None:
    fakes = ReplyFakes(FakeModel([TextDelta("We are open from nine. "), None]), chained=chained)
    harness = answer_interrupted_at(fakes, 0.1 + 0.62)  # "We are open" takes 600 ms
    assert [what for what, _ in harness.notifications] == ["audible"]
    times = (100, 250, 250, 450, 450, 700)
    assert said(fakes) == [AgentSaid(1, "We are open", 100, 720, True, "We are open from nine.", times)]
    assert fakes.said() == ["We are open"]
    assert fakes.media_stream.clears == 1
    assert (fakes.model.closed, fakes.voice.closed) == (1, 1)
    assert fakes.usage.heard_ms == pytest.approx(620)


def test_interruption_before_the_first_audio_leaves_no_text() -> None:
    fakes = ReplyFakes(FakeModel("We are open from nine."))
    harness = answer_interrupted_at(fakes, 0.02)
    assert harness.notifications == []
    assert fakes.events == []
    assert fakes.said() == []
    assert fakes.media_stream.clears == 0


def test_interruption_after_all_words_were_heard_reports_no_planned_text() -> None:
    fakes = ReplyFakes(FakeModel([TextDelta("One moment."), LOOK_UP]), tools=look_up(8))
    answer_interrupted_at(fakes, 5)
    assert said(fakes) == [AgentSaid(1, "One moment.", 100, 5_000, True, word_ms=(100, 300, 300, 700))]
    assert [message.text for message in fakes.transcript.messages()] == ["One moment.", "found"]


def test_next_utterance_interrupts_the_current_one() -> None:
    fakes = ReplyFakes()

    async def scenario() -> AgentHarness:
        harness = AgentHarness(fakes)
        harness.agent.say("One two three four five.", 0)
        await asyncio.sleep(0.5)
        harness.agent.say(GREETING, 1)
        await asyncio.sleep(5)
        return harness

    harness = run_virtual(scenario())
    assert [what for what, _ in harness.notifications] == [
        "audible",
        "length_known",
        "audible",
        "length_known",
        "finished",
    ]
    assert [(event.text, event.interrupted) for event in said(fakes)] == [("One two", True), (GREETING, False)]
    assert fakes.said() == ["One two", GREETING]


def test_listener_may_interrupt_at_the_first_audio() -> None:
    fakes = ReplyFakes(FakeModel("We are open from nine."))

    async def scenario() -> AgentHarness:
        harness = AgentHarness(fakes, interrupts_when_audible=True)
        harness.agent.answer(1, turn())
        await asyncio.sleep(5)
        return harness

    harness = run_virtual(scenario())
    assert [what for what, _ in harness.notifications] == ["audible"]
    assert fakes.events == []
    assert fakes.said() == []


_parts = st.lists(
    st.lists(st.sampled_from(["Well,", "yes.", "We", "can", "do", "that", "tomorrow.", "Ok!"]), min_size=1, max_size=8),
    min_size=1,
    max_size=3,
)


@settings(max_examples=60)
@given(parts=_parts, at_ms=st.integers(0, 8_000), timed=st.booleans(), chained=st.booleans(), streams=st.booleans())
def test_transcript_events_and_playback_agree_on_what_was_heard(
    parts: list[list[str]], at_ms: int, timed: bool, chained: bool, streams: bool
) -> None:
    scripts: list[list[Step]] = [[*words(" ".join(part)), LOOK_UP] for part in parts]
    fakes = ReplyFakes(FakeModel(*scripts[:-1], scripts[-1][:-1]), tools=look_up(0.7), chained=chained)
    fakes.voice = FakeVoice(times_words=timed, streams_text=streams)

    async def scenario() -> None:
        harness = AgentHarness(fakes)
        harness.agent.answer(1, turn())
        await asyncio.sleep(at_ms / 1_000)
        harness.agent.interrupt()
        await asyncio.sleep(5)

    run_virtual(scenario())
    heard = " ".join(event.text for event in said(fakes)).split()
    assert heard == " ".join(fakes.said()).split()
    assert heard == [word for part in parts for word in part][: len(heard)]
    assert sum(len(word) + 1 for word in heard[:-1]) * MS_PER_CHARACTER <= at_ms

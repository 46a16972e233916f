"""An agent that is interrupted: the record, the model's memory and the caller's ear hold the same words."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.call.transcript import GIVEN_UP
from media.providers.ports import Words
from shared.events import AgentSaid
from tests.media.call.desk import GREETING, LOOK_UP, Desk, interrupted, look_up, said, turn
from tests.media.call.fakes import MS_PER_CHARACTER, Model, Stage, Step, Voice, words
from tests.virtual_time import run_virtual


@pytest.mark.parametrize("chained", [False, True], ids=["bare", "chained"])
def test_an_interruption_keeps_the_words_that_were_heard(chained: bool) -> None:
    stage = Stage(Model([Words("We are open from nine. "), None]), chained=chained)
    desk = interrupted(stage, 0.1 + 0.62)  # "We are open" takes 600 ms
    assert [what for what, _ in desk.told] == ["audible"]
    assert said(stage) == [AgentSaid(1, "We are open", 100, 720, True, "We are open from nine.")]
    assert stage.said() == ["We are open"]
    assert stage.wire.clears == 1
    assert (stage.model.closed, stage.voice.closed) == (1, 1)
    assert stage.usage.heard_ms == pytest.approx(620)


def test_an_interruption_before_the_first_sound_leaves_nothing() -> None:
    stage = Stage(Model("We are open from nine."))
    desk = interrupted(stage, 0.02)
    assert desk.told == []
    assert stage.events == []
    assert stage.said() == []
    assert stage.wire.clears == 0


def test_what_was_heard_in_full_before_the_interruption_has_nothing_left_unsaid() -> None:
    stage = Stage(Model([Words("One moment."), LOOK_UP]), tools=look_up(60))
    interrupted(stage, 5)
    assert said(stage) == [AgentSaid(1, "One moment.", 100, 5_000, True)]
    assert [message.text for message in stage.transcript.messages()] == ["One moment.", GIVEN_UP]


def test_the_next_utterance_interrupts_the_one_before() -> None:
    stage = Stage()

    async def scenario() -> Desk:
        desk = Desk(stage)
        desk.agent.say("One two three four five.", 0)
        await asyncio.sleep(0.5)
        desk.agent.say(GREETING, 1)
        await asyncio.sleep(5)
        return desk

    desk = run_virtual(scenario())
    assert [what for what, _ in desk.told] == ["audible", "known", "audible", "known", "over"]
    assert [(event.text, event.interrupted) for event in said(stage)] == [("One two", True), (GREETING, False)]
    assert stage.said() == ["One two", GREETING]


def test_a_listener_may_interrupt_at_the_first_sound() -> None:
    stage = Stage(Model("We are open from nine."))

    async def scenario() -> Desk:
        desk = Desk(stage, refuses=True)
        desk.agent.answer(1, turn())
        await asyncio.sleep(5)
        return desk

    desk = run_virtual(scenario())
    assert [what for what, _ in desk.told] == ["audible"]
    assert stage.events == []
    assert stage.said() == []


_parts = st.lists(
    st.lists(st.sampled_from(["Well,", "yes.", "We", "can", "do", "that", "tomorrow.", "Ok!"]), min_size=1, max_size=8),
    min_size=1,
    max_size=3,
)


@settings(max_examples=60)
@given(parts=_parts, at_ms=st.integers(0, 8_000), timed=st.booleans(), chained=st.booleans(), streams=st.booleans())
def test_memory_record_and_ledger_agree_on_what_was_heard(
    parts: list[list[str]], at_ms: int, timed: bool, chained: bool, streams: bool
) -> None:
    """Whenever it is interrupted: the event, the model's memory and the caller's ear hold the same words."""
    scripts: list[list[Step]] = [[*words(" ".join(part)), LOOK_UP] for part in parts]
    stage = Stage(Model(*scripts[:-1], scripts[-1][:-1]), tools=look_up(0.7), chained=chained)
    stage.voice = Voice(times_words=timed, streams_text=streams)

    async def scenario() -> None:
        desk = Desk(stage)
        desk.agent.answer(1, turn())
        await asyncio.sleep(at_ms / 1_000)
        desk.agent.interrupt()
        await asyncio.sleep(5)

    run_virtual(scenario())
    heard = " ".join(event.text for event in said(stage)).split()
    assert heard == " ".join(stage.said()).split()
    assert heard == [word for part in parts for word in part][: len(heard)]
    assert sum(len(word) + 1 for word in heard[:-1]) * MS_PER_CHARACTER <= at_ms

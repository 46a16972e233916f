"""The agent: one utterance at a time, what was heard of it, and who is told; in virtual time."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.call.agent import Agent, TurnClock
from media.call.tools import Tool
from media.call.transcript import GIVEN_UP
from media.call.utterance import Utterance
from media.providers.ports import ProviderError, Spoken, ToolCall, ToolSpec, Words
from shared.events import AgentSaid, TurnLatency
from tests.media.call.fakes import MS_PER_CHARACTER, Model, Stage, Step, Voice, words
from tests.virtual_time import clock_ms, run_virtual

LOOK_UP = ToolCall("id1", "look_up", "{}")
GREETING = "Hello and welcome."  # 19 characters with the gaps: 950 ms


def look_up(seconds: float = 2.0) -> dict[str, Tool]:
    async def found(arguments: bytes) -> str:
        await asyncio.sleep(seconds)
        return "found"

    return {"look_up": Tool(ToolSpec("look_up", "Looks something up.", {}), found)}


@dataclass
class Desk:
    """A stage with an agent on it. `told`: what the call hears of it, and when."""

    stage: Stage
    told: list[tuple[str, int]] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    left_ms: list[float] = field(default_factory=list)
    refuses: bool = False  # interrupts as soon as it is audible, as a floor that is not free does
    agent: Agent = field(init=False)

    def __post_init__(self) -> None:
        self.agent = Agent(self.stage.speaker(), self)
        self.stage.audible = self.agent.audible
        self.stage.wire.on_mark = self._on_mark

    def _on_mark(self, name: str) -> None:
        self.stage.playback.marked(name, clock_ms())
        self.agent.check()

    def agent_audible(self, utterance: Utterance) -> None:
        self._note("audible")
        if self.refuses:
            self.agent.interrupt()

    def agent_known(self, utterance: Utterance, left_ms: float) -> None:
        self._note("known")
        self.left_ms.append(left_ms)

    def agent_over(self, utterance: Utterance) -> None:
        self._note("over")

    def agent_failed(self, utterance: Utterance, error: ProviderError) -> None:
        self._note("failed")
        self.errors.append(error)

    def agent_crashed(self, error: BaseException) -> None:
        self._note("crashed")
        self.errors.append(error)

    def _note(self, what: str) -> None:
        self.told.append((what, round(clock_ms())))


def turn() -> TurnClock:
    now = clock_ms()
    return TurnClock(now - 500, now - 100, now)


def said(stage: Stage) -> list[AgentSaid]:
    return [event for event in stage.events if isinstance(event, AgentSaid)]


# --- heard to the end ---


def test_an_utterance_from_its_first_sound_to_its_last() -> None:
    stage = Stage()

    async def scenario() -> Desk:
        desk = Desk(stage)
        desk.agent.say(GREETING, 0)
        assert desk.agent.busy
        assert not desk.agent.sounding
        await asyncio.sleep(0.5)
        assert desk.agent.sounding
        await asyncio.sleep(5)
        assert not desk.agent.busy
        assert not desk.agent.sounding
        return desk

    desk = run_virtual(scenario())
    assert desk.told == [("audible", 100), ("known", 100), ("over", 1_050)]
    assert desk.left_ms == [950]
    assert stage.events == [AgentSaid(0, GREETING, 100, 1_050)]
    assert stage.usage.heard_ms == 950


def test_an_answer_tells_its_latency_and_the_stages_add_up() -> None:
    stage = Stage(Model([0.25, Words("Yes, we are open.")]))

    async def scenario() -> None:
        desk = Desk(stage)
        await asyncio.sleep(1)
        desk.agent.answer(4, TurnClock(ended=399.6, due=800.0, decided=1_000.0))
        await asyncio.sleep(5)

    run_virtual(scenario())
    (latency,) = [event for event in stage.events if isinstance(event, TurnLatency)]
    assert latency == TurnLatency(4, 950, 400, 200, 250, 100)
    assert latency.total_ms == sum(
        (latency.endpoint_ms, latency.stt_ms, latency.llm_first_token_ms, latency.tts_first_byte_ms)
    )
    assert stage.events.index(latency) < stage.events.index(said(stage)[0])


def test_a_fixed_text_has_no_latency() -> None:
    stage = Stage()

    async def scenario() -> None:
        Desk(stage).agent.say(GREETING, 0)
        await asyncio.sleep(5)

    run_virtual(scenario())
    assert not [event for event in stage.events if isinstance(event, TurnLatency)]


def test_how_long_is_left_is_known_once_all_audio_is_there() -> None:
    stage = Stage(Model([Words("Let me have a look. "), 0.4, Words("Yes.")]))

    async def scenario() -> Desk:
        desk = Desk(stage)
        desk.agent.answer(1, turn())
        await asyncio.sleep(5)
        return desk

    desk = run_virtual(scenario())
    assert [what for what, _ in desk.told] == ["audible", "known", "over"]
    assert desk.told[1][1] == 600  # 400 ms for the model, 100 ms for the voice, twice
    assert desk.left_ms == [pytest.approx(25 * MS_PER_CHARACTER - 500)]


def test_an_utterance_without_sound_is_over_and_nobody_heard_it() -> None:
    stage = Stage()

    async def scenario() -> Desk:
        desk = Desk(stage)
        desk.agent.say("", 2)
        await asyncio.sleep(1)
        return desk

    assert run_virtual(scenario()).told == [("over", 100)]
    assert stage.events == []
    assert stage.said() == []


def test_words_that_never_sounded_are_not_remembered() -> None:
    class Mute(Voice):
        async def stream(self, text: AsyncIterator[str], language: str) -> AsyncIterator[Spoken]:
            async for _ in text:
                pass
            for nothing in list[Spoken]():
                yield nothing

    stage = Stage(voice=Mute())

    async def scenario() -> None:
        Desk(stage).agent.say(GREETING, 0)
        await asyncio.sleep(1)

    run_virtual(scenario())
    assert stage.said() == []
    assert stage.events == []


# --- interrupted ---


def interrupted(stage: Stage, at_s: float) -> Desk:
    """The answer to turn 1 is interrupted at that time."""

    async def scenario() -> Desk:
        desk = Desk(stage)
        desk.agent.answer(1, turn())
        await asyncio.sleep(at_s)
        desk.agent.interrupt()
        assert not desk.agent.busy
        before = list(desk.told)
        await asyncio.sleep(10)
        assert desk.told == before
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return desk

    return run_virtual(scenario())


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


# --- held ---


def test_a_hold_delays_the_rest_and_loses_none_of_it() -> None:
    stage = Stage()

    async def scenario() -> Desk:
        desk = Desk(stage)
        desk.agent.say("We are open from nine.", 0)
        await asyncio.sleep(0.1 + 0.45)  # in the middle of "open"
        desk.agent.hold()
        await asyncio.sleep(2)
        assert desk.agent.busy
        desk.agent.resume()
        await asyncio.sleep(5)
        return desk

    desk = run_virtual(scenario())
    assert [what for what, _ in desk.told] == ["audible", "known", "over"]
    assert desk.told[-1][1] == 100 + 450 + 2_000 + (1_150 - 350)
    assert stage.events == [AgentSaid(0, "We are open from nine.", 100, desk.told[-1][1])]
    assert stage.wire.clears == 1


def test_what_comes_in_a_hold_is_audible_after_it() -> None:
    stage = Stage()

    async def scenario() -> Desk:
        desk = Desk(stage)
        desk.agent.say(GREETING, 0)
        desk.agent.hold()
        await asyncio.sleep(3)
        assert desk.told == []
        assert desk.agent.busy
        desk.agent.resume()
        await asyncio.sleep(3)
        return desk

    assert run_virtual(scenario()).told == [("audible", 3_000), ("known", 3_000), ("over", 3_950)]


def test_an_interruption_in_a_hold_counts_from_the_hold() -> None:
    stage = Stage()

    async def scenario() -> None:
        desk = Desk(stage)
        desk.agent.say("We are open from nine.", 0)
        await asyncio.sleep(0.1 + 0.35)
        desk.agent.hold()
        await asyncio.sleep(3)
        desk.agent.interrupt()

    run_virtual(scenario())
    assert said(stage) == [AgentSaid(0, "We are", 100, 450, True, "We are open from nine.")]
    assert stage.wire.clears == 1


def test_with_nothing_to_say_hold_resume_and_interrupt_do_nothing() -> None:
    stage = Stage()

    async def scenario() -> Desk:
        desk = Desk(stage)
        desk.agent.hold()
        desk.agent.resume()
        desk.agent.interrupt()
        desk.agent.check()
        desk.agent.audible()
        await desk.agent.close()
        return desk

    assert run_virtual(scenario()).told == []
    assert (stage.wire.clears, stage.events) == (0, [])


# --- failed ---


def test_a_provider_that_fails_in_the_middle_leaves_what_was_heard() -> None:
    error = ProviderError("model", "broke")
    stage = Stage(Model([Words("We are open from nine. "), 0.62, error]))

    async def scenario() -> Desk:
        desk = Desk(stage)
        desk.agent.answer(1, turn())
        await asyncio.sleep(5)
        assert not desk.agent.busy
        return desk

    desk = run_virtual(scenario())
    assert desk.told == [("audible", 100), ("failed", 720)]
    assert desk.errors == [error]
    assert said(stage) == [AgentSaid(1, "We are open", 100, 720, True, "We are open from nine.")]
    assert stage.said() == ["We are open"]
    assert stage.wire.clears == 1


def test_a_provider_that_fails_after_it_was_given_up_is_no_news() -> None:
    class Late(Voice):
        async def stream(self, text: AsyncIterator[str], language: str) -> AsyncIterator[Spoken]:
            try:
                async for _ in text:
                    await asyncio.sleep(60)
                yield Spoken(b"")
            finally:
                raise ProviderError("voice", "also broke while closing")

    stage = Stage(Model(words("We are open.")), voice=Late())
    assert interrupted(stage, 1).told == []


def test_a_fault_of_ours_is_told_as_such() -> None:
    stage = Stage(Model([Words("Well, "), ZeroDivisionError()]))

    async def scenario() -> Desk:
        desk = Desk(stage)
        desk.agent.answer(1, turn())
        await asyncio.sleep(5)
        await desk.agent.close()
        return desk

    desk = run_virtual(scenario())
    assert [what for what, _ in desk.told] == ["crashed"]
    assert isinstance(desk.errors[0], ZeroDivisionError)


# --- closed ---


def test_closing_stops_everything_and_nothing_is_said_after_it() -> None:
    stage = Stage(Model([Words("We are open from nine. "), None], "Late."))

    async def scenario() -> Desk:
        desk = Desk(stage)
        desk.agent.answer(1, turn())
        await asyncio.sleep(0.72)
        await desk.agent.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert (stage.model.closed, stage.voice.closed) == (1, 1)
        desk.agent.answer(2, turn())
        desk.agent.say(GREETING, 2)
        await asyncio.sleep(5)
        return desk

    desk = run_virtual(scenario())
    assert [what for what, _ in desk.told] == ["audible"]
    assert [event.text for event in said(stage)] == ["We are open"]
    assert len(stage.model.asks) == 1


def test_closing_waits_for_replies_that_were_given_up_before() -> None:
    takes_s = [0.9, 0.1]
    closed: list[float] = []

    class Slow(Voice):
        async def stream(self, text: AsyncIterator[str], language: str) -> AsyncIterator[Spoken]:
            seconds = takes_s.pop(0)
            try:
                async for _ in text:
                    await asyncio.sleep(60)
                yield Spoken(b"")
            finally:
                await asyncio.sleep(seconds)
                closed.append(clock_ms())

    stage = Stage(voice=Slow())

    async def scenario() -> None:
        desk = Desk(stage)
        desk.agent.say("One.", 0)
        await asyncio.sleep(0.1)
        desk.agent.say("Two.", 0)
        await asyncio.sleep(0.1)
        await desk.agent.close()
        assert len(closed) == 2

    run_virtual(scenario())

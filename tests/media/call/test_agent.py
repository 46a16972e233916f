"""The agent: one utterance at a time, what was heard of it, and who is told; in virtual time."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from media.call.agent import TurnClock
from media.providers.ports import ProviderError, Spoken, Words
from shared.events import AgentSaid, TurnLatency
from tests.media.call.desk import GREETING, Desk, interrupted, said, turn
from tests.media.call.fakes import MS_PER_CHARACTER, Model, Stage, Voice, words
from tests.virtual_time import clock_ms, run_virtual

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

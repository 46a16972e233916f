"""The agent in virtual time: one utterance at a time, what was heard of it, and its notifications."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from media.call.answer_latency import TurnTimes
from media.providers.ports import ProviderError, SpeechChunk, TextDelta
from shared.events import AgentSaid, TurnLatency
from tests.media.call.agent_harness import GREETING, AgentHarness, answer_interrupted_at, said, turn
from tests.media.call.fakes import MS_PER_CHARACTER, FakeModel, FakeVoice, ReplyFakes, words
from tests.virtual_time import clock_ms, run_virtual

# --- heard to the end ---


def test_utterance_is_reported_audible_and_finished() -> None:
    fakes = ReplyFakes()

    async def scenario() -> AgentHarness:
        harness = AgentHarness(fakes)
        harness.agent.say(GREETING, 0)
        assert harness.agent.is_busy
        assert not harness.agent.is_audible
        await asyncio.sleep(0.5)
        assert harness.agent.is_audible
        await asyncio.sleep(5)
        assert not harness.agent.is_busy
        assert not harness.agent.is_audible
        return harness

    harness = run_virtual(scenario())
    assert harness.notifications == [("audible", 100), ("length_known", 100), ("finished", 1_060)]
    assert harness.left_ms == [950]
    assert fakes.events == [AgentSaid(0, GREETING, 100, 1_060, word_ms=(100, 400, 400, 600, 600, 1_050))]
    assert fakes.usage.heard_ms == 950


def test_answer_reports_its_latency_and_the_stages_add_up() -> None:
    fakes = ReplyFakes(FakeModel([0.25, TextDelta("Yes, we are open.")]))

    async def scenario() -> None:
        harness = AgentHarness(fakes)
        await asyncio.sleep(1)
        harness.agent.answer(4, TurnTimes(ended=399.6, due=800.0, decided=1_000.0))
        await asyncio.sleep(5)

    run_virtual(scenario())
    (latency,) = [event for event in fakes.events if isinstance(event, TurnLatency)]
    assert latency == TurnLatency(4, 950, 400, 200, 250, 100)
    assert latency.total_ms == sum(
        (latency.endpoint_ms, latency.stt_ms, latency.llm_first_token_ms, latency.tts_first_byte_ms)
    )
    assert fakes.events.index(latency) < fakes.events.index(said(fakes)[0])


def test_a_fixed_text_has_no_latency() -> None:
    fakes = ReplyFakes()

    async def scenario() -> None:
        AgentHarness(fakes).agent.say(GREETING, 0)
        await asyncio.sleep(5)

    run_virtual(scenario())
    assert not [event for event in fakes.events if isinstance(event, TurnLatency)]


def test_remaining_length_is_reported_once_all_audio_is_received() -> None:
    fakes = ReplyFakes(FakeModel([TextDelta("Let me have a look. "), 0.4, TextDelta("Yes.")]))

    async def scenario() -> AgentHarness:
        harness = AgentHarness(fakes)
        harness.agent.answer(1, turn())
        await asyncio.sleep(5)
        return harness

    harness = run_virtual(scenario())
    assert [what for what, _ in harness.notifications] == ["audible", "length_known", "finished"]
    assert harness.notifications[1][1] == 600  # 400 ms for the model, 100 ms for the voice, twice
    assert harness.left_ms == [pytest.approx(25 * MS_PER_CHARACTER - 500)]


def test_utterance_without_audio_finishes_unheard() -> None:
    fakes = ReplyFakes()

    async def scenario() -> AgentHarness:
        harness = AgentHarness(fakes)
        harness.agent.say("", 2)
        await asyncio.sleep(1)
        return harness

    assert run_virtual(scenario()).notifications == [("finished", 100)]
    assert fakes.events == []
    assert fakes.said() == []


def test_words_that_never_sounded_are_not_in_the_transcript() -> None:
    class SilentVoice(FakeVoice):
        async def stream(self, text: AsyncIterator[str], language: str) -> AsyncIterator[SpeechChunk]:
            async for _ in text:
                pass
            for chunk in list[SpeechChunk]():
                yield chunk

    fakes = ReplyFakes(voice=SilentVoice())

    async def scenario() -> None:
        AgentHarness(fakes).agent.say(GREETING, 0)
        await asyncio.sleep(1)

    run_virtual(scenario())
    assert fakes.said() == []
    assert fakes.events == []


# --- held ---


def test_hold_delays_the_rest_of_an_utterance_and_loses_nothing() -> None:
    fakes = ReplyFakes()

    async def scenario() -> AgentHarness:
        harness = AgentHarness(fakes)
        harness.agent.say("We are open from nine.", 0)
        await asyncio.sleep(0.1 + 0.45)  # in the middle of "open"
        harness.agent.hold()
        await asyncio.sleep(2)
        assert harness.agent.is_busy
        harness.agent.resume()
        await asyncio.sleep(5)
        return harness

    harness = run_virtual(scenario())
    assert [what for what, _ in harness.notifications] == ["audible", "length_known", "finished"]
    assert harness.notifications[-1][1] == 100 + 450 + 2_000 + (1_150 - 350)
    times = (100, 250, 250, 450, 2_550, 2_800, 2_800, 3_050, 3_050, 3_350)  # "open" is said again after the hold
    assert fakes.events == [AgentSaid(0, "We are open from nine.", 100, harness.notifications[-1][1], word_ms=times)]
    assert fakes.media_stream.clears == 1


def test_audio_received_during_a_hold_is_audible_after_it() -> None:
    fakes = ReplyFakes()

    async def scenario() -> AgentHarness:
        harness = AgentHarness(fakes)
        harness.agent.say(GREETING, 0)
        harness.agent.hold()
        await asyncio.sleep(3)
        assert harness.notifications == []
        assert harness.agent.is_busy
        harness.agent.resume()
        await asyncio.sleep(3)
        return harness

    assert run_virtual(scenario()).notifications == [("audible", 3_000), ("length_known", 3_000), ("finished", 3_960)]


def test_interruption_during_a_hold_counts_from_the_hold() -> None:
    fakes = ReplyFakes()

    async def scenario() -> None:
        harness = AgentHarness(fakes)
        harness.agent.say("We are open from nine.", 0)
        await asyncio.sleep(0.1 + 0.35)
        harness.agent.hold()
        await asyncio.sleep(3)
        harness.agent.interrupt()

    run_virtual(scenario())
    times = (100, 250, 250, 450)
    assert said(fakes) == [AgentSaid(0, "We are", 100, 450, True, "We are open from nine.", times)]
    assert fakes.media_stream.clears == 1


def test_hold_resume_and_interrupt_without_an_utterance_do_nothing() -> None:
    fakes = ReplyFakes()

    async def scenario() -> AgentHarness:
        harness = AgentHarness(fakes)
        harness.agent.hold()
        harness.agent.resume()
        harness.agent.interrupt()
        harness.agent.check_finished()
        harness.agent.on_audio_sent()
        await harness.agent.close()
        return harness

    assert run_virtual(scenario()).notifications == []
    assert (fakes.media_stream.clears, fakes.events) == (0, [])


# --- failed ---


def test_provider_failure_keeps_the_words_that_were_heard() -> None:
    error = ProviderError("model", "broke")
    fakes = ReplyFakes(FakeModel([TextDelta("We are open from nine. "), 0.62, error]))

    async def scenario() -> AgentHarness:
        harness = AgentHarness(fakes)
        harness.agent.answer(1, turn())
        await asyncio.sleep(5)
        assert not harness.agent.is_busy
        return harness

    harness = run_virtual(scenario())
    assert harness.notifications == [("audible", 100), ("failed", 720)]
    assert harness.errors == [error]
    times = (100, 250, 250, 450, 450, 700)
    assert said(fakes) == [AgentSaid(1, "We are open", 100, 720, True, "We are open from nine.", times)]
    assert fakes.said() == ["We are open"]
    assert fakes.media_stream.clears == 1


def test_provider_error_after_an_interruption_is_not_reported() -> None:
    class FailingVoice(FakeVoice):
        async def stream(self, text: AsyncIterator[str], language: str) -> AsyncIterator[SpeechChunk]:
            try:
                async for _ in text:
                    await asyncio.sleep(60)
                yield SpeechChunk(b"")
            finally:
                raise ProviderError("voice", "also broke while closing")

    fakes = ReplyFakes(FakeModel(words("We are open.")), voice=FailingVoice())
    assert answer_interrupted_at(fakes, 1).notifications == []


def test_internal_error_is_reported_as_a_crash() -> None:
    fakes = ReplyFakes(FakeModel([TextDelta("Well, "), ZeroDivisionError()]))

    async def scenario() -> AgentHarness:
        harness = AgentHarness(fakes)
        harness.agent.answer(1, turn())
        await asyncio.sleep(5)
        await harness.agent.close()
        return harness

    harness = run_virtual(scenario())
    assert [what for what, _ in harness.notifications] == ["crashed"]
    assert isinstance(harness.errors[0], ZeroDivisionError)


# --- closed ---


def test_nothing_is_said_after_closing() -> None:
    fakes = ReplyFakes(FakeModel([TextDelta("We are open from nine. "), None], "Late."))

    async def scenario() -> AgentHarness:
        harness = AgentHarness(fakes)
        harness.agent.answer(1, turn())
        await asyncio.sleep(0.72)
        await harness.agent.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert (fakes.model.closed, fakes.voice.closed) == (1, 1)
        harness.agent.answer(2, turn())
        harness.agent.say(GREETING, 2)
        await asyncio.sleep(5)
        return harness

    harness = run_virtual(scenario())
    assert [what for what, _ in harness.notifications] == ["audible"]
    assert [event.text for event in said(fakes)] == ["We are open"]
    assert len(fakes.model.requests) == 1


def test_closing_waits_for_cancelled_replies() -> None:
    closing_s = [0.9, 0.1]
    closed: list[float] = []

    class SlowVoice(FakeVoice):
        async def stream(self, text: AsyncIterator[str], language: str) -> AsyncIterator[SpeechChunk]:
            seconds = closing_s.pop(0)
            try:
                async for _ in text:
                    await asyncio.sleep(60)
                yield SpeechChunk(b"")
            finally:
                await asyncio.sleep(seconds)
                closed.append(clock_ms())

    fakes = ReplyFakes(voice=SlowVoice())

    async def scenario() -> None:
        harness = AgentHarness(fakes)
        harness.agent.say("One.", 0)
        await asyncio.sleep(0.1)
        harness.agent.say("Two.", 0)
        await asyncio.sleep(0.1)
        await harness.agent.close()
        assert len(closed) == 2

    run_virtual(scenario())

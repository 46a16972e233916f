"""Whole calls: what providers consumed is reported while the call runs, completely, and before its last event."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.providers.ports import ChatRequest, LanguageModelEvent, ProviderError, TextDelta, TokenUsage
from shared.events import CallEnded, CallUsage, ProviderFailed, TurnInterrupted, UsageRecorded
from tests.calls.scripted_call import ScriptedCall
from tests.virtual_time import run_virtual

LONG_ANSWER = "one two three four five six seven eight nine ten eleven twelve"
# What the caller says, by the number of 20 ms steps before it.
SPEECH = {40: "count for me", 140: "stop it please"}


class BreakingModel:
    """A language model whose every reply breaks after two words."""

    name = "breaking"

    async def stream(self, request: ChatRequest) -> AsyncIterator[LanguageModelEvent]:
        for word in ("one ", "two "):
            await asyncio.sleep(0.05)
            yield TextDelta(word)
        raise ProviderError(self.name, "cut")


def sums(scripted: ScriptedCall) -> Counter[tuple[str, str]]:
    """Everything that was reported, by provider and unit."""
    found: Counter[tuple[str, str]] = Counter()
    for event in scripted.events_of(UsageRecorded):
        found[event.provider, event.unit] += event.quantity
    return found


def unit_sum(scripted: ScriptedCall, unit: str) -> int:
    return sum(event.quantity for event in scripted.events_of(UsageRecorded) if event.unit == unit)


def check_totals(scripted: ScriptedCall, usage: CallUsage) -> None:
    assert usage.stt_ms == unit_sum(scripted, "ms") == scripted.recognizer.pushed // 8
    assert usage.llm_prompt_tokens == unit_sum(scripted, "prompt_tokens") + unit_sum(scripted, "cached_tokens")
    assert usage.llm_completion_tokens == unit_sum(scripted, "completion_tokens")
    assert usage.tts_characters == unit_sum(scripted, "characters")


def test_usage_of_an_answer() -> None:
    async def call() -> None:
        answer: list[LanguageModelEvent] = [TextDelta("We open "), TextDelta("at nine."), TokenUsage(100, 7, cached=20)]
        scripted = ScriptedCall(answers=[answer], models=[])
        await scripted.say("when do you open", 1_000)
        await scripted.listen_until_quiet()
        assert sums(scripted) == {
            ("scripted", "prompt_tokens"): 100,
            ("scripted", "cached_tokens"): 20,
            ("scripted", "completion_tokens"): 7,
            ("scripted", "characters"): len("We open at nine."),
        }
        usage = (await scripted.hang_up()).usage
        check_totals(scripted, usage)
        assert (usage.llm_requests, usage.llm_prompt_tokens) == (1, 120)
        assert usage.tts_ms == usage.heard_ms == 1_200
        assert usage.stt_ms > 2_000

    run_virtual(call())


def test_failover_and_interruption_are_reported_attempt_by_attempt() -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=[LONG_ANSWER, "All right."], models=[BreakingModel()])
        await scripted.say("count for me", 700)
        await scripted.wait_until_sounding()
        await scripted.silence(1_000)
        await scripted.say("stop it please", 900)
        await scripted.listen_until_quiet()
        assert len(scripted.events_of(ProviderFailed)) == 1 and len(scripted.events_of(TurnInterrupted)) == 1
        found = sums(scripted)
        assert found["breaking", "completion_tokens"] == 2 and found["breaking", "prompt_tokens"] > 0
        assert found["scripted", "completion_tokens"] > 2
        assert all(event.estimated for event in scripted.events_of(UsageRecorded) if event.resource_type == "llm")
        assert found["scripted", "characters"] >= len("one two three All right. ")
        check_totals(scripted, (await scripted.hang_up()).usage)

    run_virtual(call())


def test_audio_of_a_silent_caller_is_reported_while_the_call_runs() -> None:
    async def call() -> None:
        scripted = ScriptedCall(models=[])
        await scripted.silence(9_000)
        assert sums(scripted) == {}
        await scripted.silence(2_000)
        assert 9_900 <= sums(scripted)["scripted", "ms"] <= 10_000
        check_totals(scripted, (await scripted.hang_up()).usage)

    run_virtual(call())


@pytest.mark.parametrize("heard_ms", [0, 300])
def test_answer_that_the_hang_up_cuts_off_is_reported_before_the_last_event(heard_ms: int) -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=[LONG_ANSWER], models=[])
        await scripted.say("count for me", 700)
        await scripted.wait_until_sounding() if heard_ms else await scripted.silence(700)
        await scripted.silence(heard_ms)
        usage = (await scripted.hang_up()).usage
        assert usage.llm_prompt_tokens > 0
        check_totals(scripted, usage)

    run_virtual(call())


@given(st.integers(0, 250), st.booleans())
def test_nothing_is_lost_or_late_whenever_the_caller_hangs_up(frames: int, broken: bool) -> None:
    async def call() -> None:
        models = [BreakingModel()] if broken else []
        scripted = ScriptedCall(greeting="Hello there.", answers=[LONG_ANSWER], models=models)
        for frame in range(frames):
            if frame in SPEECH:
                await scripted.say(SPEECH[frame], 600)
            else:
                await scripted.silence(20)
        ended = await scripted.hang_up()
        count = len(scripted.events.events)
        await asyncio.sleep(30)
        assert len(scripted.events.events) == count
        assert isinstance(scripted.events.events[-1], CallEnded)
        check_totals(scripted, ended.usage)

    run_virtual(call())

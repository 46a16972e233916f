"""Whole calls in which the answer is asked for before the caller's turn has ended."""

import pytest

from media.providers.ports import LanguageModelEvent, ProviderError, TextDelta
from shared.events import AgentSaid, CallerSaid, TurnInterrupted, TurnLatency, UsageRecorded
from shared.plan import LimitsPlan, TurnPlan
from tests.calls.faulty_providers import WarmPhrases
from tests.calls.remote_tools import BOOK_PLAN, ScriptedControl, say_and_book
from tests.calls.scripted_call import Answers, ScriptedCall
from tests.virtual_time import run_virtual

# 1,000 ms of silence end a turn: the model is asked after 400 ms, and ready after 700.
TURN = TurnPlan(silence_ms=1_000)
HALF, REST = "i want a table", "for two on friday"


async def pause_within_turn(scripted: ScriptedCall, pause_ms: int = 800) -> None:
    await scripted.say(HALF, 800)
    await scripted.silence(pause_ms)
    assert not scripted.carrier.sounding, "nothing is heard before the turn's end"
    await scripted.say(REST, 800)


def test_the_answer_is_heard_as_soon_as_the_turn_has_ended() -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=["Friday is full, but we have Saturday."], turn=TURN)
        await scripted.say(HALF, 800)
        await scripted.listen_until_quiet()
        (latency,) = scripted.events_of(TurnLatency)
        assert latency.endpoint_ms == 1_000 and latency.total_ms <= 1_020, "without the 290 ms of model and voice"
        assert len(scripted.model.requests) == 1
        assert [said.text for said in scripted.events_of(AgentSaid)] == ["Friday is full, but we have Saturday."]
        assert [m.text.strip() for m in scripted.call.snapshot().messages][-1].startswith("Friday is full")
        assert (await scripted.hang_up()).usage.llm_requests == 1

    run_virtual(call())


def test_without_speculation_the_model_is_asked_at_the_end_of_the_turn() -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=["Friday is full."], turn=TurnPlan(silence_ms=1_000, speculate=False))
        await scripted.say(HALF, 800)
        await scripted.silence(980)
        assert scripted.model.requests == []
        await scripted.listen_until_quiet()
        assert scripted.events_of(TurnLatency)[0].total_ms >= 1_280

    run_virtual(call())


def test_who_goes_on_hears_and_leaves_nothing_of_the_dropped_answer() -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=["How many are you?", "Friday is full."], turn=TURN, models=[])
        await pause_within_turn(scripted)
        await scripted.listen_until_quiet()
        assert [said.text for said in scripted.events_of(CallerSaid)] == [f"{HALF} {REST}"]
        assert [(said.turn, said.text) for said in scripted.events_of(AgentSaid)] == [(1, "Friday is full.")]
        assert scripted.events_of(TurnInterrupted) == []
        asked = [[(message.role, message.text) for message in request.messages] for request in scripted.model.requests]
        assert asked == [[("user", HALF)], [("user", f"{HALF} {REST}")]]
        usage = (await scripted.hang_up()).usage
        reported = [event.quantity for event in scripted.events_of(UsageRecorded) if event.unit == "characters"]
        assert len(reported) == 2, "the dropped answer is paid for, and in the usage"
        assert usage.tts_characters == sum(reported) and usage.llm_requests == 2
        assert usage.tts_ms > usage.heard_ms

    run_virtual(call())


def test_a_tool_runs_only_after_the_turn_has_ended() -> None:
    async def call() -> None:
        control = ScriptedControl(0.0)
        answers: Answers = [say_and_book("Let me book that."), say_and_book("I'll book that."), "It is booked."]
        scripted = ScriptedCall(answers=answers, tools=(BOOK_PLAN,), remote_tools=control, turn=TURN)
        await pause_within_turn(scripted)
        assert len(scripted.model.requests) == 1 and not control.runs
        await scripted.silence(6_000)
        assert len(control.runs) == 1
        assert [said.text for said in scripted.events_of(CallerSaid)] == [f"{HALF} {REST}"]
        assert "Let me" not in " ".join(said.text for said in scripted.events_of(AgentSaid))

    run_virtual(call())


@pytest.mark.parametrize("fails", [[ProviderError("scripted", "cut")], [ProviderError("scripted", "cut")] * 2])
def test_a_failed_request_is_made_once_more_when_the_turn_has_ended(fails: list[ProviderError]) -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=[*fails, "Friday is full."], turn=TURN)
        await scripted.say(HALF, 800)
        await scripted.silence(900)
        assert len(scripted.model.requests) == 1
        await scripted.silence(5_000)
        words = [said.text for said in scripted.events_of(AgentSaid)]
        assert len(scripted.model.requests) == 2
        assert (words == ["Friday is full."]) is (len(fails) == 1), "after the second failure it apologises"
        assert len(words) == 1

    run_virtual(call())


def test_a_broken_voice_fails_the_answer_and_not_the_call() -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=["How many are you?", "Friday is full."], turn=TURN)
        scripted.voice.broken = True
        await scripted.say(HALF, 800)
        await scripted.silence(900)
        scripted.voice.broken = False
        await scripted.listen_until_quiet()
        assert [said.text for said in scripted.events_of(AgentSaid)] == ["Friday is full."]

    run_virtual(call())


def test_a_call_that_ends_meanwhile_leaves_nothing_behind() -> None:
    async def call() -> None:
        held: list[LanguageModelEvent] = [TextDelta("We are full. "), TextDelta("But on Saturday we are not.")]
        scripted = ScriptedCall(answers=[held], turn=TURN, models=[])
        await scripted.say(HALF, 800)
        await scripted.silence(900)
        ended = await scripted.hang_up()  # run_virtual finds tasks that are left
        assert scripted.events_of(AgentSaid) == []
        assert ended.usage.tts_characters == len("We are full. "), "the rest of the answer was not read"

    run_virtual(call())


def test_an_agent_that_is_late_says_so_from_the_turn_s_end_on() -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=["Friday is full."], turn=TURN)
        scripted.model.delay_s = 2.0  # asked after 400 ms of silence
        await scripted.say(HALF, 800)
        await scripted.listen_until_quiet()
        (latency,) = scripted.events_of(TurnLatency)
        assert 2_400 <= latency.total_ms <= 2_560
        assert len(scripted.model.requests) == 1, "an answer that is still being made is waited for"

    run_virtual(call())


@pytest.mark.parametrize(("delay_s", "fillers"), [(0.4, 0), (3.0, 1)])
def test_the_silence_in_which_the_caller_may_go_on_is_no_wait_for_an_answer(delay_s: float, fillers: int) -> None:
    async def call() -> None:
        turn = TurnPlan(silence_ms=600, speculate=False)
        limits = LimitsPlan(filler_s=1.2)
        scripted = ScriptedCall(answers=["Friday is full."], turn=turn, limits=limits, phrases=WarmPhrases())
        scripted.model.delay_s = delay_s
        await scripted.say("i would like a table for two and", 800)  # words that go on: 1,450 ms of silence
        await scripted.listen_until_quiet()
        await scripted.silence(4_000)
        said = [event.text for event in scripted.events_of(AgentSaid)]
        assert len(said) == 1 + fillers and said[-1] == "Friday is full."

    run_virtual(call())


def test_no_answer_is_prepared_while_the_call_is_ending() -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=["Friday is full."], turn=TURN)
        await scripted.say(HALF, 400)
        scripted.call.end("max_duration", polite=True)  # the caller speaks, so that no goodbye is said
        await scripted.say("", 400)
        await scripted.silence(1_500)
        assert scripted.carrier.hung_up and scripted.model.requests == []

    run_virtual(call())

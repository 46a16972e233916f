"""Who speaks first, and greetings that cannot be interrupted. Whole calls in virtual time."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.providers.ports import ProviderError, SpeechChunk
from shared.events import AgentSaid, CallerSaid, CallNudged, TurnInterrupted, TurnLatency
from shared.plan import FirstMessage, LimitsPlan, ResumePoint, TurnPlan
from tests.calls.faulty_providers import FILLERS, WarmPhrases
from tests.calls.scripted_call import ScriptedCall, ScriptedVoice
from tests.virtual_time import run_virtual

GREETING = "This call is recorded for quality. How can I help you?"
# It takes longer than the caller may wait for an answer, which is 8 s.
NOTICE = "This call is recorded. " * 8
TURN = TurnPlan(silence_ms=400)


class FailingVoice(ScriptedVoice):
    """A voice that fails after a while, once."""

    def __init__(self, delay_s: float) -> None:
        super().__init__()
        self.delay_s = delay_s
        self._has_failed = False

    async def stream(self, text: AsyncIterator[str], language: str) -> AsyncIterator[SpeechChunk]:
        if not self._has_failed:
            self._has_failed = True
            await asyncio.sleep(self.delay_s)
            raise ProviderError("scripted", "no voice")
        async for chunk in super().stream(text, language):
            yield chunk


def test_agent_that_waits_greets_after_the_first_words() -> None:
    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(greeting=GREETING, turn=TURN, first_message="wait_for_caller")
        await scripted.silence(2_000)
        assert not scripted.carrier.heard_words()
        await scripted.say("hello", 500)
        await scripted.listen_until_quiet()
        await scripted.say("are you open", 800)
        await scripted.listen_until_quiet()
        await scripted.hang_up()
        return scripted

    scripted = run_virtual(scenario())
    assert [(said.turn, said.text) for said in scripted.events_of(CallerSaid)] == [(1, "hello"), (2, "are you open")]
    assert [(said.turn, said.text) for said in scripted.events_of(AgentSaid)] == [(1, GREETING), (2, "I see.")]
    (request,) = scripted.model.requests
    assert [message.text for message in request.messages] == ["hello", GREETING, "are you open"]


def test_agent_that_waits_greets_instead_of_asking_who_is_there() -> None:
    async def scenario() -> ScriptedCall:
        limits = LimitsPlan(idle_nudge_s=3, silence_s=20)
        scripted = ScriptedCall(greeting=GREETING, turn=TURN, limits=limits, first_message="wait_for_caller")
        await scripted.silence(9_000)
        await scripted.hang_up()
        return scripted

    scripted = run_virtual(scenario())
    assert [said.text for said in scripted.events_of(AgentSaid)] == [GREETING]
    assert len(scripted.events_of(CallNudged)) == 1


def test_resumed_call_begins_at_once() -> None:
    async def scenario() -> ScriptedCall:
        resume = ResumePoint([], 0, ScriptedCall().call.snapshot().usage, 0, 0)
        scripted = ScriptedCall(greeting="Sorry for that.", resume=resume, first_message="wait_for_caller")
        await scripted.listen_until_quiet()
        await scripted.hang_up()
        return scripted

    assert [said.text for said in run_virtual(scenario()).events_of(AgentSaid)] == ["Sorry for that."]


@pytest.mark.parametrize("before_ms", [0, 40, 400, 1_000])
def test_greeting_that_cannot_be_interrupted_is_heard_whole_and_then_answers(before_ms: int) -> None:
    """The caller talks before it sounds, or over it."""

    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(greeting=GREETING, turn=TURN, greeting_interruptible=False)
        await scripted.silence(before_ms)
        await scripted.say("hello who is", 700)
        await scripted.silence(160)
        await scripted.say("this please", 500)
        await scripted.listen_until_quiet()
        await scripted.listen_until_quiet()
        await scripted.hang_up()
        return scripted

    scripted = run_virtual(scenario())
    first, second = scripted.events_of(AgentSaid)
    assert (first.text, first.interrupted, second.text) == (GREETING, False, "I see.")
    assert scripted.events_of(TurnInterrupted) == [] and scripted.carrier.clears == []
    (said,) = scripted.events_of(CallerSaid)
    assert (said.turn, said.text) == (1, "hello who is this please")
    assert said.start_ms == pytest.approx(before_ms, abs=20)
    (request,) = scripted.model.requests
    assert [message.text for message in request.messages] == [GREETING, "hello who is this please"]


def test_keys_do_not_interrupt_it_either() -> None:
    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(greeting=GREETING, turn=TURN, greeting_interruptible=False)
        await scripted.wait_until_sounding()
        await scripted.silence(300)
        scripted.call.on_digit("5")
        await scripted.silence(6_000)
        await scripted.hang_up()
        return scripted

    greeting, answer = run_virtual(scenario()).events_of(AgentSaid)
    assert (greeting.text, greeting.interrupted, answer.text) == (GREETING, False, "I see.")


def test_what_the_caller_adds_over_the_greeting_that_answers_is_a_turn_of_its_own() -> None:
    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(
            greeting=GREETING, turn=TURN, first_message="wait_for_caller", greeting_interruptible=False
        )
        await scripted.say("hello", 500)
        while not scripted.turns_taken:
            await scripted.silence(20)
        await scripted.say("is anyone there", 900)
        await scripted.listen_until_quiet()
        await scripted.listen_until_quiet()
        await scripted.hang_up()
        return scripted

    scripted = run_virtual(scenario())
    assert [said.text for said in scripted.events_of(CallerSaid)] == ["hello", "is anyone there"]
    assert [(said.text, said.interrupted) for said in scripted.events_of(AgentSaid)] == [
        (GREETING, False),
        ("I see.", False),
    ]


def test_backchannel_over_it_needs_no_answer() -> None:
    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(greeting="This call is recorded.", turn=TURN, greeting_interruptible=False)
        await scripted.wait_until_sounding()
        await scripted.silence(300)
        await scripted.say("uh-huh", 300)
        await scripted.listen_until_quiet()
        await scripted.silence(3_000)
        await scripted.hang_up()
        return scripted

    assert len(run_virtual(scenario()).events_of(AgentSaid)) == 1


@pytest.mark.parametrize("turn", [TURN, TurnPlan(silence_ms=400, barge_in=False)])
def test_answer_to_words_over_it_is_due_from_its_end(turn: TurnPlan) -> None:
    """The answer is not late, although the caller spoke long ago, and its latency is what the caller waits."""

    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(greeting=NOTICE, turn=turn, greeting_interruptible=False)
        scripted.model.delay_s = 1.0
        await scripted.silence(400)
        await scripted.say("who is this", 700)
        await scripted.listen_until_quiet()
        await scripted.silence(4_000)
        await scripted.hang_up()
        return scripted

    scripted = run_virtual(scenario())
    notice, answer = scripted.events_of(AgentSaid)
    assert (notice.text, answer.text) == (NOTICE.strip(), "I see.")
    (latency,) = scripted.events_of(TurnLatency)
    assert latency.total_ms == pytest.approx(answer.start_ms - notice.end_ms, abs=40)
    assert latency.stt_ms <= 140, "the recognizer was not asked before"


def test_no_filler_sounds_over_a_caller_who_speaks_before_it() -> None:
    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(greeting=GREETING, turn=TURN, greeting_interruptible=False, phrases=WarmPhrases())
        scripted.voice.delay_s = 3.2
        await scripted.silence(400)
        await scripted.say("who is this please I can hear nothing", 2_600)
        await scripted.listen_until_quiet()
        await scripted.silence(4_000)
        await scripted.hang_up()
        return scripted

    assert run_virtual(scenario()).events_of(AgentSaid)[0].text == GREETING


@pytest.mark.parametrize("first_message", ["agent_first", "wait_for_caller"])
def test_words_over_it_are_answered_though_it_fails(first_message: FirstMessage) -> None:
    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(greeting=GREETING, turn=TURN, greeting_interruptible=False, first_message=first_message)
        scripted.voice.stream = FailingVoice(2.0).stream  # type: ignore[method-assign]
        if first_message == "wait_for_caller":
            await scripted.say("hello", 400)
            while not scripted.turns_taken:
                await scripted.silence(20)
        await scripted.silence(400)
        await scripted.say("who is this", 800)
        await scripted.silence(6_000)
        await scripted.hang_up()
        return scripted

    scripted = run_virtual(scenario())
    said = [event.text for event in scripted.events_of(CallerSaid)]
    assert said == (["who is this"] if first_message == "agent_first" else ["hello", "who is this"])
    assert [event.text for event in scripted.events_of(AgentSaid)] == ["I see."]


@settings(max_examples=8, deadline=None)
@given(
    before_ms=st.integers(0, 200).map(lambda n: n * 20),
    spoken_ms=st.integers(20, 80).map(lambda n: n * 20),
    voice_s=st.sampled_from([0.08, 1.0, 2.5]),
    waits=st.booleans(),
    is_warm=st.booleans(),
)
def test_it_is_heard_whole_behind_any_filler_and_what_is_said_over_it_is_answered_once(
    before_ms: int, spoken_ms: int, voice_s: float, waits: bool, is_warm: bool
) -> None:
    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(
            greeting=GREETING,
            turn=TURN,
            greeting_interruptible=False,
            limits=LimitsPlan(idle_nudge_s=0),
            first_message="wait_for_caller" if waits else "agent_first",
            phrases=WarmPhrases() if is_warm else None,
        )
        scripted.voice.delay_s = voice_s
        if waits:
            await scripted.say("hello", 500)
            while not scripted.turns_taken:
                await scripted.silence(20)
        await scripted.silence(before_ms)
        began = scripted.now()
        await scripted.say("who is this", spoken_ms)
        await scripted.silence(10_000)
        await scripted.hang_up()
        last = scripted.events_of(CallerSaid)[-1]
        assert (last.start_ms, last.end_ms) == pytest.approx((began, began + spoken_ms), abs=20)
        return scripted

    scripted = run_virtual(scenario())
    assert " ".join(said.text for said in scripted.events_of(CallerSaid)) == "hello who is this"[6 * (not waits) :]
    said = [(event.text, event.interrupted) for event in scripted.events_of(AgentSaid) if event.text not in FILLERS]
    assert said == [(GREETING, False), ("I see.", False)]
    assert scripted.events_of(TurnInterrupted) == [] and scripted.carrier.clears == []

"""Whole calls: turns, answers, interruptions, and what the model gets of them."""

import asyncio

import pytest

from media.providers.ports import ProviderError
from shared.events import AgentSaid, CallerSaid, TurnInterrupted, TurnLatency, TurnResumed
from shared.plan import BargeIn, TurnPlan
from tests.calls.scripted_call import WORD_MS, ScriptedCall
from tests.virtual_time import run_virtual

LONG = "one two three four five six seven eight nine ten eleven twelve"


async def listen_to_words(scripted: ScriptedCall, words: int) -> None:
    """The caller asks, and hears so many words of the answer."""
    await scripted.say("tell me everything", 900)
    await scripted.wait_until_sounding()
    await scripted.silence(words * WORD_MS)


def test_the_greeting_is_heard_before_anything_else() -> None:
    async def call() -> None:
        scripted = ScriptedCall(greeting="Hello, front desk.")
        await scripted.listen_until_quiet()
        assert [said.text for said in scripted.events_of(AgentSaid)] == ["Hello, front desk."]
        assert scripted.events_of(AgentSaid)[0].turn == 0
        assert scripted.carrier.heard_words() == 3

    run_virtual(call())


def test_without_a_greeting_the_agent_waits() -> None:
    async def call() -> None:
        scripted = ScriptedCall()
        await scripted.silence(3_000)
        assert scripted.events.events == []

    run_virtual(call())


def test_a_turn_is_answered_and_its_latency_adds_up() -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=["We open at nine."])
        await scripted.silence(500)
        await scripted.say("when do you open", 1_000)
        await scripted.listen_until_quiet()
        (said,) = scripted.events_of(CallerSaid)
        assert (said.turn, said.text) == (1, "when do you open")
        assert abs(said.start_ms - 500) <= 40 and abs(said.end_ms - 1_500) <= 40
        assert [answer.text for answer in scripted.events_of(AgentSaid)] == ["We open at nine."]
        (latency,) = scripted.events_of(TurnLatency)
        parts = (latency.endpoint_ms, latency.stt_ms, latency.llm_first_token_ms, latency.tts_first_byte_ms)
        assert sum(parts) == latency.total_ms
        # The text is there after 320 ms of silence, and the model is asked: 240 ms for all words, because an end is
        # known only by what follows it, and 80 ms for the first audio. The turn ended at 400 ms.
        assert 600 <= latency.total_ms <= 640
        assert latency.stt_ms == 0

    run_virtual(call())


def test_model_request_contains_the_conversation_as_heard() -> None:
    async def call() -> None:
        scripted = ScriptedCall(greeting="Hello there.", answers=["Nine to five.", "Yes."])
        await scripted.listen_until_quiet()
        await scripted.say("opening hours please", 900)
        await scripted.listen_until_quiet()
        await scripted.say("on fridays too", 900)
        await scripted.listen_until_quiet()
        roles = [(message.role, message.text) for message in scripted.model.requests[-1].messages]
        assert roles == [
            ("assistant", "Hello there."),
            ("user", "opening hours please"),
            ("assistant", "Nine to five. "),
            ("user", "on fridays too"),
        ]
        assert scripted.model.requests[-1].system == "Be brief."

    run_virtual(call())


@pytest.mark.parametrize(("barge_in", "cleared_ms"), [("polite", 20 + 500), ("eager", 20)])
def test_an_interruption_cuts_the_agent_at_the_word_heard(barge_in: BargeIn, cleared_ms: int) -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=[LONG, "Sure."], turn=TurnPlan(silence_ms=400, barge_in=barge_in))
        await listen_to_words(scripted, 4)
        spoke_at = asyncio.get_running_loop().time()
        await scripted.say("stop please", 600)
        assert scripted.carrier.clears[0] - spoke_at <= 0.06, "at once: lowered, or silent"
        await scripted.listen_until_quiet()
        cut, _ = scripted.events_of(AgentSaid)
        heard = scripted.carrier.heard_words() - 1  # without "Sure."
        assert cut.interrupted and cut.planned == LONG
        assert cut.text == " ".join(LONG.split()[:heard])
        assert 4 <= heard <= 5 + (cleared_ms - 20) // WORD_MS
        (interruption,) = scripted.events_of(TurnInterrupted)
        assert interruption.cleared_ms - interruption.speech_ms == pytest.approx(cleared_ms, abs=40)
        remembered = [message.text for message in scripted.model.requests[-1].messages]
        assert remembered == ["tell me everything", cut.text, "stop please"]

    run_virtual(call())


@pytest.mark.parametrize("barge_in", [True, "eager"])
def test_a_backchannel_does_not_stop_the_agent(barge_in: bool | BargeIn) -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=[LONG], turn=TurnPlan(silence_ms=400, barge_in=barge_in))
        await listen_to_words(scripted, 4)
        await scripted.say("uh-huh", 300)
        await scripted.silence(600)
        await scripted.listen_until_quiet()
        (said,) = scripted.events_of(AgentSaid)
        assert said.text == LONG and not said.interrupted
        assert len(scripted.events_of(TurnResumed)) == (barge_in == "eager")
        assert scripted.events_of(TurnInterrupted) == []
        assert len(scripted.events_of(CallerSaid)) == 1
        # Nothing is repeated after it was lowered, and after a hold only the word that was cut.
        words = scripted.carrier.heard_words()
        assert 12 <= words <= 13 if barge_in == "eager" else words == len(LONG.split())

    run_virtual(call())


def test_a_cough_does_not_stop_the_agent() -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=[LONG])
        await listen_to_words(scripted, 2)
        await scripted.say("", 200)
        await scripted.silence(800)
        await scripted.listen_until_quiet()
        assert [said.text for said in scripted.events_of(AgentSaid)] == [LONG]

    run_virtual(call())


def test_a_sound_that_may_be_speech_only_lowers_the_agent() -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=[LONG])
        await listen_to_words(scripted, 4)
        scripted.track.is_suspicious = True
        await scripted.silence(100)
        scripted.track.is_suspicious = False
        assert len(scripted.carrier.clears) == 1
        await scripted.listen_until_quiet()
        (said,) = scripted.events_of(AgentSaid)
        assert said.text == LONG and not said.interrupted and len(scripted.events_of(CallerSaid)) == 1
        assert not scripted.events_of(TurnResumed) and not scripted.events_of(TurnInterrupted)
        assert scripted.carrier.heard_words() == len(LONG.split()), "nothing is repeated, and nothing is lost"

    run_virtual(call())


def test_an_interruption_that_was_suspected_clears_the_carrier_as_often() -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=[LONG, "Sure."])
        await listen_to_words(scripted, 4)
        scripted.track.is_suspicious = True
        await scripted.silence(60)
        scripted.track.is_suspicious = False
        await scripted.say("stop please", 600)
        await scripted.listen_until_quiet()
        assert len(scripted.carrier.clears) == 2, "lowered, and silenced"
        assert [said.interrupted for said in scripted.events_of(AgentSaid)] == [True, False]

    run_virtual(call())


def test_caller_who_continues_after_a_pause_is_answered_once() -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=["Too early.", "Here is your answer."])
        await scripted.say("I have a question", 900)
        await scripted.silence(460)  # the turn has ended, and the model has got its request
        await scripted.say("about your prices", 900)
        await scripted.listen_until_quiet()
        (said,) = scripted.events_of(CallerSaid)
        assert said.text == "I have a question about your prices"
        assert [message.text for message in scripted.model.requests[-1].messages] == [
            "I have a question about your prices"
        ]
        assert [answer.text for answer in scripted.events_of(AgentSaid)] == ["Here is your answer."]

    run_virtual(call())


def test_words_over_an_agent_without_barge_in_become_a_turn() -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=["one two three four", "Yes."], turn=TurnPlan(silence_ms=400, barge_in=False))
        await scripted.say("hello", 500)
        await scripted.wait_until_sounding()
        await scripted.say("another question", 700)
        await scripted.listen_until_quiet()
        await scripted.listen_until_quiet()
        assert [said.text for said in scripted.events_of(AgentSaid)] == ["one two three four", "Yes."]
        assert [said.text for said in scripted.events_of(CallerSaid)] == ["hello", "another question"]

    run_virtual(call())


def test_model_error_causes_one_apology_and_then_ends_the_call() -> None:
    async def call() -> None:
        broken = ProviderError("scripted", "down")
        scripted = ScriptedCall(answers=[broken, broken])
        await scripted.say("hello", 500)
        await scripted.listen_until_quiet()
        assert scripted.events_of(AgentSaid)[0].text.startswith("I'm sorry")
        await scripted.say("hello again", 500)
        await scripted.listen_until_quiet()
        assert not scripted.carrier.hung_up, "after a spoken apology the call continues"
        scripted.voice.broken = True
        await scripted.say("still there", 500)
        await scripted.silence(2_000)
        assert scripted.carrier.hung_up
        ended = await scripted.hang_up()
        assert (ended.status, ended.end_reason) == ("failed", "provider_error")

    run_virtual(call())


def test_last_words_of_a_caller_who_hangs_up_are_reported() -> None:
    async def call() -> None:
        scripted = ScriptedCall()
        await scripted.say("please call me back", 700)
        ended = await scripted.hang_up()
        assert [said.text for said in scripted.events_of(CallerSaid)] == ["please call me back"]
        assert (ended.status, ended.end_reason) == ("completed", "caller_hangup")
        assert scripted.events.closed

    run_virtual(call())


def test_events_are_numbered_without_a_gap() -> None:
    async def call() -> None:
        scripted = ScriptedCall(greeting="Hello.", answers=["Yes."])
        await scripted.listen_until_quiet()
        await scripted.say("hello", 500)
        await scripted.listen_until_quiet()
        await scripted.hang_up()
        assert [envelope.seq for envelope in scripted.events.envelopes] == list(
            range(1, len(scripted.events.events) + 1)
        )

    run_virtual(call())

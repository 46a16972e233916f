"""Whole calls: turns, answers, interruptions, and what is remembered of them."""

from media.providers.ports import ProviderError
from shared.events import AgentSaid, CallerSaid, Interrupted, Resumed, TurnLatency
from shared.plan import TurnPlan
from tests.calls.stage import WORD_MS, Stage
from tests.virtual_time import run_virtual

LONG = "one two three four five six seven eight nine ten eleven twelve"


def test_the_greeting_is_heard_before_anything_else() -> None:
    async def call() -> None:
        stage = Stage(greeting="Hello, front desk.")
        await stage.until_quiet()
        assert [said.text for said in stage.of(AgentSaid)] == ["Hello, front desk."]
        assert stage.of(AgentSaid)[0].turn == 0
        assert stage.carrier.heard_words() == 3

    run_virtual(call())


def test_without_a_greeting_the_agent_waits() -> None:
    async def call() -> None:
        stage = Stage()
        await stage.silence(3_000)
        assert stage.notes.events == []

    run_virtual(call())


def test_a_turn_is_answered_and_its_latency_adds_up() -> None:
    async def call() -> None:
        stage = Stage(answers=["We open at nine."])
        await stage.silence(500)
        await stage.say("when do you open", 1_000)
        await stage.until_quiet()
        (said,) = stage.of(CallerSaid)
        assert (said.turn, said.text) == (1, "when do you open")
        assert abs(said.start_ms - 500) <= 40 and abs(said.end_ms - 1_500) <= 40
        assert [answer.text for answer in stage.of(AgentSaid)] == ["We open at nine."]
        (latency,) = stage.of(TurnLatency)
        parts = (latency.endpoint_ms, latency.stt_ms, latency.llm_first_token_ms, latency.tts_first_byte_ms)
        assert sum(parts) == latency.total_ms
        # 400 ms of silence, 200 + 10 ms for the first word, 80 ms for the first audio; the text came in the meantime.
        assert 690 <= latency.total_ms <= 730
        assert latency.stt_ms == 0

    run_virtual(call())


def test_the_model_is_asked_with_the_conversation_as_heard() -> None:
    async def call() -> None:
        stage = Stage(greeting="Hello there.", answers=["Nine to five.", "Yes."])
        await stage.until_quiet()
        await stage.say("opening hours please", 900)
        await stage.until_quiet()
        await stage.say("on fridays too", 900)
        await stage.until_quiet()
        roles = [(message.role, message.text) for message in stage.model.asked[-1].messages]
        assert roles == [
            ("assistant", "Hello there."),
            ("user", "opening hours please"),
            ("assistant", "Nine to five. "),
            ("user", "on fridays too"),
        ]
        assert stage.model.asked[-1].system == "Be brief."

    run_virtual(call())


def test_an_interruption_cuts_the_agent_at_the_word_heard() -> None:
    async def call() -> None:
        stage = Stage(answers=[LONG, "Sure."])
        await stage.say("tell me everything", 900)
        await stage.until_sounding()
        await stage.silence(4 * WORD_MS)
        await stage.say("stop please", 600)
        await stage.until_quiet()
        cut, _ = stage.of(AgentSaid)
        heard = stage.carrier.heard_words() - 1  # without "Sure."
        assert cut.interrupted and cut.planned == LONG
        assert cut.text == " ".join(LONG.split()[:heard])
        assert 4 <= heard <= 5
        (interruption,) = stage.of(Interrupted)
        assert interruption.cleared_ms - interruption.speech_ms <= 60
        remembered = [message.text for message in stage.model.asked[-1].messages]
        assert remembered == ["tell me everything", cut.text, "stop please"]

    run_virtual(call())


def test_a_backchannel_does_not_stop_the_agent() -> None:
    async def call() -> None:
        stage = Stage(answers=[LONG])
        await stage.say("tell me everything", 900)
        await stage.until_sounding()
        await stage.silence(3 * WORD_MS)
        await stage.say("uh-huh", 300)
        await stage.silence(600)
        await stage.until_quiet()
        (said,) = stage.of(AgentSaid)
        assert said.text == LONG and not said.interrupted
        assert len(stage.of(Resumed)) == 1 and stage.of(Interrupted) == []
        assert len(stage.of(CallerSaid)) == 1
        # The word that was cut is said again from its start, and nothing else.
        assert 12 <= stage.carrier.heard_words() <= 13

    run_virtual(call())


def test_a_cough_does_not_stop_the_agent() -> None:
    async def call() -> None:
        stage = Stage(answers=[LONG])
        await stage.say("tell me everything", 900)
        await stage.until_sounding()
        await stage.silence(2 * WORD_MS)
        await stage.say("", 200)
        await stage.silence(800)
        await stage.until_quiet()
        assert [said.text for said in stage.of(AgentSaid)] == [LONG]

    run_virtual(call())


def test_a_caller_who_goes_on_after_a_pause_is_answered_once() -> None:
    async def call() -> None:
        stage = Stage(answers=["Too early.", "Here is your answer."])
        await stage.say("I have a question", 900)
        await stage.silence(460)  # the turn counts as over, and the model is already asked
        await stage.say("about your prices", 900)
        await stage.until_quiet()
        (said,) = stage.of(CallerSaid)
        assert said.text == "I have a question about your prices"
        assert [message.text for message in stage.model.asked[-1].messages] == ["I have a question about your prices"]
        assert [answer.text for answer in stage.of(AgentSaid)] == ["Here is your answer."]

    run_virtual(call())


def test_without_barge_in_the_agent_speaks_on_and_the_words_are_kept() -> None:
    async def call() -> None:
        stage = Stage(answers=["one two three four", "Yes."], turn=TurnPlan(silence_ms=400, barge_in=False))
        await stage.say("hello", 500)
        await stage.until_sounding()
        await stage.say("another question", 700)
        await stage.until_quiet()
        await stage.until_quiet()
        assert [said.text for said in stage.of(AgentSaid)] == ["one two three four", "Yes."]
        assert [said.text for said in stage.of(CallerSaid)] == ["hello", "another question"]

    run_virtual(call())


def test_a_model_that_fails_is_excused_once_then_the_call_ends() -> None:
    async def call() -> None:
        broken = ProviderError("scripted", "down")
        stage = Stage(answers=[broken, broken])
        await stage.say("hello", 500)
        await stage.until_quiet()
        assert stage.of(AgentSaid)[0].text.startswith("I'm sorry")
        await stage.say("hello again", 500)
        await stage.until_quiet()
        assert not stage.carrier.hung_up, "a spoken apology counts as being able to speak"
        stage.voice.broken = True
        await stage.say("still there", 500)
        await stage.silence(2_000)
        assert stage.carrier.hung_up
        ended = await stage.hang_up()
        assert (ended.status, ended.end_reason) == ("failed", "provider_error")

    run_virtual(call())


def test_the_last_words_of_a_caller_who_hangs_up_are_kept() -> None:
    async def call() -> None:
        stage = Stage()
        await stage.say("please call me back", 700)
        ended = await stage.hang_up()
        assert [said.text for said in stage.of(CallerSaid)] == ["please call me back"]
        assert (ended.status, ended.end_reason) == ("completed", "caller_hangup")
        assert stage.notes.closed

    run_virtual(call())


def test_events_are_numbered_without_a_gap() -> None:
    async def call() -> None:
        stage = Stage(greeting="Hello.", answers=["Yes."])
        await stage.until_quiet()
        await stage.say("hello", 500)
        await stage.until_quiet()
        await stage.hang_up()
        assert [envelope.seq for envelope in stage.notes.envelopes] == list(range(1, len(stage.notes.events) + 1))

    run_virtual(call())

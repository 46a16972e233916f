"""A call that goes on after its node was lost: an apology, the answer that is owed, and one clock for all of it."""

from shared.events import SEQ_PER_LEG, AgentSaid, CallerSaid, Usage
from shared.plan import HeardMessage, LimitsPlan, Resume
from tests.calls.stage import Stage
from tests.virtual_time import run_virtual

APOLOGY = "Sorry we were cut off"
ASKED = HeardMessage("user", "when do you open")
ANSWERED = HeardMessage("assistant", "At nine.")
BEGAN_MS = 1_764_000_000_000


def lost(*messages: HeardMessage, turn: int, usage: Usage | None = None) -> Resume:
    """Lost a minute after the call began."""
    return Resume(list(messages), turn, usage or Usage(), BEGAN_MS, BEGAN_MS + 60_000)


def test_an_open_question_is_answered_right_after_the_apology() -> None:
    async def call() -> None:
        stage = Stage(greeting=APOLOGY, answers=["At nine."], resume=lost(ASKED, turn=1), before_ms=65_000)
        await stage.until_quiet()
        await stage.until_quiet()
        assert [(said.text, said.turn) for said in stage.of(AgentSaid)] == [(APOLOGY, 1), ("At nine.", 1)]
        (ask,) = stage.model.asked
        assert [(message.role, message.text) for message in ask.messages] == [("user", "when do you open")]
        assert stage.of(CallerSaid) == [], "an event told it before the node was lost"

    run_virtual(call())


def test_a_question_that_no_event_told_is_told_now() -> None:
    async def call() -> None:
        stage = Stage(greeting=APOLOGY, answers=["At nine."], resume=lost(ASKED, turn=0), before_ms=65_000)
        await stage.until_quiet()
        await stage.until_quiet()
        (said,) = stage.of(CallerSaid)
        assert said == CallerSaid(1, "when do you open", 60_000, 60_000)
        assert stage.of(AgentSaid)[-1].turn == 1

    run_virtual(call())


def test_without_an_open_question_the_agent_apologises_and_listens() -> None:
    async def call() -> None:
        stage = Stage(greeting=APOLOGY, answers=["On Monday."], resume=lost(ASKED, ANSWERED, turn=1), before_ms=65_000)
        await stage.until_quiet()
        await stage.silence(2_000)
        assert stage.model.asked == []
        await stage.say("and on sunday", 600)
        await stage.until_quiet()
        heard = [message.text for message in stage.model.asked[0].messages]
        assert heard == ["when do you open", "At nine.", APOLOGY, "and on sunday"]
        assert [said.turn for said in stage.of(CallerSaid)] == [2]

    run_virtual(call())


def test_a_caller_who_speaks_over_the_apology_is_answered_at_once() -> None:
    async def call() -> None:
        resume = lost(ASKED, turn=1)
        stage = Stage(greeting=APOLOGY, answers=["At nine."], resume=resume, before_ms=65_000)
        await stage.until_sounding()
        await stage.silence(400)
        await stage.say("hello are you there", 900)
        await stage.until_quiet()
        await stage.silence(3_000)
        (ask,) = stage.model.asked
        assert [message.text for message in ask.messages] == ["when do you open", "hello are you there"]
        assert [said.text for said in stage.of(AgentSaid)][-1] == "At nine."

    run_virtual(call())


def test_without_a_checkpoint_there_is_an_apology_and_no_more() -> None:
    async def call() -> None:
        stage = Stage(greeting=APOLOGY, resume=lost(turn=0), before_ms=5_000)
        await stage.until_quiet()
        await stage.silence(2_000)
        assert [said.text for said in stage.of(AgentSaid)] == [APOLOGY]
        assert stage.model.asked == []

    run_virtual(call())


def test_without_an_apology_the_answer_comes_at_once() -> None:
    async def call() -> None:
        stage = Stage(answers=["At nine."], resume=lost(ASKED, turn=1), before_ms=65_000)
        await stage.until_quiet()
        assert [said.text for said in stage.of(AgentSaid)] == ["At nine."]

    run_virtual(call())


def test_clock_usage_and_numbers_go_on() -> None:
    async def call() -> None:
        used = Usage(call_ms=60_000, stt_ms=60_000, llm_requests=3, tts_characters=90, tts_ms=9_000, heard_ms=8_000)
        stage = Stage(greeting=APOLOGY, resume=lost(ASKED, ANSWERED, turn=1, usage=used), before_ms=65_000)
        await stage.until_quiet()
        said = stage.of(AgentSaid)[0]
        assert 65_000 <= said.start_ms < 66_000
        await stage.say("and on sunday", 600)
        await stage.until_quiet()
        ended = await stage.hang_up()
        assert 67_000 < ended.duration_ms < 72_000 and ended.usage.call_ms == ended.duration_ms
        assert ended.usage.llm_requests == 4
        assert ended.usage.stt_ms == 60_000 + ended.duration_ms - 65_000
        assert ended.usage.tts_ms == 9_000 + 7 * 300 and ended.usage.heard_ms == 8_000 + 7 * 300
        numbers = [envelope.seq for envelope in stage.notes.envelopes]
        assert numbers == [SEQ_PER_LEG + 1 + at for at in range(len(numbers))]

    run_virtual(call())


def test_silence_is_counted_from_the_new_stream_and_length_from_the_first() -> None:
    async def call() -> None:
        limits = LimitsPlan(max_duration_s=70, idle_nudge_s=0, silence_s=30)
        stage = Stage(greeting=APOLOGY, resume=lost(ASKED, ANSWERED, turn=1), before_ms=65_000, limits=limits)
        await stage.until_quiet()
        await stage.silence(2_500)
        assert stage.call.ending.reason is None
        await stage.silence(1_500)
        assert stage.call.ending.reason == "max_duration"

    run_virtual(call())


def test_what_is_remembered_can_be_gone_on_from() -> None:
    """A memory taken while the agent answers ends with the question, and a call that goes on from it answers it."""

    async def call() -> None:
        stage = Stage(greeting="Hello.", answers=["We open at nine every day"])
        await stage.until_quiet()
        await stage.say("when do you open", 700)
        await stage.until_sounding()
        await stage.silence(600)
        assert stage.turns_taken == 1
        memory = stage.call.memory()
        assert [(m.role, m.text) for m in memory.messages] == [("assistant", "Hello."), ("user", "when do you open")]
        assert memory.turn == 1
        resume = Resume(memory.messages, memory.turn, memory.usage, BEGAN_MS, BEGAN_MS + memory.at_ms)
        after = Stage(greeting=APOLOGY, answers=["At nine."], resume=resume, before_ms=memory.at_ms + 3_000)
        await after.until_quiet()
        await after.until_quiet()
        assert [said.text for said in after.of(AgentSaid)] == [APOLOGY, "At nine."]
        assert after.of(CallerSaid) == []

    run_virtual(call())


def test_what_was_heard_of_an_interrupted_answer_is_remembered() -> None:
    async def call() -> None:
        stage = Stage(answers=["one two three four five six seven eight", "Yes."])
        await stage.say("count for me", 700)
        await stage.until_sounding()
        await stage.silence(640)
        await stage.say("stop it please", 900)
        await stage.until_quiet()
        first, said, second, yes = stage.call.memory().messages
        assert (first.text, second.text, yes.text.strip()) == ("count for me", "stop it please", "Yes.")
        assert 1 <= len(said.text.split()) < 8 and "one two three four five six".startswith(said.text)

    run_virtual(call())

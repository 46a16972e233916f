"""Calls resumed after their node was lost: an apology, the answer that is due, and one clock for both streams."""

from shared.events import SEQ_PER_LEG, AgentSaid, CallerSaid, CallUsage
from shared.plan import HeardMessage, LimitsPlan, ResumePoint
from tests.calls.scripted_call import ScriptedCall
from tests.virtual_time import run_virtual

APOLOGY = "Sorry we were cut off"
ASKED = HeardMessage("user", "when do you open")
ANSWERED = HeardMessage("assistant", "At nine.")
BEGAN_MS = 1_764_000_000_000


def resume_point(*messages: HeardMessage, turn: int, usage: CallUsage | None = None) -> ResumePoint:
    """Returns the state of a call that was lost a minute after it began."""
    return ResumePoint(list(messages), turn, usage or CallUsage(), BEGAN_MS, BEGAN_MS + 60_000)


def test_an_open_question_is_answered_right_after_the_apology() -> None:
    async def call() -> None:
        scripted = ScriptedCall(
            greeting=APOLOGY, answers=["At nine."], resume=resume_point(ASKED, turn=1), before_ms=65_000
        )
        await scripted.listen_until_quiet()
        await scripted.listen_until_quiet()
        assert [(said.text, said.turn) for said in scripted.events_of(AgentSaid)] == [(APOLOGY, 1), ("At nine.", 1)]
        (request,) = scripted.model.requests
        assert [(message.role, message.text) for message in request.messages] == [("user", "when do you open")]
        assert scripted.events_of(CallerSaid) == [], "an event reported it before the node was lost"

    run_virtual(call())


def test_unreported_question_is_reported_on_resume() -> None:
    async def call() -> None:
        scripted = ScriptedCall(
            greeting=APOLOGY, answers=["At nine."], resume=resume_point(ASKED, turn=0), before_ms=65_000
        )
        await scripted.listen_until_quiet()
        await scripted.listen_until_quiet()
        (said,) = scripted.events_of(CallerSaid)
        assert said == CallerSaid(1, "when do you open", 60_000, 60_000)
        assert scripted.events_of(AgentSaid)[-1].turn == 1

    run_virtual(call())


def test_without_an_open_question_the_agent_apologizes_and_listens() -> None:
    async def call() -> None:
        scripted = ScriptedCall(
            greeting=APOLOGY, answers=["On Monday."], resume=resume_point(ASKED, ANSWERED, turn=1), before_ms=65_000
        )
        await scripted.listen_until_quiet()
        await scripted.silence(2_000)
        assert scripted.model.requests == []
        await scripted.say("and on sunday", 600)
        await scripted.listen_until_quiet()
        heard = [message.text for message in scripted.model.requests[0].messages]
        assert heard == ["when do you open", "At nine.", APOLOGY, "and on sunday"]
        assert [said.turn for said in scripted.events_of(CallerSaid)] == [2]

    run_virtual(call())


def test_a_caller_who_speaks_over_the_apology_is_answered_at_once() -> None:
    async def call() -> None:
        resume = resume_point(ASKED, turn=1)
        scripted = ScriptedCall(greeting=APOLOGY, answers=["At nine."], resume=resume, before_ms=65_000)
        await scripted.wait_until_sounding()
        await scripted.silence(400)
        await scripted.say("hello are you there", 900)
        await scripted.listen_until_quiet()
        await scripted.silence(3_000)
        (request,) = scripted.model.requests
        assert [message.text for message in request.messages] == ["when do you open", "hello are you there"]
        assert [said.text for said in scripted.events_of(AgentSaid)][-1] == "At nine."

    run_virtual(call())


def test_call_without_a_checkpoint_only_apologizes() -> None:
    async def call() -> None:
        scripted = ScriptedCall(greeting=APOLOGY, resume=resume_point(turn=0), before_ms=5_000)
        await scripted.listen_until_quiet()
        await scripted.silence(2_000)
        assert [said.text for said in scripted.events_of(AgentSaid)] == [APOLOGY]
        assert scripted.model.requests == []

    run_virtual(call())


def test_without_an_apology_the_answer_comes_at_once() -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=["At nine."], resume=resume_point(ASKED, turn=1), before_ms=65_000)
        await scripted.listen_until_quiet()
        assert [said.text for said in scripted.events_of(AgentSaid)] == ["At nine."]

    run_virtual(call())


def test_clock_usage_and_turn_numbers_continue() -> None:
    async def call() -> None:
        used = CallUsage(call_ms=60_000, stt_ms=60_000, llm_requests=3, tts_characters=90, tts_ms=9_000, heard_ms=8_000)
        scripted = ScriptedCall(
            greeting=APOLOGY, resume=resume_point(ASKED, ANSWERED, turn=1, usage=used), before_ms=65_000, models=[]
        )
        await scripted.listen_until_quiet()
        said = scripted.events_of(AgentSaid)[0]
        assert 65_000 <= said.start_ms < 66_000
        await scripted.say("and on sunday", 600)
        await scripted.listen_until_quiet()
        ended = await scripted.hang_up()
        assert 67_000 < ended.duration_ms < 72_000 and ended.usage.call_ms == ended.duration_ms
        assert ended.usage.llm_requests == 4
        assert ended.usage.stt_ms == 60_000 + ended.duration_ms - 65_000
        assert ended.usage.tts_ms == 9_000 + 7 * 300 and ended.usage.heard_ms == 8_000 + 7 * 300
        numbers = [envelope.seq for envelope in scripted.events.envelopes]
        assert numbers == [SEQ_PER_LEG + 1 + at for at in range(len(numbers))]

    run_virtual(call())


def test_silence_is_counted_from_the_new_stream_and_length_from_the_first() -> None:
    async def call() -> None:
        limits = LimitsPlan(max_duration_s=70, idle_nudge_s=0, silence_s=30)
        scripted = ScriptedCall(
            greeting=APOLOGY, resume=resume_point(ASKED, ANSWERED, turn=1), before_ms=65_000, limits=limits
        )
        await scripted.listen_until_quiet()
        await scripted.silence(2_500)
        assert scripted.call.termination.reason is None
        await scripted.silence(1_500)
        assert scripted.call.termination.reason == "max_duration"

    run_virtual(call())


def test_snapshot_can_be_resumed_from() -> None:
    """A snapshot taken while the agent answers ends with the question, and the resumed call answers it."""

    async def call() -> None:
        scripted = ScriptedCall(greeting="Hello.", answers=["We open at nine every day"])
        await scripted.listen_until_quiet()
        await scripted.say("when do you open", 700)
        await scripted.wait_until_sounding()
        await scripted.silence(1_000)
        assert scripted.turns_taken == 1
        snapshot = scripted.call.snapshot()
        assert [(message.role, message.text) for message in snapshot.messages] == [
            ("assistant", "Hello."),
            ("user", "when do you open"),
        ]
        assert snapshot.reported_turns == 1
        resume = ResumePoint(
            snapshot.messages, snapshot.reported_turns, snapshot.usage, BEGAN_MS, BEGAN_MS + snapshot.at_ms
        )
        after = ScriptedCall(greeting=APOLOGY, answers=["At nine."], resume=resume, before_ms=snapshot.at_ms + 3_000)
        await after.listen_until_quiet()
        await after.listen_until_quiet()
        assert [said.text for said in after.events_of(AgentSaid)] == [APOLOGY, "At nine."]
        assert after.events_of(CallerSaid) == []

    run_virtual(call())


def test_pending_turn_is_reported_once_when_the_stream_is_lost() -> None:
    async def call() -> None:
        scripted = ScriptedCall(greeting="Hello.")
        scripted.model.delay_s = 30.0
        await scripted.listen_until_quiet()
        await scripted.say("when do you open", 700)
        await scripted.silence(1_500)
        assert scripted.turns_taken == 1 and not scripted.events_of(CallerSaid)
        scripted.call.end_stream()
        snapshot = scripted.call.snapshot()
        await scripted.call.finish("carrier_error")
        resume = ResumePoint(
            snapshot.messages, snapshot.reported_turns, snapshot.usage, BEGAN_MS, BEGAN_MS + snapshot.at_ms
        )
        after = ScriptedCall(greeting=APOLOGY, answers=["At nine."], resume=resume, before_ms=snapshot.at_ms + 3_000)
        await after.listen_until_quiet()
        await after.listen_until_quiet()
        await after.hang_up()
        said = scripted.events_of(CallerSaid) + after.events_of(CallerSaid)
        assert [(event.turn, event.text) for event in said] == [(1, "when do you open")]
        assert [said.text for said in after.events_of(AgentSaid)] == [APOLOGY, "At nine."]

    run_virtual(call())


def test_snapshot_has_what_was_heard_of_an_interrupted_answer() -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=["one two three four five six seven eight", "Yes."])
        await scripted.say("count for me", 700)
        await scripted.wait_until_sounding()
        await scripted.silence(1_000)
        await scripted.say("stop it please", 900)
        await scripted.listen_until_quiet()
        first, said, second, yes = scripted.call.snapshot().messages
        assert (first.text, second.text, yes.text.strip()) == ("count for me", "stop it please", "Yes.")
        assert 1 <= len(said.text.split()) < 8 and "one two three four five six".startswith(said.text)

    run_virtual(call())

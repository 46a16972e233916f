"""Calls whose node is lost while a tool runs: the tool is not run twice, and the caller is told how it ended."""

import msgspec
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from media.call.call_tools import LOST_RESULT
from media.providers.ports import NOT_ENDED_RESULT, TextDelta, ToolCall
from shared.events import CallUsage, ToolRan, ToolStarted
from shared.plan import HeardMessage, ResumePoint
from tests.calls.remote_tools import BOOK_PLAN, BOOKED, ScriptedControl, assert_valid, results_of, said, say_and_book
from tests.calls.scripted_call import Answers, ScriptedCall
from tests.virtual_time import run_virtual

APOLOGY = "Sorry we were cut off"


async def lost_while_booking(control: ScriptedControl, words: str, after_ms: int) -> ScriptedCall:
    """A call whose node is killed `after_ms` after the tool began."""
    scripted = ScriptedCall(answers=[say_and_book(words), "It is booked."], tools=(BOOK_PLAN,), remote_tools=control)
    await scripted.say("book a table", 600)
    while not scripted.events_of(ToolStarted):
        await scripted.silence(20)
    await scripted.silence(after_ms)
    return scripted


def resume(lost: ScriptedCall, control: ScriptedControl | None, *, answers: Answers) -> ScriptedCall:
    """The call on another node, from the last checkpoint as it is on the bus."""
    snapshot = lost.call.snapshot()
    messages = msgspec.json.decode(msgspec.json.encode(snapshot.messages), type=list[HeardMessage])
    point = ResumePoint(messages, snapshot.reported_turns, CallUsage(), 0, snapshot.at_ms)
    return ScriptedCall(
        greeting=APOLOGY,
        answers=answers,
        resume=point,
        before_ms=lost.now() + 3_000,
        transfer_number=lost.plan.agent.fallback_number,
        tools=lost.plan.tools,
        remote_tools=control,
    )


def test_a_running_tool_is_asked_for_again_by_its_run_id() -> None:
    async def call() -> None:
        control = ScriptedControl(12.0)
        lost = await lost_while_booking(control, "Let me book that.", 2_000)
        resumed = resume(lost, control, answers=["It is booked."])
        await resumed.silence(14_000)
        (started,), (ran,) = resumed.events_of(ToolStarted), resumed.events_of(ToolRan)
        assert started.run_id == ran.run_id == lost.events_of(ToolStarted)[0].run_id
        assert [asked.run_id for asked in control.asked] == [ran.run_id] * 2
        assert len(control.runs) == 1, "it is not run twice"
        assert said(resumed)[0] == APOLOGY and said(resumed)[-1].endswith("It is booked.")
        (request,) = resumed.model.requests
        assert results_of(request) == [BOOKED]
        assert_valid(request)
        assert resumed.longest_silence_ms < 8_000

    run_virtual(call())


def test_result_of_a_silent_tool_is_reported_after_the_apology() -> None:
    async def call() -> None:
        control = ScriptedControl(3.0)
        lost = await lost_while_booking(control, "", 1_000)
        snapshot = lost.call.snapshot()
        await control.runs[control.asked[0].run_id]
        assert snapshot.messages[-1].calls and not snapshot.messages[-1].text
        resumed = resume(lost, control, answers=["It is booked."])
        await resumed.silence(6_000)
        assert said(resumed) == [APOLOGY, "It is booked."]
        assert len(control.runs) == 1

    run_virtual(call())


def test_a_result_that_nobody_was_told_is_told_after_the_apology() -> None:
    async def call() -> None:
        control = ScriptedControl(2.0)
        lost = await lost_while_booking(control, "", 2_100)
        assert lost.events_of(ToolRan) and not said(lost)
        resumed = resume(lost, control, answers=["It is booked."])
        await resumed.silence(6_000)
        assert said(resumed) == [APOLOGY, "It is booked."]
        assert len(control.asked) == 1

    run_virtual(call())


def test_without_any_checkpoint_the_same_call_gets_the_same_run_id() -> None:
    async def call() -> None:
        control = ScriptedControl(12.0)
        lost = await lost_while_booking(control, "", 1_000)
        point = ResumePoint([], 0, CallUsage(), 0, 0)
        resumed = ScriptedCall(
            answers=[say_and_book(), "It is booked."],
            resume=point,
            before_ms=lost.now(),
            tools=(BOOK_PLAN,),
            remote_tools=control,
        )
        await resumed.say("hello i asked you to book a table", 900)
        await resumed.silence(15_000)
        assert len(control.asked) == 2 and len(control.runs) == 1
        assert "It is booked." in said(resumed)[-1]

    run_virtual(call())


def test_tool_that_cannot_run_again_has_an_unknown_result() -> None:
    async def call() -> None:
        keypad = ToolCall("1", "collect_digits", '{"timeout_s": 20}')
        lost = ScriptedCall(answers=[[TextDelta("Your code please."), keypad]])
        await lost.say("check my order", 700)
        await lost.listen_until_quiet()
        resumed = resume(lost, None, answers=["Please enter it again."])
        await resumed.silence(5_000)
        assert said(resumed) == [APOLOGY, "Please enter it again."]
        assert not resumed.events_of(ToolStarted)
        (request,) = resumed.model.requests
        assert results_of(request) == [LOST_RESULT]

    run_virtual(call())


def test_a_transfer_that_was_not_carried_out_is_known_to_the_model() -> None:
    async def call() -> None:
        person = [ToolCall("1", "transfer", "{}")]
        lost = ScriptedCall(answers=[person], transfer_number="+14155550100")
        await lost.say("connect me now", 600)
        await lost.wait_until_sounding()
        resumed = resume(lost, None, answers=[person])
        await resumed.silence(6_000)
        assert results_of(resumed.model.requests[0]) == [NOT_ENDED_RESULT]
        assert resumed.call.termination.transfer_number == "+14155550100" and resumed.carrier.hung_up

    run_virtual(call())


def test_a_caller_who_speaks_over_the_apology_is_answered_while_the_tool_runs() -> None:
    async def call() -> None:
        control = ScriptedControl(14.0)
        lost = await lost_while_booking(control, "Let me book that.", 2_000)
        resumed = resume(lost, control, answers=["Yes I am.", "It is booked."])
        await resumed.wait_until_sounding()
        await resumed.silence(400)
        await resumed.say("hello are you there", 900)
        await resumed.silence(16_000)
        assert "Yes I am." in said(resumed) and said(resumed)[-1] == "It is booked."
        assert len(control.runs) == 1
        for request in resumed.model.requests:
            assert_valid(request)

    run_virtual(call())


# Without shrinking: each example is a call of half a minute.
@settings(max_examples=6, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(st.integers(1, 90), st.integers(0, 500), st.integers(0, 60), st.sampled_from(["", "Let me book that."]))
def test_a_node_may_be_lost_at_any_time(tenths: int, lost_frames: int, talk_frames: int, words: str) -> None:
    """tenths: how long the tool runs, in 0.1 s. lost_frames: from the tool's start to the node's end. talk_frames: how
    long the caller talks over it before that."""

    async def call() -> None:
        control = ScriptedControl(tenths / 10)
        lost = await lost_while_booking(control, words, 400)
        await lost.say("and a window seat" if talk_frames > 15 else "", talk_frames * 20)
        await lost.silence(lost_frames * 20)
        resumed = resume(lost, control, answers=())
        await resumed.silence(16_000)
        assert len(control.runs) == 1 and {asked.run_id for asked in control.asked} == set(control.runs)
        requests = [*lost.model.requests, *resumed.model.requests]
        for request in requests:
            assert_valid(request)
        assert results_of(requests[-1]) == [BOOKED]
        assert resumed.longest_silence_ms < 11_000, "after all is said, the caller is nudged"

    run_virtual(call())

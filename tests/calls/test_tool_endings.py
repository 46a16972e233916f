"""Whole calls: how tools end, and what becomes of them when the call ends."""

import asyncio
import gc
import weakref

import pytest

from media.providers.ports import TextDelta, ToolCall
from media.tools.tool import MAY_BE_DONE
from shared.events import ToolRan
from shared.plan import ToolPlan
from tests.calls.remote_tools import BOOK_PLAN, BOOKED, ScriptedControl, results_of, said, say_and_book
from tests.calls.scripted_call import Answers, ScriptedCall
from tests.virtual_time import run_virtual


def test_tool_that_takes_too_long_is_an_error_for_the_model() -> None:
    async def call() -> None:
        plan = ToolPlan("book", timeout_s=4.0, remote=True)
        scripted = ScriptedCall(
            answers=[say_and_book(), "It did not work."], tools=(plan,), remote_tools=ScriptedControl(60.0)
        )
        await scripted.say("book a table", 600)
        await scripted.silence(9_000)
        assert results_of(scripted.model.requests[1]) == [f"book took too long. {MAY_BE_DONE}"]
        assert said(scripted) == ["One moment, please. It did not work."]

    run_virtual(call())


def test_without_control_a_remote_tool_is_not_available() -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=[say_and_book(), "I cannot book."], tools=(BOOK_PLAN,))
        await scripted.say("book a table", 600)
        await scripted.listen_until_quiet()
        assert results_of(scripted.model.requests[1]) == ["book is not available"]
        (ran,) = scripted.events_of(ToolRan)
        assert not ran.ok

    run_virtual(call())


def test_remote_tool_that_ends_the_call() -> None:
    async def call() -> None:
        plan = ToolPlan("book", filler="You are being connected.", ends_call=True, remote=True)
        scripted = ScriptedCall(answers=[say_and_book()], tools=(plan,), remote_tools=ScriptedControl(1.0))
        await scripted.say("book a table", 600)
        await scripted.listen_until_quiet()
        assert said(scripted) == ["You are being connected."]
        assert scripted.carrier.hung_up and len(scripted.model.requests) == 1
        assert (await scripted.hang_up()).end_reason == "agent_hangup"

    run_virtual(call())


def test_remote_tool_that_would_end_the_call_does_not_when_the_caller_talked_over_it() -> None:
    """Nobody would say the last words: the caller would hear nothing, and not be heard, until the line is closed."""

    async def call() -> None:
        plan = ToolPlan("book", filler="You are being connected.", ends_call=True, remote=True)
        answers: Answers = [say_and_book("Let me connect you now."), "Yes we are.", "You are next.", "Certainly."]
        scripted = ScriptedCall(answers=answers, tools=(plan,), remote_tools=ScriptedControl(6.0))
        await scripted.say("connect me please", 600)
        await scripted.wait_until_sounding()
        await scripted.silence(700)
        await scripted.say("are you open on sunday", 900)
        await scripted.silence(7_000)
        assert not scripted.call.termination.reason and said(scripted)[-1] == "You are next."
        await scripted.say("and on monday", 900)
        await scripted.listen_until_quiet()
        assert said(scripted)[-1] == "Certainly." and not scripted.carrier.hung_up

    run_virtual(call())


def test_remote_tool_that_fails_does_not_end_the_call() -> None:
    async def call() -> None:
        plan = ToolPlan("book", ends_call=True, remote=True)
        control = ScriptedControl(1.0, error="nobody is there")
        scripted = ScriptedCall(answers=[say_and_book(), "I am sorry."], tools=(plan,), remote_tools=control)
        await scripted.say("connect me please", 600)
        await scripted.listen_until_quiet()
        assert said(scripted) == ["I am sorry."] and not scripted.call.termination.reason

    run_virtual(call())


def test_transfer_without_words_says_its_filler() -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=[[ToolCall("1", "transfer", "{}")]], transfer_number="+14155550100")
        await scripted.say("connect me now", 600)
        await scripted.listen_until_quiet()
        assert said(scripted) == ["One moment, please."]
        assert scripted.call.termination.transfer_number == "+14155550100"

    run_virtual(call())


def test_waiting_for_keys_stops_at_a_barge_in() -> None:
    async def call() -> None:
        keypad = ToolCall("1", "collect_digits", '{"timeout_s": 20}')
        answers: Answers = [[TextDelta("Your code please."), keypad], "Thank you."]
        scripted = ScriptedCall(answers=answers)
        await scripted.say("check my order", 700)
        await scripted.listen_until_quiet()
        await scripted.say("it is one two three four", 1_000)
        await scripted.silence(25_000)
        (ran,) = scripted.events_of(ToolRan)
        assert not ran.ok and ran.took_ms < 4_000
        assert said(scripted)[:2] == ["Your code please.", "Thank you."]
        assert len(scripted.model.requests) == 2, "the caller is not told that no key was pressed"

    run_virtual(call())


def test_hang_up_gives_a_tool_a_moment_to_end() -> None:
    async def call() -> None:
        scripted = ScriptedCall(
            answers=[say_and_book("Let me book that.")], tools=(BOOK_PLAN,), remote_tools=ScriptedControl(4.0)
        )
        await scripted.say("book a table", 600)
        await scripted.wait_until_sounding()
        await scripted.silence(3_000)
        hung_up_at = scripted.now()
        await scripted.hang_up()
        assert scripted.now() - hung_up_at < 1_500
        (ran,) = scripted.events_of(ToolRan)
        assert ran.ok and ran.result == BOOKED

    run_virtual(call())


def test_hang_up_does_not_wait_long_for_a_tool() -> None:
    async def call() -> None:
        control = ScriptedControl(60.0)
        scripted = ScriptedCall(answers=[say_and_book("Let me book that.")], tools=(BOOK_PLAN,), remote_tools=control)
        await scripted.say("book a table", 600)
        await scripted.wait_until_sounding()
        await scripted.silence(1_000)
        hung_up_at = scripted.now()
        await scripted.hang_up()
        assert scripted.now() - hung_up_at == 1_500
        (ran,) = scripted.events_of(ToolRan)
        assert not ran.ok and "given up" in ran.result
        assert not any(run.done() for run in control.runs.values()), "control goes on with it"

    run_virtual(call())


@pytest.mark.parametrize("seconds", [0.5, 60.0], ids=["done", "given_up"])
def test_the_tools_of_a_call_are_freed_without_the_collector(seconds: float) -> None:
    """The garbage collector is set to run rarely (shared/refcycles.py)."""

    async def call() -> None:
        scripted = ScriptedCall(
            answers=[say_and_book("Let me book that.")], tools=(BOOK_PLAN,), remote_tools=ScriptedControl(seconds)
        )
        await scripted.say("book a table", 600)
        await scripted.wait_until_sounding()
        await scripted.silence(1_000)
        await scripted.say("are you open on sunday", 900)
        await scripted.silence(1_000)
        conversation = scripted.conversation
        parts = [weakref.ref(part) for part in (conversation._tools, conversation.transcript, conversation)]
        del conversation
        await scripted.hang_up()
        await asyncio.sleep(0.1)
        del scripted.call, scripted.conversation
        assert [part() for part in parts] == [None, None, None]

    gc.collect()
    gc.disable()
    try:
        run_virtual(call())
    finally:
        gc.enable()

"""Whole calls: tools outlive the sentence that called them, and the caller is never left in silence."""

import pytest

from media.call.phrases import phrases_in
from media.call.transcript import RUNNING_RESULT
from media.providers.ports import TOOL_ENDED_PROMPT, ProviderError
from media.tools.fillers import more_fillers
from shared.events import CallerSaid, CallNudged, ToolRan, ToolStarted, TurnInterrupted
from shared.plan import LimitsPlan, ToolPlan
from tests.calls.remote_tools import (
    BOOK_PLAN,
    BOOKED,
    FILLER,
    ScriptedControl,
    assert_ran_once,
    results_of,
    said,
    say_and_book,
)
from tests.calls.scripted_call import Answers, ScriptedCall
from tests.virtual_time import run_virtual

LIMIT_MS = 8_000
APOLOGY = phrases_in("en").apology


def test_a_tool_of_six_seconds_runs_to_its_end_while_the_caller_talks() -> None:
    async def call() -> None:
        control = ScriptedControl(6.0)
        answers: Answers = [say_and_book("I am booking a table for you now."), "Yes on sunday too.", "It is booked."]
        scripted = ScriptedCall(answers=answers, tools=(BOOK_PLAN,), remote_tools=control)
        await scripted.say("book a table", 600)
        await scripted.wait_until_sounding()
        await scripted.silence(900)
        assert [started.name for started in scripted.events_of(ToolStarted)] == ["book"]
        await scripted.say("are you open on sunday", 900)
        await scripted.listen_until_quiet()
        assert said(scripted)[-1] == "Yes on sunday too."
        assert scripted.events_of(TurnInterrupted) and not scripted.events_of(ToolRan)
        await scripted.listen_until_quiet()
        if said(scripted)[-1] == FILLER:
            await scripted.listen_until_quiet()
        assert said(scripted)[-1] == "It is booked."
        ran = assert_ran_once(scripted, control)
        assert (ran.ok, ran.result, ran.took_ms, ran.turn) == (True, BOOKED, 6_000, 1)
        requests = scripted.model.requests
        assert [results_of(request) for request in requests] == [[], [RUNNING_RESULT], [BOOKED]]
        assert [message.role for message in requests[1].messages] == ["user", "assistant", "tool", "user"]
        assert requests[2].messages[-1].text == TOOL_ENDED_PROMPT
        assert scripted.longest_silence_ms < LIMIT_MS

    run_virtual(call())


def test_silence_of_a_long_tool_is_filled_and_neither_nudged_nor_apologized_for() -> None:
    async def call() -> None:
        control = ScriptedControl(25.0)
        scripted = ScriptedCall(
            answers=[say_and_book(), "It is booked."], tools=(BOOK_PLAN,), remote_tools=control, limits=LimitsPlan()
        )
        await scripted.say("book a table", 600)
        await scripted.silence(29_000)
        (heard,) = said(scripted)
        assert heard.startswith(" ".join((FILLER, *more_fillers("en"), FILLER)))
        assert heard.endswith("It is booked.")
        assert scripted.longest_silence_ms < 5_000
        assert not scripted.events_of(CallNudged)
        texts = [message.text for message in scripted.model.requests[1].messages]
        assert texts == ["book a table", "", BOOKED], "fillers are no part of the conversation"
        assert_ran_once(scripted, control)

    run_virtual(call())


def test_silence_is_filled_while_no_answer_waits_for_the_tool() -> None:
    async def call() -> None:
        control = ScriptedControl(20.0)
        answers: Answers = [say_and_book("Let me book that."), "Yes.", "It is booked."]
        scripted = ScriptedCall(answers=answers, tools=(BOOK_PLAN,), remote_tools=control)
        await scripted.say("book a table", 600)
        await scripted.wait_until_sounding()
        await scripted.silence(700)
        await scripted.say("are you open on sunday", 900)
        await scripted.silence(24_000)
        assert FILLER in said(scripted) and said(scripted)[-1] == "It is booked."
        assert scripted.longest_silence_ms < 5_000
        assert not scripted.events_of(CallNudged)
        last = scripted.model.requests[-1].messages
        assert not any(message.text == FILLER for message in last)
        assert_ran_once(scripted, control)

    run_virtual(call())


def test_a_short_limit_of_silence_is_kept() -> None:
    async def call() -> None:
        limits = LimitsPlan(reply_s=2.0, idle_nudge_s=3)
        scripted = ScriptedCall(
            answers=[say_and_book(), "It is booked."],
            tools=(BOOK_PLAN,),
            remote_tools=ScriptedControl(12.0),
            limits=limits,
        )
        await scripted.say("book a table", 600)
        await scripted.silence(15_000)
        await scripted.silence(2_000)
        assert APOLOGY not in " ".join(said(scripted))
        assert "It is booked." in " ".join(said(scripted))
        assert scripted.events_of(ToolRan)

    run_virtual(call())


def test_a_tool_without_a_filler_is_silent_and_not_disturbed() -> None:
    async def call() -> None:
        plan = ToolPlan("book", filler="", remote=True)
        scripted = ScriptedCall(
            answers=[say_and_book(), "It is booked."], tools=(plan,), remote_tools=ScriptedControl(14.0)
        )
        await scripted.say("book a table", 600)
        await scripted.silence(18_000)
        assert said(scripted) == ["It is booked."]
        assert not scripted.events_of(CallNudged)

    run_virtual(call())


def test_a_caller_is_not_nudged_while_a_tool_runs_on() -> None:
    async def call() -> None:
        plan = ToolPlan("book", filler="", remote=True)
        scripted = ScriptedCall(
            answers=[say_and_book("Let me book that."), "Yes.", "It is booked."],
            tools=(plan,),
            remote_tools=ScriptedControl(20.0),
        )
        await scripted.say("book a table", 600)
        await scripted.wait_until_sounding()
        await scripted.silence(700)
        await scripted.say("are you open on sunday", 900)
        await scripted.silence(20_000)
        assert said(scripted)[1:] == ["Yes.", "It is booked."]
        assert not scripted.events_of(CallNudged)

    run_virtual(call())


@pytest.mark.parametrize(
    ("words", "seconds"),
    [("", 1.0), ("Let me book that.", 3.0), ("", 3.2), ("I am going to book that table for you right now.", 0.3)],
    ids=["silent", "words", "filler", "words_outlast_the_tool"],
)
def test_the_answer_to_a_result_is_due_in_time(words: str, seconds: float) -> None:
    """The model hangs when the tool has ended, in two cases while the agent is still heard."""

    async def call() -> None:
        scripted = ScriptedCall(
            answers=[say_and_book(words)], tools=(BOOK_PLAN,), remote_tools=ScriptedControl(seconds)
        )
        await scripted.say("book a table", 600)
        while not scripted.events_of(ToolStarted):
            await scripted.silence(20)
        scripted.model.delay_s = 60.0
        await scripted.silence(20_000)
        assert APOLOGY in said(scripted)
        assert scripted.longest_silence_ms <= LIMIT_MS

    run_virtual(call())


def test_barge_in_over_a_filler() -> None:
    async def call() -> None:
        control = ScriptedControl(9.0)
        answers: Answers = [say_and_book(), "Yes on sunday too.", "It is booked."]
        scripted = ScriptedCall(answers=answers, tools=(BOOK_PLAN,), remote_tools=control)
        await scripted.say("book a table", 600)
        await scripted.wait_until_sounding()  # the filler
        await scripted.silence(700)
        await scripted.say("are you open on sunday", 900)
        await scripted.listen_until_quiet()
        await scripted.silence(8_000)
        assert said(scripted)[0] != FILLER and FILLER.startswith(said(scripted)[0])
        assert "Yes on sunday too." in said(scripted) and said(scripted)[-1] == "It is booked."
        assert [event.text for event in scripted.events_of(CallerSaid)] == ["book a table", "are you open on sunday"]
        assert_ran_once(scripted, control)

    run_virtual(call())


def test_words_added_while_a_silent_tool_runs_are_a_turn_of_their_own() -> None:
    async def call() -> None:
        control = ScriptedControl(5.0)
        scripted = ScriptedCall(
            answers=[say_and_book(), "For four, certainly.", "It is booked."], tools=(BOOK_PLAN,), remote_tools=control
        )
        await scripted.say("book a table", 600)
        await scripted.silence(1_000)
        assert scripted.events_of(ToolStarted) and not said(scripted)
        await scripted.say("and make it four people", 900)
        await scripted.silence(9_000)
        assert [event.text for event in scripted.events_of(CallerSaid)] == ["book a table", "and make it four people"]
        heard = [(message.role, message.text) for message in scripted.model.requests[1].messages]
        assert heard == [
            ("user", "book a table"),
            ("assistant", ""),
            ("tool", RUNNING_RESULT),
            ("user", "and make it four people"),
        ]
        assert_ran_once(scripted, control)

    run_virtual(call())


def test_the_same_call_while_it_runs_joins_it() -> None:
    async def call() -> None:
        control = ScriptedControl(6.0)
        answers: Answers = [say_and_book("Let me book that."), say_and_book("I am on it."), "It is booked."]
        scripted = ScriptedCall(answers=answers, tools=(BOOK_PLAN,), remote_tools=control)
        await scripted.say("book a table", 600)
        await scripted.wait_until_sounding()
        await scripted.silence(700)
        await scripted.say("please book a table", 900)
        await scripted.silence(12_000)
        assert_ran_once(scripted, control)
        assert results_of(scripted.model.requests[-1]) == [BOOKED, BOOKED]
        assert said(scripted)[-1].endswith("It is booked.")

    run_virtual(call())


def test_tool_result_during_another_answer_is_reported_after_the_answer() -> None:
    async def call() -> None:
        control = ScriptedControl(3.0)
        long_answer = " ".join(["word"] * 20)
        scripted = ScriptedCall(
            answers=[say_and_book("Let me book that."), long_answer, "It is booked."],
            tools=(BOOK_PLAN,),
            remote_tools=control,
        )
        await scripted.say("book a table", 600)
        await scripted.wait_until_sounding()
        await scripted.silence(700)
        await scripted.say("tell me a story", 900)
        await scripted.listen_until_quiet()
        assert scripted.events_of(ToolRan)
        await scripted.listen_until_quiet()
        await scripted.silence(5_000)
        assert said(scripted)[-2:] == [long_answer, "It is booked."]
        assert len(scripted.model.requests) == 3, "it is told once"

    run_virtual(call())


def test_tool_result_is_reported_once_although_the_model_fails() -> None:
    async def call() -> None:
        broken = [ProviderError("scripted", "down")] * 20
        scripted = ScriptedCall(
            answers=[say_and_book("Let me book that."), "Yes.", *broken],
            tools=(BOOK_PLAN,),
            remote_tools=ScriptedControl(5.0),
        )
        await scripted.say("book a table", 600)
        await scripted.wait_until_sounding()
        await scripted.silence(700)
        await scripted.say("are you open on sunday", 900)
        await scripted.silence(20_000)
        assert said(scripted).count(APOLOGY) == 1
        assert len(scripted.model.requests) == 3

    run_virtual(call())

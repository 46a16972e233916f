"""The tool calls of answers: their order, what stops with the sentence, which results the caller waits for."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from media.call.call_tools import (
    GRACE_S,
    LOST_RESULT,
    MOST_CALLS,
    TOO_MANY_RESULT,
    CallTools,
    ToolSequence,
)
from media.call.transcript import ToolResult, Transcript
from media.providers.ports import NOT_ENDED_RESULT, Message, ToolCall, ToolSpec
from media.tools.runner import CANCELLED_RESULT, ToolRunner
from media.tools.tool import Tool, ToolError
from shared.events import Event, ToolStarted
from tests.media.call.languages import spoken
from tests.virtual_time import clock_ms, run_virtual


class ToolBench:
    """Tools that take 2 s each: `look_up`, `read` (repeatable), `keys` (stops at a barge-in), `end`, `fail`."""

    def __init__(self, messages: list[Message] | None = None) -> None:
        self.transcript = Transcript(messages or [])
        self.began: list[str] = []
        self.events: list[Event] = []
        self.done: list[tuple[ToolSequence, float]] = []
        tools = {
            "look_up": self._tool("look_up"),
            "read": replace(self._tool("read"), repeatable=True),
            "keys": replace(self._tool("keys"), stops_at_barge_in=True),
            "end": replace(self._tool("end"), ends_call=True),
            "fail": replace(self._tool("fail"), ends_call=True),
            "close_case": replace(self._tool("close_case"), ends_call=True, repeatable=True),
        }
        self.tools = CallTools(tools, ToolRunner(tools, "call-1", clock_ms, self.events.append), self, spoken("en"))

    def tools_called(self) -> None:
        self.began.append("called")

    def tools_done(self, sequence: ToolSequence) -> None:
        self.done.append((sequence, clock_ms()))

    def tool_ends_call(self) -> None:
        self.began.append("call ends")

    def call(self, *names: str) -> ToolSequence:
        """The model calls these tools in one answer."""
        calls = [ToolCall(f"id-{name}", name, "{}") for name in names]
        return self.tools.start(self.transcript.add_tool_calls(self.transcript.add_agent(""), calls), 1)

    def _tool(self, name: str) -> Tool:
        async def run(arguments: bytes, run_id: str) -> str:
            self.began.append(name)
            await asyncio.sleep(2)
            if name == "fail":
                raise ToolError("failed")
            return f"{name} done"

        return Tool(ToolSpec(name, "", {}), run)


def run(act: Callable[[ToolBench], Awaitable[None]], bench: ToolBench | None = None) -> ToolBench:
    async def scenario() -> ToolBench:
        made = bench or ToolBench()
        await act(made)
        return made

    return run_virtual(scenario())


def texts(results: tuple[ToolResult, ...]) -> list[str | None]:
    return [result.text for result in results]


def test_calls_of_an_answer_run_in_order() -> None:
    async def act(bench: ToolBench) -> None:
        sequence = bench.call("look_up", "read")
        await asyncio.sleep(3)
        assert texts(sequence.results) == ["look_up done", None]
        assert bench.tools.is_running and not sequence.is_done
        await asyncio.sleep(2)
        assert bench.done == [(sequence, 4_000)]
        assert (sequence.is_done, sequence.can_end_reply, bench.tools.is_running) == (True, False, False)
        assert bench.tools.new_results == (), "a reply waited for them"

    assert run(act).began == ["called", "look_up", "read"]


def test_an_answer_that_calls_too_many_tools_runs_the_first_ones() -> None:
    async def act(bench: ToolBench) -> None:
        sequence = bench.call(*["look_up"] * 50)
        await asyncio.sleep(3 * MOST_CALLS)
        assert sequence.is_done
        assert texts(sequence.results) == ["look_up done"] * MOST_CALLS + [TOO_MANY_RESULT] * (50 - MOST_CALLS)

    assert run(act).began.count("look_up") == MOST_CALLS


@pytest.mark.parametrize(
    ("names", "can_end"), [(["end"], True), (["fail"], False), (["end", "look_up"], False), (["look_up", "end"], False)]
)
def test_only_tools_that_end_the_call_and_succeed_end_the_reply(names: list[str], can_end: bool) -> None:
    async def act(bench: ToolBench) -> None:
        sequence = bench.call(*names)
        await asyncio.sleep(10)
        assert sequence.can_end_reply == can_end

    run(act)


@pytest.mark.parametrize(("name", "abandoned", "ends"), [("end", 0, 1), ("fail", 0, 0), ("end", 1, 0)])
def test_a_tool_ends_the_call_if_it_succeeds_and_was_not_interrupted(name: str, abandoned: bool, ends: bool) -> None:
    async def act(bench: ToolBench) -> None:
        sequence = bench.call(name)
        await asyncio.sleep(1)
        if abandoned:
            sequence.abandon()
        await asyncio.sleep(2)
        assert texts(bench.tools.new_results) == (["end done"] if abandoned else [])

    assert ("call ends" in run(act).began) == ends


def test_results_that_nobody_waits_for_are_news() -> None:
    async def act(bench: ToolBench) -> None:
        sequence = bench.call("look_up", "read")
        await asyncio.sleep(3)
        sequence.abandon()
        assert texts(bench.tools.new_results) == ["look_up done"]
        await asyncio.sleep(2)
        assert texts(bench.tools.new_results) == ["look_up done", "read done"]
        bench.tools.clear_new_results(bench.tools.new_results[:1])
        assert texts(bench.tools.new_results) == ["read done"]

    run(act)


def test_what_belongs_to_the_sentence_stops_with_it() -> None:
    async def act(bench: ToolBench) -> None:
        sequence = bench.call("keys", "look_up", "keys", "end")
        await asyncio.sleep(1)
        sequence.abandon()
        await asyncio.sleep(10)
        assert texts(sequence.results) == [CANCELLED_RESULT, "look_up done", CANCELLED_RESULT, CANCELLED_RESULT]
        assert texts(bench.tools.new_results) == ["look_up done"]
        assert [at for _, at in bench.done] == [3_000]

    assert run(act).began == ["called", "keys", "look_up"]


def test_only_a_repeatable_run_is_repeated_on_resume() -> None:
    calls = (ToolCall("1", "look_up", "{}"), ToolCall("2", "read", "{}"), ToolCall("3", "gone", "{}"))

    async def act(bench: ToolBench) -> None:
        bench.tools.resume(bench.transcript, 4)
        assert texts(bench.tools.new_results) == [LOST_RESULT, LOST_RESULT]
        await asyncio.sleep(3)
        assert texts(bench.transcript.last_results()) == [LOST_RESULT, "read done", LOST_RESULT]
        assert len(bench.tools.new_results) == 3

    bench = run(act, ToolBench([Message("user", "hello"), Message("assistant", "", tool_calls=calls)]))
    assert [(event.name, event.turn) for event in bench.events if isinstance(event, ToolStarted)] == [("read", 4)]


def test_a_repeatable_run_that_would_have_ended_the_call_is_repeated_on_resume() -> None:
    async def act(bench: ToolBench) -> None:
        bench.tools.resume(bench.transcript, 1)
        await asyncio.sleep(3)
        assert texts(bench.tools.new_results) == ["close_case done"]

    asked = Message("assistant", "Goodbye.", tool_calls=(ToolCall("1", "close_case", "{}"),))
    assert "call ends" not in run(act, ToolBench([asked])).began


def test_same_calls_that_were_joined_are_joined_again_on_resume() -> None:
    twice = [Message("assistant", "", tool_calls=(ToolCall(call_id, "read", "{}"),)) for call_id in "12"]

    async def act(bench: ToolBench) -> None:
        bench.tools.resume(bench.transcript, 1)
        await asyncio.sleep(3)
        assert [message.text for message in bench.transcript.messages() if message.role == "tool"] == ["read done"] * 2

    assert run(act, ToolBench(twice)).began.count("read") == 1


def test_results_that_nobody_has_answered_are_news_on_resume() -> None:
    asked = Message("assistant", "", tool_calls=(ToolCall("1", "look_up", "{}"),))
    result = Message("tool", "found", tool_call_id="1")

    async def act(bench: ToolBench) -> None:
        bench.tools.resume(bench.transcript, 1)

    assert texts(run(act, ToolBench([asked, result])).tools.new_results) == ["found"]
    assert run(act, ToolBench([asked, result, Message("assistant", "It is found.")])).tools.new_results == ()


def test_an_end_of_the_call_that_was_not_carried_out_is_told_on_resume() -> None:
    asked = Message("assistant", "Goodbye.", tool_calls=(ToolCall("1", "look_up", "{}"), ToolCall("2", "end", "{}")))
    results = [Message("tool", "found", tool_call_id="1"), Message("tool", "The call ends.", tool_call_id="2")]

    async def act(bench: ToolBench) -> None:
        bench.tools.resume(bench.transcript, 1)

    assert texts(run(act, ToolBench([asked, *results])).tools.new_results) == ["found", NOT_ENDED_RESULT]
    revoked = run(act, ToolBench([asked, *results, Message("user", "one more thing")]))
    assert revoked.tools.new_results == (), "the caller spoke over the goodbye"


def test_close_lets_a_run_end_and_starts_no_other() -> None:
    async def act(bench: ToolBench) -> None:
        sequence = bench.call("look_up", "read")
        await asyncio.sleep(1)
        await bench.tools.close()
        assert clock_ms() == 2_000
        assert texts(sequence.results) == ["look_up done", CANCELLED_RESULT]

    bench = run(act)
    assert bench.began == ["called", "look_up"] and bench.done == []


def test_close_waits_no_longer_than_the_grace() -> None:
    async def act(bench: ToolBench) -> None:
        sequence = bench.call("look_up")
        await asyncio.sleep(0.1)
        await bench.tools.close()
        assert clock_ms() == 100 + GRACE_S * 1_000
        assert texts(sequence.results) == [CANCELLED_RESULT]
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(act)

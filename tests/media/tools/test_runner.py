"""The runner: each run once, with a stable id, bounded, reported at its start and its end."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.providers.ports import ToolCall, ToolSpec
from media.tools.runner import (
    CANCELLED_RESULT,
    FAILED_RESULT,
    LONGEST_RESULT,
    MOST_RUNNING,
    ToolOutcome,
    ToolRunner,
    make_run_id,
)
from media.tools.tool import MAY_BE_DONE, Tool, ToolError, ToolFunction
from shared.events import Event, ToolRan, ToolStarted
from tests.virtual_time import Unhandled, clock_ms, run_virtual


class Bench:
    """A runner with one tool, `book`, which takes 2 s. runs: the arguments and ids of its runs."""

    def __init__(self, run: ToolFunction | None = None, *, timeout_s: float = 5.0, secret: bool = False) -> None:
        self.runs: list[tuple[bytes, str]] = []
        self.events: list[Event] = []
        self.outcomes: list[ToolOutcome] = []
        self._do = run
        book = Tool(ToolSpec("book", "", {}), self._run, timeout_s, secret=secret)
        self.runner = ToolRunner({"book": book}, "call-1", clock_ms, self.events.append)

    def start(self, arguments: str = "{}", number: int = 1, name: str = "book") -> str:
        """Returns the run's id."""
        call = ToolCall("0", name, arguments)
        return self.runner.start(call, number, 3, self.outcomes.append).run_id

    async def _run(self, arguments: bytes, run_id: str) -> str:
        self.runs.append((arguments, run_id))
        await asyncio.sleep(2)
        return await self._do(arguments, run_id) if self._do else "booked"


def scenario(act: Callable[[Bench], Awaitable[None]], bench: Bench) -> Bench:
    async def run() -> None:
        await act(bench)

    run_virtual(run())
    return bench


async def _start_and_wait(bench: Bench) -> None:
    bench.start()
    await asyncio.sleep(100)


def test_start_and_end_are_reported_with_the_id_that_the_tool_gets() -> None:
    bench = scenario(_start_and_wait, Bench())
    ((arguments, run_id),) = bench.runs
    assert arguments == b"{}"
    assert bench.events == [ToolStarted(3, "book", run_id, 0), ToolRan(3, "book", True, "booked", 2_000, run_id)]
    assert bench.outcomes == [ToolOutcome(True, "booked")]
    assert not bench.runner.is_running


def test_secret_result_is_left_out_of_events() -> None:
    bench = scenario(_start_and_wait, Bench(secret=True))
    assert bench.outcomes == [ToolOutcome(True, "booked")]
    assert [event.result for event in bench.events if isinstance(event, ToolRan)] == [""]


def test_same_call_joins_the_run_under_way() -> None:
    async def act(bench: Bench) -> None:
        first = bench.start('{"day": "mon", "at": 9}', 1)
        await asyncio.sleep(1)
        assert bench.start('{ "at": 9, "day": "mon" }', 2) == first
        assert bench.start('{"day": "tue"}', 3) != first
        await asyncio.sleep(10)
        assert bench.start('{"day": "mon", "at": 9}', 4) != first  # it has ended: this is a new one
        await asyncio.sleep(10)

    bench = scenario(act, Bench())
    assert [arguments for arguments, _ in bench.runs] == [
        b'{"day": "mon", "at": 9}',
        b'{"day": "tue"}',
        b'{"day": "mon", "at": 9}',
    ]
    assert len(bench.outcomes) == 4
    assert len(bench.events) == 6


def failing(error: BaseException) -> ToolFunction:
    async def run(arguments: bytes, run_id: str) -> str:
        raise error

    return run


def test_tool_error_is_the_result() -> None:
    bench = scenario(_start_and_wait, Bench(failing(ToolError("no table left"))))
    assert bench.outcomes == [ToolOutcome(False, "no table left")]


def test_unknown_tool_is_an_error_for_the_model() -> None:
    async def act(bench: Bench) -> None:
        bench.start(name="fly")
        await asyncio.sleep(1)

    bench = scenario(act, Bench())
    assert bench.outcomes == [ToolOutcome(False, "there is no tool named fly")]
    assert bench.runs == []


def test_a_run_is_cancelled_at_its_limit() -> None:
    async def never(arguments: bytes, run_id: str) -> str:
        await asyncio.Event().wait()
        return ""

    bench = scenario(_start_and_wait, Bench(never, timeout_s=4))
    assert bench.outcomes == [ToolOutcome(False, f"book took too long. {MAY_BE_DONE}")]
    assert [event.took_ms for event in bench.events if isinstance(event, ToolRan)] == [4_000]


def test_an_internal_error_ends_only_the_run() -> None:
    bench = Bench(failing(ZeroDivisionError()))
    with pytest.raises(Unhandled, match="a tool crashed"):
        scenario(_start_and_wait, bench)
    assert bench.outcomes == [ToolOutcome(False, FAILED_RESULT)]
    assert not bench.runner.is_running


def test_a_cancelled_run_has_an_outcome_at_once() -> None:
    async def act(bench: Bench) -> None:
        run = bench.runner.start(ToolCall("0", "book", "{}"), 1, 3, bench.outcomes.append)
        await asyncio.sleep(1)
        bench.runner.cancel(run)
        await run.ended.wait()
        bench.runner.cancel(run)  # it has ended
        assert clock_ms() == 1_000

    bench = scenario(act, Bench())
    assert bench.outcomes == [ToolOutcome(False, CANCELLED_RESULT, is_cancelled=True)]


def test_runs_at_the_same_time_are_limited() -> None:
    async def act(bench: Bench) -> None:
        for number in range(MOST_RUNNING + 1):
            bench.start(f'{{"n": {number}}}', number)
        await asyncio.sleep(1)
        assert [outcome.ok for outcome in bench.outcomes] == [False]
        await asyncio.sleep(2)
        bench.start("{}", 99)
        await asyncio.sleep(3)

    assert len(scenario(act, Bench()).runs) == MOST_RUNNING + 1


@pytest.mark.parametrize("fails", [False, True])
def test_a_long_result_is_shortened(fails: bool) -> None:
    async def run(arguments: bytes, run_id: str) -> str:
        if fails:
            raise ToolError("x" * 50_000)
        return "x" * 50_000

    (outcome,) = scenario(_start_and_wait, Bench(run)).outcomes
    assert outcome.text == "x" * LONGEST_RESULT + " [the rest was left out]"


def test_close_gives_up_what_runs() -> None:
    async def act(bench: Bench) -> None:
        bench.start("{}")
        bench.start('{"a": 1}', 2)
        await bench.runner.close()
        assert clock_ms() == 0 and not bench.runner.is_running
        await bench.runner.close()

    assert [outcome.is_cancelled for outcome in scenario(act, Bench()).outcomes] == [True, True]


def test_run_ids_never_change() -> None:
    """A node of another version that resumes the call must derive the same id."""
    assert make_run_id("0193-call", 2, "book", b'{"day":"mon"}') == "2b2ea6e1-a9e0-5c6a-be5c-852c2d461d4f"


_texts = st.text("ab/", max_size=4)
_facts = st.tuples(_texts, st.integers(1, 12), st.sampled_from(["book", "look_up"]), _texts.map(str.encode))


@given(_facts, _facts)
def test_run_ids_differ_where_anything_differs(
    one: tuple[str, int, str, bytes], two: tuple[str, int, str, bytes]
) -> None:
    assert (make_run_id(*one) == make_run_id(*two)) == (one == two)


@pytest.mark.parametrize("arguments", ["", " {} ", "{", "[" * 5_000, '{"n": 123456789012345678901234567890}', "\ud83d"])
def test_any_arguments_can_be_run(arguments: str) -> None:
    async def act(bench: Bench) -> None:
        bench.start(arguments)
        await asyncio.sleep(5)

    assert scenario(act, Bench()).outcomes == [ToolOutcome(True, "booked")]

"""The built-in tools: the arguments that they accept, their results and traits."""

import asyncio

import msgspec
import pytest

from media.call.digits import DigitCollector
from media.tools.builtin import collect_digits, end_call, transfer
from media.tools.tool import Tool
from tests.virtual_time import clock_ms, run_virtual


async def no_digits(most: int, terminator: str, timeout_ms: float) -> str:
    return ""


def run(tool: Tool, arguments: str) -> str:
    return run_virtual(tool.run(arguments.encode("utf-8", "replace"), "run-1"))  # type: ignore[arg-type]  # a coroutine


def test_specs_describe_the_tools() -> None:
    tools = [end_call(lambda: None), collect_digits(no_digits), transfer(lambda: None)]
    assert [tool.spec.name for tool in tools] == ["end_call", "collect_digits", "transfer"]
    assert all(tool.spec.description and tool.spec.parameters["type"] == "object" for tool in tools)


def test_traits() -> None:
    end, digits, person = end_call(lambda: None), collect_digits(no_digits), transfer(lambda: None)
    assert (end.ends_call, person.ends_call, digits.ends_call) == (True, True, False)
    assert (end.secret, person.secret, digits.secret) == (False, False, True), "digits may be a PIN"
    assert all(tool.stops_at_barge_in for tool in (end, digits, person))
    assert (end.filler, digits.filler, person.filler) == ("", "", "One moment, please.")
    assert not any(tool.repeatable for tool in (end, digits, person))


@pytest.mark.parametrize("arguments", ["{}", '{"reason": "done"}', '{"reason": "done", "mood": "good"}'])
def test_end_call_hangs_up(arguments: str) -> None:
    ended: list[bool] = []
    assert "last words" in run(end_call(lambda: ended.append(True)), arguments)
    assert ended == [True]


@pytest.mark.parametrize("arguments", ["{", '"now"', '{"reason": 7}', "\ud83d", "null"])
def test_end_call_refuses_invalid_arguments(arguments: str) -> None:
    ended: list[bool] = []
    with pytest.raises(msgspec.MsgspecError):
        run(end_call(lambda: ended.append(True)), arguments)
    assert not ended


def collected(arguments: str, keys: str) -> str:
    async def scenario() -> str:
        digits = DigitCollector()
        tool = collect_digits(lambda most, end, timeout_ms: digits.collect(most, end, timeout_ms, clock_ms()))
        task = asyncio.ensure_future(tool.run(arguments.encode(), "run-1"))
        for key in keys:
            await asyncio.sleep(0.2)
            digits.press(key, clock_ms())
        while not task.done():
            await asyncio.sleep(0.25)
            digits.tick(clock_ms(), agent_silent=True)
        return await task

    return run_virtual(scenario(), limit_s=100)


def test_collect_digits_returns_the_keys() -> None:
    assert collected("{}", "1234#") == "The caller pressed: 1234"
    assert collected('{"max_digits": 2}', "12") == "The caller pressed: 12"
    assert collected('{"terminator": "*", "max_digits": 5}', "12*") == "The caller pressed: 12"


def test_numbers_may_be_written_as_text() -> None:
    assert collected('{"max_digits": "2", "timeout_s": "4.5"}', "12") == "The caller pressed: 12"
    assert collected('{"max_digits": 2.0}', "12") == "The caller pressed: 12"


def test_no_digit_is_pressed() -> None:
    assert collected('{"timeout_s": 3}', "") == "The caller pressed nothing."


@pytest.mark.parametrize(
    "arguments", ['{"max_digits": 0}', '{"max_digits": 65}', '{"terminator": "ab"}', '{"timeout_s": 0.5}', "[]"]
)
def test_arguments_out_of_bounds_are_refused(arguments: str) -> None:
    with pytest.raises(msgspec.MsgspecError):
        run(collect_digits(no_digits), arguments)

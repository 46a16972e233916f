"""The built-in tools: the arguments that they accept, their results and traits."""

import msgspec
import pytest

from media.tools.builtin import end_call, transfer
from media.tools.collected_digits import CollectedDigits, DigitRequest, collect_digits
from media.tools.tool import Tool
from tests.virtual_time import run_virtual


async def no_digits(request: DigitRequest) -> CollectedDigits:
    return CollectedDigits("", "nothing")


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

"""The tools of a call: their specs, the arguments that they accept, and their results."""

import asyncio

import pytest

from media.call.digits import DigitCollector
from media.call.termination import CallTermination
from media.call.tools import Tool, ToolError, Tools, collect_digits, end_call, make_tools
from media.providers.ports import ToolCall, ToolSpec
from shared.plan import AgentPlan, CallPlan, ToolName
from tests.calls.scripted_call import ScriptedCarrier
from tests.virtual_time import clock_ms, run_virtual


def run(tool: Tool, arguments: str) -> str:
    name = tool.spec.name
    return run_virtual(Tools({name: tool}).run(ToolCall("id", name, arguments)))


def test_specs_list_the_tools() -> None:
    tools = Tools({"end_call": end_call(lambda: None), "collect_digits": collect_digits(DigitCollector(), lambda: 0.0)})
    assert [spec.name for spec in tools.specs] == ["end_call", "collect_digits"]
    assert all(spec.description and spec.parameters["type"] == "object" for spec in tools.specs)


def test_only_collected_digits_are_secret() -> None:
    tools = Tools({"end_call": end_call(lambda: None), "collect_digits": collect_digits(DigitCollector(), lambda: 0.0)})
    assert tools.is_secret("collect_digits")
    assert not tools.is_secret("end_call")
    assert not tools.is_secret("unknown")


def test_unknown_tool_is_an_error_for_the_model() -> None:
    with pytest.raises(ToolError, match="no tool named fly"):
        run_virtual(Tools({}).run(ToolCall("id", "fly", "{}")))


@pytest.mark.parametrize("arguments", ["{}", "", "  ", '{"reason": "done"}', '{"reason": "done", "mood": "good"}'])
def test_end_call_hangs_up(arguments: str) -> None:
    ended: list[bool] = []
    assert "last words" in run(end_call(lambda: ended.append(True)), arguments)
    assert ended == [True]


@pytest.mark.parametrize("arguments", ["{", '"now"', '{"reason": 7}', "\ud83d", "null"])
def test_end_call_refuses_invalid_arguments(arguments: str) -> None:
    ended: list[bool] = []
    with pytest.raises(ToolError, match="arguments of end_call"):
        run(end_call(lambda: ended.append(True)), arguments)
    assert not ended


def collected(arguments: str, keys: str) -> str:
    async def scenario() -> str:
        digits = DigitCollector()
        tools = Tools({"collect_digits": collect_digits(digits, clock_ms)})
        task = asyncio.create_task(tools.run(ToolCall("id", "collect_digits", arguments)))
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
def test_arguments_out_of_bounds_are_an_error_for_the_model(arguments: str) -> None:
    with pytest.raises(ToolError, match="arguments of collect_digits"):
        run(collect_digits(DigitCollector(), lambda: 0.0), arguments)


def test_any_tool_can_be_added() -> None:
    async def echo(arguments: bytes) -> str:
        return arguments.decode()

    assert run(Tool(ToolSpec("echo", "", {}), echo), '{"a": 1}') == '{"a": 1}'


def make(tools: tuple[ToolName, ...], transfer_number: str) -> tuple[Tools, CallTermination]:
    termination = CallTermination(ScriptedCarrier(), lambda: 0.0)
    agent = AgentPlan(greeting="", prompt="", fallback_number=transfer_number)
    return make_tools(
        CallPlan(agent=agent, stt=[], llm=[], tts=[], tools=tools), termination, DigitCollector(), lambda: 0.0
    ), termination


@pytest.mark.parametrize(
    ("wanted", "transfer_number", "names"),
    [
        (("end_call", "transfer"), "+14155550100", ["end_call", "transfer"]),
        (("end_call", "transfer", "collect_digits"), "", ["end_call", "collect_digits"]),
        ((), "+14155550100", []),
    ],
)
def test_plan_gets_the_tools_that_it_names_and_that_exist(
    wanted: tuple[ToolName, ...], transfer_number: str, names: list[str]
) -> None:
    assert [spec.name for spec in make(wanted, transfer_number)[0].specs] == names


@pytest.mark.parametrize(
    ("name", "reason", "number"), [("end_call", "agent_hangup", ""), ("transfer", "transferred", "+14155550100")]
)
def test_tools_of_a_plan_end_the_call(name: ToolName, reason: str, number: str) -> None:
    tools, termination = make((name,), "+14155550100")
    run_virtual(tools.run(ToolCall("id", name, "{}")))
    assert (termination.reason, termination.transfer_number) == (reason, number)

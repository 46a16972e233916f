"""The tools of a call: what the model is offered, what it may write, what comes back."""

import asyncio

import pytest

from media.call.digits import Digits
from media.call.ending import Ending
from media.call.tools import Tool, ToolError, Tools, collect_digits, end_call, offered
from media.providers.ports import ToolCall, ToolSpec
from shared.plan import AgentPlan, CallPlan, ToolName
from tests.calls.stage import Carrier
from tests.virtual_time import clock_ms, run_virtual


def run(tool: Tool, arguments: str) -> str:
    name = tool.spec.name
    return run_virtual(Tools({name: tool}).run(ToolCall("id", name, arguments)))


def test_offers_its_tools() -> None:
    tools = Tools({"end_call": end_call(lambda: None), "collect_digits": collect_digits(Digits(), lambda: 0.0)})
    assert [spec.name for spec in tools.specs] == ["end_call", "collect_digits"]
    assert all(spec.description and spec.parameters["type"] == "object" for spec in tools.specs)


def test_digits_are_secret_and_nothing_else() -> None:
    tools = Tools({"end_call": end_call(lambda: None), "collect_digits": collect_digits(Digits(), lambda: 0.0)})
    assert tools.is_secret("collect_digits")
    assert not tools.is_secret("end_call")
    assert not tools.is_secret("unheard of")


def test_an_unknown_tool_is_told_to_the_model() -> None:
    with pytest.raises(ToolError, match="no tool named fly"):
        run_virtual(Tools({}).run(ToolCall("id", "fly", "{}")))


@pytest.mark.parametrize("arguments", ["{}", "", "  ", '{"reason": "done"}', '{"reason": "done", "mood": "good"}'])
def test_hangs_up(arguments: str) -> None:
    ended: list[bool] = []
    assert "last words" in run(end_call(lambda: ended.append(True)), arguments)
    assert ended == [True]


@pytest.mark.parametrize("arguments", ["{", '"now"', '{"reason": 7}', "\ud83d", "null"])
def test_does_not_hang_up_on_arguments_that_make_no_sense(arguments: str) -> None:
    ended: list[bool] = []
    with pytest.raises(ToolError, match="arguments of end_call"):
        run(end_call(lambda: ended.append(True)), arguments)
    assert not ended


def collected(arguments: str, keys: str) -> str:
    async def scenario() -> str:
        digits = Digits()
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


def test_collects_digits() -> None:
    assert collected("{}", "1234#") == "The caller pressed: 1234"
    assert collected('{"max_digits": 2}', "12") == "The caller pressed: 12"
    assert collected('{"terminator": "*", "max_digits": 5}', "12*") == "The caller pressed: 12"


def test_numbers_may_be_written_as_text() -> None:
    assert collected('{"max_digits": "2", "timeout_s": "4.5"}', "12") == "The caller pressed: 12"
    assert collected('{"max_digits": 2.0}', "12") == "The caller pressed: 12"


def test_nobody_presses_anything() -> None:
    assert collected('{"timeout_s": 3}', "") == "The caller pressed nothing."


@pytest.mark.parametrize(
    "arguments", ['{"max_digits": 0}', '{"max_digits": 65}', '{"terminator": "ab"}', '{"timeout_s": 0.5}', "[]"]
)
def test_arguments_out_of_bounds_are_told_to_the_model(arguments: str) -> None:
    with pytest.raises(ToolError, match="arguments of collect_digits"):
        run(collect_digits(Digits(), lambda: 0.0), arguments)


def test_any_tool_can_be_added() -> None:
    async def echo(arguments: bytes) -> str:
        return arguments.decode()

    assert run(Tool(ToolSpec("echo", "", {}), echo), '{"a": 1}') == '{"a": 1}'


def given(tools: tuple[ToolName, ...], person: str) -> tuple[Tools, Ending]:
    ending = Ending(Carrier(), lambda: 0.0)
    agent = AgentPlan(greeting="", prompt="", fallback_number=person)
    return offered(CallPlan(agent=agent, stt=[], llm=[], tts=[], tools=tools), ending, Digits(), lambda: 0.0), ending


@pytest.mark.parametrize(
    ("wanted", "person", "names"),
    [
        (("end_call", "transfer"), "+14155550100", ["end_call", "transfer"]),
        (("end_call", "transfer", "collect_digits"), "", ["end_call", "collect_digits"]),
        ((), "+14155550100", []),
    ],
)
def test_a_plan_gets_what_it_wants_and_what_there_is(
    wanted: tuple[ToolName, ...], person: str, names: list[str]
) -> None:
    assert [spec.name for spec in given(wanted, person)[0].specs] == names


@pytest.mark.parametrize(
    ("name", "reason", "number"), [("end_call", "agent_hangup", ""), ("transfer", "transferred", "+14155550100")]
)
def test_what_a_plan_gets_leads_to_the_calls_end(name: ToolName, reason: str, number: str) -> None:
    tools, ending = given((name,), "+14155550100")
    run_virtual(tools.run(ToolCall("id", name, "{}")))
    assert (ending.reason, ending.number) == (reason, number)

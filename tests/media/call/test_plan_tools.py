"""The tools of a plan: which ones a call gets, and what the plan may change."""

import pytest

from media.call.keypad import Keypad
from media.call.plan_tools import make_tools
from media.call.sent_keys import SentKeys
from media.call.termination import CallTermination
from media.tools.remote import ToolRequest
from media.tools.tool import Tool, ToolError
from shared.plan import SEND_DIGITS, SEND_TONES, AgentPlan, CallPlan, ToolName, ToolPlan
from tests.calls.scripted_call import ScriptedCarrier
from tests.media.call.languages import spoken
from tests.virtual_time import run_virtual


class EchoControl:
    """A RemoteTools that returns the arguments."""

    def __init__(self) -> None:
        self.asked: list[ToolRequest] = []

    async def run(self, call: ToolRequest) -> str:
        self.asked.append(call)
        return call.arguments.decode()


def make(
    *tools: ToolName | ToolPlan, transfer_number: str = "", remote: EchoControl | None = None, language: str = "en"
) -> tuple[dict[str, Tool], CallTermination]:
    termination = CallTermination(ScriptedCarrier(), lambda: 0.0)
    agent = AgentPlan(fallback_number=transfer_number, language=language)
    sent_keys = SentKeys(ScriptedCarrier(), lambda: 0.0, lambda _: None, lambda _: None)
    plan = CallPlan(agent=agent, stt=[], llm=[], tts=[], tools=tools, workspace_id="w-1", agent_id="a-1")
    made = make_tools(
        plan,
        termination,
        Keypad(sent_keys, lambda: 0.0, lambda _: None, lambda _: None, spoken("en")),
        remote=remote,
        call_id="c-1",
    )
    return made, termination


def run(tool: Tool, arguments: bytes = b"{}") -> str:
    async def scenario() -> str:
        return await tool.run(arguments, "run-1")

    return run_virtual(scenario())


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
    assert list(make(*wanted, transfer_number=transfer_number)[0]) == names


@pytest.mark.parametrize(
    ("name", "reason", "number"), [("end_call", "agent_hangup", ""), ("transfer", "transferred", "+14155550100")]
)
def test_built_in_tools_end_the_call(name: ToolName, reason: str, number: str) -> None:
    tools, termination = make(name, transfer_number="+14155550100")
    run(tools[name])
    assert (termination.reason, termination.transfer_number) == (reason, number)


def test_plan_may_change_a_built_in_tool() -> None:
    changed = ToolPlan("end_call", description="Only after a goodbye.", timeout_s=3.0, filler="Bye.", secret=True)
    tool, plain = make(changed)[0]["end_call"], make("end_call")[0]["end_call"]
    assert (tool.spec.description, tool.timeout_s, tool.filler, tool.secret) == (
        "Only after a goodbye.",
        3.0,
        "Bye.",
        True,
    )
    assert (tool.spec.parameters, tool.ends_call) == (plain.spec.parameters, True)
    same = make(ToolPlan("end_call"))[0]["end_call"]
    assert (same.spec, same.timeout_s, same.filler, same.secret) == (plain.spec, plain.timeout_s, "", False)


def test_fillers_are_in_the_agents_language() -> None:
    tools, _ = make("transfer", ToolPlan("book", remote=True), transfer_number="+14155550100", language="de-DE")
    assert {tool.filler for tool in tools.values()} == {"Einen Moment, bitte."}


def test_remote_tool_asks_control() -> None:
    control = EchoControl()
    parameters = {"type": "object", "properties": {"day": {"type": "string"}}}
    plan = ToolPlan("book", "Books.", parameters, timeout_s=7.0, filler="", secret=True, remote=True)
    tool = make(plan, remote=control)[0]["book"]
    assert (tool.spec.name, tool.spec.description, tool.spec.parameters) == ("book", "Books.", parameters)
    assert (tool.timeout_s, tool.filler, tool.secret, tool.repeatable) == (7.0, "", True, True)
    assert run(tool, b'{"day": "mon"}') == '{"day": "mon"}'
    assert control.asked == [ToolRequest("book", b'{"day": "mon"}', "run-1", "c-1", "w-1", "a-1", 7.0)]


def test_defaults_of_a_remote_tool() -> None:
    tool = make(ToolPlan("book", remote=True))[0]["book"]
    assert tool.spec.parameters == {"type": "object", "properties": {}}
    assert (tool.timeout_s, tool.filler, tool.ends_call, tool.secret) == (
        30.0, "One moment, please.", False, False,
    )  # fmt: skip
    with pytest.raises(ToolError, match="book is not available"):
        run(tool)


@pytest.mark.parametrize("is_secret", [False, True])
def test_tones_of_media_are_the_tool_for_keys(*, is_secret: bool) -> None:
    tools, _ = make(ToolPlan(SEND_TONES, "Never use this.", remote=True, secret=is_secret))
    assert list(tools) == [SEND_DIGITS] and tools[SEND_DIGITS].secret is is_secret
    assert "Press keys" in tools[SEND_DIGITS].spec.description

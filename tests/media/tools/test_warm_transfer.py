"""The tool `transfer` of agents that transfer warm, at media's end."""

import asyncio

import msgspec
import pytest

from media.tools.remote import CallIdentity, ToolRequest
from media.tools.tool import Tool, ToolError
from media.tools.warm_transfer import ACCEPTED_RESULT, make_warm_transfer
from shared.plan import ToolPlan

PLAN = ToolPlan("transfer", "Put through.", timeout_s=60.0, repeatable=True, remote=True)


class Control:
    """Answers with a text and keeps the request."""

    def __init__(self, answer: str) -> None:
        self._answer = answer
        self.asked: list[ToolRequest] = []

    async def run(self, call: ToolRequest) -> str:
        self.asked.append(call)
        return self._answer


def make_tool(control: Control, joined: list[str]) -> Tool:
    call = CallIdentity("c", "w", "a")
    return make_warm_transfer(PLAN, control, call, number="+14155557777", language="de", join=joined.append)


def run(control: Control, arguments: bytes, joined: list[str]) -> str:
    async def call() -> str:
        return await make_tool(control, joined).run(arguments, "run-1")

    return asyncio.run(call())


def test_the_caller_joins_when_the_target_has_accepted() -> None:
    control, joined = Control('{"conference": "room", "number": "+14155557777"}'), list[str]()
    assert run(control, b'{"brief": "An invoice"}', joined) == ACCEPTED_RESULT
    assert joined == ["room"]
    (asked,) = control.asked
    sent = msgspec.json.decode(asked.arguments)
    assert sent == {"number": "+14155557777", "brief": "An invoice", "language": "de"}, (
        "the plan's number, not the model's"
    )
    assert (asked.name, asked.run_id, asked.timeout_s) == ("transfer", "run-1", 60.0)


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        ("busy", "busy"),
        ("no_answer", "nobody answered"),
        ("refused", "did not take"),
        ("failed", "could not be called"),
    ],
)
def test_model_receives_the_reason_why_the_target_did_not_accept(failure: str, words: str) -> None:
    joined: list[str] = []
    text = run(Control(f'{{"failure": "{failure}"}}'), b'{"reason": "An invoice"}', joined)
    assert words in text and joined == []


def test_an_answer_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(ToolError):
        run(Control("yes"), b"{}", [])


def test_the_tool_does_not_end_the_call_by_itself_and_survives_a_barge_in() -> None:
    tool = make_tool(Control("{}"), [])
    assert (tool.ends_call, tool.stops_at_barge_in, tool.repeatable) == (False, False, True)
    assert tool.filler, "nobody waits in silence"

"""What a model does in a call with tools: it calls them, and says what their results say.

In the caller's first turn it says a word and calls a tool, then two more at once with what the first one told, then a
slow one. The caller speaks again while that one runs, and is told what the first three found; then, once the slow one
is done, what it found. No word comes twice, and none of a filler's.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from lab.stage.conversation import heard_turns
from media.call.transcript import RUNNING_RESULT
from shared.plan import ToolPlan
from simulator.vendors.chat_reply import ChatReply, ToolUse

SLOW_TOOL: Final = "ask_kitchen"
# Arguments that have to be written with care: quotes, letters beyond ASCII, a number, a list, and none at all.
WISHES: Final[dict[str, Any]] = {"day": "Friday", "guests": 4, "wishes": ['the "long" table', "crème brûlée"]}
GUEST: Final = "Zoë Müller"
# What control answers.
RESULTS: Final[Mapping[str, str]] = {
    "find_table": '{"number": 7, "name": "Seven"}',
    "hold_table": "Held. The password is copper.",
    "tell_weather": "It will be sunny.",
    SLOW_TOOL: "The kitchen recommends walnut cake.",
}
# The runs of tools that a call should have, with their arguments, in order.
EXPECTED_RUNS: Final[Sequence[tuple[str, Mapping[str, Any]]]] = (
    ("find_table", WISHES),
    ("hold_table", {"number": 7, "guest": GUEST}),
    ("tell_weather", {}),
    (SLOW_TOOL, {"question": "dessert"}),
)
# What the caller should hear in each turn.
EXPECTED_WORDS: Final = ("Sure.", "Seven, copper, sunny. Walnut cake.")
PLACE, PASSWORD, WEATHER, DISH = r'"name": "(\w+)"', r"password is (\w+)", r"will be (\w+)", r"recommends ([\w ]+)"
_NOTHING: Final = "nothing"
_OBJECT: Final[dict[str, Any]] = {"type": "object", "properties": {}}


def make_tool_plans() -> tuple[ToolPlan, ...]:
    """The agent's tools, which control runs. None has a filler: the caller speaks into the silence."""
    return tuple(ToolPlan(name, f"Runs {name}.", _parameters(name), filler="", remote=True) for name in RESULTS)


def answer_with_tools(body: Mapping[str, Any]) -> ChatReply:
    """The reply to a request of chat completions that offers these tools."""
    results = [str(message["content"]) for message in body["messages"] if message["role"] == "tool"]
    if len(heard_turns(body)) == 1:
        return _call_tools(results)
    if is_running(body):
        return ChatReply(f"{_find(PLACE, results)}, {_find(PASSWORD, results)}, {_find(WEATHER, results)}.")
    return ChatReply(f"{_find(DISH, results)}.".capitalize())


def is_running(body: Mapping[str, Any]) -> bool:
    """Whether the model is told that a tool still runs."""
    return any(message["role"] == "tool" and message["content"] == RUNNING_RESULT for message in body["messages"])


def _call_tools(results: Sequence[str]) -> ChatReply:
    if not results:
        return ChatReply(EXPECTED_WORDS[0], (_use("find_table", **WISHES),))
    if len(results) == 1:
        number = json.loads(results[0])["number"]
        return ChatReply("", (_use("hold_table", number=number, guest=GUEST), _use("tell_weather")))
    return ChatReply("", (_use(SLOW_TOOL, question="dessert"),))


def _find(pattern: str, results: Sequence[str]) -> str:
    return next((found[1] for result in results if (found := re.search(pattern, result))), _NOTHING)


def _use(name: str, **arguments: Any) -> ToolUse:
    return ToolUse(name, json.dumps(arguments))


def _parameters(name: str) -> dict[str, Any]:
    arguments = next(given for tool, given in EXPECTED_RUNS if tool == name)
    kinds = {str: "string", int: "integer"}
    properties = {
        argument: {"type": "array", "items": {"type": "string"}}
        if isinstance(value, list)
        else {"type": kinds[type(value)]}
        for argument, value in arguments.items()
    }
    return {**_OBJECT, "properties": properties}

"""The tools that a model may use during a call: hang up, transfer the caller, collect digits from the keypad."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from media.call.digits import DigitCollector
from media.call.termination import CallTermination
from media.providers.ports import ToolCall, ToolSpec
from shared.plan import CallPlan


class ToolError(Exception):
    """A tool could not be run; the message goes back to the model."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool: its description for the model, and what runs. The result is text for the model."""

    spec: ToolSpec
    run: Callable[[bytes], Awaitable[str]]
    secret: bool = False  # the result is left out of events (digits may be a card number or a PIN)


class Tools:
    """The tools of one call, by name."""

    def __init__(self, tools: Mapping[str, Tool]) -> None:
        self._tools = dict(tools)

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """The descriptions for the model."""
        return tuple(tool.spec for tool in self._tools.values())

    def is_secret(self, name: str) -> bool:
        """Whether the result of this tool must not appear in events."""
        return name in self._tools and self._tools[name].secret

    async def run(self, call: ToolCall) -> str:
        """Runs a tool. Raises ToolError for an unknown tool or arguments that do not fit."""
        tool = self._tools.get(call.name)
        if tool is None:
            raise ToolError(f"there is no tool named {call.name}")
        try:
            return await tool.run(call.arguments.encode("utf-8", "replace").strip() or b"{}")
        except msgspec.MsgspecError as error:
            raise ToolError(f"arguments of {call.name}: {error}") from error


class _EndCall(Struct):
    reason: str = ""


def end_call(end: Callable[[], None]) -> Tool:
    """Hangs up after everything said so far was played out."""

    async def run(arguments: bytes) -> str:
        msgspec.json.decode(arguments, type=_EndCall)
        end()
        return "The call ends when your last words have been played."

    parameters = {
        "type": "object",
        "properties": {"reason": {"type": "string", "description": "Why the conversation is over."}},
    }
    description = "Hang up. Say goodbye in the same answer; it is played out before the line closes."
    return Tool(ToolSpec("end_call", description, parameters), run)


class _Transfer(Struct):
    reason: str = ""


def transfer(start_transfer: Callable[[], None]) -> Tool:
    """Transfers the caller to a person after everything said so far was played out."""

    async def run(arguments: bytes) -> str:
        msgspec.json.decode(arguments, type=_Transfer)
        start_transfer()
        return "The caller is put through when your last words have been played."

    parameters = {
        "type": "object",
        "properties": {"reason": {"type": "string", "description": "What the caller wants from a person."}},
    }
    description = "Put the caller through to a person. Say so in the same answer; it is played out first."
    return Tool(ToolSpec("transfer", description, parameters), run)


class _CollectDigits(Struct):
    max_digits: Annotated[int, Meta(ge=1, le=64)] = 16
    terminator: Annotated[str, Meta(pattern=r"^[0-9*#]?$")] = "#"
    timeout_s: Annotated[float, Meta(ge=1, le=60)] = 8.0


def collect_digits(digits: DigitCollector, clock: Callable[[], float]) -> Tool:
    """Waits for keys pressed on the phone."""

    async def run(arguments: bytes) -> str:
        ask = msgspec.json.decode(arguments, type=_CollectDigits, strict=False)  # models write numbers as strings, too
        keys = await digits.collect(ask.max_digits, ask.terminator, ask.timeout_s * 1000, clock())
        return f"The caller pressed: {keys}" if keys else "The caller pressed nothing."

    parameters: dict[str, Any] = {
        "type": "object",
        "properties": {
            "max_digits": {"type": "integer", "minimum": 1, "maximum": 64},
            "terminator": {"type": "string", "description": "Key that ends the input, usually #."},
            "timeout_s": {"type": "number", "description": "Seconds without a key before giving up."},
        },
    }
    description = "Wait for the caller to press keys on the phone. Ask for them in the same answer."
    return Tool(ToolSpec("collect_digits", description, parameters), run, secret=True)


def make_tools(
    plan: CallPlan, termination: CallTermination, digits: DigitCollector, clock: Callable[[], float]
) -> Tools:
    """Makes the tools that the plan names; `transfer` only if the plan has a number for it."""
    available = {
        "end_call": end_call(lambda: termination.begin("agent_hangup", "", after_speech=True)),
        "collect_digits": collect_digits(digits, clock),
    }
    number = plan.agent.fallback_number
    if number:
        available["transfer"] = transfer(lambda: termination.transfer(number, after_speech=True))
    return Tools({name: available[name] for name in plan.tools if name in available})

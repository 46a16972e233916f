"""Makes the tools that a call's plan names."""

from dataclasses import replace

from media.call.call_language import CallLanguage
from media.call.call_tools import CallTools, ToolListener
from media.call.keypad import Keypad
from media.call.responder import CallLine
from media.call.termination import CallTermination
from media.tools.builtin import end_call, transfer
from media.tools.collected_digits import collect_digits
from media.tools.remote import CallIdentity, RemoteTools, make_remote_tool
from media.tools.runner import ToolRunner
from media.tools.sent_digits import make_send_digits
from media.tools.tool import Tool
from media.tools.warm_transfer import make_warm_transfer
from shared.plan import SEND_DIGITS, SEND_TONES, WARM_TRANSFER, CallPlan, ToolPlan


def make_call_tools(
    line: CallLine,
    keypad: Keypad,
    remote: RemoteTools | None,
    listener: ToolListener,
    language: CallLanguage,
) -> CallTools:
    """Make the tools of a call and their runner. `remote` is None in a stand-alone server."""
    call_id = line.emitter.call_id
    tools = make_tools(line.plan, line.termination, keypad, remote=remote, call_id=call_id)
    return CallTools(tools, ToolRunner(tools, call_id, line.clock.now, line.emitter.emit), listener, language)


def make_tools(
    plan: CallPlan,
    termination: CallTermination,
    keypad: Keypad,
    *,
    remote: RemoteTools | None = None,
    call_id: str = "",
) -> dict[str, Tool]:
    """Make the tools by name; `transfer` only if the plan has a number for it. `remote` is None in a stand-alone
    server."""
    language, number = plan.agent.language, plan.agent.fallback_number
    builtin = _builtin_tools(number, language, termination, keypad)

    def join(conference: str) -> None:
        termination.transfer(number, after_speech=False, conference=conference)

    call = CallIdentity(call_id, plan.workspace_id, plan.agent_id)
    tools: dict[str, Tool] = {}
    for wanted in plan.tools:
        tool_plan = ToolPlan(wanted) if isinstance(wanted, str) else wanted
        if tool_plan.remote and tool_plan.name == WARM_TRANSFER:
            if number:
                tools[WARM_TRANSFER] = make_warm_transfer(
                    tool_plan, remote, call, number=number, language=language, join=join
                )
        elif tool_plan.name in (SEND_DIGITS, SEND_TONES):
            by_carrier = tool_plan.remote and tool_plan.name == SEND_DIGITS
            carrier = make_remote_tool(tool_plan, remote, call, language).run if by_carrier else None
            tools[SEND_DIGITS] = make_send_digits(keypad.sent, carrier, is_secret=tool_plan.secret)
        elif tool_plan.remote:
            tools[tool_plan.name] = make_remote_tool(tool_plan, remote, call, language)
        elif tool_plan.name in builtin:
            tools[tool_plan.name] = _adjusted(builtin[tool_plan.name], tool_plan)
    return tools


def _builtin_tools(number: str, language: str, termination: CallTermination, keypad: Keypad) -> dict[str, Tool]:
    tools = [
        end_call(lambda: termination.begin("agent_hangup", "", after_speech=True)),
        collect_digits(keypad.collect, lambda: keypad.received.takes_speech),
    ]
    if number:
        tools.append(transfer(lambda: termination.transfer(number, after_speech=True), language))
    return {tool.spec.name: tool for tool in tools}


def _adjusted(tool: Tool, plan: ToolPlan) -> Tool:
    """Return a built-in tool with the plan's changes. Its arguments, and what follows from its run, stay the same."""
    return replace(
        tool,
        spec=replace(tool.spec, description=plan.description or tool.spec.description),
        timeout_s=tool.timeout_s if plan.timeout_s is None else plan.timeout_s,
        filler=tool.filler if plan.filler is None else plan.filler,
        secret=tool.secret or plan.secret,
    )

"""Makes a call's plan from an agent's version."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from control.agents.config import AgentConfig
from control.agents.facts import announces, make_values
from control.agents.language_plan import plan_languages
from control.agents.model import AgentVersion
from control.agents.outside_hours import CallMoment, adapt_config
from control.agents.plan_texts import fill_texts
from control.agents.provider_chain import make_chain
from control.agents.remote_tools import REMOTE_TOOLS, RESERVED_NAMES
from control.agents.sent_digits import plan_sent_digits
from control.agents.speech_config import plan_speech
from control.agents.variables import PlannedCall
from control.agents.warm_transfer import WARM_TRANSFER_PLAN
from control.tools.rules import EXPLANATION
from control.voice.offers import KINDS, ProviderOffers
from shared.plan import SEND_DIGITS, WARM_TRANSFER, CallPlan, ConsentPlan, ContextPlan, PlanError, ToolPlan, decode_plan

# For a plan that no call gets, only to see whether there can be one: the values in its texts do not matter.
ANY_CALL: Final = PlannedCall(at=datetime(2000, 1, 1, tzinfo=UTC))


def make_plan(
    version: AgentVersion,
    offers: ProviderOffers,
    call: PlannedCall = ANY_CALL,
    moment: CallMoment | None = None,
    tools: Sequence[ToolPlan] = (),
) -> CallPlan:
    """The plan of a call that this version answers. It holds no keys: AnsweringAgent.make_plan adds them. moment: when
    the call began, for the opening hours; None: they are left out. tools: of the workspace, which the agent may use.

    Providers that cannot serve now are left out of the chains. Raises PlanError that names every invalid field: a chain
    without a provider, or a text that its placeholders would make too long.
    """
    content = version.content
    config = AgentConfig.model_validate(content.config)
    if moment is not None:
        config = adapt_config(config, moment)
    texts = fill_texts(config, make_values(config, call, content.name))
    message = texts["voicemail_message"] if call.direction == "outbound" and call.leaves_message else ""
    chains = {kind: make_chain(content, config, kind, offers) for kind in KINDS}
    empty = [kind for kind, choices in chains.items() if not choices]
    if empty:
        raise PlanError(f"plan: {'; '.join(f'{kind}: no provider can serve' for kind in empty)}")
    return decode_plan(
        msgspec.json.encode(
            {
                "agent": _agent(content.name, config, _explain_tools(texts, config)),
                **chains,
                "turn": _turn(config),
                "limits": config.limits.model_dump(),
                "tools": [*plan_tools(config), *(tool for tool in tools if tool.name not in RESERVED_NAMES)],
                "recording": config.recording.enabled,
                "call_id": call.id,
                "workspace_id": str(version.workspace_id),
                "agent_id": str(version.agent_id),
                "context": ContextPlan(call.timezone, call.direction),
                "first_message": config.first_message,
                "greeting_interruptible": config.greeting_interruptible,
                "disclosure": texts["disclosure"],
                "consent": _consent(config, texts["recording.announcement"]),
                **({"voicemail_message": message} if message else {}),
                **_screening(config, texts["screening_message"], call),
                **plan_speech(config.pronunciations, config.keyterms, call.contact),
                **plan_languages(content, config, offers, texts),
            }
        )
    )


def _screening(config: AgentConfig, message: str, call: PlannedCall) -> dict[str, str]:
    """Nodes of the version before refuse these fields, so the defaults are left out."""
    if call.direction != "outbound":
        return {}
    if (call.call_screening or config.call_screening) == "end":
        return {"screening": "end"}
    return {"screening_message": message} if message else {}


def _turn(config: AgentConfig) -> dict[str, Any]:
    """Return the plan's turn-taking. Nodes of the previous version know only true and false for `barge_in`, and refuse
    `speculate` and `patience`."""
    turn = config.turn.model_dump()
    if turn["speculate"]:
        del turn["speculate"]
    if turn["patience"] == "normal":
        del turn["patience"]
    return {**turn, "barge_in": {"off": False, "polite": True}.get(turn["barge_in"], turn["barge_in"])}


def plan_tools(config: AgentConfig) -> list[str | ToolPlan]:
    """The tools as the plan has them: built-in ones by their names, those that control runs in full."""
    remote = {name: tool.plan for name, tool in REMOTE_TOOLS.items()}
    if config.transfer_mode == "warm":
        remote[WARM_TRANSFER] = WARM_TRANSFER_PLAN
    planned: dict[str, str | ToolPlan] = {
        **remote,
        SEND_DIGITS: plan_sent_digits(is_recorded=config.record_sent_digits),
    }
    return [planned.get(name, name) for name in config.tools]


def _agent(name: str, config: AgentConfig, texts: Mapping[str, str]) -> dict[str, str]:
    return {
        "name": name,
        "language": config.language,
        "fallback_number": config.fallback_number,
        **{part: texts[part] for part in ("greeting", "prompt", "goodbye")},
    }


def _explain_tools(texts: Mapping[str, str], config: AgentConfig) -> Mapping[str, str]:
    """The prompt with what the model must know of results that come from outside, for agents with such tools."""
    if not (config.http_tools or config.mcp_tools or config.action_tools):
        return texts
    return {**texts, "prompt": f"{texts['prompt']}\n\n{EXPLANATION}".strip()}


def _consent(config: AgentConfig, announcement: str) -> ConsentPlan | None:
    if not announces(config):
        return None
    return ConsentPlan(announcement, tuple(config.recording.refusal_words), config.recording.refusal_key)

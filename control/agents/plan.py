"""An agent's version as a call's plan."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from control.agents.config import AgentConfig, Choice
from control.agents.facts import announces, fill
from control.agents.model import Content, Version
from control.agents.providers import KINDS, Kind, Offers
from shared.plan import CallPlan, PlanError, decode_plan

LONGEST_CHAIN: Final = 8


def to_plan(version: Version, offers: Offers, *, call_id: str = "") -> CallPlan:
    """The plan of a call that this version answers. Holds no keys: whoever hands it to media adds them, sealed.

    Providers that cannot serve today are left out of the chains. Raises PlanError naming every field at fault: a chain
    without anybody left, or a text that its facts made too long.
    """
    content = version.content
    config = AgentConfig.model_validate(content.config)
    chains = {kind: chain(content, config, kind, offers) for kind in KINDS}
    empty = [kind for kind, choices in chains.items() if not choices]
    if empty:
        raise PlanError(f"plan: {'; '.join(f'{kind}: no provider can serve' for kind in empty)}")
    return decode_plan(msgspec.json.encode({
        "agent": _agent(content.name, config),
        **chains,
        "turn": config.turn.model_dump(),
        "limits": config.limits.model_dump(),
        "tools": config.tools,
        "recording": config.recording.enabled,
        "call_id": call_id,
        "workspace_id": str(version.workspace_id),
        "agent_id": str(version.agent_id),
    }))  # fmt: skip


def chain(content: Content, config: AgentConfig, kind: Kind, offers: Offers) -> list[dict[str, Any]]:
    """Who serves, first choice first: those that the agent names, else the defaults; at most eight, none unusable.

    Options, the later ones winning: the platform's; for voices, the agent's `voices` and, for its voice_provider,
    voice_config; the choice's own.
    """
    made = []
    for choice in wanted(content, config, kind, offers):
        offer = offers.get(choice.provider)
        if offer is None or offers.fault(choice.provider, kind):
            continue
        voice = _voice(content, config, choice.provider) if kind == "tts" else {}
        made.append({"provider": choice.provider, "options": {**offer.defaults(kind), **voice, **choice.options}})
    return made[:LONGEST_CHAIN]


def wanted(content: Content, config: AgentConfig, kind: Kind, offers: Offers) -> Sequence[Choice]:
    """The chain that the agent asks for, usable or not; the agent's voice_provider comes first among voices."""
    named: list[Choice] = getattr(config.speech, kind)
    choices = named or [Choice(provider=name) for name in offers.defaults(kind)]
    if kind != "tts" or content.voice_provider is None:
        return choices
    mine = [choice for choice in choices if choice.provider == content.voice_provider]
    others = [choice for choice in choices if choice.provider != content.voice_provider]
    return [*(mine or [Choice(provider=content.voice_provider)]), *others]


def _voice(content: Content, config: AgentConfig, provider: str) -> Mapping[str, Any]:
    own = content.voice_config if provider == content.voice_provider else {}
    return {**config.voices.get(provider, {}), **own}


def _agent(name: str, config: AgentConfig) -> dict[str, str]:
    greeting = config.greeting
    if announces(config):
        greeting = f"{config.recording.announcement} {greeting}".rstrip()
    return {
        "name": name,
        "greeting": fill(greeting, config.facts),
        "prompt": fill(config.prompt, config.facts),
        "language": config.language,
        "goodbye": fill(config.goodbye, config.facts),
        "fallback_number": config.fallback_number,
    }

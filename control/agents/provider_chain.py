"""The fallback chains of a call's plan: which providers, with which options, in which order."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from control.agents.config import AgentConfig, Choice
from control.agents.model import AgentContent
from control.voice.offers import VENDOR, Kind, ProviderOffers
from shared.plan import LONGEST_CHAIN

NO_OPTIONS: Final[Mapping[str, Any]] = MappingProxyType({})
_SPEECH_FIELDS: Final = ("language", "additional_languages", "speech", "voices", "pronunciations")


def make_chain(content: AgentContent, config: AgentConfig, kind: Kind, offers: ProviderOffers) -> list[dict[str, Any]]:
    """The usable providers, first choice first: those that the agent names and the platform's fallback chain, else the
    defaults; at most eight.

    Options, the later ones winning: the platform's; the workspace's; for voices, the agent's `voices` and,
    for its voice_provider, voice_config; the choice's own.
    """
    wanted = wanted_chain(content, config, kind, offers)
    made = (make_provider(content, config, kind, choice, offers) for choice in wanted)
    return [one for one in made if one is not None][:LONGEST_CHAIN]


def make_provider(
    content: AgentContent,
    config: AgentConfig,
    kind: Kind,
    choice: Choice,
    offers: ProviderOffers,
    *,
    own: Mapping[str, Any] = NO_OPTIONS,
) -> dict[str, Any] | None:
    """One provider of a chain; None for one that cannot serve now. own: options that win over all others."""
    offer = offers.get(choice.provider)
    if offer is None or offers.find_fault(choice.provider, kind):
        return None
    voice = _voice(content, config, choice.provider) if kind == "tts" else {}
    # Left out where it is the provider's own name: nodes of the version before refuse an unknown field.
    vendor = {} if offer.vendor == choice.provider else {VENDOR: offer.vendor}
    options = {**offer.defaults(kind), **voice, **choice.options, **own}
    # Left out for the same reason.
    guarded = {"guarded": True} if offer.is_guarded(kind) else {}
    own_key = {} if offer.uses_platform_key else {"own_key": True}
    return {"provider": choice.provider, "options": options, **vendor, **guarded, **own_key}


def wanted_chain(content: AgentContent, config: AgentConfig, kind: Kind, offers: ProviderOffers) -> Sequence[Choice]:
    """The chain that the agent asks for, usable or not; the agent's voice_provider is the first of the voices."""
    named: list[Choice] = getattr(config.speech, kind)
    names = {choice.provider for choice in named}
    others = offers.fallbacks(kind) if named else offers.defaults(kind)
    choices = [*named, *(Choice(provider=name) for name in others if name not in names)]
    if kind != "tts" or content.voice_provider is None:
        return choices
    mine = [choice for choice in choices if choice.provider == content.voice_provider]
    rest = [choice for choice in choices if choice.provider != content.voice_provider]
    return [*(mine or [Choice(provider=content.voice_provider)]), *rest]


def _voice(content: AgentContent, config: AgentConfig, provider: str) -> Mapping[str, Any]:
    own = content.voice_config if provider == content.voice_provider else {}
    return {**config.voices.get(provider, {}), **own}


def speech_settings(content: AgentContent) -> tuple[Any, ...]:
    """All that an agent sets of its languages, recognisers and voices, to be compared."""
    return (*map(content.config.get, _SPEECH_FIELDS), content.voice_provider, content.voice_config)

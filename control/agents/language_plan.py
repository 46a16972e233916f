"""The languages of a call's plan, their voices, and what is wrong with those that an agent names."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from control.agents.config import AgentConfig, Choice
from control.agents.language_config import FIELD, AdditionalLanguage, name_goodbye
from control.agents.model import AgentContent
from control.agents.provider_chain import make_chain, make_provider, wanted_chain
from control.platform.validation_errors import make_invalid
from control.voice.offers import ProviderOffers
from shared.errors import ErrorDetail
from shared.language_codes import base_language
from shared.plan import LONGEST_CHAIN
from vendors.registry import VENDORS, hear_languages, speaks

LANGUAGE_UNSUPPORTED: Final = "language_unsupported"


def plan_languages(
    content: AgentContent, config: AgentConfig, offers: ProviderOffers, texts: Mapping[str, str]
) -> dict[str, Any]:
    """The plan's field `languages`, left out where there are none: nodes of the version before refuse it. A language
    that no voice can speak now is left out: the call stays in the others. texts: filled, by the names of
    `name_goodbye`."""
    main = make_chain(content, config, "tts", offers)
    planned = []
    for place, one in enumerate(config.additional_languages):
        chain = make_voice_chain(content, config, one, offers)
        own = [] if chain == main else chain
        if chain:
            planned.append({"language": one.language, "goodbye": texts[name_goodbye(place)], "tts": own})
    return {"languages": planned} if planned else {}


def make_voice_chain(
    content: AgentContent, config: AgentConfig, wanted: AdditionalLanguage, offers: ProviderOffers
) -> list[dict[str, Any]]:
    """The voices that can speak a language: those that are named for it, in the order of the agent's chain, then the
    others of that."""
    chain = wanted_chain(content, config, "tts", offers)
    known = {choice.provider for choice in chain}
    added = [Choice(provider=name) for name in wanted.voices if name not in known]
    named = [choice for choice in chain if choice.provider in wanted.voices]
    others = [choice for choice in chain if choice.provider not in wanted.voices]
    made = (
        make_provider(content, config, "tts", choice, offers, own=wanted.voices.get(choice.provider, {}))
        for choice in (*named, *added, *others)
    )
    return [one for one in made if one is not None and _speaks(one, wanted.language)][:LONGEST_CHAIN]


def require_spoken(content: AgentContent, config: AgentConfig, offers: ProviderOffers, at: str = "config") -> None:
    """The recogniser must tell the languages apart, and a voice must speak each. Raises Invalid (code
    language_unsupported), which names the fields below `at`."""
    found = [
        ErrorDetail(f"{at}.{field}", LANGUAGE_UNSUPPORTED, fault)
        for field, fault in find_faults(content, config, offers)
    ]
    if found:
        raise make_invalid(found, LANGUAGE_UNSUPPORTED)


def find_faults(content: AgentContent, config: AgentConfig, offers: ProviderOffers) -> Iterator[tuple[str, str]]:
    """Each field of the config with what is wrong with it, by the providers that can serve now."""
    if not config.additional_languages:
        return
    yield from _repeated(config)
    yield from _unheard(content, config, offers)
    for place, one in enumerate(config.additional_languages):
        yield from _unspoken(content, config, offers, place, one)


def _repeated(config: AgentConfig) -> Iterator[tuple[str, str]]:
    """A recogniser tells a language without its region."""
    known = [base_language(config.language)]
    for place, one in enumerate(config.additional_languages):
        if base_language(one.language) in known:
            yield f"{FIELD}.{place}.language", "the agent has this language already; regions are not told apart"
        known.append(base_language(one.language))


def _unheard(content: AgentContent, config: AgentConfig, offers: ProviderOffers) -> Iterator[tuple[str, str]]:
    chain = make_chain(content, config, "stt", offers)
    tags = [config.language, *(one.language for one in config.additional_languages)]
    if chain and not _hears(chain[0], tags):
        first = chain[0]["provider"]
        fault = f"{first} hears speech first, and does not tell {', '.join(tags)} apart: name another in speech.stt"
        yield FIELD, fault


def _unspoken(
    content: AgentContent, config: AgentConfig, offers: ProviderOffers, place: int, wanted: AdditionalLanguage
) -> Iterator[tuple[str, str]]:
    chain = make_voice_chain(content, config, wanted, offers)
    speaking = {one["provider"] for one in chain}
    silent = [name for name in wanted.voices if name not in speaking and not offers.find_fault(name, "tts")]
    for name in silent:
        yield f"{FIELD}.{place}.voices.{name}", f"{name} does not speak {wanted.language} with these options"
    if not chain and not silent and make_chain(content, config, "tts", offers):
        yield f"{FIELD}.{place}.language", f"no voice of the agent speaks {wanted.language}: name one in voices"


def _hears(provider: Mapping[str, Any], tags: Sequence[str]) -> bool:
    vendor = _vendor(provider)
    facts = VENDORS.get(vendor)
    kind = None if facts is None else facts.schemas.get("stt")
    try:
        options = msgspec.convert(provider["options"], kind) if kind else None
    except msgspec.ValidationError:  # options of another version: media leaves the provider out
        return False
    return options is not None and hear_languages(vendor, options, tags) is not None


def _speaks(provider: Mapping[str, Any], language: str) -> bool:
    return speaks(_vendor(provider), provider["options"], language)


def _vendor(provider: Mapping[str, Any]) -> str:
    return str(provider.get("vendor", provider["provider"]))

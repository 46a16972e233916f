"""Validates a config by its schema and by the provider catalogue. Errors name the field."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
from pydantic import TypeAdapter, ValidationError

from control.agents.config import AgentConfig
from control.agents.model import AgentContent
from control.agents.option_types import Options
from control.agents.plan_texts import require_fillable
from control.platform.validation_errors import list_faults, make_invalid
from control.voice.offers import KINDS, Kind, ProviderOffer, ProviderOffers
from shared.errors import ErrorDetail, Invalid
from vendors.registry import VENDORS, find_option_faults

MOST_BYTES: Final = 262_144  # size of a config as JSON
PROVIDER_UNKNOWN: Final = "provider_unknown"
_OPTIONS: Final[TypeAdapter[dict[str, Any]]] = TypeAdapter(Options)


def parse_config(raw: Mapping[str, Any], at: str = "config") -> AgentConfig:
    """Raises Invalid; its `param` names the first invalid field, below `at`."""
    try:
        config = AgentConfig.model_validate(dict(raw))
    except ValidationError as error:
        raise make_invalid(list_faults(error, at)) from None
    _require_short(config.model_dump(), at)
    require_fillable(config, at)
    return config


def parse_options(raw: Mapping[str, Any], at: str) -> dict[str, Any]:
    """Raises Invalid like `parse_config`."""
    try:
        options = _OPTIONS.validate_python(dict(raw), strict=True)
    except ValidationError as error:
        raise make_invalid(list_faults(error, at)) from None
    _require_short(options, at)
    return options


def require_known(content: AgentContent, config: AgentConfig, offers: ProviderOffers, at: str = "config") -> None:
    """Every provider must be in the catalogue, with options that an agent may set. Raises Invalid.

    An address or a key is no such option: it would send the platform's own key to an address of the customer's choice.
    """
    found = [ErrorDetail(param, PROVIDER_UNKNOWN, fault) for fault, param in _unknown(content, config, offers, at)]
    if found:
        raise make_invalid(found, PROVIDER_UNKNOWN)


def _unknown(content: AgentContent, config: AgentConfig, offers: ProviderOffers, at: str) -> Iterator[tuple[str, str]]:
    for kind in KINDS:
        for index, choice in enumerate(getattr(config.speech, kind)):
            yield from _faults(offers, choice.provider, kind, choice.options, f"{at}.speech.{kind}.{index}")
    for provider, options in config.voices.items():
        yield from _faults(offers, provider, "tts", options, f"{at}.voices.{provider}", name="")
    for place, language in enumerate(config.additional_languages):
        for provider, options in language.voices.items():
            below = f"{at}.additional_languages.{place}.voices.{provider}"
            yield from _faults(offers, provider, "tts", options, below, name="")
    if content.voice_provider is not None:
        yield from _faults(offers, content.voice_provider, "tts", {}, "voice_provider", name="")
        yield from _faults(offers, content.voice_provider, "tts", content.voice_config, "voice_config", name="")
    elif content.voice_config:
        yield "options of no voice: name a voice_provider", "voice_config"


def _faults(
    offers: ProviderOffers, provider: str, kind: Kind, options: Mapping[str, Any], at: str, name: str = ".provider"
) -> Iterator[tuple[str, str]]:
    offer = offers.get(provider)
    if offer is None or kind not in offer.kinds:
        yield f"there is no {kind} provider {provider!r}", at + name
        return
    may = offer.options.get(kind, ())
    below = f"{at}.options" if name else at
    known: dict[str, Any] = {}
    for option, value in options.items():
        if option not in may:
            yield f"{provider} takes no such option; an agent may set {', '.join(may) or 'none'}", f"{below}.{option}"
        elif option == "model" and not _has_model(offer, kind, value):
            yield f"{provider} has no {kind} model of this name", f"{below}.{option}"
        else:
            known[option] = value
    for fault in find_option_faults(offer.vendor, kind, known):
        yield f"{provider} cannot use this value: {fault.reason}", f"{below}.{fault.option}"


def _has_model(offer: ProviderOffer, kind: Kind, model: object) -> bool:
    """Whether a model can be one of the provider's: media would refuse the whole call with another one."""
    facts = VENDORS.get(offer.vendor)
    return facts is None or (isinstance(model, str) and facts.has_model(kind, model))


def _require_short(value: Mapping[str, Any], at: str) -> None:
    """Every version stores the whole value, and repeated patches could make it grow without bound. Raises Invalid."""
    if len(msgspec.json.encode(value)) > MOST_BYTES:
        raise Invalid(f"{at} has more than {MOST_BYTES // 1024} KiB.", param=at, code="too_long")

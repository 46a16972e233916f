"""Vendor `receptionist`: rules in a language model's place, for local mode."""

from typing import Final

from media.providers.receptionist.llm import ReceptionistLanguageModel
from media.providers.vendor import Adapter, ProviderSetup, Vendor
from shared.providers.service_facts import ModelFacts


def _make_llm(setup: ProviderSetup) -> ReceptionistLanguageModel:
    """All calls share one, because it caches the facts of prompts."""
    return setup.resources.share((_make_llm, setup.name), lambda: ReceptionistLanguageModel(setup.name))


# It answers from the prompt alone, and costs no tokens.
_SERVICES: Final = (ModelFacts("rules", ("",), tells_cached=False),)

VENDOR: Final = Vendor("receptionist", llm=Adapter(_make_llm, services=_SERVICES))

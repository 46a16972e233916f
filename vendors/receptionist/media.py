"""Media adapter for `receptionist`: rules in place of a language model, for local mode."""

from typing import Final

from media.providers.receptionist.llm import ReceptionistLanguageModel
from media.providers.vendor import Adapter, ProviderSetup, Vendor


def _make_llm(setup: ProviderSetup) -> ReceptionistLanguageModel:
    """Return the model that all calls share, because it caches the facts of prompts."""
    return setup.resources.share((_make_llm, setup.name), lambda: ReceptionistLanguageModel(setup.name))


VENDOR: Final = Vendor("receptionist", llm=Adapter(_make_llm))

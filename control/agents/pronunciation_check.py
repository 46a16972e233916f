"""Whether all voices of an agent can be told its pronunciations."""

from collections.abc import Iterator
from typing import Final

from control.agents.config import AgentConfig
from control.agents.model import AgentContent
from control.agents.provider_chain import make_chain
from control.platform.validation_errors import make_invalid
from control.voice.offers import ProviderOffers
from shared.errors import ErrorDetail
from vendors.registry import takes_ipa

IPA_UNSUPPORTED: Final = "ipa_unsupported"


def require_sayable(content: AgentContent, config: AgentConfig, offers: ProviderOffers, at: str = "config") -> None:
    """A word with IPA alone needs voices that take it. Raises Invalid (code ipa_unsupported), which names the fields
    below `at`."""
    found = [ErrorDetail(f"{at}.{field}", IPA_UNSUPPORTED, fault) for field, fault in _faults(content, config, offers)]
    if found:
        raise make_invalid(found, IPA_UNSUPPORTED)


def _faults(content: AgentContent, config: AgentConfig, offers: ProviderOffers) -> Iterator[tuple[str, str]]:
    unspelled = [place for place, one in enumerate(config.pronunciations) if not one.say]
    voices = make_chain(content, config, "tts", offers) if unspelled else []
    deaf = [one["provider"] for one in voices if not takes_ipa(one.get("vendor", one["provider"]), one["options"])]
    for place in unspelled if deaf else ():
        yield f"pronunciations.{place}.say", f"{', '.join(deaf)} take no IPA: say it in letters, too"

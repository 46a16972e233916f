"""Which providers an agent may name, and which of them can serve a call now; no SQL."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

Kind = Literal["stt", "llm", "tts"]
KINDS: Final[tuple[Kind, ...]] = ("stt", "llm", "tts")
# The member of a provider's config that names its vendor.
VENDOR: Final = "vendor"


@dataclass(frozen=True, slots=True)
class ProviderOffer:
    """A provider of the catalogue as one workspace sees it: whether there are keys, never the keys.

    kinds: what it can do. config: its vendor, and the platform's options by kind. options: what an agent may set, by
    kind. priority: the lower, the earlier in a default chain. allowed: the workspace has not turned it off.
    uses_platform_key: false where the workspace brings its own.
    """

    provider: str
    kinds: Sequence[str]
    is_enabled: bool
    priority: int
    needs_key: bool
    for_tests: bool
    config: Mapping[str, Any]
    options: Mapping[str, Sequence[str]]
    platform_key: bool
    allowed: bool = True
    uses_platform_key: bool = True
    own_key: bool = False

    @property
    def vendor(self) -> str:
        """The adapter that media makes it with; by default the one of its own name."""
        name = self.config.get(VENDOR)
        return name if isinstance(name, str) and name else self.provider

    def defaults(self, kind: Kind) -> Mapping[str, Any]:
        """The platform's options for this kind."""
        options = self.config.get(kind)
        return options if isinstance(options, Mapping) else {}


class ProviderOffers:
    """All providers of a workspace, in the order of default chains. standins: those made for tests may be used."""

    def __init__(self, offers: Iterable[ProviderOffer], *, standins: bool = False) -> None:
        self._all = {offer.provider: offer for offer in sorted(offers, key=lambda o: (o.priority, o.provider))}
        self._standins = standins

    def get(self, provider: str) -> ProviderOffer | None:
        """A provider by its name."""
        return self._all.get(provider)

    def find_fault(self, provider: str, kind: Kind) -> str:
        """Why the provider cannot serve as this kind now; empty if it can."""
        offer = self._all.get(provider)
        if offer is None or kind not in offer.kinds:
            return f"there is no {kind} provider {provider!r}"
        if not offer.is_enabled:
            return f"{provider} is not in service"
        if not offer.allowed:
            return f"{provider} is turned off in this workspace"
        if offer.for_tests and not self._standins:
            return f"{provider} is for tests only"
        if offer.needs_key and not (offer.platform_key if offer.uses_platform_key else offer.own_key):
            return f"{provider} has no key"
        return ""

    def defaults(self, kind: Kind) -> list[str]:
        """The chain of an agent that names none: all providers that can serve, except those made for tests."""
        return [
            name
            for name, offer in self._all.items()
            if kind in offer.kinds and not offer.for_tests and not self.find_fault(name, kind)
        ]

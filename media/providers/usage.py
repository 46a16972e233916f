"""Reports the consumption of providers as events, with one meter for each provider of a chain."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from media.providers.ports import ProviderKind, TokenUsage
from shared.events import UsageRecorded, UsageUnit

OnUsage = Callable[[UsageRecorded], None]


@dataclass(frozen=True, slots=True)
class UsageMeter:
    """Reports the consumption of all attempts at one provider.

    Attributes:
        provider: The name of the configured instance.
        vendor: The name of its adapter.
        model: The model that determines the price. Empty if the vendor has no models.
        own_key: The vendor bills the workspace.
    """

    kind: ProviderKind
    provider: str
    on_usage: OnUsage
    vendor: str = ""
    model: str = ""
    own_key: bool = False

    def record(self, quantity: int, unit: UsageUnit, *, estimated: bool = False) -> None:
        """Report a quantity, unless it is 0."""
        if quantity > 0:
            self.on_usage(
                UsageRecorded(
                    resource_type=self.kind,
                    provider=self.provider,
                    vendor=self.vendor,
                    model=self.model,
                    quantity=quantity,
                    unit=unit,
                    estimated=estimated,
                    own_key=self.own_key,
                )
            )

    def record_tokens(self, usage: TokenUsage) -> None:
        """Report the tokens of one request with one event for each unit."""
        self.record(usage.prompt, "prompt_tokens", estimated=usage.estimated)
        self.record(usage.cached, "cached_tokens", estimated=usage.estimated)
        self.record(usage.cache_write, "cache_write_tokens", estimated=usage.estimated)
        self.record(usage.completion, "completion_tokens", estimated=usage.estimated)


def discarding_meters(kind: ProviderKind, names: Iterable[str]) -> list[UsageMeter]:
    """Return meters for a chain outside of a call, whose usage is not billed."""
    return [UsageMeter(kind, name, lambda usage: None) for name in names]

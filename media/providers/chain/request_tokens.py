"""The tokens of one attempt at a language model: the provider's count, or an estimate."""

from dataclasses import dataclass, field

from media.providers.ports import (
    ChatRequest,
    LanguageModelEvent,
    ProviderError,
    ProviderSlow,
    TextDelta,
    TokenUsage,
    ToolCall,
)
from shared.providers import chat as providers_chat


@dataclass(slots=True)
class RequestTokens:
    """Collects the events of one request, and the error that ended it.

    If an attempt ends without a token report (interrupted, cut, or a server without reports), its tokens are estimated:
    the whole prompt, and the received part of the reply. An attempt that failed before the model began costs nothing,
    because no vendor bills a refused request, unless the adapter reports what the vendor had accepted. A request that
    was too slow may be billed, so its prompt counts.
    """

    request: ChatRequest
    _reports: list[TokenUsage] = field(default_factory=list)
    _written: list[str] = field(default_factory=list)
    _is_free: bool = False

    def add(self, event: LanguageModelEvent) -> None:
        """Add the next event of the stream."""
        if isinstance(event, TextDelta):
            self._written.append(event.text)
        elif isinstance(event, ToolCall):
            self._written.append(event.name + event.arguments)
        else:
            self._reports.append(event)

    def fail(self, error: ProviderError) -> None:
        """Record that the attempt failed."""
        may_bill = isinstance(error, ProviderSlow) and error.may_bill
        self._is_free = not may_bill and not self._written

    def total(self) -> TokenUsage:
        """Return the tokens of the attempt."""
        if self._reports:
            return _sum(self._reports)
        if self._is_free:
            return TokenUsage(0, 0)
        return providers_chat.estimate_tokens(self.request, "".join(self._written))


def _sum(reports: list[TokenUsage]) -> TokenUsage:
    return TokenUsage(
        prompt=sum(report.prompt for report in reports),
        completion=sum(report.completion for report in reports),
        estimated=any(report.estimated for report in reports),
        cached=sum(report.cached for report in reports),
        cache_write=sum(report.cache_write for report in reports),
    )

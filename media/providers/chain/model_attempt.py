"""One model's part of a reply: its request, its deadlines, its tokens, and the joint to the earlier text."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from media.providers.chain.continuation import ContinuationJoiner
from media.providers.chain.deadlines import StreamLimits
from media.providers.chain.request_tokens import RequestTokens
from media.providers.chain.timed_stream import TimedStream
from media.providers.ports import (
    CONTINUE_PROMPT,
    ChatRequest,
    LanguageModel,
    LanguageModelEvent,
    Message,
    ProviderError,
    ReplyUnusable,
    TextDelta,
    TokenUsage,
    ToolCall,
)
from media.providers.usage import UsageMeter


class ModelAttempt:
    """One attempt at a model.

    Args:
        said: The reply's text before this attempt.
        on_due: Called at the start of the stream, because the first unit is due at once.

    Attributes:
        text: The reply's text, including the text of this model.
        has_begun: The model gave a sign of life.
        called_tool: The model called a tool.
        longest_gap_s: The longest time between two events since the first words; None before the second event.
        silent_s: How long nothing had arrived when the attempt ended.
    """

    def __init__(
        self,
        model: LanguageModel,
        request: ChatRequest,
        said: str,
        *,
        limits: StreamLimits,
        meter: UsageMeter,
        on_due: Callable[[], None],
    ) -> None:
        self.text = said
        self.has_begun = False
        self.called_tool = False
        self.longest_gap_s: float | None = None
        self.silent_s = 0.0
        self._said = said
        self._model = model
        self._request = continuation_request(request, said) if said.strip() else request
        self._joiner = ContinuationJoiner(said)
        self._limits = limits
        self._meter = meter
        self._on_due = on_due

    async def stream(self) -> AsyncIterator[LanguageModelEvent]:
        """Stream what this model adds to the reply. Raises ProviderError, also for an empty reply."""
        tokens = RequestTokens(self._request)
        source = TimedStream(self._model.stream(self._request), self._model.name)
        self._on_due()
        try:
            while (event := await self._next(source)) is not None:
                self.has_begun = True
                tokens.add(event)
                for piece in self._record(event):
                    yield piece
        except ProviderError as error:
            tokens.fail(error)
            raise
        finally:
            self._meter.record_tokens(tokens.total())  # at once, because closing the source may take a second
            await source.close()
        for piece in self._deltas(self._joiner.end()):
            yield piece
        if not self.text.strip() and not self.called_tool:
            raise ReplyUnusable(self._model.name, "an empty reply")

    def is_unit(self, event: LanguageModelEvent) -> bool:
        """Return whether the event decides a race. A token report does not."""
        return not isinstance(event, TokenUsage)

    def is_useful(self, event: LanguageModelEvent) -> bool:
        """Return whether the model did its work. An empty delta only shows that the model was reached."""
        return bool(event.text.strip()) if isinstance(event, TextDelta) else isinstance(event, ToolCall)

    def felt_since(self, due_at: float) -> float:
        """Return when the first unit was due. Audio that is still playing is unknown here."""
        return due_at

    async def _next(self, source: TimedStream[LanguageModelEvent]) -> LanguageModelEvent | None:
        clock = asyncio.get_running_loop().time
        began, is_speaking = clock(), self.text != self._said and not self.called_tool
        try:
            return await source.next(self._limit_s(is_speaking=is_speaking))
        finally:
            self.silent_s = clock() - began
            if is_speaking:
                self.longest_gap_s = max(self.longest_gap_s or 0.0, self.silent_s)

    def _limit_s(self, *, is_speaking: bool) -> float:
        if not self.has_begun:
            return self._limits.first_s
        return self._limits.next_s if is_speaking else self._limits.alive_s

    def _record(self, event: LanguageModelEvent) -> list[LanguageModelEvent]:
        if isinstance(event, TextDelta):
            return self._deltas(self._joiner.feed(event.text))
        if isinstance(event, TokenUsage):
            return [event]
        held = self._deltas(self._joiner.end())
        self.called_tool = self.called_tool or isinstance(event, ToolCall)
        return [*held, event]

    def _deltas(self, piece: str) -> list[LanguageModelEvent]:
        self.text += piece
        return [TextDelta(piece)] if piece else []


def continuation_request(request: ChatRequest, said: str) -> ChatRequest:
    """Return a request for another model to continue after the text `said`."""
    return replace(request, messages=(*request.messages, Message("assistant", said), Message("user", CONTINUE_PROMPT)))

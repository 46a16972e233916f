"""One model's part of a reply: its request, its deadlines, its tokens, and the joint to what was said before it."""

from collections.abc import AsyncIterator
from dataclasses import replace

from media.providers.chain.continuation import ContinuationJoiner
from media.providers.chain.deadlines import Deadlines
from media.providers.chain.request_tokens import RequestTokens
from media.providers.chain.timeouts import next_within
from media.providers.cleanup import close_stream
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
    """One attempt at a model. said: the reply's text before it. text: the reply's text with what this model added.
    has_begun: the model gave a sign of life. called_tool: it called a tool."""

    def __init__(
        self, model: LanguageModel, request: ChatRequest, said: str, deadlines: Deadlines, meter: UsageMeter
    ) -> None:
        self.text = said
        self.has_begun = False
        self.called_tool = False
        self._model = model
        self._request = continuation_request(request, said) if said.strip() else request
        self._joiner = ContinuationJoiner(said)
        self._deadlines = deadlines
        self._meter = meter

    async def stream(self) -> AsyncIterator[LanguageModelEvent]:
        """Streams what this model adds to the reply. Raises ProviderError, also for an empty reply."""
        tokens = RequestTokens(self._request)
        source = self._model.stream(self._request)
        limit = self._deadlines.first_token_s
        try:
            while (event := await next_within(source, limit, self._model.name)) is not None:
                limit = self._deadlines.token_s
                self.has_begun = True
                tokens.add(event)
                for piece in self._record(event):
                    yield piece
        except ProviderError as error:
            tokens.fail(error)
            raise
        finally:
            self._meter.record_tokens(tokens.total())  # at once, because closing the source may take a second
            await close_stream(source)
        for piece in self._deltas(self._joiner.end()):
            yield piece
        if not self.text.strip() and not self.called_tool:
            raise ReplyUnusable(self._model.name, "an empty reply")

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
    """The request that asks another model to continue after the text `said`."""
    return replace(request, messages=(*request.messages, Message("assistant", said), Message("user", CONTINUE_PROMPT)))

"""Fallback between language models: before the first word, or in mid-reply without repeating what was said."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from media.providers.chain.candidates import Candidates, OnProviderFailed
from media.providers.chain.continuation import ContinuationJoiner
from media.providers.chain.deadlines import Deadlines
from media.providers.chain.request_tokens import RequestTokens
from media.providers.chain.timeouts import next_within
from media.providers.cleanup import close_stream
from media.providers.health import ChainHealth
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
from media.providers.usage import UsageMeter, discarding_meters


class LanguageModelChain:
    """LanguageModel over a list of models in order of preference. meters: one for each model."""

    def __init__(
        self,
        models: Sequence[LanguageModel],
        on_failed: OnProviderFailed,
        deadlines: Deadlines | None = None,
        *,
        meters: Sequence[UsageMeter] = (),
        health: ChainHealth | None = None,
    ) -> None:
        self._deadlines = deadlines or Deadlines()
        self._candidates: Candidates[LanguageModel] = Candidates(
            "llm", models, on_failed, self._deadlines.demotion_s, health
        )
        self._meters = meters or discarding_meters("llm", (model.name for model in models))
        self.name = models[0].name

    async def stream(self, request: ChatRequest) -> AsyncIterator[LanguageModelEvent]:
        """Streams one reply, by as many models as it takes. Raises the last ProviderError when all failed.

        After a tool call no other model is asked, because the tool may already run and must not run twice.
        """
        reply = _Reply()
        attempts = self._candidates.new_attempts()
        try:
            while True:
                deadlines = self._deadlines.for_attempt(last=not attempts.has_other)
                source = reply.stream_from(attempts.current, request, deadlines, self._meters[attempts.index])
                attempts.start_wait()
                is_useful = False
                try:
                    async for event in source:
                        if not is_useful and (is_useful := _is_useful(event)):
                            attempts.mark_useful()
                        yield event
                    attempts.succeed()
                    return
                except ProviderError as error:
                    if reply.called_tool:
                        attempts.give_up(error)
                        return
                    attempts.fail_over(error)
                finally:
                    await close_stream(source)
        finally:
            attempts.release()


@dataclass(slots=True)
class _Reply:
    """One reply while it is streamed. text: its text so far. called_tool: a tool was called."""

    text: str = ""
    called_tool: bool = False

    async def stream_from(
        self, model: LanguageModel, request: ChatRequest, deadlines: Deadlines, meter: UsageMeter
    ) -> AsyncIterator[LanguageModelEvent]:
        """Streams what this model adds to the reply. Raises ProviderError, also for an empty reply."""
        joiner = ContinuationJoiner(self.text)
        asked = continuation_request(request, self.text) if self.text.strip() else request
        tokens = RequestTokens(asked)
        source = model.stream(asked)
        limit = deadlines.first_token_s
        try:
            while (event := await next_within(source, limit, model.name)) is not None:
                limit = deadlines.token_s
                tokens.add(event)
                for piece in self._record(event, joiner):
                    yield piece
        except ProviderError as error:
            tokens.fail(error)
            raise
        finally:
            meter.record_tokens(tokens.total())  # at once, because closing the source may take a second
            await close_stream(source)
        for piece in self._deltas(joiner.end()):
            yield piece
        if not self.text.strip() and not self.called_tool:
            raise ReplyUnusable(model.name, "an empty reply")

    def _record(self, event: LanguageModelEvent, joiner: ContinuationJoiner) -> list[LanguageModelEvent]:
        if isinstance(event, TextDelta):
            return self._deltas(joiner.feed(event.text))
        if isinstance(event, TokenUsage):
            return [event]
        held = self._deltas(joiner.end())
        self.called_tool = self.called_tool or isinstance(event, ToolCall)
        return [*held, event]

    def _deltas(self, piece: str) -> list[LanguageModelEvent]:
        self.text += piece
        return [TextDelta(piece)] if piece else []


def _is_useful(event: LanguageModelEvent) -> bool:
    """Whether the model did its work; an empty delta only shows that it was reached."""
    return bool(event.text.strip()) if isinstance(event, TextDelta) else isinstance(event, ToolCall)


def continuation_request(request: ChatRequest, said: str) -> ChatRequest:
    """The request that asks another model to continue after the text `said`."""
    return replace(request, messages=(*request.messages, Message("assistant", said), Message("user", CONTINUE_PROMPT)))

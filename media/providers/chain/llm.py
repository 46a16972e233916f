"""Fallback between language models: before the first word, or in mid-reply without repeating what was said."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from functools import partial

from media.providers.chain.candidates import Attempts, Candidates, OnProviderFailed
from media.providers.chain.deadlines import Deadlines
from media.providers.chain.hedged_requests import HedgedRequests
from media.providers.chain.model_attempt import ModelAttempt
from media.providers.cleanup import close_stream
from media.providers.health import ChainHealth
from media.providers.ports import ChatRequest, LanguageModel, LanguageModelEvent, ProviderError, TextDelta, ToolCall
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

        A model that is late with its first unit gets a rival. After a tool call no other model is asked, because the
        tool may already run and must not run twice.
        """
        said = ""
        attempts = self._candidates.new_attempts()
        requests = HedgedRequests(partial(self._start, request), self._deadlines)
        try:
            while True:
                running = await requests.first_unit(attempts, said)
                attempts = running.attempts
                is_useful = False
                try:
                    while (event := await running.next_event()) is not None:
                        if not is_useful and (is_useful := _is_useful(event)):
                            attempts.mark_useful()
                        yield event
                    attempts.succeed()
                    return
                except ProviderError as error:
                    said = running.attempt.text
                    if running.attempt.called_tool:
                        attempts.give_up(error)
                        return
                    attempts.fail_over(error)
                finally:
                    await close_stream(running.source)
        finally:
            attempts.release()
            await requests.close()

    def _start(self, request: ChatRequest, attempts: Attempts[LanguageModel], said: str) -> ModelAttempt:
        deadlines = self._deadlines.for_attempt(last=not attempts.has_other)
        usual = attempts.usual_wait
        if usual is not None and attempts.has_rival:
            deadlines = replace(deadlines, token_s=min(deadlines.token_s, deadlines.bound(usual)))
        return ModelAttempt(attempts.current, request, said, deadlines, self._meters[attempts.index])


def _is_useful(event: LanguageModelEvent) -> bool:
    """Whether the model did its work; an empty delta only shows that it was reached."""
    return bool(event.text.strip()) if isinstance(event, TextDelta) else isinstance(event, ToolCall)

"""Fallback between language models, either before the first word or in mid-reply without repeating earlier text."""

from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial

from media.providers.chain.candidates import Attempts, Candidates, OnProviderFailed
from media.providers.chain.chain_health import ChainHealth
from media.providers.chain.deadlines import Deadlines
from media.providers.chain.hedged_requests import HedgedRequests
from media.providers.chain.model_attempt import ModelAttempt
from media.providers.ports import ChatRequest, LanguageModel, LanguageModelEvent, ProviderError, ProviderSlow
from media.providers.usage import UsageMeter, discarding_meters


class LanguageModelChain:
    """A LanguageModel that tries a list of models in order of preference.

    Args:
        meters: The usage meters, one for each model.
    """

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
        """Stream one reply from as many models as it takes. Raises the last ProviderError if all models fail.

        If a model is late with its first unit, a rival is started. After a tool call no other model is tried, because
        the tool may already run and must not run twice.
        """
        said = ""
        attempts = self._candidates.new_attempts()
        requests = HedgedRequests[LanguageModel, ModelAttempt, LanguageModelEvent](
            self._deadlines, self._deadlines.unknown_s
        )
        try:
            while True:
                running = await requests.first_unit(attempts, partial(self._start, request, said))
                attempts, attempt = running.attempts, running.attempt
                is_useful = False
                try:
                    while (event := await running.next_event()) is not None:
                        if not is_useful and (is_useful := attempt.is_useful(event)):
                            attempts.mark_useful()
                        yield event
                    _learn_gap(attempts, attempt)
                    attempts.succeed()
                    return
                except ProviderError as error:
                    said = attempt.text
                    _learn_gap(attempts, attempt, error)
                    if attempt.called_tool:
                        attempts.give_up(error, cost_s=attempt.silent_s)
                        return
                    attempts.fail_over(error, stage="stream", cost_s=attempt.silent_s)
                finally:
                    await running.close()
        finally:
            attempts.release()
            await requests.close()

    def _start(
        self, request: ChatRequest, said: str, attempts: Attempts[LanguageModel], on_due: Callable[[], None]
    ) -> ModelAttempt:
        limits = self._deadlines.model_limits(
            attempts.usual_wait, attempts.usual_gap, has_rival=attempts.has_rival, last=not attempts.has_other
        )
        meter = self._meters[attempts.index]
        return ModelAttempt(attempts.current, request, said, limits=limits, meter=meter, on_due=on_due)


def _learn_gap(attempts: Attempts[LanguageModel], attempt: ModelAttempt, error: ProviderError | None = None) -> None:
    if attempt.longest_gap_s is not None and (error is None or isinstance(error, ProviderSlow)):
        attempts.add_gap(attempt.longest_gap_s, stalled=error is not None)

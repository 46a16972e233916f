"""Has ended calls analyzed: asks the models of the agent's chain, or summarizes the call without a model."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import msgspec

from control.calls.analysis import queries
from control.calls.analysis.questions import AnswerInvalid, make_messages, make_repair, make_schema, read_answer
from control.calls.analysis.rules import AnalysisPolicy, AnalysisTask, CallFindings, summarize
from control.calls.records.details import AnalysisMethod
from control.calls.records.state import CallState
from control.db.jobs import enqueue
from control.db.pool import Connection
from control.voice.chat_completion import complete
from shared.egress import EgressGuard
from shared.plan import ProviderPlan
from shared.providers.chat_question import ChatFailed, ChatQuestion, ChatUsage, estimate_prompt

# Maximum tokens of a reply. A summary and extracted values need a few hundred; reasoning models need more.
MOST_REPLY_TOKENS: Final = 4_000
MOST_MODELS: Final = 2


@dataclass(frozen=True, slots=True)
class ModelUse:
    """The usage of one reply of a model."""

    provider: ProviderPlan
    usage: ChatUsage

    @property
    def model(self) -> str:
        """The model's name at its vendor."""
        return str(self.provider.options.get("model", ""))


@dataclass(frozen=True, slots=True)
class AnalysisOutcome:
    """The outcome of one attempt.

    Attributes:
        findings: None without a result.
        reason: Why there is no result, or why no model was asked.
        is_temporary: Whether another attempt may succeed.
        uses: Usage of all replies, including replies without a result.
    """

    findings: CallFindings | None
    reason: str = ""
    method: AnalysisMethod | None = None
    is_temporary: bool = False
    uses: Sequence[ModelUse] = ()

    @property
    def tokens(self) -> int:
        """The tokens of all replies together."""
        return sum(use.usage.total for use in self.uses)


@dataclass(slots=True)
class CallAnalyzer:
    """Analyzes calls.

    Args:
        policy: The limits for one call's analysis.
        guard: Checks connections to addresses that customers configured.
    """

    policy: AnalysisPolicy
    guard: EgressGuard = field(repr=False)

    async def analyze(self, task: AnalysisTask) -> AnalysisOutcome:
        """Makes one attempt to analyze a call.

        Asks the models in order until one of them answers, but at most two: a third model would hardly succeed where
        two failed, and each attempt costs money. An invalid answer may be repaired once.
        """
        if not task.models:
            summary = summarize(task.transcript.utterances)
            return AnalysisOutcome(CallFindings(summary=summary), "no_language_model", "heuristic")
        uses: list[ModelUse] = []
        failures: list[ChatFailed] = []
        for provider in task.models[:MOST_MODELS]:
            try:
                return AnalysisOutcome(await self._ask(provider, task, uses), "", "model", uses=uses)
            except ChatFailed as failed:
                failures.append(failed)
                if failed.ends_chain:
                    break
        is_temporary = any(failure.is_temporary for failure in failures) and not failures[-1].ends_chain
        return AnalysisOutcome(None, failures[-1].code, is_temporary=is_temporary, uses=uses)

    async def _ask(self, provider: ProviderPlan, task: AnalysisTask, uses: list[ModelUse]) -> CallFindings:
        """Raises ChatFailed."""
        schema = make_schema(task)
        messages = make_messages(task, schema)
        for is_repair in (False, True):
            question = ChatQuestion(messages, schema, MOST_REPLY_TOKENS, self.policy.timeout_s)
            self._require_tokens(question, task, uses)
            try:
                answer = await complete(provider, question, self.guard.of(str(task.workspace_id)))
            except ChatFailed as failed:
                uses.append(ModelUse(provider, failed.usage))
                raise
            uses.append(ModelUse(provider, answer.usage))
            try:
                return read_answer(answer.text, task, schema)
            except AnswerInvalid as fault:
                if is_repair:
                    break
                messages = make_repair(messages, answer.text, fault)
        raise ChatFailed("answer_invalid", ends_chain=True)

    def _require_tokens(self, question: ChatQuestion, task: AnalysisTask, uses: Sequence[ModelUse]) -> None:
        """Raises ChatFailed if the request could exceed the call's token limit."""
        used = task.record.tokens + sum(use.usage.total for use in uses)
        if used + estimate_prompt(question) + question.max_tokens > self.policy.max_tokens:
            raise ChatFailed("token_limit", ends_chain=True)


ANALYZE_CALL: Final = "calls.analyse"
# The last events of a call arrive within a few seconds after its end. Events of a lost node arrive later and start
# another analysis.
ANALYZE_AFTER_S: Final = 10.0


class AnalyseCallJob(msgspec.Struct, frozen=True):
    """Payload of the job.

    Attributes:
        attempt: The number of earlier failures.
    """

    call_id: UUID
    attempt: int = 0


async def enqueue_analyses(db: Connection, changed: Iterable[tuple[CallState, CallState]]) -> None:
    """Enqueues analyses for the calls that have just ended and for ended calls whose transcript has changed.

    A call has one job at a time. The rows must be written and locked. Needs platform scope.

    Args:
        changed: Pairs of the states before and after.
    """
    due = [after.id for before, after in changed if after.transcription and _is_due(before, after)]
    for call_id in await queries.mark_pending(db, due) if due else ():
        await enqueue(db, ANALYZE_CALL, msgspec.json.encode(AnalyseCallJob(call_id)), delay_s=ANALYZE_AFTER_S)


def _is_due(before: CallState, after: CallState) -> bool:
    return after.is_final and (not before.is_final or after.transcription != before.transcription)

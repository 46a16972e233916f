"""Has calls analyzed that are over: asks the models of the agent's chain, or summarizes without one."""

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

# Of a reply: a summary and extracted values take a few hundred, a model's reasoning more.
MOST_REPLY_TOKENS: Final = 4_000
MOST_MODELS: Final = 2


@dataclass(frozen=True, slots=True)
class ModelUse:
    """What one reply of a model used."""

    provider: ProviderPlan
    usage: ChatUsage

    @property
    def model(self) -> str:
        """As the vendor names it."""
        return str(self.provider.options.get("model", ""))


@dataclass(frozen=True, slots=True)
class AnalysisOutcome:
    """findings: None without a result. reason: why there is none, or why no model was asked. is_temporary: another
    attempt may have one. uses: of all replies, also of those without a result."""

    findings: CallFindings | None
    reason: str = ""
    method: AnalysisMethod | None = None
    is_temporary: bool = False
    uses: Sequence[ModelUse] = ()

    @property
    def tokens(self) -> int:
        """Of all replies together."""
        return sum(use.usage.total for use in self.uses)


@dataclass(slots=True)
class CallAnalyzer:
    """policy: bounds of one call's analysis. guard: passes connections to addresses that customers gave."""

    policy: AnalysisPolicy
    guard: EgressGuard = field(repr=False)

    async def analyze(self, task: AnalysisTask) -> AnalysisOutcome:
        """One attempt. The models are asked in their order, until one answers: two at most, because a third would
        hardly do what two did not, and each is paid for. An answer that is invalid may be repaired once."""
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
        """Raises ChatFailed where the request could exceed what the call's analysis may use."""
        used = task.record.tokens + sum(use.usage.total for use in uses)
        if used + estimate_prompt(question) + question.max_tokens > self.policy.max_tokens:
            raise ChatFailed("token_limit", ends_chain=True)


ANALYZE_CALL: Final = "calls.analyse"
# The last events of a call come within a few seconds after its end; those of a lost node later, which analyze it again.
ANALYZE_AFTER_S: Final = 10.0


class AnalyseCallJob(msgspec.Struct, frozen=True):
    """Payload of the job. attempt: how often it failed before."""

    call_id: UUID
    attempt: int = 0


async def enqueue_analyses(db: Connection, changed: Iterable[tuple[CallState, CallState]]) -> None:
    """For the calls of (before, after) that are over now, and for those whose transcript changed after that. A call has
    one job at a time. The rows must be written and locked. Needs platform scope."""
    due = [after.id for before, after in changed if after.transcription and _is_due(before, after)]
    for call_id in await queries.mark_pending(db, due) if due else ():
        await enqueue(db, ANALYZE_CALL, msgspec.json.encode(AnalyseCallJob(call_id)), delay_s=ANALYZE_AFTER_S)


def _is_due(before: CallState, after: CallState) -> bool:
    return after.is_final and (not before.is_final or after.transcription != before.transcription)

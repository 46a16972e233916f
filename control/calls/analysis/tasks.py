"""The job that analyzes a call. The call's record is complete even if the analysis fails."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec
import structlog

from control.agents.config import AgentConfig
from control.agents.config_parts import AnalysisConfig
from control.agents.plans.service import AgentLookup, AnsweringAgent
from control.analytics.rollups.service import WorkspaceDay, mark_days
from control.billing.ledger.rules import UsageEvent
from control.billing.ledger.service import record_usage
from control.calls.analysis import queries
from control.calls.analysis.queries import PendingAnalysis
from control.calls.analysis.rules import AnalysisTask
from control.calls.analysis.service import (
    ANALYZE_AFTER_S,
    ANALYZE_CALL,
    AnalyseCallJob,
    AnalysisOutcome,
    CallAnalyzer,
    ModelUse,
)
from control.calls.records.details import AnalysisOutcomeStatus, AnalysisRecord
from control.db.jobs import JobHandler, JobLimits, decode_payload, enqueue
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform_for_calls
from control.outbound_webhooks.event_types import AnalysisEventData
from control.outbound_webhooks.service import ReportedFact, report_facts
from control.voice.chat_completion import can_complete
from shared.events import UsageRecorded, UsageUnit
from shared.plan import PlanError, ProviderPlan

# Seconds before each further attempt. After the last attempt, the analysis has failed.
RETRY_AFTER_S: Final = (30.0, 300.0, 3_600.0)
# The timeout exceeds all requests of one attempt: two models with one repair each. The low concurrency keeps a slow
# vendor from blocking the worker's other jobs.
ANALYSIS_LIMITS: Final = JobLimits(timeout_s=300.0, concurrency=4)
PURPOSE: Final = "analysis"
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Skipped:
    """A call that is not analyzed, and the reason."""

    reason: str


def make_analysis_job(pool: Pool, lookup: AgentLookup, analyzer: CallAnalyzer) -> JobHandler:
    """Returns the job that analyzes a call with the agent version that answered it, and stores the result and the
    usage.

    The models are asked outside of a transaction.
    """

    async def run(payload: bytes) -> None:
        job = decode_payload(payload, AnalyseCallJob)
        async with pool.transaction() as db:
            await enter_platform_for_calls(db)
            pending = await queries.select_pending(db, job.call_id)
            task = None if pending is None else await _prepare(db, lookup, analyzer, job, pending)
        if pending is None or task is None:
            return
        if isinstance(task, Skipped):
            outcome = AnalysisOutcome(None, task.reason)
        else:
            outcome = await analyzer.analyze(task)
        async with pool.transaction() as db:
            await enter_platform_for_calls(db)
            await _record_uses(db, job, pending, outcome.uses)
            await _finish(db, job, pending, outcome, is_skipped=isinstance(task, Skipped))

    return run


async def _prepare(
    db: Connection, lookup: AgentLookup, analyzer: CallAnalyzer, job: AnalyseCallJob, pending: PendingAnalysis
) -> AnalysisTask | Skipped:
    agent = await lookup.find_by_agent(db, pending.workspace_id, pending.agent_id, pending.agent_version)
    if agent is None or agent.version is None or not agent.may_run:
        return Skipped("agent_gone" if agent is None or agent.version is None else "workspace_inactive")
    try:
        config = AgentConfig.model_validate(agent.version.content.config)
        models = [language_model for language_model in agent.list_language_models() if can_complete(language_model)]
    except (ValueError, PlanError):
        return Skipped("config_outdated")
    if not analyzer.policy.enabled or not config.analysis.enabled:
        return Skipped("disabled")
    return _make_task(job, pending, config.analysis, agent, models)


def _make_task(
    job: AnalyseCallJob,
    pending: PendingAnalysis,
    config: AnalysisConfig,
    agent: AnsweringAgent,
    models: list[ProviderPlan],
) -> AnalysisTask:
    return AnalysisTask(
        call_id=job.call_id,
        workspace_id=pending.workspace_id,
        agent_id=pending.agent_id,
        transcript=pending.transcript,
        config=config,
        language=agent.language,
        models=models,
        record=pending.record,
    )


async def _record_uses(db: Connection, job: AnalyseCallJob, pending: PendingAnalysis, uses: Iterable[ModelUse]) -> None:
    now = datetime.now(UTC)
    events = [
        UsageEvent(job.call_id, pending.workspace_id, pending.agent_id, None, now, usage, PURPOSE)
        for use in uses
        for usage in _usage_records(use)
    ]
    await record_usage(db, events)
    if events:
        await mark_days(db, {_day_of(pending), WorkspaceDay(pending.workspace_id, now.date())})


def _usage_records(use: ModelUse) -> Iterator[UsageRecorded]:
    quantities: dict[UsageUnit, int] = {
        "prompt_tokens": use.usage.prompt,
        "cached_tokens": use.usage.cached,
        "cache_write_tokens": use.usage.cache_write,
        "completion_tokens": use.usage.completion,
    }
    for unit, quantity in quantities.items():
        if quantity:
            yield UsageRecorded(
                resource_type="llm",
                provider=use.provider.provider,
                vendor=use.provider.vendor_name,
                model=use.model,
                quantity=quantity,
                unit=unit,
                estimated=use.usage.is_estimated,
                own_key=use.provider.own_key,
            )


async def _finish(
    db: Connection, job: AnalyseCallJob, pending: PendingAnalysis, outcome: AnalysisOutcome, *, is_skipped: bool
) -> None:
    """Stores the result, or enqueues another analysis.

    Another analysis follows a temporary failure, or if more of the conversation arrived in the meantime. If the
    conversation was deleted, nothing is stored.
    """
    record = _make_record(pending, outcome)
    if outcome.is_temporary and job.attempt < len(RETRY_AFTER_S):
        if not await queries.update_use(db, job.call_id, record):
            return
        await _enqueue_again(db, job, job.attempt + 1, RETRY_AFTER_S[job.attempt])
        log.info("call.analysis_postponed", call_id=str(job.call_id), reason=outcome.reason, attempt=job.attempt + 1)
        return
    status: AnalysisOutcomeStatus = "skipped" if is_skipped else "failed" if outcome.findings is None else "done"
    fingerprint = pending.transcript.fingerprint
    if outcome.findings is None:
        stored = await queries.update_status(db, job.call_id, fingerprint, status, record)
    else:
        stored = await queries.update_result(db, job.call_id, fingerprint, outcome.findings, record)
    if stored:
        await mark_days(db, [_day_of(pending)])  # its figures count sentiment and success
        await _report(db, job, pending, status)
        log.info("call.analysed", call_id=str(job.call_id), status=status, reason=record.reason)
        return
    if await queries.update_use(db, job.call_id, record):
        await _enqueue_again(db, job, 0, ANALYZE_AFTER_S)


async def _report(db: Connection, job: AnalyseCallJob, pending: PendingAnalysis, status: AnalysisOutcomeStatus) -> None:
    data = AnalysisEventData(job.call_id, pending.agent_id, status)
    fact = ReportedFact(
        workspace_id=pending.workspace_id,
        type="call.analysed",
        object_id=job.call_id,
        at=datetime.now(UTC),
        data=data,
        call_id=job.call_id,
    )
    await report_facts(db, [fact])


def _day_of(call: PendingAnalysis) -> WorkspaceDay:
    """Returns the day (UTC) whose figures count the call."""
    return WorkspaceDay(call.workspace_id, call.created_at.astimezone(UTC).date())


async def _enqueue_again(db: Connection, job: AnalyseCallJob, attempt: int, delay_s: float) -> None:
    payload = msgspec.json.encode(AnalyseCallJob(job.call_id, attempt))
    await enqueue(db, ANALYZE_CALL, payload, delay_s=delay_s)


def _make_record(pending: PendingAnalysis, outcome: AnalysisOutcome) -> AnalysisRecord:
    """Returns the new record. Without a result, the earlier result stays."""
    used = msgspec.structs.replace(
        pending.record,
        reason=outcome.reason,
        tokens=pending.record.tokens + outcome.tokens,
        runs=pending.record.runs + 1,
        at=datetime.now(UTC),
    )
    if outcome.findings is None:
        return used
    last = outcome.uses[-1] if outcome.uses else None
    return msgspec.structs.replace(
        used,
        method=outcome.method,
        provider=last.provider.provider if last else "",
        model=last.model if last else "",
        success_reason=outcome.findings.success_reason,
        extracted=outcome.findings.extracted,
    )

"""Calls that are over, the job that analyses them, and a simulated vendor of language models that it asks."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import msgspec

from control.agents.plans.service import AgentLookup
from control.calls.analysis.rules import AnalysisPolicy
from control.calls.analysis.service import ANALYZE_CALL, AnalyseCallJob, CallAnalyzer
from control.calls.analysis.tasks import make_analysis_job
from control.calls.events.service import parse_event, write_events
from control.calls.records.running_calls import AdmittedCall
from control.voice.catalog.service import KeyChange, set_key
from shared.egress import EgressGuard
from shared.events import Event
from simulator.vendors.chat_reply import ChatReply
from simulator.vendors.server import running_vendor
from tests.control.calls.call_platform import SEALER, CallPlatform
from tests.control.calls.consumed_events import conversation_events, encoded_event
from vendors.openai.simulator import ChatVendor

PROVIDER = "analyst"
FINDINGS: Mapping[str, Any] = {
    "summary": "The caller asked for the opening hours and heard that it opens at nine.",
    "sentiment": "positive",
    "sentiment_score": 0.4,
    "success": True,
    "success_reason": "The agent told the hours.",
}


def answering(*answers: Mapping[str, Any] | str) -> ChatVendor:
    """A vendor that gives these answers in turn, and the last one ever after."""
    texts = [answer if isinstance(answer, str) else json.dumps(answer) for answer in answers]
    asked: list[Any] = []

    def reply(body: Mapping[str, Any]) -> ChatReply:
        asked.append(body)
        return ChatReply(texts[min(len(asked), len(texts)) - 1])

    return ChatVendor(reply=reply)


@asynccontextmanager
async def served(
    platform: CallPlatform, vendor: ChatVendor, name: str = PROVIDER, priority: int = 1
) -> AsyncIterator[ChatVendor]:
    """Runs the vendor as a language model of the platform, by default its first."""
    async with running_vendor(vendor.routes(), None, cancels=True) as address:
        change = KeyChange(name, vendor.state.key, "openai", f"http://{address}/v1", "tiny", priority=priority)
        await platform.in_platform(lambda db: set_key(db, SEALER, change))
        try:
            yield vendor
        finally:
            await platform.in_platform(
                lambda db: db.execute("UPDATE providers SET is_enabled = false WHERE provider = $1", name)
            )


async def end_call(platform: CallPlatform, **config: Any) -> AdmittedCall:
    """A call of a new workspace in which the caller asked for the hours, over and stored."""
    call = await platform.admit(await platform.create_workspace(**config))
    await store_events(platform, conversation_events(call))
    return call


async def store_events(platform: CallPlatform, lines: Sequence[bytes]) -> None:
    """As the consumer of events stores them."""
    events = [parse_event(str(index), line) for index, line in enumerate(lines)]
    await platform.in_platform(lambda db: write_events(db, events))


async def store_late(platform: CallPlatform, call: AdmittedCall, event: Event, seq: int = 90) -> None:
    """An event that arrives after the call's end."""
    await store_events(platform, [encoded_event(call.call_id, seq, event)])


def make_job(platform: CallPlatform, policy: AnalysisPolicy | None = None, analyzer: CallAnalyzer | None = None) -> Any:
    made = analyzer or CallAnalyzer(policy or AnalysisPolicy(timeout_s=5.0), EgressGuard())
    return make_analysis_job(platform.pool, platform.services[AgentLookup], made)


async def analyze(platform: CallPlatform, call: AdmittedCall, attempt: int = 0, **made: Any) -> Any:
    """Runs the call's job; returns its row."""
    await make_job(platform, **made)(msgspec.json.encode(AnalyseCallJob(call.call_id, attempt)))
    return await platform.call_row(call.call_id)


async def queued_jobs(platform: CallPlatform, call_id: UUID) -> list[AnalyseCallJob]:
    jobs = [msgspec.json.decode(job, type=AnalyseCallJob) for job in await platform.job_payloads(ANALYZE_CALL)]
    return [job for job in jobs if job.call_id == call_id]


async def ledger_rows(platform: CallPlatform, call_id: UUID) -> list[Any]:
    """What the analysis used."""
    return list(
        await platform.in_platform(
            lambda db: db.fetch(
                "SELECT * FROM usage_records WHERE call_id = $1 AND details->>'purpose' = 'analysis'", call_id
            )
        )
    )

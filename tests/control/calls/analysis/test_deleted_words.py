"""What an analysis found is gone once the words that it was found in are deleted or redacted, however late it ends."""

from typing import Any
from uuid import UUID

import pytest

from control.audit.service import Actor
from control.calls.analysis.rules import AnalysisPolicy, AnalysisTask
from control.calls.analysis.service import AnalysisOutcome, CallAnalyzer
from control.calls.deletion.queries import delete_words
from control.workspaces.service import Workspaces
from shared.egress import EgressGuard
from shared.events import CallerSaid
from simulator.vendors.faults import Fault
from tests.control.calls.analysis.analyzed_call import (
    FINDINGS,
    analyze,
    answering,
    end_call,
    queued_jobs,
    served,
    store_late,
)
from tests.control.calls.call_platform import NOW, CallPlatform

TASTE = {"type": "object", "properties": {"taste": {"type": "string"}}, "required": ["taste"]}
EXTRACTED = {**FINDINGS, "extracted": {"taste": "zebrafish"}}
LATE = CallerSaid(2, "And on Sundays?", 5_000, 6_000)


@pytest.mark.parametrize("fault", [None, "rate_limited", "no_credit"])
async def test_a_late_analysis_brings_nothing_of_deleted_words_back(platform: CallPlatform, fault: Any) -> None:
    class SlowAnalyzer(CallAnalyzer):
        async def analyze(self, task: AnalysisTask) -> AnalysisOutcome:
            await platform.in_platform(lambda db: delete_words(db, call.workspace_id, [call.call_id]))
            return await super().analyze(task)

    async with served(platform, answering(EXTRACTED)) as vendor:
        call = await end_call(platform, analysis={"extraction": TASTE, "success_criterion": "Hours told"})
        assert (await analyze(platform, call))["analysis"]["extracted"] == {"taste": "zebrafish"}
        await store_late(platform, call, LATE)
        queued = await queued_jobs(platform, call.call_id)
        if fault:
            vendor.state.faults.keep("llm", Fault(fault))
        row = await analyze(platform, call, analyzer=SlowAnalyzer(AnalysisPolicy(timeout_s=5.0), EgressGuard()))
    names = ("transcription", "summary", "analysis", "analysis_status")
    assert [row[name] for name in names] == [None] * len(names)
    assert await queued_jobs(platform, call.call_id) == queued, "there is nothing to analyze again"


async def test_deletes_findings_in_words_that_are_redacted_later(platform: CallPlatform) -> None:
    async with served(platform, answering({**EXTRACTED, "summary": "The card begins 4111 1111."})) as vendor:
        call = await end_call(platform, analysis={"extraction": TASTE})
        actor, ours = (await _owner(platform, call.workspace_id)), call.workspace_id
        await platform.in_platform(
            lambda db: platform.services[Workspaces].update(db, actor, ours, {"redaction": ["card_number"]}, NOW)
        )
        await store_late(platform, call, CallerSaid(2, "My card is four one one one one one one one", 5_000, 6_000))
        before = await analyze(platform, call)
        assert before["summary"] == "The card begins 4111 1111."
        vendor.state.faults.keep("llm", Fault("no_credit"))
        rest = CallerSaid(3, "and then one one one one one one one one", 7_000, 8_000)
        await store_late(platform, call, rest, 91)
        row = await platform.call_row(call.call_id)
        assert (row["summary"], row["sentiment"], row["analysis_status"]) == (None, None, "pending")
        row = await analyze(platform, call)
    assert (row["summary"], row["analysis_status"]) == (None, "failed"), "what was found before is not kept"
    assert not {"extracted", "success_reason"} & set(row["analysis"])
    assert row["analysis"]["tokens"] >= before["analysis"]["tokens"], "what was used still counts"


async def _owner(platform: CallPlatform, workspace_id: UUID) -> Actor:
    user_id = await platform.in_platform(
        lambda db: db.fetchval("SELECT user_id FROM workspace_members WHERE workspace_id = $1", workspace_id)
    )
    return Actor("user", user_id)

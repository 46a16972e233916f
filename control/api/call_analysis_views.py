"""Response models of what was made of a call after its end."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from control.calls.analysis.model import AnalysisMethod, AnalysisStatus
from control.calls.record_model import CallReport


@dataclass(frozen=True, slots=True)
class CallAnalysisView:
    """What was made of a call after its end. reason: why it failed or was skipped, or why no language model was asked;
    empty otherwise. method: model or heuristic; null before there is a result. extracted: by the agent's schema."""

    status: AnalysisStatus
    reason: str
    method: AnalysisMethod | None
    sentiment_score: float | None
    success_reason: str
    extracted: Mapping[str, Any] | None
    analysed_at: datetime | None


@dataclass(frozen=True, slots=True)
class AdminCallAnalysis:
    """What was made of a call after its end, and by which model. tokens: used for it so far, attempts without a result
    included. attempts: so far."""

    status: AnalysisStatus
    reason: str
    method: AnalysisMethod | None
    sentiment_score: float | None
    success_reason: str
    extracted: Mapping[str, Any] | None
    analysed_at: datetime | None
    provider: str
    model: str
    tokens: int
    attempts: int


def to_analysis(call: CallReport) -> CallAnalysisView | None:
    """None for a call that is not over, or in which nothing was said."""
    return None if call.analysis_status is None else CallAnalysisView(**_common(call, call.analysis_status))


def to_admin_analysis(call: CallReport) -> AdminCallAnalysis | None:
    """As `to_analysis`."""
    if call.analysis_status is None:
        return None
    record = call.analysis
    return AdminCallAnalysis(
        **_common(call, call.analysis_status),
        provider=record.provider,
        model=record.model,
        tokens=record.tokens,
        attempts=record.runs,
    )


def _common(call: CallReport, status: AnalysisStatus) -> dict[str, Any]:
    record = call.analysis
    return {
        "status": status,
        "reason": record.reason,
        "method": record.method,
        "sentiment_score": call.sentiment_score,
        "success_reason": record.success_reason,
        "extracted": record.extracted,
        "analysed_at": record.at,
    }

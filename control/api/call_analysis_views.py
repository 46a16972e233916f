"""Response models of what was made of a call after its end."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from control.calls.records.rules import AnalysisMethod, AnalysisStatus, CallReport


@dataclass(frozen=True, slots=True)
class CallAnalysisView:
    """What was made of a call after its end."""

    status: Annotated[AnalysisStatus, Field(description="`pending`: it waits. `skipped`: it is not made.")]
    reason: Annotated[
        str,
        Field(
            description="Why it failed, waits for another attempt or was skipped, or why no language model was "
            "asked; else empty.",
            examples=["busy"],
        ),
    ]
    method: Annotated[
        AnalysisMethod | None,
        Field(description="`model`: by a language model. `heuristic`: sentences of the call. Null without a result."),
    ]
    sentiment_score: Annotated[
        float | None,
        Field(description="The caller's mood from -1, very negative, to 1; null while it is unknown.", examples=[0.4]),
    ]
    success_reason: Annotated[
        str,
        Field(
            description="Why the criterion was met or not; empty where that is not judged.",
            examples=["A time was agreed."],
        ),
    ]
    extracted: Annotated[
        Mapping[str, Any] | None, Field(description="By the agent's schema.", examples=[{"appointment_day": "Friday"}])
    ]
    analysed_at: Annotated[
        datetime | None, Field(description="When the last attempt ended (UTC); null before the first.")
    ]


@dataclass(frozen=True, slots=True)
class AdminCallAnalysis:
    """What was made of a call after its end, and by which model."""

    status: Annotated[AnalysisStatus, Field(description="`pending`: it waits. `skipped`: it is not made.")]
    reason: Annotated[
        str,
        Field(
            description="Why it failed, waits for another attempt or was skipped, or why no language model was "
            "asked; else empty.",
            examples=["busy"],
        ),
    ]
    method: Annotated[
        AnalysisMethod | None,
        Field(description="`model`: by a language model. `heuristic`: sentences of the call. Null without a result."),
    ]
    sentiment_score: Annotated[
        float | None,
        Field(description="The caller's mood from -1, very negative, to 1; null while it is unknown.", examples=[0.4]),
    ]
    success_reason: Annotated[
        str,
        Field(
            description="Why the criterion was met or not; empty where that is not judged.",
            examples=["A time was agreed."],
        ),
    ]
    extracted: Annotated[
        Mapping[str, Any] | None,
        Field(
            description="What was extracted by the agent's `analysis.extraction`; null without one, or without "
            "a language model.",
            examples=[{"appointment_day": "Friday"}],
        ),
    ]
    analysed_at: Annotated[
        datetime | None, Field(description="When the last attempt ended (UTC); null before the first.")
    ]
    provider: Annotated[
        str, Field(description="The provider that answered; empty without a language model.", examples=["openai"])
    ]
    model: Annotated[str, Field(description="The model that answered; empty without one.", examples=["llama-3.3-70b"])]
    tokens: Annotated[
        int, Field(description="Used for it so far, attempts without a result included.", examples=[1240])
    ]
    attempts: Annotated[int, Field(description="So far.", examples=[1])]


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

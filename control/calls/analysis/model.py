"""Analyses of calls as values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Struct

from control.agents.analysis_config import AnalysisConfig
from shared.plan import ProviderPlan

AnalysisOutcomeStatus = Literal["done", "failed", "skipped"]
AnalysisStatus = Literal["pending", AnalysisOutcomeStatus]
AnalysisMethod = Literal["model", "heuristic"]
Sentiment = Literal["positive", "neutral", "negative"]


@dataclass(frozen=True, slots=True)
class AnalysisPolicy:
    """Bounds of the analysis of one call. max_tokens: of all its requests together, repeated ones included; the cap of
    what one call's analysis can cost. timeout_s: of one request."""

    enabled: bool = True
    max_tokens: int = 60_000
    timeout_s: float = 30.0


class AnalysisRecord(Struct, frozen=True, omit_defaults=True):
    """The column calls.analysis. reason: why it failed or was skipped, or why the method is heuristic. provider, model:
    that answered. success_reason: the model's words. extracted: by the agent's schema. tokens: used for the call so
    far. runs: attempts so far. at: of the last one."""

    method: AnalysisMethod | None = None
    reason: str = ""
    provider: str = ""
    model: str = ""
    success_reason: str = ""
    extracted: dict[str, Any] | None = None
    tokens: int = 0
    runs: int = 0
    at: datetime | None = None


NO_RECORD: Final = AnalysisRecord()


@dataclass(frozen=True, slots=True)
class CallFindings:
    """What was found in a conversation. sentiment_score: -1 to 1. success: None where nobody can know."""

    summary: str | None = None
    sentiment: Sentiment | None = None
    sentiment_score: float | None = None
    success: bool | None = None
    success_reason: str = ""
    extracted: dict[str, Any] | None = None


NO_FINDINGS: Final = CallFindings()


@dataclass(frozen=True, slots=True)
class AnalysedTranscript:
    """A transcript as it is analysed: speaker and text of each utterance. fingerprint: of the text as stored."""

    utterances: Sequence[Mapping[str, str]]
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisTask:
    """A call that waits for its analysis. models: the chain that can be asked, first choice first."""

    call_id: UUID
    workspace_id: UUID
    agent_id: UUID | None
    transcript: AnalysedTranscript
    config: AnalysisConfig
    language: str
    models: Sequence[ProviderPlan] = field(repr=False)
    record: AnalysisRecord


def decode_record(stored: Any) -> AnalysisRecord:
    """From the column's value; empty from null."""
    return NO_RECORD if stored is None else msgspec.convert(stored, AnalysisRecord)


def encode_record(record: AnalysisRecord) -> Any:
    """For the column."""
    return msgspec.to_builtins(record)

"""A call with a failover of each kind and an interruption, as media tells it, and what it must cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, Final
from uuid import UUID

from control.calls.carrier_reports.rules import CarrierStatus
from control.calls.carrier_reports.service import apply_status
from control.calls.events.rules import IncomingEvent
from control.calls.events.service import parse_event, write_events
from shared.events import (
    AgentSaid,
    CallEnded,
    CallStarted,
    CallUsage,
    Event,
    EventEnvelope,
    ProviderFailed,
    TurnInterrupted,
    UsageRecorded,
    encode_event,
)
from tests.control.calls.call_platform import CallPlatform, later

# resource_type, provider, vendor, model, quantity, unit, estimated → our cost; None: unknown.
USAGE: Final[Sequence[tuple[UsageRecorded, Decimal | None]]] = (
    (UsageRecorded("stt", "deepgram", "deepgram", "nova-3", 10_000, "ms"), Decimal("0.0008")),
    (UsageRecorded("stt", "deepgram", "deepgram", "nova-3", 2_000, "ms"), Decimal("0.00016")),
    (UsageRecorded("stt", "local", "local", "", 63_000, "ms"), Decimal(0)),
    (UsageRecorded("llm", "openai", "openai", "gpt-4o", 1_200, "prompt_tokens", True), Decimal("0.003")),
    (UsageRecorded("llm", "groq", "openai", "openai/gpt-oss-120b", 1_500, "prompt_tokens"), Decimal("0.000225")),
    (UsageRecorded("llm", "groq", "openai", "openai/gpt-oss-120b", 300, "cached_tokens"), Decimal("0.000045")),
    (UsageRecorded("llm", "groq", "openai", "openai/gpt-oss-120b", 60, "completion_tokens"), Decimal("0.000036")),
    (UsageRecorded("tts", "elevenlabs", "elevenlabs", "eleven_flash_v2_5", 120, "characters"), Decimal("0.0048")),
    (UsageRecorded("tts", "elevenlabs", "elevenlabs", "eleven_flash_v2_5", 80, "characters"), Decimal("0.0032")),
    (UsageRecorded("tts", "standin", "standin", "", 80, "characters"), None),
)
STARTED: Final[Event] = CallStarted("twilio", "CA1", "MZ1", "Desk")
SECONDS: Final = 75
OTHERS: Final[Sequence[Event]] = (
    STARTED,
    ProviderFailed("stt", "deepgram", "timeout", "local"),
    ProviderFailed("llm", "openai", "busy", "groq"),
    AgentSaid(1, "At nine", 3_000, 4_000, interrupted=True, planned="At nine, and"),
    TurnInterrupted(2, 3_900, 4_000),
    CallEnded("completed", "caller_hangup", "", SECONDS * 1_000, CallUsage(call_ms=SECONDS * 1_000)),
)
# Usage is told between the others; the end is the last event.
EVENTS: Final[Sequence[Event]] = (*OTHERS[:-1], *(used for used, _ in USAGE), OTHERS[-1])

# By provider, our cost.
SHARES: Final = {
    "deepgram": Decimal("0.00096"), "local": Decimal(0), "openai": Decimal("0.003"), "groq": Decimal("0.000306"),
    "elevenlabs": Decimal("0.008"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Report:
    """A carrier's report that the call is over. seconds: connected, as the carrier counts."""

    seconds: int


@dataclass(frozen=True, slots=True)
class CostReport:
    """A carrier's report of what the whole call cost. cents: US."""

    cents: int


Fact = IncomingEvent | Report | CostReport


def make_events(
    call_id: UUID, events: Sequence[Event] = EVENTS, *, first: int = 1, delay_s: float = 0
) -> list[IncomingEvent]:
    """Each a second after the one before."""
    lines = [
        encode_event(EventEnvelope(str(call_id), seq, later(delay_s + seq).isoformat(), event))
        for seq, event in enumerate(events, first)
    ]
    return [parse_event(f"{place}-0", line) for place, line in enumerate(lines)]


async def write_facts(platform: CallPlatform, carrier_call_id: str, facts: Sequence[Fact]) -> None:
    """One transaction: the events as a batch, then the reports."""
    events = [fact for fact in facts if isinstance(fact, IncomingEvent)]
    reports = [fact for fact in facts if not isinstance(fact, IncomingEvent)]
    if events:
        await platform.in_platform(lambda db: write_events(db, events))
    for report in reports:
        told = _carrier_status(carrier_call_id, report)
        await platform.in_platform(partial(apply_status, report=told))


def _carrier_status(carrier_call_id: str, report: Report | CostReport) -> CarrierStatus:
    if isinstance(report, Report):
        return CarrierStatus("twilio", carrier_call_id, "completed", later(80), duration_s=report.seconds)
    cost = {"cost": {"total": f"0.{report.cents:02}"}}
    return CarrierStatus("twilio", carrier_call_id, None, later(90), facts=cost)


async def ledger_rows(platform: CallPlatform, call_id: UUID) -> list[dict[str, Any]]:
    """A call's rows of the ledger."""
    rows = await platform.in_platform(
        lambda db: db.fetch("SELECT * FROM usage_records WHERE call_id = $1 ORDER BY seq, recorded_at, id", call_id)
    )
    return [dict(row) for row in rows]


def told_at(place: int) -> datetime:
    """The time of the usage event at this place of USAGE."""
    return later(len(OTHERS) + place)

"""Calls by streamdouble, a simulator of Twilio's media streams that is not ours.

It sends a clip and then nothing more, as no carrier of ours does; frames that it loses are gaps in its timestamps. Its
latency of 80 ms delays each frame behind the one before, so the clip comes four times slower than it was spoken.
"""

import asyncio
from dataclasses import replace
from typing import Final

import msgspec
import pytest
from streamdouble.api import CallReport, call  # type: ignore[import-untyped]  # ships no types
from streamdouble.chaos import Impairments  # type: ignore[import-untyped]  # ships no types
from streamdouble.session import SessionConfig  # type: ignore[import-untyped]  # ships no types

from shared.events import AgentSaid, CallEnded, CallerSaid, TurnLatency
from shared.plan import CallPlan
from tests.media.server.conftest import WorkerSetup
from tests.media.server.test_connection import events_of

FRAME: Final = 160
PATIENCE: Final = SessionConfig(response_timeout_s=20.0, quiet_period_s=1.0, max_drain_s=20.0)
LINES: Final = {
    "plain": Impairments(),
    "10 % loss": Impairments(loss=0.1),
    "80 ms latency": Impairments(latency_ms=80.0),
    "both, with jitter": Impairments(loss=0.1, jitter_ms=60.0, latency_ms=80.0),
}
# The silence that ends a turn, a tick of the call, the stand-ins' delays; and what a busy machine adds.
ANSWER_MS: Final = 400 + 240 + 30
SLACK_MS: Final = 1_500


@pytest.fixture
def plan(plan: CallPlan) -> CallPlan:
    """Always the same silence ends a turn."""
    return msgspec.structs.replace(plan, turn=msgspec.structs.replace(plan.turn, adaptive=False))


async def test_caller_who_stops_sending_is_answered(worker_setup: WorkerSetup, speech: bytes) -> None:
    """All lines at once. The clip has no silence at its end."""
    frames = [speech[at : at + FRAME] for at in range(0, 45 * FRAME, FRAME)]
    url = worker_setup.url.replace("http", "ws") + "/media/twilio"
    configs = [replace(PATIENCE, impairments=line, chaos_seed=7) for line in LINES.values()]
    reports = await asyncio.gather(*(call(url, frames=frames, config=config) for config in configs))
    for name, report in zip(LINES, reports, strict=True):
        await check(worker_setup, name, report)


async def check(worker_setup: WorkerSetup, name: str, report: CallReport) -> None:
    assert report.violations == [] and report.result.closed_by is None, name
    assert report.result.marks_echoed == report.result.marks_received != [], name
    result = report.result
    (sent,) = result.events_of("sent_all_media")
    assert result.first_audio_at is not None, f"{name}: no answer"
    assert 0 < (result.first_audio_at - sent.at) * 1000 < ANSWER_MS + SLACK_MS, name
    events = await events_of(worker_setup, report.stream_sid)
    assert [event.text for event in events if isinstance(event, CallerSaid)] == ["and so my fellow americans"], name
    (said,) = [event for event in events if isinstance(event, AgentSaid)]
    assert said.text == "Thank you for calling." and not said.interrupted, name
    (latency,) = [event for event in events if isinstance(event, TurnLatency)]
    assert latency.total_ms < ANSWER_MS + SLACK_MS, name
    ended = events[-1]
    assert isinstance(ended, CallEnded) and ended.end_reason == "caller_hangup", name

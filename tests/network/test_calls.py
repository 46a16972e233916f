"""The same scripted call over Twilio and Telnyx, inbound, outbound and as a test call: what the API reports of it."""

import asyncio
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import numpy as np
import pytest
import pytest_asyncio
import soundfile  # type: ignore[import-untyped]  # ships no types

from lab.stage.callers import SAMPLE, WORDS_MS, RehearsalCaller, scripted_caller
from lab.stage.platform import Platform
from media.server.bus.recovery import SEQ as RECOVERY_SEQ
from simulator.carrier.network.phone_network import Subscriber
from simulator.carrier.prepared_turn import PreparedTurn
from tests.network.call_record import CallRecord, find_call_id, wait_for_record
from tests.network.conftest import ROOT, TURNS

pytestmark = pytest.mark.asyncio(loop_scope="package")

CASES = [(carrier, kind) for carrier in ("twilio", "telnyx") for kind in ("inbound", "outbound", "test")]
Case = tuple[str, str]


@dataclass(frozen=True, slots=True)
class FinishedTestCall:
    """A finished call: its caller and its record."""

    caller: RehearsalCaller
    record: CallRecord


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def finished_calls(platform: Platform, turns: Sequence[PreparedTurn]) -> Mapping[Case, FinishedTestCall]:
    """Runs all cases at once."""
    runs = (run_call(platform, case, scripted_caller(turns, number)) for number, case in enumerate(CASES))
    return dict(zip(CASES, await asyncio.gather(*runs), strict=True))


async def run_call(platform: Platform, case: Case, caller: RehearsalCaller) -> FinishedTestCall:
    carrier, kind = case
    agent = platform.workspace.agents[carrier]
    if kind == "inbound":
        await caller.call(platform.network.phone_network, agent.number)
        call_id = await find_call_id(platform, caller.call_id)
    else:
        platform.network.phone_network.subscribers[caller.number] = Subscriber(party=lambda: caller)
        body = {"phone_number_to_call": caller.number}
        if kind == "test":
            path = f"{platform.workspace.path}/agents/{agent.id}/test"
            call_id = (await platform.workspace.owner.request("POST", path, body))["test_call_id"]
        else:
            body = {"agent_id": agent.id, **body}
            call_id = (
                await platform.workspace.owner.request("POST", f"{platform.workspace.path}/calls/outbound", body)
            )["call_id"]
    return FinishedTestCall(caller, await wait_for_record(platform, call_id, recorded=True))


@pytest.mark.parametrize("case", CASES, ids="-".join)
async def test_status_and_times(
    case: Case, finished_calls: Mapping[Case, FinishedTestCall], platform: Platform
) -> None:
    carrier, kind = case
    finished = finished_calls[case]
    call, agent = finished.record.call, platform.workspace.agents[carrier]
    assert finished.caller.party.done
    assert (call["status"], call["end_reason"]) == ("completed", "caller_hangup")
    assert (call["carrier"], call["is_test"], call["agent_id"]) == (carrier, kind == "test", agent.id)
    assert call["direction"] == ("inbound" if kind == "inbound" else "outbound")
    numbers = (finished.caller.number, agent.number)
    assert (call["caller_number"], call["called_number"]) == (numbers if kind == "inbound" else numbers[::-1])
    names = ("created_at", "started_at", "answered_at", "ended_at")
    moments = [datetime.fromisoformat(call[name]) for name in names]
    assert moments == sorted(moments)
    talk_s = (moments[3] - moments[2]).total_seconds()
    assert TURNS * WORDS_MS / 1_000 < talk_s < 60
    assert abs(call["duration_seconds"] - talk_s) <= 3


@pytest.mark.parametrize("case", CASES, ids="-".join)
async def test_events_are_stored_once_and_in_order(case: Case, finished_calls: Mapping[Case, FinishedTestCall]) -> None:
    record = finished_calls[case].record
    seqs = [seq for seq, _ in record.rows]
    assert len(seqs) == len(set(seqs)) == len(record.events)
    assert [event["seq"] for event in record.events] == seqs
    stream_seqs = [seq for seq in seqs if seq < RECOVERY_SEQ]
    assert stream_seqs == list(range(1, len(stream_seqs) + 1))
    types = [kind for _, kind in record.rows]
    assert types[0] == "call.started"
    assert [types.count(kind) for kind in ("call.started", "call.ended", "recording.ready")] == [1, 1, 1]
    assert types.count("caller.said") == TURNS
    started = record.events[types.index("call.started")]["event_data"]
    assert (started["caller"], started["called"]) == (record.call["caller_number"], record.call["called_number"])
    times = [datetime.fromisoformat(event["timestamp"]) for event in record.events]
    assert all(finished <= other for finished, other in pairwise(times))


@pytest.mark.parametrize("case", CASES, ids="-".join)
async def test_transcript_and_turns(
    case: Case, finished_calls: Mapping[Case, FinishedTestCall], platform: Platform
) -> None:
    record = finished_calls[case].record
    answer = await platform.workspace.owner.request(
        "GET", f"{platform.workspace.path}/calls/{record.call['id']}/transcription"
    )
    assert record.answer["transcription"] == answer["transcription"]
    assert [word["speaker"] for word in answer["utterances"]] == ["agent", *["caller", "agent"] * TURNS]
    assert all(
        "fellow americans" in word["text"].lower() for word in answer["utterances"] if word["speaker"] == "caller"
    )
    assert "front desk" in answer["utterances"][0]["text"]
    assert all(0 <= word["start_ms"] < word["end_ms"] for word in answer["utterances"])
    assert all(turn["start_ms"] >= 0 for turn in record.call["turns"])
    assert all(turn["latency_ms"]["total"] > 0 for turn in record.call["turns"][-TURNS:])
    assert record.call["usage"]["stt_ms"] > 0 and record.call["usage"]["tts_characters"] > 0


@pytest.mark.parametrize("case", CASES, ids="-".join)
async def test_recording_holds_both_sides(
    case: Case, finished_calls: Mapping[Case, FinishedTestCall], platform: Platform
) -> None:
    record = finished_calls[case].record
    url = record.answer["recording_url"]
    sound, rate = soundfile.read(io.BytesIO(await platform.workspace.owner.download(url)))
    assert rate == 8_000 and sound.shape[1] == 2
    assert abs(len(sound) / rate - record.call["recording_seconds"]) < 0.1
    assert abs(len(sound) / rate - record.call["duration_seconds"]) < 2
    spoken, spoken_rate = soundfile.read(ROOT / SAMPLE, stop=round(WORDS_MS * 44.1))
    caller, agent = (_loud_s(sound[:, side], rate) for side in (0, 1))
    assert abs(caller - TURNS * _loud_s(spoken.mean(axis=1), spoken_rate)) < 0.7
    assert agent > 2.0


def _loud_s(sound: "np.ndarray[tuple[int], np.dtype[np.float64]]", rate: int) -> float:
    """Seconds of audio that is not silent, in steps of 100 ms."""
    step = rate // 10
    steps = sound[: len(sound) // step * step].reshape(-1, step)
    return float(np.count_nonzero(np.sqrt((steps**2).mean(axis=1)) > 0.01)) / 10


async def test_test_calls_are_not_counted(finished_calls: Mapping[Case, FinishedTestCall], platform: Platform) -> None:
    counted = "SELECT coalesce(sum(calls), 0) FROM workspace_totals"
    real = "SELECT count(*) FILTER (WHERE NOT is_test) AS real, count(*) AS calls FROM calls"
    async with asyncio.timeout(60):
        while True:
            (row,) = await platform.rows(f"SELECT ({counted}) AS counted, real, calls FROM ({real}) AS counted_calls")
            if row["counted"] == row["real"]:
                break
            await asyncio.sleep(0.1)
    # Other tests of this package place test calls at the same platform.
    assert row["calls"] - row["real"] >= sum(kind == "test" for _, kind in finished_calls) > 0

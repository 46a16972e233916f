"""The same scripted call over Twilio and over Telnyx, inbound, outbound and test: what the API tells of it."""

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

from media.server.bus.leftovers import SEQ as LEFT_BEHIND
from simulator.carrier.network.world import Subscriber
from simulator.carrier.prepare import Performance
from tests.network.conftest import ROOT, TURNS
from tests.network.record import Record, call_id_of, record_of
from vocalized.rehearse.callers import SAMPLE, WORDS_MS, Guest, guest
from vocalized.rehearse.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="package")

CASES = [(carrier, kind) for carrier in ("twilio", "telnyx") for kind in ("inbound", "outbound", "test")]
Case = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Played:
    """A call that took place."""

    guest: Guest
    record: Record


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def played(stage: Stage, words: Sequence[Performance]) -> Mapping[Case, Played]:
    """All cases at once."""
    plays = (_play(stage, case, guest(words, number)) for number, case in enumerate(CASES))
    return dict(zip(CASES, await asyncio.gather(*plays), strict=True))


async def _play(stage: Stage, case: Case, caller: Guest) -> Played:
    carrier, kind = case
    agent = stage.desk.agents[carrier]
    if kind == "inbound":
        await caller.phone(stage.network.world, agent.number)
        call_id = await call_id_of(stage, caller.call_id)
    else:
        stage.network.world.subscribers[caller.number] = Subscriber(party=lambda: caller)
        body = {"phone_number_to_call": caller.number}
        if kind == "test":
            path = f"{stage.desk.path}/agents/{agent.id}/test"
            call_id = (await stage.desk.user.ask("POST", path, body))["test_call_id"]
        else:
            body = {"agent_id": agent.id, **body}
            call_id = (await stage.desk.user.ask("POST", f"{stage.desk.path}/calls/outbound", body))["call_id"]
    return Played(caller, await record_of(stage, call_id, recorded=True))


@pytest.mark.parametrize("case", CASES, ids="-".join)
async def test_status_and_times(case: Case, played: Mapping[Case, Played], stage: Stage) -> None:
    carrier, kind = case
    one = played[case]
    call, agent = one.record.call, stage.desk.agents[carrier]
    assert one.guest.caller.done
    assert (call["status"], call["end_reason"]) == ("completed", "caller_hangup")
    assert (call["carrier"], call["is_test"], call["agent_id"]) == (carrier, kind == "test", agent.id)
    assert call["direction"] == ("inbound" if kind == "inbound" else "outbound")
    numbers = (one.guest.number, agent.number)
    assert (call["caller_number"], call["called_number"]) == (numbers if kind == "inbound" else numbers[::-1])
    moments = [datetime.fromisoformat(call[name]) for name in ("created_at", "answered_at", "ended_at")]
    assert moments == sorted(moments)
    talk = (moments[2] - moments[1]).total_seconds()
    assert TURNS * WORDS_MS / 1_000 < talk < 60
    assert abs(call["duration_seconds"] - talk) <= 1.5


@pytest.mark.parametrize("case", CASES, ids="-".join)
async def test_every_event_once_and_in_order(case: Case, played: Mapping[Case, Played]) -> None:
    record = played[case].record
    seqs = [seq for seq, _ in record.rows]
    assert len(seqs) == len(set(seqs)) == len(record.events)
    assert [event["seq"] for event in record.events] == seqs
    of_the_stream = [seq for seq in seqs if seq < LEFT_BEHIND]
    assert of_the_stream == list(range(1, len(of_the_stream) + 1))
    types = [kind for _, kind in record.rows]
    assert types[0] == "call.started"
    assert [types.count(kind) for kind in ("call.started", "call.ended", "recording.ready")] == [1, 1, 1]
    assert types.count("caller.said") == TURNS
    times = [datetime.fromisoformat(event["timestamp"]) for event in record.events]
    assert all(one <= other for one, other in pairwise(times))


@pytest.mark.parametrize("case", CASES, ids="-".join)
async def test_transcript_and_turns(case: Case, played: Mapping[Case, Played], stage: Stage) -> None:
    record = played[case].record
    told = await stage.desk.user.ask("GET", f"{stage.desk.path}/calls/{record.call['id']}/transcription")
    assert record.answer["transcription"] == told["transcription"]
    assert [word["speaker"] for word in told["words"]] == ["agent", *["caller", "agent"] * TURNS]
    assert all("fellow americans" in word["text"].lower() for word in told["words"] if word["speaker"] == "caller")
    assert "front desk" in told["words"][0]["text"]
    assert all(word["start_ms"] < word["end_ms"] for word in told["words"])
    assert all(turn["latency_ms"]["total"] > 0 for turn in record.call["turns"][-TURNS:])
    assert record.call["usage"]["stt_ms"] > 0 and record.call["usage"]["tts_characters"] > 0


@pytest.mark.parametrize("case", CASES, ids="-".join)
async def test_the_recording_holds_both_sides(case: Case, played: Mapping[Case, Played], stage: Stage) -> None:
    record = played[case].record
    url = record.answer["recording_url"]
    sound, rate = soundfile.read(io.BytesIO(await stage.desk.user.fetch(url)))
    assert rate == 8_000 and sound.shape[1] == 2
    assert abs(len(sound) / rate - record.call["recording_seconds"]) < 0.1
    assert abs(len(sound) / rate - record.call["duration_seconds"]) < 2
    spoken, spoken_rate = soundfile.read(ROOT / SAMPLE, stop=round(WORDS_MS * 44.1))
    caller, agent = (_loud_s(sound[:, side], rate) for side in (0, 1))
    assert abs(caller - TURNS * _loud_s(spoken.mean(axis=1), spoken_rate)) < 0.7
    assert agent > 2.0


def _loud_s(sound: "np.ndarray[tuple[int], np.dtype[np.float64]]", rate: int) -> float:
    """Seconds of stretches of 100 ms that are no silence."""
    step = rate // 10
    whole = sound[: len(sound) // step * step].reshape(-1, step)
    return float(np.count_nonzero(np.sqrt((whole**2).mean(axis=1)) > 0.01)) / 10


async def test_a_test_call_counts_for_nothing(played: Mapping[Case, Played], stage: Stage) -> None:
    counted = "SELECT coalesce(sum(calls), 0) FROM workspace_totals"
    real = "SELECT count(*) FILTER (WHERE NOT is_test) AS real, count(*) AS calls FROM calls"
    async with asyncio.timeout(60):
        while True:
            (row,) = await stage.desk.rows(f"SELECT ({counted}) AS counted, real, calls FROM ({real}) AS told")
            if row["counted"] == row["real"]:
                break
            await asyncio.sleep(0.1)
    assert row["real"] == row["calls"] - sum(kind == "test" for _, kind in played)

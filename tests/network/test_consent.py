"""An announced recording through the whole platform, over both carriers: heard whole by who talks through it; nothing
before its end is in our recording nor in the carrier's own; and who refuses is in neither."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
import soundfile  # type: ignore[import-untyped]  # ships no types

from lab.stage.callers import WORDS_MS, RehearsalCaller, read_words
from lab.stage.platform import Platform
from lab.stage.workspace import SPEECH, agent_config
from simulator.carrier.caller import Caller
from simulator.carrier.network.phone_network import Subscriber
from simulator.carrier.prepared_turn import PreparedTurn, prepare_turns
from simulator.carrier.script import After, AfterAgent, Ending, Press, Script, Turn
from tests.network.call_record import PATIENCE_S, CallRecord, find_call_id, wait_for_record
from tests.network.conftest import ROOT

pytestmark = pytest.mark.asyncio(loop_scope="package")

ANNOUNCEMENT = "This call is recorded. Press nine if you object."
VOICE = {"provider": "standin", "options": {"first_byte_ms": 80, "audio_ms": 3_000, "chunk_ms": 200}}
RECORDING = {"enabled": True, "consent": "announced", "announcement": ANNOUNCEMENT, "refusal_key": "9"}
# Talks from the first moment, through the announcement; says "Hello?" when called; presses the key.
CASES = [(carrier, kind) for carrier in ("twilio", "telnyx") for kind in ("inbound", "outbound", "refusing")]
RATE = 8_000
# Twilio refuses so many starts first.
EARLY_STARTS = 2
Case = tuple[str, str]


@dataclass(frozen=True, slots=True)
class AnnouncedCall:
    """A call that is over. events: by type."""

    caller: RehearsalCaller
    record: CallRecord
    events: Mapping[str, list[Any]] = field(default_factory=dict)

    @property
    def heard_ms(self) -> float:
        """When the announcement was heard to its end, in ms of the call."""
        (heard,) = self.events["announcement.heard"]
        at_ms: float = heard["at_ms"]
        return at_ms

    @property
    def id(self) -> str:
        call_id: str = self.record.call["id"]
        return call_id


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def announced_calls(platform: Platform) -> AsyncIterator[Mapping[Case, AnnouncedCall]]:
    """All cases at once, by agents that announce for the time of this module."""
    config = {**agent_config(), "speech": {**SPEECH, "tts": [VOICE]}, "recording": RECORDING}
    assert platform.network.twilio is not None
    platform.network.twilio.recorder.early_starts = EARLY_STARTS
    await configure(platform, config)
    scripts = await prepare_scripts()
    runs = (run_call(platform, case, scripts[case[1]], number) for number, case in enumerate(CASES))
    yield dict(zip(CASES, await asyncio.gather(*runs), strict=True))
    await configure(platform, agent_config(recorded=True))


async def configure(platform: Platform, config: Mapping[str, Any]) -> None:
    for agent in platform.workspace.agents.values():
        path = f"{platform.workspace.path}/agents/{agent.id}"
        await platform.workspace.owner.request("PUT", path, {"config": config})


async def prepare_scripts() -> Mapping[str, tuple[PreparedTurn, ...]]:
    words, listens = await read_words(ROOT), AfterAgent(quiet_ms=700, patience_ms=20_000)
    turns = {
        "inbound": (Turn(words, After(0)), Turn(words, listens)),
        "outbound": (Turn(words, After(300)), Turn(words, listens)),
        "refusing": (Turn(Press("9"), listens), Turn(words, listens)),
    }
    return {kind: await prepare_turns(Script(one)) for kind, one in turns.items()}


async def run_call(platform: Platform, case: Case, turns: tuple[PreparedTurn, ...], number: int) -> AnnouncedCall:
    carrier, kind = case
    agent, owner = platform.workspace.agents[carrier], platform.workspace.owner
    caller = RehearsalCaller(Caller(turns, Ending(quiet_ms=800)), f"+1646{number + 2_500_000:07d}")
    if kind == "outbound":
        platform.network.phone_network.subscribers[caller.number] = Subscriber(party=lambda: caller)
        body = {"agent_id": agent.id, "phone_number_to_call": caller.number}
        call_id = (await owner.request("POST", f"{platform.workspace.path}/calls/outbound", body))["call_id"]
    else:
        await caller.call(platform.network.phone_network, agent.number)
        call_id = await find_call_id(platform, caller.call_id)
    record = await wait_for_record(platform, call_id, recorded=kind != "refusing")
    events: dict[str, list[Any]] = {}
    for event in record.events:
        events.setdefault(event["event_type"], []).append(event["event_data"])
    return AnnouncedCall(caller, record, events)


KEPT = [case for case in CASES if case[1] != "refusing"]
REFUSED = [case for case in CASES if case[1] == "refusing"]


@pytest.mark.parametrize("case", KEPT, ids="-".join)
async def test_announcement_is_heard_whole_and_its_moment_is_in_the_record(
    case: Case, announced_calls: Mapping[Case, AnnouncedCall]
) -> None:
    call = announced_calls[case]
    assert call.caller.party.done and call.record.call["status"] == "completed"
    first = call.events["agent.said"][0]
    assert (first["text"], first["interrupted"]) == (ANNOUNCEMENT, False)
    assert first["end_ms"] - first["start_ms"] == pytest.approx(3_000, abs=300)
    assert "turn.interrupted" not in call.events
    # What was said before its end is answered after it.
    assert len(call.events["caller.said"]) == 2
    spoke_ms = call.caller.party.reports[0].speech_began_ms
    assert spoke_ms is not None and spoke_ms < first["end_ms"]
    if case[1] == "outbound":
        assert first["start_ms"] > WORDS_MS, "the callee was let speak first"
    consent = call.record.call["consent"]
    answered = datetime.fromisoformat(call.record.call["answered_at"])
    announced_s = (datetime.fromisoformat(consent["announced_at"]) - answered).total_seconds()
    assert announced_s == pytest.approx(call.heard_ms / 1_000, abs=1.5)
    assert consent["refused_at"] is None


@pytest.mark.parametrize("case", KEPT, ids="-".join)
async def test_our_recording_holds_nothing_before_its_end(
    case: Case, announced_calls: Mapping[Case, AnnouncedCall], platform: Platform
) -> None:
    call = announced_calls[case]
    sound = read_object(platform, f"{call.id}-0.wav")
    before = sound[: round((call.heard_ms - 20) * RATE / 1_000)]
    assert len(before) > RATE and np.abs(before).max() < 0.001
    assert loud_s(sound[:, 0]) == pytest.approx(await spoken_s(), abs=0.4), "only the second turn"
    assert loud_s(sound[:, 1]) > 3, "the greeting and the answer"


@pytest.mark.parametrize("case", KEPT, ids="-".join)
async def test_carriers_own_recording_begins_after_it(
    case: Case, announced_calls: Mapping[Case, AnnouncedCall], platform: Platform
) -> None:
    """Twilio is asked by REST after the mark, and refuses twice that the call is in progress; Telnyx by a command."""
    call = announced_calls[case]
    name = f"{call.id}-carrier.wav"
    await wait_until(lambda: is_stored(platform, name))
    sound = read_object(platform, name)
    whole_s = call.record.call["duration_seconds"]
    assert 3 < len(sound) / RATE < whole_s - call.heard_ms / 1_000 + 1.5
    assert loud_s(sound[:, 0]) == pytest.approx(await spoken_s(), abs=0.4), "only the second turn"
    assert platform.network.twilio is not None and platform.network.twilio.recorder.early_starts == 0
    assert len(await reported(platform, call)) == 1, "one recording, however often it was asked for"
    await wait_until(lambda: has_nothing_at_carrier(platform, call))


@pytest.mark.parametrize("case", REFUSED, ids="-".join)
async def test_who_refuses_is_in_no_recording(
    case: Case, announced_calls: Mapping[Case, AnnouncedCall], platform: Platform
) -> None:
    call = announced_calls[case]
    assert call.record.call["consent"]["refused_by"] == "key"
    assert "this call is not recorded" in " ".join(one["text"] for one in call.events["agent.said"])
    await wait_until(lambda: is_reported(platform, call))
    await wait_until(lambda: has_nothing(platform, call))
    answer = await platform.workspace.owner.request("GET", f"{platform.workspace.path}/calls/{call.id}")
    assert answer["recording_url"] is None


async def reported(platform: Platform, call: AnnouncedCall) -> Mapping[str, Any]:
    """The recordings that the carrier has reported."""
    sql = "SELECT details->'carrier_recordings' AS found FROM calls WHERE id::text = $1"
    ((found,),) = await platform.rows(sql, call.id)
    recordings: Mapping[str, Any] = json.loads(found) if found else {}
    return recordings


async def is_reported(platform: Platform, call: AnnouncedCall) -> bool:
    """The carrier had begun to record, so that there is something to delete."""
    return bool(await reported(platform, call))


async def has_nothing(platform: Platform, call: AnnouncedCall) -> bool:
    """No object in storage, and no recording at the carrier."""
    return await has_nothing_at_carrier(platform, call) and not list(objects(platform).rglob(f"*{call.id}*"))


async def has_nothing_at_carrier(platform: Platform, call: AnnouncedCall) -> bool:
    twilio, telnyx = platform.network.twilio, platform.network.telnyx
    assert twilio is not None and telnyx is not None
    carrier_call_id = call.record.call["carrier_call_id"]
    at_twilio = [one for one in twilio.recorder.all.values() if one.call_sid == carrier_call_id]
    return not at_twilio and not telnyx.recordings.saved(control_id=carrier_call_id)


async def is_stored(platform: Platform, name: str) -> bool:
    return bool(list(objects(platform).rglob(name)))


async def wait_until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await condition():  # noqa: ASYNC110 -- other processes work on it
            await asyncio.sleep(0.1)


def objects(platform: Platform) -> Path:
    return platform.folder / "objects"


def read_object(platform: Platform, name: str) -> Any:
    (path,) = objects(platform).rglob(name)
    sound, rate = soundfile.read(path)
    assert rate == RATE and sound.shape[1] == 2
    return sound


async def spoken_s() -> float:
    words = (await read_words(ROOT)).sound
    assert not isinstance(words, Path)
    return loud_s(words.samples())


def loud_s(sound: Any) -> float:
    """Seconds that are not silent, in steps of 100 ms."""
    step = RATE // 10
    steps = sound[: len(sound) // step * step].reshape(-1, step)
    return float(np.count_nonzero(np.sqrt((steps**2).mean(axis=1)) > 0.01)) / 10

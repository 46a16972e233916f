"""/workspaces/{workspaceId}/calls/…: the record of calls over HTTP."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from control.api.client.calls import LINK_S, _recording
from shared.events import (
    AgentSaid,
    CallEnded,
    CallerSaid,
    CallStarted,
    Event,
    RecordingReady,
    ToolRan,
    TurnLatency,
    Usage,
)
from shared.ids import new_id
from shared.storage import Storage
from tests.control.api import Api, running_api
from tests.control.api.desk import NOW, Desk, ago, make_desk

CONVERSATION: tuple[Event, ...] = (
    CallStarted("twilio", "CA1", "MZ1", "Front desk"),
    AgentSaid(0, "Hello.", 200, 900),
    CallerSaid(1, "Are you open?", 1_500, 2_300),
    ToolRan(1, "opening_hours", True, "9 to 5", 40),
    AgentSaid(1, "Until five.", 2_900, 3_700, interrupted=True, planned="Until five today."),
    TurnLatency(1, 600, 300, 50, 150, 100),
    CallEnded("completed", "caller_hangup", "", 4_000, Usage(call_ms=4_000)),
)
WAV = b"RIFF" + bytes(range(256)) * 2_000


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url) as running:
        yield running


@pytest.fixture
async def desk(api: Api) -> Desk:
    return await make_desk(api)


async def found(desk: Desk, **query: str) -> tuple[list[str], int]:
    """The ids that a list shows, and how many there are."""
    reply = await desk.ann.get(desk.calls, params=query)
    assert reply.status == 200, reply.body
    return [one["id"] for one in reply.body["calls"]], reply.body["total"]


# --- lists ---


async def test_the_list_is_narrowed(desk: Desk) -> None:
    old = await desk.call(created_at=ago(7_200), carrier_call_id="CA-old")
    missed = await desk.call(created_at=ago(3_600), status="no_answer", direction="outbound")
    agentless = await desk.call(agent_id=None, agent_version=None)
    assert await found(desk) == ([agentless, missed, old], 3)
    assert await found(desk, status="no_answer") == ([missed], 1)
    assert await found(desk, direction="inbound") == ([agentless, old], 2)
    assert await found(desk, agent_id=desk.agent_id) == ([missed, old], 2)
    assert await found(desk, agent_id=new_id()) == ([], 0)
    assert await found(desk, carrier_call_id="CA-old") == ([old], 1)
    assert await found(desk, **{"from": ago(3_600).isoformat()}) == ([agentless, missed], 2)
    assert await found(desk, to=ago(3_600).isoformat()) == ([old], 1)
    between = {"from": ago(7_200).replace(tzinfo=None).isoformat(), "to": ago(7_199).isoformat(), "status": "completed"}
    assert await found(desk, **between) == ([old], 1)


async def test_the_list_is_paged(desk: Desk) -> None:
    calls = [await desk.call(created_at=ago(n)) for n in range(5)]
    pages = [await found(desk, limit="2", page=str(page)) for page in (1, 2, 3, 4)]
    assert pages == [(calls[:2], 5), (calls[2:4], 5), (calls[4:], 5), ([], 5)]
    deep = await desk.ann.get(desk.calls, params={"limit": "200", "page": "501"})
    assert (deep.status, deep.code, deep.param) == (422, "too_deep", "page")


async def test_a_call_in_the_list(desk: Desk) -> None:
    call_id = await desk.call(
        duration_seconds=61, end_reason="caller_hangup", cost_total=1, started_at=ago(61), carrier_call_id="CA-listed"
    )
    (told,) = (await desk.ann.get(desk.calls)).body["calls"]
    assert told == {
        "id": call_id, "agent_id": desk.agent_id, "agent_name": "Front desk", "caller_number": "+14155550100",
        "called_number": desk.number, "direction": "inbound", "status": "completed", "end_reason": "caller_hangup",
        "is_test": False, "carrier": "twilio", "carrier_call_id": "CA-listed", "duration_seconds": 61,
        "cost_total": 1.0, "created_at": NOW.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "started_at": ago(61).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"status": "gone"}, "status"),
        ({"direction": "up"}, "direction"),
        ({"agent_id": "x"}, "agent_id"),
        ({"from": "yesterday"}, "from"),
        ({"to": "0001-01-01T00:00:00+05:00"}, "to"),
        ({"carrier_call_id": "\0"}, "carrier_call_id"),
        ({"limit": "201"}, "limit"),
        ({"since": "2026-01-01"}, "since"),
    ],
    ids=str,
)
async def test_a_filter_at_fault_is_named(desk: Desk, query: dict[str, str], param: str) -> None:
    reply = await desk.ann.get(desk.calls, params=query)
    assert (reply.status, reply.param) == (422, param)


async def test_live_calls_are_those_that_are_not_over_the_longest_first(desk: Desk) -> None:
    await desk.call()
    ringing = await desk.call(status="ringing", created_at=ago(5))
    talking = await desk.call(status="in_progress", created_at=ago(100), started_at=ago(100), answered_at=ago(90))
    queued = await desk.call(status="queued", direction="outbound", is_test=True)
    live = (await desk.ann.get(f"{desk.calls}/live")).body["active_calls"]
    assert [one["id"] for one in live] == [talking, ringing, queued]
    assert live[0]["duration_so_far"] >= 90 and live[1]["duration_so_far"] == 0
    assert (live[2]["is_test"], live[2]["status"], live[0]["agent_name"]) == (True, "queued", "Front desk")


# --- one call ---


async def test_a_call_in_full(desk: Desk) -> None:
    details = {"usage": {"call_ms": 4_000}, "interruptions": 1, "gaps": [{"leg": 1, "lost_ms": 900, "at_ms": 5}]}
    call_id = await desk.call(
        *CONVERSATION, details=details | {"amd": "human"}, transcription="Hello.", recording_key="r.wav",
        recording_seconds=4, end_reason="caller_hangup", duration_seconds=4, summary="Hours.", sentiment="neutral",
    )  # fmt: skip
    told = (await desk.ann.get(f"{desk.calls}/{call_id}")).body
    assert told["agent"] == {"id": desk.agent_id, "name": "Front desk"}
    assert told["recording_url"] == f"{desk.calls}/{call_id}/recording"
    assert (told["transcription"], told["summary"]) == ("Hello.", "Hours.")
    call = told["call"]
    assert {name: call[name] for name in details} == details
    assert (call["agent_version"], call["phone_number_id"], call["answered_by"]) == (1, desk.number_id, "human")
    assert (call["recording_seconds"], call["sentiment"], call["end_reason"]) == (4.0, "neutral", "caller_hangup")
    greeting, answer = call["turns"]
    assert (greeting["turn"], greeting["agent"], greeting["caller"]) == (0, "Hello.", "")
    assert answer == {
        "turn": 1, "caller": "Are you open?", "agent": "Until five.", "start_ms": 1_500, "interrupted": True,
        "latency_ms": {"total": 600, "endpoint": 300, "stt": 50, "llm_first_token": 150, "tts_first_byte": 100},
        "tools": ["opening_hours"],
    }  # fmt: skip


async def test_a_call_of_which_little_is_known(desk: Desk) -> None:
    call_id = await desk.call(agent_id=None, agent_version=None, status="failed", end_detail="unknown_number")
    told = (await desk.ann.get(f"{desk.calls}/{call_id}")).body
    assert [told[name] for name in ("agent", "recording_url", "transcription", "summary")] == [None] * 4
    assert (told["call"]["turns"], told["call"]["usage"], told["call"]["gaps"]) == ([], None, [])
    assert (told["call"]["interruptions"], told["call"]["end_detail"]) == (0, "unknown_number")


async def test_events_are_followed_by_their_numbers(desk: Desk) -> None:
    call_id = await desk.call(*CONVERSATION)
    at = f"{desk.calls}/{call_id}/events"
    told = (await desk.ann.get(at)).body["events"]
    assert [one["seq"] for one in told] == list(range(1, 8))
    assert told[2]["event_type"] == told[2]["event_data"]["type"] == "caller.said"
    assert told[2]["event_data"]["text"] == "Are you open?"
    page = (await desk.ann.get(at, params={"after_seq": "2", "limit": "3"})).body["events"]
    assert [one["seq"] for one in page] == [3, 4, 5]
    assert (await desk.ann.get(at, params={"after_seq": "7"})).body == {"events": []}
    for name, value in (("limit", "5001"), ("limit", "0"), ("after_seq", "-2"), ("after_seq", str(2**31))):
        assert (await desk.ann.get(at, params={name: value})).param == name


async def test_words_come_as_text_and_one_by_one(desk: Desk) -> None:
    call_id = await desk.call(transcription="Agent: Hello.")
    words = [{"speaker": "agent", "text": "Hello.", "start_ms": 200, "end_ms": 900}]
    await desk.api.owner.execute(
        "INSERT INTO call_words (call_id, workspace_id, words) VALUES ($1, $2, $3)",
        UUID(call_id), UUID(desk.workspace_id), words,
    )  # fmt: skip
    told = await desk.ann.get(f"{desk.calls}/{call_id}/transcription")
    assert told.body == {"transcription": "Agent: Hello.", "words": words}
    silent = await desk.ann.get(f"{desk.calls}/{await desk.call()}/transcription")
    assert silent.body == {"transcription": None, "words": []}


# --- recordings ---


async def recorded(desk: Desk, data: bytes = WAV, name: str = "call.wav") -> str:
    """The path of the recording of a call that has this one."""
    key = f"recordings/{desk.workspace_id}/{name}"
    await Storage(desk.api.objects.as_uri()).put(key, data)
    return f"{desk.calls}/{await desk.call(RecordingReady(key, 4_000), recording_key=key)}/recording"


async def test_a_recording_comes_whole(desk: Desk) -> None:
    at = await recorded(desk)
    reply = await desk.ann.get(at)
    assert (reply.status, reply.raw) == (200, WAV)
    assert reply.headers["Content-Type"] == "audio/wav" and reply.headers["Content-Length"] == str(len(WAV))
    assert reply.headers["Content-Disposition"] == f'inline; filename="{at.split("/")[4]}.wav"'
    assert (await desk.ann.get(await recorded(desk, b"ID3", "call.mp3"))).headers["Content-Type"] == "audio/mpeg"


async def test_a_recording_comes_in_stretches(desk: Desk) -> None:
    at = await recorded(desk)
    for asked, start, stop in (("0-43", 0, 44), ("44-", 44, len(WAV)), ("-10", len(WAV) - 10, len(WAV))):
        reply = await desk.ann.get(at, headers={"Range": f"bytes={asked}"})
        assert (reply.status, reply.raw) == (206, WAV[start:stop])
        assert reply.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(WAV)}"
    outside = await desk.ann.get(at, headers={"Range": f"bytes={len(WAV)}-"})
    assert (outside.status, outside.headers["Content-Range"]) == (416, f"bytes */{len(WAV)}")


async def test_a_recording_that_is_not_there(desk: Desk) -> None:
    at = await recorded(desk)
    await asyncio.to_thread((desk.api.objects / "recordings" / desk.workspace_id / "call.wav").unlink)
    for path in (at, f"{desk.calls}/{await desk.call()}/recording"):
        reply = await desk.ann.get(path)
        assert (reply.status, reply.code) == (404, "no_recording")


async def test_a_recording_whose_storage_is_away(desk: Desk) -> None:
    at = await recorded(desk)
    folder = desk.api.objects / "recordings"
    await asyncio.to_thread(_barred, folder)
    reply = await desk.ann.get(at)
    assert (reply.status, reply.code) == (503, "storage_away")
    assert reply.headers["Retry-After"]


def _barred(folder: Path) -> None:
    """Where the folder was, nothing can be looked up any more, which is another thing than not to be found."""
    folder.rename(folder.with_name("moved"))
    folder.write_bytes(b"")


async def test_where_storage_makes_links_one_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    storage = Storage("s3://bucket?endpoint=http://127.0.0.1:9&region=auto&links=true")
    file = await _recording(storage, "r/c.wav", "c.wav")
    assert file.link.startswith("http://127.0.0.1:9/bucket/r/c.wav?") and f"Expires={LINK_S}&" in file.link


# --- who may ---


async def test_another_workspaces_call_is_not_there(desk: Desk) -> None:
    call_id, other = await desk.call(*CONVERSATION, recording_key="r.wav"), await make_desk(desk.api)
    for path in ("", "/recording", "/transcription", "/events"):
        reply = await other.ann.get(f"{other.calls}/{call_id}{path}")
        assert (reply.status, reply.code) == (404, "call_not_found"), path
        reply = await other.ann.get(f"{desk.calls}/{call_id}{path}")
        assert (reply.status, reply.code) == (404, "workspace_not_found"), path
    assert await found(other) == ([], 0)
    await desk.call(status="ringing", created_at=NOW + timedelta(seconds=1))
    assert (await other.ann.get(f"{other.calls}/live")).body == {"active_calls": []}


async def test_a_viewer_may_read_everything(desk: Desk) -> None:
    at = await recorded(desk)
    viewer = await desk.api.member(desk.workspace_id, "viewer")
    call = at.removesuffix("/recording")
    for path in (desk.calls, f"{desk.calls}/live", call, at, f"{call}/transcription", f"{call}/events"):
        assert (await viewer.get(path)).status == 200, path

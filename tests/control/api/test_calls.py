"""/workspaces/{workspaceId}/calls/…: records of calls."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from control.calls.routes import LINK_VALID_S, _recording
from shared.events import (
    AgentSaid,
    CallEnded,
    CallerSaid,
    CallStarted,
    CallUsage,
    Event,
    PersonSaid,
    RecordingReady,
    ToolRan,
    TurnLatency,
)
from shared.ids import new_id
from shared.storage import Storage
from tests.control.api.call_workspace import NOW, CallWorkspace, ago, make_call_workspace
from tests.platform.api import Api, running_api

CONVERSATION: tuple[Event, ...] = (
    CallStarted("twilio", "CA1", "MZ1", "Front desk"),
    AgentSaid(0, "Hello.", 200, 900),
    CallerSaid(1, "Are you open?", 1_500, 2_300),
    ToolRan(1, "opening_hours", True, "9 to 5", 40),
    AgentSaid(1, "Until five.", 2_900, 3_700, interrupted=True, planned="Until five today."),
    TurnLatency(1, 600, 300, 50, 150, 100),
    CallEnded("completed", "caller_hangup", "", 4_000, CallUsage(call_ms=4_000)),
)
WAV = b"RIFF" + bytes(range(256)) * 2_000


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url) as running:
        yield running


@pytest.fixture
async def workspace(api: Api) -> CallWorkspace:
    return await make_call_workspace(api)


async def listed_ids(workspace: CallWorkspace, **query: str) -> tuple[list[str], int]:
    """The listed ids, and the total."""
    reply = await workspace.ann.get(workspace.calls_path, params=query)
    assert reply.status == 200, reply.body
    return [call["id"] for call in reply.body["calls"]], reply.body["total"]


# --- lists ---


async def test_list_has_filters(workspace: CallWorkspace) -> None:
    old = await workspace.insert_call(created_at=ago(7_200), carrier_call_id="CA-old", caller_number="+493012345")
    missed = await workspace.insert_call(created_at=ago(3_600), status="no_answer", direction="outbound")
    agentless = await workspace.insert_call(agent_id=None, agent_version=None)
    assert await listed_ids(workspace) == ([agentless, missed, old], 3)
    assert await listed_ids(workspace, status="no_answer") == ([missed], 1)
    assert await listed_ids(workspace, direction="inbound") == ([agentless, old], 2)
    assert await listed_ids(workspace, agent_id=workspace.agent_id) == ([missed, old], 2)
    assert await listed_ids(workspace, agent_id=new_id()) == ([], 0)
    assert await listed_ids(workspace, carrier_call_id="CA-old") == ([old], 1)
    assert await listed_ids(workspace, caller_number="+493012345") == ([old], 1)
    assert await listed_ids(workspace, caller_number=" 493012345") == ([old], 1), "as a + that was not encoded arrives"
    assert await listed_ids(workspace, caller_number="+493012346") == ([], 0)
    assert await listed_ids(workspace, direction="outbound", agent_id=workspace.agent_id) == ([missed], 1)
    assert await listed_ids(workspace, **{"from": ago(3_600).isoformat()}) == ([agentless, missed], 2)
    assert await listed_ids(workspace, to=ago(3_600).isoformat()) == ([old], 1)
    period = {"from": ago(7_200).replace(tzinfo=None).isoformat(), "to": ago(7_199).isoformat(), "status": "completed"}
    assert await listed_ids(workspace, **period) == ([old], 1)


async def test_list_has_pages(workspace: CallWorkspace) -> None:
    calls = [await workspace.insert_call(created_at=ago(n)) for n in range(5)]
    pages = [await listed_ids(workspace, limit="2", page=str(page)) for page in (1, 2, 3, 4)]
    assert pages == [(calls[:2], 5), (calls[2:4], 5), (calls[4:], 5), ([], 5)]
    beyond_limit = await workspace.ann.get(workspace.calls_path, params={"limit": "200", "page": "501"})
    assert (beyond_limit.status, beyond_limit.code, beyond_limit.param) == (422, "too_deep", "page")


async def test_fields_of_a_listed_call(workspace: CallWorkspace) -> None:
    call_id = await workspace.insert_call(
        duration_seconds=61, end_reason="caller_hangup", cost_total=1, started_at=ago(-1), carrier_call_id="CA-listed"
    )
    (listed,) = (await workspace.ann.get(workspace.calls_path)).body["calls"]
    assert listed == {
        "id": call_id, "agent_id": workspace.agent_id, "agent_name": "Front desk", "caller_number": "+14155550100",
        "caller_withheld": False, "called_number": workspace.number, "direction": "inbound", "status": "completed",
        "end_reason": "caller_hangup",
        "end_detail": None,
        "is_test": False, "carrier": "twilio", "carrier_call_id": "CA-listed", "duration_seconds": 61,
        "cost_total": 1.0, "cost_list": 1.0, "currency": "usd", "created_at": NOW.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "started_at": ago(-1).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "variables": {}, "metadata": {},
    }  # fmt: skip


@pytest.mark.parametrize("stored", [None, "+266696687", "Anonymous", "Restricted", "Unavailable"])
async def test_withheld_number_is_null_and_flagged(workspace: CallWorkspace, stored: str | None) -> None:
    """Rows of earlier releases have the carrier's word for it."""
    call_id = await workspace.insert_call(caller_number=stored)
    (listed,) = (await workspace.ann.get(workspace.calls_path)).body["calls"]
    one = (await workspace.ann.get(f"{workspace.calls_path}/{call_id}")).body["call"]
    assert [(call["caller_number"], call["caller_withheld"]) for call in (listed, one)] == [(None, True)] * 2


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"status": "gone"}, "status"),
        ({"direction": "up"}, "direction"),
        ({"agent_id": "x"}, "agent_id"),
        ({"caller_number": "0301234"}, "caller_number"),
        ({"caller_number": "anonymous"}, "caller_number"),
        ({"from": "yesterday"}, "from"),
        ({"to": "0001-01-01T00:00:00+05:00"}, "to"),
        ({"carrier_call_id": "\0"}, "carrier_call_id"),
        ({"limit": "201"}, "limit"),
        ({"since": "2026-01-01"}, "since"),
    ],
    ids=str,
)
async def test_invalid_filter_is_named(workspace: CallWorkspace, query: dict[str, str], param: str) -> None:
    reply = await workspace.ann.get(workspace.calls_path, params=query)
    assert (reply.status, reply.param) == (422, param)


async def test_live_calls_are_sorted_by_duration(workspace: CallWorkspace) -> None:
    await workspace.insert_call()
    ringing = await workspace.insert_call(status="ringing", created_at=ago(5))
    in_progress = await workspace.insert_call(
        status="in_progress", created_at=ago(100), started_at=ago(100), answered_at=ago(90)
    )
    queued = await workspace.insert_call(status="queued", direction="outbound", is_test=True)
    live = (await workspace.ann.get(f"{workspace.calls_path}/live")).body["active_calls"]
    assert [call["id"] for call in live] == [in_progress, ringing, queued]
    assert live[0]["duration_so_far"] >= 90 and live[1]["duration_so_far"] == 0
    assert (live[2]["is_test"], live[2]["status"], live[0]["agent_name"]) == (True, "queued", "Front desk")


# --- one call ---


async def test_fields_of_a_call(workspace: CallWorkspace) -> None:
    details = {"usage": {"call_ms": 4_000}, "interruptions": 1, "gaps": [{"leg": 1, "lost_ms": 900, "at_ms": 5}]}
    call_id = await workspace.insert_call(
        *CONVERSATION, details=details | {"amd": "human", "attestation": "A"}, transcription="Hello.",
        recording_key="r.wav", recording_seconds=4, end_reason="caller_hangup",
        duration_seconds=4, summary="Hours.", sentiment="neutral",
    )  # fmt: skip
    body = (await workspace.ann.get(f"{workspace.calls_path}/{call_id}")).body
    assert body["agent"] == {"id": workspace.agent_id, "name": "Front desk"}
    assert body["recording_url"] == f"{workspace.calls_path}/{call_id}/recording"
    assert (body["transcription"], body["summary"]) == ("Hello.", "Hours.")
    call = body["call"]
    assert {name: call[name] for name in details} == details
    assert (call["caller_attestation"], call["screened_at"]) == ("A", None)
    assert (call["agent_version"], call["phone_number_id"], call["answered_by"]) == (1, workspace.number_id, "human")
    assert (call["recording_seconds"], call["sentiment"], call["end_reason"]) == (4.0, "neutral", "caller_hangup")
    greeting, answer = call["turns"]
    assert (greeting["turn"], greeting["agent"], greeting["caller"]) == (0, "Hello.", "")
    assert answer == {
        "turn": 1, "caller": "Are you open?", "agent": "Until five.", "person": "",
        "start_ms": 1_500, "interrupted": True,
        "latency_ms": {
            "total": 600, "endpoint": 300, "stt": 50, "llm_first_token": 150, "tts_first_byte": 100, "playback": 0
        },
        "tools": ["opening_hours"], "citations": [],
    }  # fmt: skip


async def test_turns_have_what_a_person_said_then(workspace: CallWorkspace) -> None:
    said: list[Event] = [
        CallerSaid(1, "Are you open?", 1_000, 2_000),
        CallerSaid(2, "And on Friday?", 6_000, 7_000),
        PersonSaid("session", "We are.", 2_500, 3_000),
        PersonSaid("session", "Until five.", 3_500, 4_000),
        PersonSaid("session", "One moment.", 200, 700),
    ]
    call_id = await workspace.insert_call(*said)
    turns = (await workspace.ann.get(f"{workspace.calls_path}/{call_id}")).body["call"]["turns"]
    assert [(turn["turn"], turn["caller"], turn["person"], turn["start_ms"]) for turn in turns] == [
        (0, "", "One moment.", 200),
        (1, "Are you open?", "We are. Until five.", 1_000),
        (2, "And on Friday?", "", 6_000),
    ]


async def test_call_without_optional_data(workspace: CallWorkspace) -> None:
    call_id = await workspace.insert_call(
        agent_id=None, agent_version=None, status="failed", end_detail="unknown_number"
    )
    body = (await workspace.ann.get(f"{workspace.calls_path}/{call_id}")).body
    assert [body[name] for name in ("agent", "recording_url", "transcription", "summary")] == [None] * 4
    assert (body["call"]["turns"], body["call"]["usage"], body["call"]["gaps"]) == ([], None, [])
    assert (body["call"]["interruptions"], body["call"]["end_detail"]) == (0, "unknown_number")


async def test_events_are_paged_by_sequence_number(workspace: CallWorkspace) -> None:
    call_id = await workspace.insert_call(*CONVERSATION)
    events_path = f"{workspace.calls_path}/{call_id}/events"
    body = (await workspace.ann.get(events_path)).body["events"]
    assert [event["seq"] for event in body] == list(range(1, 8))
    assert body[2]["event_type"] == body[2]["event_data"]["type"] == "caller.said"
    assert body[2]["event_data"]["text"] == "Are you open?"
    page = (await workspace.ann.get(events_path, params={"after_seq": "2", "limit": "3"})).body
    assert ([event["seq"] for event in page["events"]], page["has_more"]) == ([3, 4, 5], True)
    assert (await workspace.ann.get(events_path, params={"after_seq": "7"})).body == {"events": [], "has_more": False}
    for name, value in (("limit", "5001"), ("limit", "0"), ("after_seq", "-2"), ("after_seq", str(2**31))):
        assert (await workspace.ann.get(events_path, params={name: value})).param == name


async def test_transcription_has_text_words_and_utterances(workspace: CallWorkspace) -> None:
    call_id = await workspace.insert_call(transcription="Agent: Hello.")
    greeting = {"speaker": "agent", "text": "Hello there.", "start_ms": 200, "end_ms": 1_500}
    answer = {"speaker": "caller", "text": "Hi.", "start_ms": 2_000, "end_ms": 2_400}
    times = [{"speaker": "caller", "start_ms": 2_000, "end_ms": 2_400, "word_ms": [2_050, 2_300]}]
    await workspace.api.owner.execute(
        "INSERT INTO call_words (call_id, workspace_id, words, word_times) VALUES ($1, $2, $3, $4)",
        UUID(call_id), UUID(workspace.workspace_id), [greeting, answer], times,
    )  # fmt: skip
    body = (await workspace.ann.get(f"{workspace.calls_path}/{call_id}/transcription")).body
    assert (body["transcription"], body["utterances"]) == ("Agent: Hello.", [greeting, answer])
    assert body["words"] == [
        {"speaker": "agent", "text": "Hello", "start_ms": 200, "end_ms": 800, "timing": "estimated"},
        {"speaker": "agent", "text": "there.", "start_ms": 800, "end_ms": 1_500, "timing": "estimated"},
        {"speaker": "caller", "text": "Hi.", "start_ms": 2_050, "end_ms": 2_300, "timing": "vendor"},
    ]
    silent = await workspace.ann.get(f"{workspace.calls_path}/{await workspace.insert_call()}/transcription")
    assert silent.body == {"transcription": None, "words": [], "utterances": []}


# --- recordings ---


async def insert_recorded_call(workspace: CallWorkspace, data: bytes = WAV, name: str = "call.wav") -> str:
    """The path of the recording of a new call."""
    key = f"recordings/{workspace.workspace_id}/{name}"
    await Storage(workspace.api.objects.as_uri()).put(key, data)
    return (
        f"{workspace.calls_path}/{await workspace.insert_call(RecordingReady(key, 4_000), recording_key=key)}/recording"
    )


async def test_whole_recording_is_returned(workspace: CallWorkspace) -> None:
    recording_path = await insert_recorded_call(workspace)
    reply = await workspace.ann.get(recording_path)
    assert (reply.status, reply.raw) == (200, WAV)
    assert reply.headers["Content-Type"] == "audio/wav" and reply.headers["Content-Length"] == str(len(WAV))
    assert reply.headers["Content-Disposition"] == f'inline; filename="{recording_path.split("/")[4]}.wav"'
    assert (await workspace.ann.get(await insert_recorded_call(workspace, b"ID3", "call.mp3"))).headers[
        "Content-Type"
    ] == "audio/mpeg"


async def test_range_of_a_recording_is_returned(workspace: CallWorkspace) -> None:
    recording_path = await insert_recorded_call(workspace)
    for requested, start, stop in (("0-43", 0, 44), ("44-", 44, len(WAV)), ("-10", len(WAV) - 10, len(WAV))):
        reply = await workspace.ann.get(recording_path, headers={"Range": f"bytes={requested}"})
        assert (reply.status, reply.raw) == (206, WAV[start:stop])
        assert reply.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(WAV)}"
    outside = await workspace.ann.get(recording_path, headers={"Range": f"bytes={len(WAV)}-"})
    assert (outside.status, outside.headers["Content-Range"]) == (416, f"bytes */{len(WAV)}")


async def test_missing_recording_is_404(workspace: CallWorkspace) -> None:
    recording_path = await insert_recorded_call(workspace)
    await asyncio.to_thread((workspace.api.objects / "recordings" / workspace.workspace_id / "call.wav").unlink)
    for path in (recording_path, f"{workspace.calls_path}/{await workspace.insert_call()}/recording"):
        reply = await workspace.ann.get(path)
        assert (reply.status, reply.code) == (404, "no_recording")


async def test_recording_without_storage_is_503(workspace: CallWorkspace) -> None:
    recording_path = await insert_recorded_call(workspace)
    folder = workspace.api.objects / "recordings"
    await asyncio.to_thread(_break_storage, folder)
    reply = await workspace.ann.get(recording_path)
    assert (reply.status, reply.code) == (503, "storage_away")
    assert reply.headers["Retry-After"]


def _break_storage(folder: Path) -> None:
    """Replaces the folder by a file, so that a lookup is an error and not a missing file."""
    folder.rename(folder.with_name("moved"))
    folder.write_bytes(b"")


async def test_storage_with_links_returns_a_link(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    storage = Storage("s3://bucket?endpoint=http://127.0.0.1:9&region=auto&links=true")
    file = await _recording(storage, "r/c.wav", "c.wav")
    assert file.link.startswith("http://127.0.0.1:9/bucket/r/c.wav?") and f"Expires={LINK_VALID_S}&" in file.link


# --- permissions ---


async def test_call_of_another_workspace_is_404(workspace: CallWorkspace) -> None:
    call_id, other = (
        await workspace.insert_call(*CONVERSATION, recording_key="r.wav"),
        await make_call_workspace(workspace.api),
    )
    for path in ("", "/recording", "/transcription", "/events"):
        reply = await other.ann.get(f"{other.calls_path}/{call_id}{path}")
        assert (reply.status, reply.code) == (404, "call_not_found"), path
        reply = await other.ann.get(f"{workspace.calls_path}/{call_id}{path}")
        assert (reply.status, reply.code) == (404, "workspace_not_found"), path
    assert await listed_ids(other) == ([], 0)
    await workspace.insert_call(status="ringing", created_at=NOW + timedelta(seconds=1))
    assert (await other.ann.get(f"{other.calls_path}/live")).body == {"active_calls": [], "has_more": False}


async def test_viewer_can_read_calls(workspace: CallWorkspace) -> None:
    recording_path = await insert_recorded_call(workspace)
    viewer = await workspace.api.member(workspace.workspace_id, "viewer")
    call = recording_path.removesuffix("/recording")
    for path in (
        workspace.calls_path,
        f"{workspace.calls_path}/live",
        call,
        recording_path,
        f"{call}/transcription",
        f"{call}/events",
    ):
        assert (await viewer.get(path)).status == 200, path


async def test_both_numbers_are_in_the_first_event(workspace: CallWorkspace) -> None:
    """Twilio's streams do not name them, so media cannot."""
    call_id = await workspace.insert_call(*CONVERSATION[:2])
    (started, said) = (await workspace.ann.get(f"{workspace.calls_path}/{call_id}/events")).body["events"]
    numbers = (started["event_data"]["caller"], started["event_data"]["called"])
    assert numbers == ("+14155550100", workspace.number)
    assert "caller" not in said["event_data"]


async def test_times_of_an_older_call_are_in_order(workspace: CallWorkspace) -> None:
    """The version before stored a start that the carrier had rounded down."""
    call_id = await workspace.insert_call(created_at=NOW + timedelta(seconds=0.4), started_at=NOW)
    call = (await workspace.ann.get(f"{workspace.calls_path}/{call_id}")).body["call"]
    assert call["started_at"] == call["created_at"]

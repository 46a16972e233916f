"""Test cases and test runs in the API."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
import pytest_asyncio

from control.agent_tests import service
from control.agent_tests.service import delete_cases_of_calls
from shared.events import AnnouncementHeard, CallEnded, CallUsage, ToolRan, TurnLatency
from shared.plan import CallPlan, ProviderPlan
from shared.recording_keys import recordings_prefix
from tests.control.api.call_workspace import NOW, CallWorkspace, make_call_workspace
from tests.platform.api import running_api

pytestmark = pytest.mark.asyncio(loop_scope="module")
TURN = {"text": "Do you have time on Friday?"}
SCRIPT = {"turns": [TURN], "assertions": [{"kind": "says", "value": "Friday"}]}
REPORT = {
    "verdicts": [{"check": 'says "Friday"', "passed": False, "detail": "not said", "at_ms": 4_000}],
    "utterances": [{"speaker": "caller", "text": "Do you have time?", "start_ms": 1_000, "end_ms": 2_000}],
    "end_reason": "caller_hangup",
    "duration_ms": 9_000,
}
UTTERANCES = [
    {"speaker": "agent", "text": "Hello, how can I help?", "start_ms": 0, "end_ms": 1_500},
    {"speaker": "caller", "text": "What does a check-up cost?", "start_ms": 2_300, "end_ms": 3_900},
    {"speaker": "agent", "text": "It costs $89, and it takes", "start_ms": 4_500, "end_ms": 6_100},
    {"speaker": "caller", "text": "Book it for Friday.", "start_ms": 6_000, "end_ms": 7_000},
    {"speaker": "agent", "text": "Booked.", "start_ms": 7_900, "end_ms": 8_500},
]
EVENTS = (
    AnnouncementHeard(900, "disclosure"),
    TurnLatency(1, 1_600, 0, 0, 0, 0),
    ToolRan(2, "book", True, "Booked for Friday.", 400),
    CallEnded("completed", "caller_hangup", "", 9_000, CallUsage()),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def workspace(database_url: str, valkey_url: str) -> AsyncIterator[CallWorkspace]:
    async with running_api(database_url, valkey_url) as api:
        yield await make_call_workspace(api, tier="business")


async def insert_call(workspace: CallWorkspace, utterances: list[dict[str, Any]] | None = None, **columns: Any) -> str:
    ended = {"answered_at": NOW, "ended_at": NOW + timedelta(seconds=9), "end_reason": "caller_hangup"}
    call_id = await workspace.insert_call(*EVENTS, **{**ended, **columns})
    words = UTTERANCES if utterances is None else utterances
    if words:
        await workspace.api.owner.execute(
            "INSERT INTO call_words (call_id, workspace_id, words) VALUES ($1, $2, $3)",
            UUID(call_id), UUID(workspace.workspace_id), words,
        )  # fmt: skip
    return call_id


async def make_case(workspace: CallWorkspace, **columns: Any) -> dict[str, Any]:
    call_id = await insert_call(workspace, **columns)
    made = await workspace.ann.post(f"{workspace.calls_path}/{call_id}/test-case", {"name": "Books"})
    assert made.status == 201, made.body
    case: dict[str, Any] = made.body["test_case"]
    return case


def recorded(workspace: CallWorkspace, **details: Any) -> dict[str, Any]:
    """Columns of a call that media recorded."""
    key = f"{recordings_prefix(UUID(workspace.workspace_id))}x-0.wav"
    recording = {"key": key, "leg": 0, "duration_ms": 9_000}
    return {"recording_key": key, "details": {"recordings": [recording], **details}}


async def test_a_case_written_by_hand_is_listed_replaced_and_deleted(workspace: CallWorkspace) -> None:
    ann, path = workspace.ann, f"{workspace.path}/test-cases"
    made = await ann.post(path, {"agent_id": workspace.agent_id, "name": "Friday", "script": SCRIPT})
    assert made.status == 201, made.body
    case = made.body["test_case"]
    assert (case["source_call_id"], case["recording_url"], case["script"]["turns"][0]["pause_ms"]) == (None, None, 500)
    listed = (await ann.get(path, params={"agent_id": workspace.agent_id})).body
    assert [one["id"] for one in listed["test_cases"]] == [case["id"]]
    assert (await ann.get(path, params={"agent_id": workspace.number_id})).body["total"] == 0
    changed = await ann.put(f"{path}/{case['id']}", {"name": "Monday", "script": {"turns": [{"text": "Monday?"}]}})
    assert (changed.status, changed.body["test_case"]["script"]["assertions"]) == (200, [])
    assert (await ann.get(f"{path}/{case['id']}")).body["test_case"]["name"] == "Monday"
    assert (await ann.delete(f"{path}/{case['id']}")).status == 204
    assert (await ann.get(f"{path}/{case['id']}")).code == "test_case_not_found"
    assert await workspace.audit_actions(case["id"]) == ["test_case.create", "test_case.update", "test_case.delete"]


@pytest.mark.parametrize(
    ("script", "code", "param"),
    [
        ({"turns": []}, "invalid", "script.turns"),
        ({"turns": [{**TURN, "pitch": 2}]}, "invalid", "script.turns.0.pitch"),
        ({"turns": [{**TURN, "start_ms": 4}]}, "span_incomplete", "script.turns.0.end_ms"),
        ({"turns": [{**TURN, "start_ms": 4, "end_ms": 4}]}, "span_incomplete", "script.turns.0.end_ms"),
        ({"turns": [{**TURN, "start_ms": 4, "end_ms": 9}]}, "span_without_call", "script.turns.0.start_ms"),
        (
            {"turns": [TURN], "assertions": [{"kind": "answers_within"}]},
            "assertion_incomplete",
            "script.assertions.0.most_ms",
        ),
    ],
)
async def test_rejects_a_bad_script_and_names_the_field(
    workspace: CallWorkspace, script: dict[str, Any], code: str, param: str
) -> None:
    body = {"agent_id": workspace.agent_id, "name": "Bad", "script": script}
    reply = await workspace.ann.post(f"{workspace.path}/test-cases", body)
    assert (reply.status, reply.code, reply.param) == (422, code, param), reply.body


async def test_a_call_becomes_a_case_in_one_request(workspace: CallWorkspace) -> None:
    case = await make_case(workspace, **recorded(workspace))
    script = case["script"]
    assert case["recording_url"] == f"{workspace.calls_path}/{case['source_call_id']}/recording"
    first, second = script["turns"]
    assert (first["text"], first["reacts_to"], first["pause_ms"]) == (
        "What does a check-up cost?", "Hello, how can I help?", 800,
    )  # fmt: skip
    assert (first["start_ms"], first["end_ms"], first["interrupts_after_words"]) == (2_100, 4_100, None)
    assert (second["interrupts_after_words"], second["pause_ms"]) == (6, 0)
    assert script["tools"] == [
        {"name": "book", "arguments": None, "result": "Booked for Friday.", "is_ok": True, "delay_ms": 400}
    ]
    found = {(one["kind"], one["value"] or one["most_ms"]) for one in script["assertions"]}
    assert found == {
        ("announces", "disclosure"), ("calls_tool", "book"), ("never_transfers", None), ("says", "$89"),
        ("answers_within", 2_600), ("silence_within", 8_000),
    }  # fmt: skip
    assert (script["hangs_up"], script["at"][:10]) == (True, f"{NOW:%Y-%m-%d}")


async def test_a_redacted_call_gives_neither_audio_nor_withheld_words(workspace: CallWorkspace) -> None:
    call_id = await insert_call(
        workspace,
        [{"speaker": "caller", "text": "It is [redacted: card number].", "start_ms": 900, "end_ms": 2_000}],
        **recorded(workspace, redaction={"kinds": ["card_number"]}),
    )
    made = await workspace.ann.post(f"{workspace.calls_path}/{call_id}/test-case", {"name": "Card"})
    case = made.body["test_case"]
    (turn,) = case["script"]["turns"]
    assert (case["recording_url"], turn["start_ms"], turn["end_ms"]) == (None, None, None)
    assert turn["text"] == "It is 4242 4242 4242 4242."


async def test_a_carriers_recording_is_not_cut(workspace: CallWorkspace) -> None:
    case = await make_case(workspace, recording_key="x-carrier.wav")
    assert (case["recording_url"], case["script"]["turns"][0]["start_ms"]) == (None, None)


async def test_refuses_calls_that_cannot_become_cases(workspace: CallWorkspace) -> None:
    running = await insert_call(workspace, status="in_progress", ended_at=None, end_reason=None)
    silent = await insert_call(workspace, [])
    for call_id, code in ((running, "call_not_over"), (silent, "call_without_words")):
        reply = await workspace.ann.post(f"{workspace.calls_path}/{call_id}/test-case", {"name": "x"})
        assert (reply.status, reply.code) == (409, code)
    elsewhere = await workspace.ann.post(f"{workspace.calls_path}/{workspace.number_id}/test-case", {"name": "x"})
    assert (elsewhere.status, elsewhere.code) == (404, "call_not_found")


async def test_the_number_of_cases_is_bounded(workspace: CallWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MOST_CASES", 0)
    body = {"agent_id": workspace.agent_id, "name": "x", "script": SCRIPT}
    reply = await workspace.ann.post(f"{workspace.path}/test-cases", body)
    assert (reply.status, reply.code) == (409, "test_case_limit")


async def test_a_run_shows_its_progress_and_results(workspace: CallWorkspace) -> None:
    ann, case = workspace.ann, await make_case(workspace)
    other = await make_case(workspace)
    runs = f"{workspace.path}/agents/{workspace.agent_id}/test-runs"
    begun = await ann.post(runs, {"case_ids": [case["id"], other["id"]]})
    assert begun.status == 201, begun.body
    run = begun.body["test_run"]
    assert (run["pending"], run["agent_version"]) == (2, 1)
    path = f"{workspace.path}/test-runs/{run['id']}"
    planned = await ann.get(f"{path}/test-cases/{case['id']}")
    assert planned.status == 200, planned.body
    plan = msgspec.convert(planned.body["call_plan"], CallPlan)
    assert (plan.stt, plan.llm, plan.tts) == (
        [ProviderPlan("local")], [ProviderPlan("receptionist")], [ProviderPlan("local")],
    )  # fmt: skip
    saved = await ann.put(f"{path}/test-cases/{case['id']}/result", {"report": REPORT})
    assert (saved.body["test_run"]["failed"], saved.body["test_run"]["pending"]) == (1, 1)
    passing = {**REPORT, "verdicts": []}
    assert (await ann.put(f"{path}/test-cases/{case['id']}/result", {"report": passing})).body["test_run"][
        "passed"
    ] == 1
    fault = await ann.put(f"{path}/test-cases/{other['id']}/result", {"report": {"error": "no voice"}})
    assert fault.body["test_run"]["errors"] == 1
    shown = (await ann.get(path)).body
    assert [(one["case_id"], one["status"]) for one in shown["results"]] == [
        (case["id"], "passed"), (other["id"], "error"),
    ]  # fmt: skip
    assert (await ann.get(runs)).body["test_runs"][0]["id"] == run["id"]
    missing = await ann.put(f"{path}/test-cases/{workspace.number_id}/result", {"report": REPORT})
    assert (missing.status, missing.code) == (404, "test_case_not_found")
    assert await workspace.audit_actions(run["id"]) == ["test_run.begin"]


async def test_a_run_may_test_the_draft(workspace: CallWorkspace) -> None:
    ann, case = workspace.ann, await make_case(workspace)
    agent = f"{workspace.path}/agents/{workspace.agent_id}"
    refused = await ann.post(f"{agent}/test-runs", {"uses_draft": True})
    assert (refused.status, refused.code) == (404, "draft_not_found")
    assert (await ann.put(f"{agent}/draft", {"config": {"greeting": "Good day."}})).status in (200, 201)
    begun = await ann.post(f"{agent}/test-runs", {"uses_draft": True, "case_ids": [case["id"]]})
    run = begun.body["test_run"]
    planned = await ann.get(f"{workspace.path}/test-runs/{run['id']}/test-cases/{case['id']}")
    assert planned.body["call_plan"]["agent"]["greeting"] == "Good day."
    unknown = await ann.post(f"{agent}/test-runs", {"version": 99})
    assert (unknown.status, unknown.code) == (404, "version_not_found")
    foreign = await ann.post(f"{agent}/test-runs", {"case_ids": [workspace.number_id]})
    assert (foreign.status, foreign.code) == (422, "test_case_unknown")


async def test_old_runs_are_deleted(workspace: CallWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    case = await make_case(workspace)
    monkeypatch.setattr(service, "MOST_RUNS", 2)
    runs = f"{workspace.path}/agents/{workspace.agent_id}/test-runs"
    ids = [(await workspace.ann.post(runs, {"case_ids": [case["id"]]})).body["test_run"]["id"] for _ in range(3)]
    assert [run["id"] for run in (await workspace.ann.get(runs)).body["test_runs"]] == ids[:0:-1]


async def test_a_case_is_deleted_with_the_words_of_its_call(workspace: CallWorkspace) -> None:
    ann, case = workspace.ann, await make_case(workspace)
    kept = await make_case(workspace)
    runs = f"{workspace.path}/agents/{workspace.agent_id}/test-runs"
    run = (await ann.post(runs, {"case_ids": [case["id"], kept["id"]]})).body["test_run"]
    path = f"{workspace.path}/test-runs/{run['id']}"
    assert (await ann.put(f"{path}/test-cases/{case['id']}/result", {"report": REPORT})).status == 200
    source = UUID(case["source_call_id"])
    deleted = await delete_cases_of_calls(workspace.api.owner, UUID(workspace.workspace_id), [source])
    assert deleted == 1
    assert (await ann.get(f"{workspace.path}/test-cases/{case['id']}")).status == 404
    assert [one["case_id"] for one in (await ann.get(path)).body["results"]] == [kept["id"]]


async def test_cases_of_other_workspaces_do_not_exist(workspace: CallWorkspace) -> None:
    case, other = await make_case(workspace), await make_call_workspace(workspace.api)
    for reply in (
        await other.ann.get(f"{other.path}/test-cases/{case['id']}"),
        await other.ann.delete(f"{other.path}/test-cases/{case['id']}"),
        await other.ann.post(f"{other.calls_path}/{case['source_call_id']}/test-case", {"name": "x"}),
    ):
        assert reply.status == 404

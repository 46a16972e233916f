"""Deletion of one caller: nothing of the number and of what was said is left anywhere, and the rest stays."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from control.calls.blocked_callers.service import BlockedCallers
from control.calls.events.service import parse_event, write_events
from control.calls.recordings.service import DELETE_RECORDINGS
from control.calls.records.refusals import RefusedCall
from control.db.jobs import JobFailed
from control.privacy.caller_deletions.service import DELETE_CALLER
from control.privacy.rules import CallerDeletion
from control.privacy.service import Privacy
from shared.errors import Conflict, Invalid
from shared.events import CallerSaid, Event, RecordingReady
from shared.recording_keys import recordings_prefix
from shared.storage import StorageUnavailable
from tests.control.calls.call_platform import CallPlatform, carrier_unavailable
from tests.control.calls.consumed_events import delete_marks, encoded_event, marked_days
from tests.control.privacy.filled_workspace import (
    NOTE,
    SPOKEN,
    FilledWorkspace,
    make_filled_workspace,
    run_all,
    run_queued,
)
from tests.control.privacy.remains import search_database, search_files, search_redis

CALLER, OTHER = "+491511234567", "+491517654321"
NOW = datetime.now(UTC)
BEFORE = NOW - timedelta(days=3)
# Where the generic search finds the caller before.
PLACES = {
    "appointments.phone", "appointments.title", "contacts.mobile_phone",
    "blocked_callers.caller", "blocked_callers.note", "call_events.event_data", "call_search.words", "call_words.words",
    "calls.analysis", "calls.called_number", "calls.caller_number", "calls.details", "calls.metadata", "calls.summary",
    "calls.transcription", "calls.variables", "campaign_attempts.phone_number", "campaign_recipients.phone_number",
    "campaign_recipients.reference", "do_not_call_numbers.note", "do_not_call_numbers.number",
    "idempotency_keys.answer", "messages.callback_number", "messages.text",
    "outbound_webhook_attempts.answer", "outbound_webhook_events.data",
    "phone_codes.phone_number", "test_cases.script", "tool_runs.outcome", "webhook_events.payload",
}  # fmt: skip


async def request(filled: FilledWorkspace, number: str = CALLER, now: datetime | None = None) -> CallerDeletion:
    deletions, workspace = filled.platform.services[Privacy].deletions, filled.workspace
    return await filled.platform.in_workspace(
        workspace, lambda db: deletions.request(db, workspace.actor, filled.id, number, now or datetime.now(UTC))
    )


async def load(filled: FilledWorkspace, deletion_id: UUID) -> CallerDeletion:
    row = await filled.platform.in_platform(
        lambda db: db.fetchrow("SELECT * FROM caller_deletions WHERE id = $1", deletion_id)
    )
    return CallerDeletion(**{name: row[name] for name in CallerDeletion.__slots__})


async def test_nothing_is_left_of_a_caller(
    platform: CallPlatform,
    fresh_filled: FilledWorkspace,
    database_url: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    filled, words = fresh_filled, [CALLER, SPOKEN, NOTE, CALLER[3:]]
    calls = await filled.fill(CALLER, BEFORE)
    exports, workspace = platform.services[Privacy].exports, filled.workspace
    await platform.in_workspace(workspace, lambda db: exports.request(db, workspace.actor, filled.id, NOW))
    await run_all(platform)
    assert await search_database(database_url, words) == PLACES
    assert len(search_files(tmp_path, words)) == 3
    checkpoints = await search_redis(platform.redis, [str(calls[0])])
    assert len(checkpoints) == 1
    capfd.readouterr()

    deletion = await request(filled)
    await run_all(platform)

    assert await search_database(database_url, words) == set()
    assert search_files(tmp_path, words) == set()
    assert await search_redis(platform.redis, [*words, str(calls[0])]) == set()
    assert not any(word in "".join(capfd.readouterr()) for word in words)
    assert platform.gateway.deleted == [f"RE{calls[0].hex}"]
    done = await load(filled, deletion.id)
    assert (done.status, done.caller) == ("done", deletion.caller)
    assert done.counts == {
        "calls": 3, "transcripts": 3, "events": 8, "recordings": 1, "messages": 2, "tool_runs": 2, "transfers": 1,
        "phone_codes": 1, "blocked_callers": 1, "stored_responses": 1, "exports": 1, "webhooks": 1, "webhook_events": 2,
        "contacts": 1, "appointments": 1, "do_not_call": 1, "campaign_recipients": 1, "test_cases": 3,
    }  # fmt: skip
    log = await platform.in_platform(
        lambda db: db.fetch("SELECT action, actor, actor_id, details FROM audit_log WHERE action LIKE 'caller.delete%'")
    )
    assert [(row["action"], row["actor"]) for row in log] == [("caller.delete", "user"), ("caller.deleted", "system")]
    assert log[0]["actor_id"] == workspace.actor.id
    assert log[1]["details"]["after"] == {"caller": deletion.caller, **done.counts}


@pytest.fixture
async def fresh_filled(platform: CallPlatform) -> FilledWorkspace:
    return await make_filled_workspace(platform)


async def test_calls_stay_with_a_pseudonym_and_others_stay_whole(platform: CallPlatform) -> None:
    filled, elsewhere = await make_filled_workspace(platform), await make_filled_workspace(platform)
    mine = await filled.insert_call(CALLER, at=BEFORE)
    others = [await filled.insert_call(OTHER, at=BEFORE), await elsewhere.insert_call(CALLER, at=BEFORE)]
    kept = [await filled.record(others[0]), await elsewhere.record(others[1])]
    await delete_marks(platform)
    deletion = await request(filled)
    await run_all(platform)
    assert await marked_days(platform, filled.id) == {BEFORE.date()}, "figures lose what was concluded of the caller"
    row = await platform.call_row(mine)
    assert (row["caller_number"], row["called_number"]) == (deletion.caller, filled.workspace.number)
    assert row["status"] == "completed"
    assert {
        row[name] for name in ("transcription", "summary", "sentiment", "sentiment_score", "success", "analysis")
    } == {None}
    for call_id in others:
        row = await platform.call_row(call_id)
        assert SPOKEN in row["transcription"] and row["caller_number"] in (OTHER, CALLER)
    for key in kept:
        assert await platform.storage.get(key)
    assert (await request(elsewhere)).caller != deletion.caller


async def test_running_call_is_deleted_after_its_end(platform: CallPlatform) -> None:
    filled = await make_filled_workspace(platform)
    call_id = await filled.insert_call(CALLER, at=BEFORE, status="in_progress")
    deletion = await request(filled)
    assert await run_queued(platform) == [DELETE_CALLER]
    assert (await platform.call_row(call_id))["caller_number"] == CALLER
    assert (await load(filled, deletion.id)).status == "running"
    assert await run_queued(platform) == [DELETE_CALLER]  # it waits
    await platform.in_platform(lambda db: db.execute("UPDATE calls SET status = 'completed' WHERE id = $1", call_id))
    await run_all(platform)
    assert (await platform.call_row(call_id))["caller_number"] == deletion.caller
    assert (await load(filled, deletion.id)).status == "done"


async def test_deletion_is_not_done_while_a_recording_is_left(platform: CallPlatform) -> None:
    filled = await make_filled_workspace(platform)
    await filled.record(await filled.insert_call(CALLER, at=BEFORE))
    platform.gateway.answers["delete_recording"] = carrier_unavailable()
    deletion = await request(filled)
    await run_queued(platform, only=DELETE_CALLER)
    with pytest.raises(JobFailed):
        await run_queued(platform, only=DELETE_RECORDINGS)
    await run_queued(platform, only=DELETE_CALLER)
    assert (await load(filled, deletion.id)).status == "running"
    del platform.gateway.answers["delete_recording"]
    await run_all(platform)
    assert (await load(filled, deletion.id)).status == "done"


async def test_job_goes_on_where_it_was_killed(platform: CallPlatform, monkeypatch: pytest.MonkeyPatch) -> None:
    filled = await make_filled_workspace(platform)
    await filled.fill(CALLER, BEFORE)
    exports, workspace = platform.services[Privacy].exports, filled.workspace
    await platform.in_workspace(workspace, lambda db: exports.request(db, workspace.actor, filled.id, NOW))
    await run_all(platform)
    deletion = await request(filled)

    async def fail(key: str) -> None:
        raise StorageUnavailable("ConnectError")

    with monkeypatch.context() as patched:
        patched.setattr(platform.storage, "delete", fail)
        with pytest.raises(JobFailed, match="storage"):
            await run_queued(platform, only=DELETE_CALLER)
    halfway = await load(filled, deletion.id)
    assert halfway.status == "running" and halfway.counts["calls"] == 3
    await run_all(platform)
    done = await load(filled, deletion.id)
    assert (done.status, done.counts["calls"], done.counts["exports"]) == ("done", 3, 1)


async def test_export_of_the_time_while_a_deletion_waits_is_withdrawn(platform: CallPlatform) -> None:
    filled = await make_filled_workspace(platform)
    call_id = await filled.insert_call(CALLER, at=BEFORE, status="in_progress")
    deletion = await request(filled)
    exports, workspace = platform.services[Privacy].exports, filled.workspace
    await platform.in_workspace(
        workspace, lambda db: exports.request(db, workspace.actor, filled.id, datetime.now(UTC))
    )
    await run_queued(platform)
    assert len(await platform.storage.list_keys()) == 1, "it holds the running call"
    await platform.in_platform(lambda db: db.execute("UPDATE calls SET status = 'completed' WHERE id = $1", call_id))
    await run_all(platform)
    done = await load(filled, deletion.id)
    assert (done.status, done.counts["exports"], await platform.storage.list_keys()) == ("done", 1, [])


async def test_late_events_bring_nothing_back(platform: CallPlatform) -> None:
    filled = await make_filled_workspace(platform)
    call_id = await filled.insert_call(CALLER, at=BEFORE)
    await request(filled)
    await run_all(platform)
    key = f"{recordings_prefix(filled.id)}{call_id}-0.wav"
    await platform.storage.put(key, b"RIFF")
    late: list[tuple[int, Event]] = [(50, CallerSaid(9, SPOKEN, 1, 2)), (51, RecordingReady(key, 1_000))]
    lines = [parse_event(str(seq), encoded_event(call_id, seq, event)) for seq, event in late]
    await platform.in_platform(lambda db: write_events(db, lines))
    await run_all(platform)
    stored = await platform.in_platform(
        lambda db: db.fetch("SELECT event_type FROM call_events WHERE call_id = $1", call_id)
    )
    assert [row["event_type"] for row in stored] == ["recording.ready"]
    assert await platform.storage.delete_folder(recordings_prefix(filled.id).rstrip("/")) == 0


async def test_blocked_caller_stays_blocked(platform: CallPlatform) -> None:
    filled = await make_filled_workspace(platform)
    workspace, blocked = filled.workspace, platform.services[BlockedCallers]
    await platform.in_workspace(
        workspace, lambda db: blocked.block(db, filled.id, workspace.actor, "+14155550100", "", NOW)
    )
    await request(filled, "+14155550100")
    await run_all(platform)
    await platform.in_workspace(
        workspace, lambda db: blocked.block(db, filled.id, workspace.actor, "+14155550100", "", NOW)
    )
    await request(filled, "+14155550100")
    await run_all(platform)
    refused = await platform.ring(workspace)
    assert isinstance(refused, RefusedCall) and refused.reason == "blocked"
    rows = await platform.in_platform(
        lambda db: db.fetch("SELECT caller FROM blocked_callers WHERE workspace_id = $1", filled.id)
    )
    assert [row["caller"].startswith("deleted-") for row in rows] == [True]


async def test_own_numbers_and_too_many_at_once_are_refused(platform: CallPlatform) -> None:
    filled = await make_filled_workspace(platform)
    with pytest.raises(Invalid) as own:
        await request(filled, filled.workspace.number)
    assert own.value.code == "number_is_own"
    for index in range(20):
        await request(filled, f"+49151000{index:04}")
    with pytest.raises(Conflict) as many:
        await request(filled)
    assert many.value.code == "deletion_limit"

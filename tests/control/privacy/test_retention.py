"""Retention: whose days count, and what is deleted of calls that are older."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control.calls.events.service import parse_event, write_events
from control.calls.recordings.service import DELETE_RECORDINGS
from control.db.jobs import JobFailed
from control.platform.service import Platform
from control.privacy.retention import tasks as retention_tasks
from control.privacy.retention.rules import KINDS, RetentionLimit, RetentionTerms, apply_grace, days_name, make_terms
from control.privacy.retention.tasks import apply_retention
from control.privacy.rules import RetentionKind
from control.privacy.service import Privacy
from shared.errors import Invalid
from shared.events import CallerSaid, Event, RecordingReady, UsageRecorded
from shared.recording_keys import recordings_prefix
from shared.storage import StorageUnavailable
from tests.control.calls.call_platform import CallPlatform, carrier_unavailable
from tests.control.calls.consumed_events import encoded_event
from tests.control.privacy.filled_workspace import FilledWorkspace, make_filled_workspace, run_all, run_queued

NOW = datetime.now(UTC)
PLATFORM: Mapping[RetentionKind, int] = {"recording": 100, "transcript": 100, "event": 100}
_DAYS = st.one_of(st.none(), st.integers(1, 400))


def days_of(terms: RetentionTerms) -> dict[str, int]:
    return {kind: terms.days(kind) for kind in KINDS}


def test_tier_goes_before_the_platform_and_the_workspace_may_only_shorten() -> None:
    assert days_of(make_terms(PLATFORM, {}, {})) == {"recording": 100, "transcript": 100, "event": 100}
    tier = {"recording_days": 30, "transcript_days": 300}
    assert days_of(make_terms(PLATFORM, tier, {})) == {"recording": 30, "transcript": 300, "event": 100}
    own = {"retention": {"recording_days": 7, "transcript_days": 400}}
    assert days_of(make_terms(PLATFORM, tier, own)) == {"recording": 7, "transcript": 300, "event": 100}


def test_features_that_are_no_days_count_as_none() -> None:
    for nonsense in (0, -1, True, "30", 1.5, None):
        assert make_terms(PLATFORM, {"recording_days": nonsense}, {}).days("recording") == 100
    assert make_terms(PLATFORM, {}, {"retention": "all"}).days("recording") == 100


@given(
    tier=st.fixed_dictionaries({days_name(kind): _DAYS for kind in KINDS}),
    own=st.dictionaries(st.sampled_from([days_name(kind) for kind in KINDS]), st.integers(1, 400)),
)
@settings(max_examples=50)
def test_nothing_is_kept_longer_than_allowed(tier: dict[str, Any], own: dict[str, int]) -> None:
    terms = make_terms(PLATFORM, tier, {"retention": own})
    for kind in KINDS:
        assert 1 <= terms.days(kind) <= terms.longest[kind]
        assert terms.days(kind) <= own.get(days_name(kind), 400)
    assert terms.days("event") <= terms.days("transcript")


@given(steps=st.lists(st.tuples(st.integers(0, 10), st.integers(1, 100)), min_size=1, max_size=12))
@settings(max_examples=100)
def test_fewer_days_count_after_the_grace_only(steps: list[tuple[int, int]]) -> None:
    """steps: days that pass, and what is allowed then."""
    grace, now, limit, history = timedelta(days=7), NOW, None, list[tuple[datetime, int]]()
    for passed, longest in steps:
        now += timedelta(days=passed)
        before = limit
        limit = apply_grace(before, longest, grace, now)
        history.append((now, longest))
        assert longest <= limit.days <= max(days for _, days in history)
        if before is not None and limit.days < before.days:
            last_allowed = max(at for at, days in history if days >= before.days)
            assert limit.days == longest and now - last_allowed >= grace
    assert apply_grace(RetentionLimit(9), 3, timedelta(0), NOW) == RetentionLimit(3)


async def choose(filled: FilledWorkspace, **days: int | None) -> RetentionTerms:
    """days: by kind."""
    retention, workspace = filled.platform.services[Privacy].retention, filled.workspace
    return await filled.platform.in_workspace(
        workspace,
        lambda db: retention.change(db, workspace.actor, filled.id, days, NOW),  # type: ignore[arg-type]
    )


async def held(filled: FilledWorkspace, call_id: UUID) -> set[str]:
    """What the call still holds."""
    row = await filled.platform.in_platform(
        lambda db: db.fetchrow(
            """
            SELECT recording_key IS NOT NULL AS recording, transcription IS NOT NULL AS transcript,
                   EXISTS (SELECT FROM call_words w WHERE w.call_id = c.id) AS words,
                   EXISTS (SELECT FROM messages m WHERE m.call_id = c.id) AS message,
                   EXISTS (SELECT FROM outbound_webhook_events o WHERE o.call_id = c.id) AS webhook,
                   EXISTS (SELECT FROM test_cases t WHERE t.source_call_id = c.id) AS test_case,
                   EXISTS (SELECT FROM call_events e WHERE e.call_id = c.id) AS event
            FROM calls c WHERE id = $1
            """,
            call_id,
        )
    )
    return {name for name, is_there in row.items() if is_there}


async def apply(platform: CallPlatform) -> int:
    return await apply_retention(platform.pool, platform.services[Platform], NOW)


async def old_call(filled: FilledWorkspace, days: float) -> tuple[UUID, str]:
    """A call of so many days ago that holds everything, and the key of its recording."""
    at = NOW - timedelta(days=days)
    call_id = await filled.insert_call("+491511234567", at=at)
    await filled.leave_message(call_id, "", at)
    return call_id, await filled.record(call_id)


EVERYTHING = {"recording", "transcript", "words", "message", "webhook", "test_case", "event"}


async def test_each_kind_is_deleted_at_its_age(platform: CallPlatform) -> None:
    filled = await make_filled_workspace(platform)
    terms = await choose(filled, recording=10, transcript=30, event=20)
    assert days_of(terms) == {"recording": 10, "transcript": 30, "event": 20}
    ages = {days: (await old_call(filled, days))[0] for days in (9.9, 10.1, 20.1, 30.1)}
    await apply(platform)
    await run_all(platform)
    assert {days: await held(filled, call_id) for days, call_id in ages.items()} == {
        9.9: EVERYTHING, 10.1: EVERYTHING - {"recording"}, 20.1: {"transcript", "words", "message", "webhook"},
        30.1: set(),
    }  # fmt: skip
    assert len(await platform.storage.list_keys()) == 2  # of the first call
    assert len(platform.gateway.deleted) == 3
    row = await platform.call_row(ages[30.1])
    assert (row["caller_number"], row["status"]) == ("+491511234567", "completed")
    assert (row["summary"], row["analysis"], row["analysis_status"]) == (None, None, None)
    judgment = (row["sentiment"], row["sentiment_score"], row["success"])
    assert judgment == ("positive", 0.5, True), "a rebuild gives the same figures of old days"
    assert await apply(platform) == 0


async def test_tier_that_is_lowered_by_accident_deletes_nothing_at_once(platform: CallPlatform) -> None:
    filled = await make_filled_workspace(platform)
    call_id, _ = await old_call(filled, 50)

    async def lower(days: int | None, at: datetime) -> set[str]:
        await platform.in_platform(
            lambda db: db.execute(
                "UPDATE tiers SET features = features || $1 WHERE tier_name = "
                "(SELECT tier_name FROM workspaces WHERE id = $2)",
                {"recording_days": days, "transcript_days": days}, filled.id,
            )
        )  # fmt: skip
        await apply_retention(platform.pool, platform.services[Platform], at)
        await run_all(platform)
        return await held(filled, call_id)

    assert await lower(None, NOW) == EVERYTHING
    assert await lower(3, NOW + timedelta(hours=1)) == EVERYTHING
    assert await lower(3, NOW + timedelta(days=6)) == EVERYTHING
    assert await lower(None, NOW + timedelta(days=6, hours=1)) == EVERYTHING, "somebody noticed"
    await choose(filled, recording=60)
    assert await lower(3, NOW + timedelta(days=8)) == EVERYTHING, "a grace of its own"
    await lower(None, NOW + timedelta(days=8))
    await choose(filled, recording=40)
    assert await lower(3, NOW + timedelta(days=9)) == EVERYTHING - {"recording"}, "the owner's choice counts at once"
    assert await lower(3, NOW + timedelta(days=16)) == set()
    assert await lower(None, NOW + timedelta(days=17)) == set()


async def test_other_workspaces_keep_theirs(platform: CallPlatform) -> None:
    filled, other = await make_filled_workspace(platform), await make_filled_workspace(platform)
    await choose(filled, recording=1, transcript=1)
    (mine, _), (theirs, _) = await old_call(filled, 2), await old_call(other, 2)
    await apply(platform)
    await run_all(platform)
    assert (await held(filled, mine), await held(other, theirs)) == (set(), EVERYTHING)


async def test_run_goes_on_where_the_last_one_ended(platform: CallPlatform, monkeypatch: pytest.MonkeyPatch) -> None:
    filled = await make_filled_workspace(platform)
    await choose(filled, transcript=5, event=5)
    calls = [await filled.insert_call("+491511234567", at=NOW - timedelta(days=10 - index)) for index in range(3)]
    monkeypatch.setattr(retention_tasks, "BATCH", 1)
    monkeypatch.setattr(retention_tasks, "CALLS_PER_RUN", 2)
    runs = [await apply(platform) for _ in range(4)]
    assert sorted(runs, reverse=True) == runs and sum(runs) == 6 and runs[-1] == 0
    assert [await held(filled, call) for call in calls] == [set()] * 3


async def test_call_that_is_not_over_is_waited_for(platform: CallPlatform) -> None:
    filled = await make_filled_workspace(platform)
    await choose(filled, transcript=1)
    old = NOW - timedelta(days=3)
    running = await filled.insert_call("+491511234567", at=old, status="in_progress")
    behind = await filled.insert_call("+491511234567", at=old + timedelta(seconds=1))
    assert await apply(platform) == 0
    await platform.in_platform(lambda db: db.execute("UPDATE calls SET status = 'completed' WHERE id = $1", running))
    await apply(platform)
    assert [await held(filled, one) for one in (running, behind)] == [set(), set()]


async def test_recording_goes_when_storage_and_carrier_are_back(
    platform: CallPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled = await make_filled_workspace(platform)
    await choose(filled, recording=1)
    call_id, key = await old_call(filled, 2)

    async def fail(key: str) -> None:
        raise StorageUnavailable("ConnectError")

    await apply(platform)
    with monkeypatch.context() as patched:
        patched.setattr(platform.storage, "delete", fail)
        with pytest.raises(JobFailed, match="storage"):
            await run_queued(platform, only=DELETE_RECORDINGS)
    assert (await platform.call_row(call_id))["recording_key"] == key  # the row still names it
    await platform.in_platform(lambda db: db.execute("UPDATE pgqueuer SET status = 'failed'"))
    await apply(platform)
    queued = await platform.in_platform(lambda db: db.fetchval("SELECT count(*) FROM pgqueuer WHERE status = 'queued'"))
    assert queued == 1
    platform.gateway.answers["delete_recording"] = carrier_unavailable()
    with pytest.raises(JobFailed):
        await run_queued(platform)
    del platform.gateway.answers["delete_recording"]
    await run_all(platform)
    assert (await platform.storage.list_keys(), (await platform.call_row(call_id))["recording_key"]) == ([], None)


async def test_late_events_bring_nothing_back(platform: CallPlatform) -> None:
    filled = await make_filled_workspace(platform)
    await choose(filled, recording=1, transcript=1)
    old, young = NOW - timedelta(days=2), NOW - timedelta(hours=12)
    calls = [await filled.insert_call("+491511234567", at=at, word="talking") for at in (old, young)]
    await apply(platform)
    for call_id in calls:
        key = f"{recordings_prefix(filled.id)}{call_id}-0.wav"
        await platform.storage.put(key, b"RIFF")
        usage = UsageRecorded("stt", "tests", "tests", "", 5, "ms")
        late: tuple[Event, ...] = (CallerSaid(9, "I like zebrafish.", 1, 2), RecordingReady(key, 1_000), usage)
        lines = [parse_event(str(seq), encoded_event(call_id, seq, event)) for seq, event in enumerate(late, 50)]
        await platform.in_platform(partial(write_events, events=lines))
    await run_all(platform)
    assert [await held(filled, call) for call in calls] == [{"event"}, EVERYTHING - {"message", "webhook"}]
    stored = await platform.in_platform(
        lambda db: db.fetch("SELECT event_type FROM call_events WHERE call_id = $1 ORDER BY seq", calls[0])
    )
    assert [row["event_type"] for row in stored] == ["recording.ready", "usage.recorded"]
    assert await platform.storage.list_keys() == [f"{recordings_prefix(filled.id)}{calls[1]}-0.wav"]


async def test_workspace_chooses_within_its_tier(platform: CallPlatform) -> None:
    filled = await make_filled_workspace(platform)
    with pytest.raises(Invalid) as refused:
        await choose(filled, recording=366)
    assert (refused.value.code, refused.value.param) == ("retention_too_long", "recording_days")
    assert (await choose(filled, recording=5, event=6)).chosen == {"recording": 5, "transcript": None, "event": 6}
    assert (await choose(filled, recording=None)).chosen == {"recording": None, "transcript": None, "event": 6}
    log = await platform.in_platform(
        lambda db: db.fetchval(
            "SELECT details FROM audit_log WHERE action = 'workspace.update' AND workspace_id = $1 "
            "ORDER BY at DESC, id DESC LIMIT 1", filled.id,
        )
    )  # fmt: skip
    assert log["before"]["retention"] == {"recording_days": 5, "event_days": 6}
    assert log["after"]["retention"] == {"event_days": 6}

"""A call's state: late, repeated and disordered reports are harmless."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.calls.carrier_reports import rules as carrier_reports_rules
from control.calls.carrier_reports.rules import CarrierStatus
from control.calls.events import state_changes as events_state_changes
from control.calls.events.rules import NewEvent, apply_events
from control.calls.records import state as records_state
from control.calls.records.details import CallDetails, encode_details
from control.calls.records.state import FINAL, CallState
from shared.events import (
    AgentSaid,
    CallEnded,
    CallerSaid,
    CallResumed,
    CallStarted,
    CallStatus,
    CallUsage,
    Event,
    RecordingReady,
    TurnInterrupted,
)

T0 = datetime(2026, 11, 25, 12, tzinfo=UTC)
WORKSPACE = UUID(int=5)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def call(**fields: Any) -> CallState:
    defaults: dict[str, Any] = {
        "id": UUID(int=1), "workspace_id": WORKSPACE, "created_at": T0, "is_test": False, "direction": "inbound",
        "carrier": "twilio", "carrier_call_id": "CA1", "status": "ringing",
    }  # fmt: skip
    return CallState(**(defaults | fields))


def report(status: CallStatus | None, seconds: float = 0, **fields: Any) -> CarrierStatus:
    return CarrierStatus("twilio", "CA1", status, at(seconds), **fields)


def ended(reason: Any = "agent_hangup", status: CallStatus = "completed", ms: int = 30_400) -> CallEnded:
    return CallEnded(status, reason, "", ms, CallUsage(call_ms=ms))


def test_call_from_ringing_to_completed() -> None:
    after = call(status="queued", direction="outbound")
    for status_report in (report("ringing", 1), report("in_progress", 4), report("completed", 34, duration_s=30)):
        after = carrier_reports_rules.apply_carrier_status(after, status_report)
    assert (after.status, after.started_at, after.answered_at, after.ended_at) == ("completed", at(1), at(4), at(34))
    assert (after.duration_seconds, after.end_reason) == (30, "caller_hangup")


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_carrier_reports_in_any_order_give_one_state(order: tuple[int, ...]) -> None:
    reports = (report("ringing", 1), report("in_progress", 4), report("completed", 34, duration_s=30))
    after = call(status="queued", direction="outbound")
    for index in order:
        after = carrier_reports_rules.apply_carrier_status(after, reports[index])
    assert (after.status, after.answered_at, after.duration_seconds) == ("completed", at(4), 30)


@given(st.lists(st.sampled_from(
    ["queued", "ringing", "in_progress", "completed", "failed", "busy", "no_answer", "canceled", "media", "lost"]
), max_size=12))  # fmt: skip
def test_final_status_never_changes(inputs: list[Any]) -> None:
    after, first = call(), None
    for seconds, input_name in enumerate(inputs):
        if input_name in ("media", "lost"):
            after = events_state_changes.apply_media_end(
                after, ended("silence" if input_name == "media" else "carrier_error"), at(seconds)
            )
        else:
            after = carrier_reports_rules.apply_carrier_status(after, report(input_name, seconds))
        first = first or (after.status if after.status in FINAL else None)
        assert first is None or after.status == first
        assert after.duration_seconds >= 0


@pytest.mark.parametrize("media_first", [True, False])
@pytest.mark.parametrize(
    ("meant", "media", "reason"),
    [
        ("admin", "caller_hangup", "admin"),
        ("admin", "admin", "admin"),
        ("admin", "silence", "silence"),
        ("voicemail", "caller_hangup", "caller_hangup"),
    ],
)
def test_end_by_order_of_the_staff_is_not_the_callers(media_first: bool, meant: Any, media: Any, reason: str) -> None:
    """If the carrier hangs up, media sees a line that ends. After a verdict of a machine that only asked who calls, the
    called person may hang up."""
    after = call(status="in_progress", answered_at=at(1), details=CallDetails(meant_end=meant))
    hung_up = report("completed", 31, duration_s=30)
    if media_first:
        after = carrier_reports_rules.apply_carrier_status(
            events_state_changes.apply_media_end(after, ended(media), at(31)), hung_up
        )
    else:
        after = events_state_changes.apply_media_end(
            carrier_reports_rules.apply_carrier_status(after, hung_up), ended(media), at(31)
        )
    assert (after.status, after.end_reason) == ("completed", reason)


def test_media_corrects_reason_and_duration() -> None:
    after = carrier_reports_rules.apply_carrier_status(call(), report("completed", 35, duration_s=34))
    after = events_state_changes.apply_media_end(after, ended("silence"), at(31))
    assert (after.status, after.end_reason, after.duration_seconds) == ("completed", "silence", 30)
    other = carrier_reports_rules.apply_carrier_status(
        events_state_changes.apply_media_end(call(), ended("silence"), at(31)), report("completed", 35, duration_s=34)
    )
    assert (other.status, other.end_reason, other.duration_seconds) == ("completed", "silence", 30)
    assert other.details.carrier.duration_s == 34


@pytest.mark.parametrize("duration_s", [934, None])  # Telnyx reports none
@pytest.mark.parametrize("media_first", [True, False])
def test_carrier_reports_the_end_of_a_transferred_call(duration_s: int | None, media_first: bool) -> None:
    after, completed = call(status="in_progress", answered_at=at(1)), report("completed", 935, duration_s=duration_s)
    if media_first:
        after = events_state_changes.apply_media_end(after, ended("transferred"), at(31))
        assert (after.status, after.duration_seconds) == ("completed", 30)
        assert encode_details(after.details)["put_through"] == {"talked_s": 30, "until": at(31 + 3_660).isoformat()}
        after = carrier_reports_rules.apply_carrier_status(after, completed)
    else:
        after = events_state_changes.apply_media_end(
            carrier_reports_rules.apply_carrier_status(after, completed), ended("transferred"), at(31)
        )
    for _ in range(2):  # a repeated report changes nothing
        assert (after.status, after.end_reason, after.duration_seconds) == ("completed", "transferred", 934)
        assert (after.ended_at, encode_details(after.details)["put_through"]) == (at(935), {"talked_s": 30})
        after = carrier_reports_rules.apply_carrier_status(after, completed)


def test_shorter_duration_of_a_transferred_call_is_ignored() -> None:
    after = events_state_changes.apply_media_end(
        call(status="in_progress", answered_at=at(1)), ended("transferred"), at(31)
    )
    assert (
        carrier_reports_rules.apply_carrier_status(after, report("completed", 32, duration_s=3)).duration_seconds == 30
    )


def test_media_does_not_correct_a_state_set_by_control() -> None:
    after = records_state.close(call(answered_at=T0), "failed", "media_lost", None, at(60), "control")
    after = events_state_changes.apply_media_end(after, ended(), at(31))
    assert (after.status, after.end_reason, after.duration_seconds) == ("failed", "media_lost", 30)
    assert encode_details(after.details)["usage"]["call_ms"] == 30_400


@pytest.mark.parametrize("reason", ["carrier_error", "media_lost"])
def test_lost_stream_does_not_end_the_call(reason: Any) -> None:
    after = events_state_changes.apply_media_end(call(status="in_progress"), ended(reason, "failed"), at(31))
    assert after.status == "in_progress"
    after = carrier_reports_rules.apply_carrier_status(after, report("completed", 40, duration_s=39))
    assert (after.status, after.end_reason) == ("completed", reason)


def test_call_without_an_answer_is_not_completed() -> None:
    assert carrier_reports_rules.apply_carrier_status(call(), report("completed", 9, duration_s=0)).status == "canceled"
    assert (
        carrier_reports_rules.apply_carrier_status(
            call(direction="outbound"), report("completed", 9, duration_s=0)
        ).status
        == "no_answer"
    )
    assert carrier_reports_rules.apply_carrier_status(call(), report("completed", 9)).status == "completed"


def test_unanswered_call_without_reported_duration() -> None:
    completed = CarrierStatus("telnyx", "v3:1", "completed", at(9))
    assert carrier_reports_rules.apply_carrier_status(call(carrier="telnyx"), completed).status == "canceled"
    assert (
        carrier_reports_rules.apply_carrier_status(call(carrier="telnyx", direction="outbound"), completed).status
        == "no_answer"
    )
    after = carrier_reports_rules.apply_carrier_status(call(carrier="telnyx", answered_at=at(2)), completed)
    assert (after.status, after.duration_seconds) == ("completed", 7)


def test_late_answer_completes_an_unanswered_call() -> None:
    completed, answer = (
        CarrierStatus("telnyx", "v3:1", "completed", at(9)),
        CarrierStatus("telnyx", "v3:1", "in_progress", at(2)),
    )
    after = carrier_reports_rules.apply_carrier_status(
        carrier_reports_rules.apply_carrier_status(call(carrier="telnyx"), completed), answer
    )
    assert (after.status, after.duration_seconds, after.ended_at) == ("completed", 7, at(9))
    assert (
        carrier_reports_rules.apply_carrier_status(carrier_reports_rules.apply_carrier_status(after, answer), completed)
        == after
    )
    started = NewEvent(1, at(2), CallStarted("telnyx", "v3:1", "S1", "Desk"))
    media_end = NewEvent(2, at(8), ended("silence", ms=6_000))
    for order in ((started, media_end), (media_end, started)):
        after = carrier_reports_rules.apply_carrier_status(call(carrier="telnyx"), completed)
        for event in order:
            after, _ = apply_events(after, [], [event])
        assert (after.status, after.end_reason, after.duration_seconds) == ("completed", "silence", 6)


def test_late_answer_completes_a_call_of_less_than_a_second() -> None:
    """Twilio reports a duration of 0 s; the stream's start may be read after the end."""
    completed, started = (
        report("completed", 1, duration_s=0),
        NewEvent(1, at(0), CallStarted("twilio", "CA1", "S1", "D")),
    )
    first, _ = apply_events(carrier_reports_rules.apply_carrier_status(call(), completed), [], [started])
    answered, _ = apply_events(call(), [], [started])
    assert (first.status, first.duration_seconds) == ("completed", 0)
    second = carrier_reports_rules.apply_carrier_status(answered, completed)
    assert (second.status, second.duration_seconds, second.ended_at) == (first.status, 0, first.ended_at)


def test_late_answer_does_not_change_what_control_decided() -> None:
    after = records_state.close(call(carrier="telnyx"), "failed", "carrier_error", "not_placed", at(5), "control")
    assert (
        carrier_reports_rules.apply_carrier_status(after, CarrierStatus("telnyx", "v3:1", "in_progress", at(2))).status
        == "failed"
    )


def test_facts_with_a_lower_sequence_do_not_replace_newer_ones() -> None:
    after = carrier_reports_rules.apply_carrier_status(
        call(), report("completed", 9, sequence=3, facts={"status": "completed"})
    )
    after = carrier_reports_rules.apply_carrier_status(
        after, report("ringing", 1, sequence=1, facts={"status": "ringing", "price": "1"})
    )
    assert encode_details(after.details)["carrier"] == {"status": "completed", "sequence": 3, "price": "1"}


def test_events_in_any_order_give_the_same_state() -> None:
    events: list[tuple[int, float, Event]] = [
        (1, 0.0, CallStarted("twilio", "CA1", "MZ1", "Desk")),
        (2, 1.0, AgentSaid(0, "Hello.", 0, 900)),
        (3, 3.0, CallerSaid(1, "Hi.", 1_500, 2_000)),
        (4, 3.5, TurnInterrupted(1, 3_000, 3_100)),
        (100_001, 9.0, CallResumed(9_000, 4_000, 1, "MZ2")),
        (100_002, 12.0, AgentSaid(1, "Sorry.", 9_100, 10_000)),
    ]
    outcomes = []
    for order in permutations(events):
        after, utterances = call(), []  # type: ignore[var-annotated]
        for seq, when, event in order:
            after, utterances = apply_events(after, utterances, [NewEvent(seq, at(when), event)])  # type: ignore[assignment]
        outcomes.append((after, utterances))
    assert all(outcome == outcomes[0] for outcome in outcomes)
    after, utterances = outcomes[0]
    assert after.status == "in_progress" and after.answered_at == T0
    assert after.transcription == "Agent: Hello.\nCaller: Hi.\nAgent: Sorry."
    assert encode_details(after.details) == {"interruptions": 1, "gaps": [{"leg": 1, "lost_ms": 4_000, "at_ms": 9_000}]}


def test_unheard_agent_text_is_no_utterance() -> None:
    _, utterances = apply_events(call(), [], [NewEvent(1, T0, AgentSaid(0, "", 0, 0, True, "Hello."))])
    assert utterances == []


def test_recordings_of_several_streams() -> None:
    key = f"recordings/{WORKSPACE}/1-0.wav"
    after = events_state_changes.add_recording(call(), RecordingReady(key, 9_500, 0))
    assert (after.recording_key, after.recording_seconds) == (key, 9.5)
    repeated = events_state_changes.add_recording(after, RecordingReady(key, 9_500, 0))
    assert repeated == after
    second = events_state_changes.add_recording(after, RecordingReady(key.replace("1-0.wav", "1-1.wav"), 20_000, 1))
    assert second.recording_key == key
    assert [recording["leg"] for recording in encode_details(second.details)["recordings"]] == [0, 1]


@pytest.mark.parametrize(
    "path", ["/tmp/1.wav", f"recordings/{UUID(int=6)}/1-0.wav", f"recordings/{WORKSPACE}/../{UUID(int=6)}/1-0.wav"]
)
def test_recording_key_of_another_workspace_is_ignored(path: str) -> None:
    assert events_state_changes.add_recording(call(), RecordingReady(path, 9_500, 0)) == call()


def resumed(leg: int) -> CallResumed:
    return CallResumed(9_000, 900, leg, "MZ")


@pytest.mark.parametrize("loss_first", [True, False])
def test_call_that_ends_after_its_node_was_lost_did_not_end_by_the_caller(loss_first: bool) -> None:
    after, completed = call(status="in_progress", answered_at=at(1)), report("completed", 35, duration_s=34)
    if loss_first:
        after = carrier_reports_rules.apply_carrier_status(records_state.mark_lost(after, 0, at(31)), completed)
    else:
        after = records_state.mark_lost(carrier_reports_rules.apply_carrier_status(after, completed), 0, at(36))
    assert (after.status, after.end_reason) == ("completed", "media_lost")
    assert records_state.mark_lost(after, 0, at(40)) == after
    late = events_state_changes.apply_media_end(after, ended("agent_hangup"), at(30))
    assert late.end_reason == "agent_hangup", "its node was only slow"


def test_call_that_was_resumed_after_a_loss_ends_by_the_caller() -> None:
    after = records_state.mark_lost(call(status="in_progress", answered_at=at(1)), 0, at(20))
    after = events_state_changes.apply_resume(after, resumed(1), at(21))
    assert carrier_reports_rules.apply_carrier_status(after, report("completed", 35)).end_reason == "caller_hangup"
    again = records_state.mark_lost(after, 1, at(30))
    assert carrier_reports_rules.apply_carrier_status(again, report("completed", 35)).end_reason == "media_lost"
    assert records_state.mark_lost(again, 0, at(31)) == again, "a repeat about the first stream"
    assert (
        events_state_changes.apply_media_end(again, ended("carrier_error", "failed"), at(20), 0).details.lost
        == again.details.lost
    )


def test_media_knows_better_why_its_stream_was_lost() -> None:
    after = records_state.mark_lost(call(status="in_progress", answered_at=at(1)), 0, at(20))
    lost = events_state_changes.apply_media_end(after, ended("carrier_error", "failed"), at(19)).details.lost
    assert lost is not None and lost.reason == "carrier_error"

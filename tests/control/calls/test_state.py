"""A call's state: late, repeated and disordered words are harmless."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.calls import state
from control.calls.applying import Fresh, applied
from control.calls.model import FINAL, Progress
from control.calls.state import State
from shared.events import (
    AgentSaid,
    CallEnded,
    CallerSaid,
    CallResumed,
    CallStarted,
    Event,
    Interrupted,
    RecordingReady,
    Status,
    Usage,
)

T0 = datetime(2026, 11, 25, 12, tzinfo=UTC)
WORKSPACE = UUID(int=5)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def call(**given: Any) -> State:
    usual: dict[str, Any] = {
        "id": UUID(int=1), "workspace_id": WORKSPACE, "created_at": T0, "is_test": False, "direction": "inbound",
        "carrier": "twilio", "carrier_call_id": "CA1", "status": "ringing",
    }  # fmt: skip
    return State(**(usual | given))


def told(status: Status | None, seconds: float = 0, **given: Any) -> Progress:
    return Progress("twilio", "CA1", status, at(seconds), **given)


def ended(reason: Any = "agent_hangup", status: Status = "completed", ms: int = 30_400) -> CallEnded:
    return CallEnded(status, reason, "", ms, Usage(call_ms=ms))


def test_the_usual_way() -> None:
    its = call(status="queued", direction="outbound")
    for one in (told("ringing", 1), told("in_progress", 4), told("completed", 34, duration_s=30)):
        its = state.progressed(its, one)
    assert (its.status, its.started_at, its.answered_at, its.ended_at) == ("completed", at(1), at(4), at(34))
    assert (its.duration_seconds, its.end_reason) == (30, "caller_hangup")


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_carriers_words_in_any_order(order: tuple[int, ...]) -> None:
    words = (told("ringing", 1), told("in_progress", 4), told("completed", 34, duration_s=30))
    its = call(status="queued", direction="outbound")
    for place in order:
        its = state.progressed(its, words[place])
    assert (its.status, its.answered_at, its.duration_seconds) == ("completed", at(4), 30)


@given(st.lists(st.sampled_from(
    ["queued", "ringing", "in_progress", "completed", "failed", "busy", "no_answer", "canceled", "media", "lost"]
), max_size=12))  # fmt: skip
def test_a_final_status_is_never_left(words: list[Any]) -> None:
    its, first = call(), None
    for place, word in enumerate(words):
        if word in ("media", "lost"):
            its = state.media_ended(its, ended("silence" if word == "media" else "carrier_error"), at(place))
        else:
            its = state.progressed(its, told(word, place))
        first = first or (its.status if its.status in FINAL else None)
        assert first is None or its.status == first
        assert its.duration_seconds >= 0


def test_media_knows_best_why_and_how_long() -> None:
    its = state.progressed(call(), told("completed", 35, duration_s=34))
    its = state.media_ended(its, ended("silence"), at(31))
    assert (its.status, its.end_reason, its.duration_seconds) == ("completed", "silence", 30)
    other = state.progressed(state.media_ended(call(), ended("silence"), at(31)), told("completed", 35, duration_s=34))
    assert (other.status, other.end_reason, other.duration_seconds) == ("completed", "silence", 30)
    assert other.details["carrier"]["duration_s"] == 34


@pytest.mark.parametrize("duration_s", [934, None])  # Telnyx tells none
@pytest.mark.parametrize("media_first", [True, False])
def test_how_long_a_caller_was_put_through_the_carrier_knows(duration_s: int | None, media_first: bool) -> None:
    its, over = call(status="in_progress", answered_at=at(1)), told("completed", 935, duration_s=duration_s)
    if media_first:
        its = state.media_ended(its, ended("transferred"), at(31))
        assert (its.status, its.duration_seconds) == ("completed", 30)
        assert its.details["put_through"] == {"talked_s": 30, "until": at(31 + 3_660).isoformat()}
        its = state.progressed(its, over)
    else:
        its = state.media_ended(state.progressed(its, over), ended("transferred"), at(31))
    for _ in range(2):  # told again, it changes nothing
        assert (its.status, its.end_reason, its.duration_seconds) == ("completed", "transferred", 934)
        assert (its.ended_at, its.details["put_through"]) == (at(935), {"talked_s": 30})
        its = state.progressed(its, over)


def test_a_carriers_shorter_word_on_a_caller_put_through_does_not_count() -> None:
    its = state.media_ended(call(status="in_progress", answered_at=at(1)), ended("transferred"), at(31))
    assert state.progressed(its, told("completed", 32, duration_s=3)).duration_seconds == 30


def test_what_we_decided_stays() -> None:
    its = state.closed(call(answered_at=T0), "failed", "media_lost", None, at(60), "control")
    its = state.media_ended(its, ended(), at(31))
    assert (its.status, its.end_reason, its.duration_seconds) == ("failed", "media_lost", 30)
    assert its.details["usage"]["call_ms"] == 30_400


@pytest.mark.parametrize("reason", ["carrier_error", "media_lost"])
def test_a_lost_stream_is_not_the_calls_end(reason: Any) -> None:
    its = state.media_ended(call(status="in_progress"), ended(reason, "failed"), at(31))
    assert its.status == "in_progress"
    its = state.progressed(its, told("completed", 40, duration_s=39))
    assert (its.status, its.end_reason) == ("completed", reason)


def test_nobody_spoke() -> None:
    assert state.progressed(call(), told("completed", 9, duration_s=0)).status == "canceled"
    assert state.progressed(call(direction="outbound"), told("completed", 9, duration_s=0)).status == "no_answer"
    assert state.progressed(call(), told("completed", 9)).status == "completed"


def test_nobody_answered_a_call_whose_carrier_tells_no_durations() -> None:
    over = Progress("telnyx", "v3:1", "completed", at(9))
    assert state.progressed(call(carrier="telnyx"), over).status == "canceled"
    assert state.progressed(call(carrier="telnyx", direction="outbound"), over).status == "no_answer"
    its = state.progressed(call(carrier="telnyx", answered_at=at(2)), over)
    assert (its.status, its.duration_seconds) == ("completed", 7)


def test_an_answer_that_is_told_later_corrects_that_whoever_tells_it() -> None:
    over, answer = Progress("telnyx", "v3:1", "completed", at(9)), Progress("telnyx", "v3:1", "in_progress", at(2))
    its = state.progressed(state.progressed(call(carrier="telnyx"), over), answer)
    assert (its.status, its.duration_seconds, its.ended_at) == ("completed", 7, at(9))
    assert state.progressed(state.progressed(its, answer), over) == its
    started = Fresh(1, at(2), CallStarted("telnyx", "v3:1", "S1", "Desk"))
    gone = Fresh(2, at(8), ended("silence", ms=6_000))
    for order in ((started, gone), (gone, started)):
        its = state.progressed(call(carrier="telnyx"), over)
        for event in order:
            its, _ = applied(its, [], [event])
        assert (its.status, its.end_reason, its.duration_seconds) == ("completed", "silence", 6)


def test_no_answer_changes_what_we_decided() -> None:
    its = state.closed(call(carrier="telnyx"), "failed", "carrier_error", "not_placed", at(5), "control")
    assert state.progressed(its, Progress("telnyx", "v3:1", "in_progress", at(2))).status == "failed"


def test_late_words_of_a_carrier_that_numbers_them_don_t_replace_newer_ones() -> None:
    its = state.progressed(call(), told("completed", 9, sequence=3, details={"status": "completed"}))
    its = state.progressed(its, told("ringing", 1, sequence=1, details={"status": "ringing", "price": "1"}))
    assert its.details["carrier"] == {"status": "completed", "sequence": 3, "price": "1"}


def test_events_in_any_order_make_the_same_call() -> None:
    events: list[tuple[int, float, Event]] = [
        (1, 0.0, CallStarted("twilio", "CA1", "MZ1", "Desk")),
        (2, 1.0, AgentSaid(0, "Hello.", 0, 900)),
        (3, 3.0, CallerSaid(1, "Hi.", 1_500, 2_000)),
        (4, 3.5, Interrupted(1, 3_000, 3_100)),
        (100_001, 9.0, CallResumed(9_000, 4_000, 1, "MZ2")),
        (100_002, 12.0, AgentSaid(1, "Sorry.", 9_100, 10_000)),
    ]
    outcomes = []
    for order in permutations(events):
        its, words = call(), []  # type: ignore[var-annotated]
        for seq, when, event in order:
            its, words = applied(its, words, [Fresh(seq, at(when), event)])  # type: ignore[assignment]
        outcomes.append((its, words))
    assert all(outcome == outcomes[0] for outcome in outcomes)
    its, words = outcomes[0]
    assert its.status == "in_progress" and its.answered_at == T0
    assert its.transcription == "Agent: Hello.\nCaller: Hi.\nAgent: Sorry."
    assert its.details == {"interruptions": 1, "gaps": [{"leg": 1, "lost_ms": 4_000, "at_ms": 9_000}]}


def test_what_was_planned_but_not_heard_is_no_word() -> None:
    _, words = applied(call(), [], [Fresh(1, T0, AgentSaid(0, "", 0, 0, True, "Hello."))])
    assert words == []


def test_recordings() -> None:
    key = f"recordings/{WORKSPACE}/1-0.wav"
    its = state.recorded(call(), RecordingReady(key, 9_500, 0))
    assert (its.recording_key, its.recording_seconds) == (key, 9.5)
    again = state.recorded(its, RecordingReady(key, 9_500, 0))
    assert again == its
    second = state.recorded(its, RecordingReady(key.replace("1-0.wav", "1-1.wav"), 20_000, 1))
    assert second.recording_key == key
    assert [one["leg"] for one in second.details["recordings"]] == [0, 1]


@pytest.mark.parametrize(
    "path", ["/tmp/1.wav", f"recordings/{UUID(int=6)}/1-0.wav", f"recordings/{WORKSPACE}/../{UUID(int=6)}/1-0.wav"]
)
def test_a_recording_of_somebody_else_is_not_believed(path: str) -> None:
    assert state.recorded(call(), RecordingReady(path, 9_500, 0)) == call()

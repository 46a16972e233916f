"""The state of a refused call."""

from dataclasses import replace
from typing import Any

import pytest

from control.calls.events.state_changes import apply_media_end
from control.calls.records.details import CallDetails
from control.calls.records.state import CallState, refuse
from shared.events import CallEnded, CallUsage
from tests.control.calls.test_state import at, call


def answered(**fields: Any) -> CallState:
    return call(status="in_progress", answered_at=at(2), **fields)


@pytest.mark.parametrize("reason", ["all_busy", "unusable", "suspended"])
def test_refused_call_that_had_media_is_lost(reason: Any) -> None:
    for with_media in (answered(media_node="m1"), answered(details=CallDetails(leg=1))):
        state = refuse(with_media, reason, at(32))
        assert (state.status, state.end_reason, state.end_detail, state.duration_seconds) == (
            "failed",
            "media_lost",
            reason,
            30,
        )
        assert (state.details.refused, state.details.ended_by) == (reason, "control")


@pytest.mark.parametrize(("reason", "status"), [("all_busy", "busy"), ("over_limit", "busy"), ("suspended", "failed")])
def test_refused_call_without_media_is_refused(reason: Any, status: str) -> None:
    # Telnyx's calls are answered before a node is chosen, and Twilio's may have been assigned to a dead node.
    for without_media in (call(), answered(), call(media_node="m1", details=CallDetails(leg=1))):
        state = refuse(without_media, reason, at(32))
        assert (state.status, state.end_reason, state.end_detail) == (status, None, reason)


def test_refusal_does_not_change_an_ended_call() -> None:
    ended = replace(answered(media_node="m1"), status="completed")
    assert refuse(ended, "all_busy", at(32)) == ended
    assert refuse(ended, "cut_off", at(32)) == ended


def test_cut_off_call_stays_open() -> None:
    state = refuse(answered(media_node="m1"), "cut_off", at(32))
    assert (state.status, state.end_reason, state.details.lost and state.details.lost.reason) == (
        "in_progress",
        None,
        "media_lost",
    )
    assert refuse(state, "cut_off", at(40)) == state
    state = apply_media_end(state, CallEnded("completed", "agent_hangup", "", 30_000, CallUsage()), at(32))
    assert (state.status, state.end_reason) == ("completed", "agent_hangup")


def test_cut_off_keeps_the_loss_that_media_reported() -> None:
    state = apply_media_end(answered(media_node="m1"), CallEnded("failed", "carrier_error", "", 1, CallUsage()), at(31))
    lost = refuse(state, "cut_off", at(32)).details.lost
    assert lost and lost.reason == "carrier_error"

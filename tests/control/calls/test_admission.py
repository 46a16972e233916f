"""How a call that could not be carried is written down. Pure."""

from dataclasses import replace
from typing import Any

import pytest

from control.calls.admission import refusal_of
from control.calls.state import State, media_ended
from shared.events import CallEnded, Usage
from tests.control.calls.test_state import at, call


def answered(**given: Any) -> State:
    return call(status="in_progress", answered_at=at(2), **given)


@pytest.mark.parametrize("why", ["all_busy", "unusable", "suspended"])
def test_one_that_had_its_agent_was_lost(why: Any) -> None:
    for had in (answered(media_node="m1"), answered(details={"leg": 1})):
        its = refusal_of(had, why, at(32))
        assert (its.status, its.end_reason, its.end_detail, its.duration_seconds) == ("failed", "media_lost", why, 30)
        assert (its.details["refused"], its.details["end_by"]) == (why, "control")


@pytest.mark.parametrize(("why", "status"), [("all_busy", "busy"), ("over_limit", "busy"), ("suspended", "failed")])
def test_one_that_never_had_an_agent_stays_refused(why: Any, status: str) -> None:
    # Telnyx's are answered by us before a node is looked for, and Twilio's may have been led to a node that was dead.
    for never in (call(), answered(), call(media_node="m1", details={"leg": 1})):
        its = refusal_of(never, why, at(32))
        assert (its.status, its.end_reason, its.end_detail) == (status, None, why)


def test_of_one_that_is_over_nothing_is_written() -> None:
    over = replace(answered(media_node="m1"), status="completed")
    assert refusal_of(over, "all_busy", at(32)) == over
    assert refusal_of(over, "cut_off", at(32)) == over


def test_one_about_which_nothing_is_known_stays_open() -> None:
    its = refusal_of(answered(media_node="m1"), "cut_off", at(32))
    assert (its.status, its.end_reason, its.details["lost"]["reason"]) == ("in_progress", None, "media_lost")
    assert refusal_of(its, "cut_off", at(40)) == its
    its = media_ended(its, CallEnded("completed", "agent_hangup", "", 30_000, Usage()), at(32))
    assert (its.status, its.end_reason) == ("completed", "agent_hangup")


def test_what_media_told_of_the_loss_stands() -> None:
    its = media_ended(answered(media_node="m1"), CallEnded("failed", "carrier_error", "", 1, Usage()), at(31))
    assert refusal_of(its, "cut_off", at(32)).details["lost"]["reason"] == "carrier_error"

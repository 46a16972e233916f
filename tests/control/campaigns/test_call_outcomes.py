"""Outcomes of calls, pure."""

from dataclasses import replace
from uuid import UUID

import pytest

from control.campaigns.outcomes import EndedCall, find_detail, find_outcome
from control.campaigns.recipients import CallOutcome
from shared.events import CallStatus
from tests.control.calls.call_platform import NOW

ENDED = EndedCall(
    call_id=UUID(int=1),
    workspace_id=UUID(int=2),
    at=NOW,
    status="completed",
    end_reason="caller_hangup",
    end_detail=None,
    was_dialed=True,
    left_message=False,
)


def test_person_who_asked_not_to_be_called_again_opted_out_whatever_else_is_known() -> None:
    assert find_outcome(ENDED) == "answered"
    assert find_outcome(replace(ENDED, opted_out=True)) == "opted_out"
    assert find_outcome(replace(ENDED, opted_out=True, end_reason="voicemail")) == "opted_out"


def test_message_on_a_machine_is_told_from_a_machine() -> None:
    machine = replace(ENDED, end_reason="voicemail")
    assert [find_outcome(replace(machine, left_message=left)) for left in (True, False)] == [
        "voicemail_left",
        "machine",
    ]


@pytest.mark.parametrize(
    ("status", "detail", "cause", "was_dialed", "outcome"),
    [
        ("failed", "21217", "", False, "unreachable"),
        ("failed", "21215", "", False, "unreachable"),
        ("failed", "D13", "", False, "unreachable"),
        ("failed", "20003", "", False, "failed_by_carrier"),
        ("failed", "unknown_to_carrier", "", False, "failed_by_carrier"),
        ("failed", None, "call_rejected", True, "rejected"),
        ("failed", None, "unallocated_number", True, "unreachable"),
        ("failed", None, "not_found", True, "unreachable"),
        ("failed", None, "13224", True, "unreachable"),
        ("failed", None, "13227", True, "unreachable"),
        ("failed", None, "normal_temporary_failure", True, "failed_by_carrier"),
        ("failed", "too_late", "", False, "not_dialled"),
        ("failed", "spend_limit", "", False, "not_dialled"),
        ("canceled", "campaign_not_running", "", False, "not_dialled"),
        ("canceled", "outside_calling_hours", "", False, "not_dialled"),
        ("canceled", "number_on_do_not_call_list", "", False, "opted_out"),
        ("canceled", None, "", True, "no_answer"),
    ],
)
def test_end_of_a_call_that_nobody_took(
    status: CallStatus, detail: str | None, cause: str, was_dialed: bool, outcome: CallOutcome
) -> None:
    call = replace(ENDED, status=status, end_reason=None, end_detail=detail, cause=cause, was_dialed=was_dialed)
    assert find_outcome(call) == outcome


@pytest.mark.parametrize(
    ("sip", "outcome"),
    [
        ("404", "unreachable"),
        ("410", "unreachable"),
        ("484", "unreachable"),
        ("604", "unreachable"),
        ("603", "rejected"),
        ("607", "rejected"),
        ("608", "rejected"),
        ("503", "failed_by_carrier"),
    ],
)
def test_sip_code_decides_about_a_call_that_failed_at_the_carrier(sip: str, outcome: CallOutcome) -> None:
    failed = replace(ENDED, status="failed", end_reason="carrier_error", cause="unspecified", sip=sip)
    assert find_outcome(failed) == outcome


def test_detail_is_the_carriers_code_if_there_is_none_of_ours() -> None:
    failed = replace(ENDED, status="failed", end_reason="carrier_error", cause="13224", sip="404")
    assert find_detail(failed, "unreachable") == "13224"
    assert find_detail(replace(failed, cause=""), "unreachable") == "404"
    assert find_detail(replace(failed, end_detail="not_confirmed"), "failed_by_carrier") == "not_confirmed"
    assert find_detail(replace(failed, status="completed"), "answered") is None

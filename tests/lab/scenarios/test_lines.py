"""How the rehearsal draws its calls' faults, and what it counts as wrong."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from lab.scenarios.lines.line_call import LineCall, make_line_call
from lab.scenarios.lines.scenario import unexpected_errors
from lab.scenarios.lines.verdict import find_faults
from lab.stage.call_records import RecordedCall
from lab.stage.line_faults import (
    BOTH,
    ENDINGS,
    HARMLESS,
    NONE,
    REFUSALS,
    CallExpectation,
    LineCase,
    LineFault,
    all_cases,
    draw_cases,
    draw_harmless,
)
from simulator.carrier.call_audio import CallAudio
from simulator.carrier.network.phone_network import CallOutcome
from simulator.carrier.network.server import RunningNetwork

FAULTS = (*HARMLESS, *ENDINGS, *REFUSALS)
# No call of these tests reached a carrier.
NETWORK = cast(RunningNetwork, None)
REFUSED = LineFault(name="x", expected=CallExpectation(answered=False, agent=False, turns=False, status="failed"))
ENDED = RecordedCall("1", "telnyx", "failed", "caller_hangup", 0, 0, ("no events",))


def test_every_case_is_drawn_equally_often_and_the_rest_has_no_fault() -> None:
    cases = all_cases(FAULTS)
    drawn = draw_cases(FAULTS, 2 * len(cases) + 5, seed=1)
    counts = Counter((case.fault.name, case.carrier, case.direction) for case in drawn)
    assert {count for (name, *_), count in counts.items() if name != NONE.name} == {2}
    assert sum(count for (name, *_), count in counts.items() if name == NONE.name) == 2 * 4 + 5
    assert drawn == draw_cases(FAULTS, len(drawn), seed=1) != draw_cases(FAULTS, len(drawn), seed=2)
    with pytest.raises(ValueError, match="do not fit"):
        draw_cases(FAULTS, len(cases) - 1, seed=1)


def test_harmless_faults_change_nothing_and_fit_the_carrier() -> None:
    assert {fault.expected for fault in HARMLESS} == {CallExpectation()}
    drawn = draw_harmless(BOTH * 20, seed=1)
    assert all(carrier in fault.carriers for fault, carrier in zip(drawn, BOTH * 20, strict=True))
    assert {fault.name for fault in drawn} == {fault.name for fault in HARMLESS}


def refused_call(fault: LineFault = REFUSED) -> LineCall:
    return make_line_call(LineCase(fault, "telnyx", "inbound"), (), 1)


async def test_call_that_ends_as_its_fault_says_has_no_faults() -> None:
    assert find_faults(refused_call(), ENDED, NETWORK, "de") == []


@pytest.mark.parametrize(
    ("record", "found"),
    [
        (None, "no record"),
        (replace(ENDED, status="busy"), "recorded as busy caller_hangup, not failed caller_hangup"),
        (replace(ENDED, end_reason="member"), "recorded as failed member, not failed caller_hangup"),
        (replace(ENDED, faults=("event 3 twice",)), "event 3 twice"),
    ],
)
async def test_record_that_differs_is_wrong(record: RecordedCall | None, found: str) -> None:
    assert find_faults(refused_call(), record, NETWORK, "de") == [found]


async def test_phone_that_is_answered_or_rings_against_expectation_is_wrong() -> None:
    call = refused_call()
    call.caller.outcome = CallOutcome("telnyx", "", True, "", CallAudio(), "network")
    call.caller.heard_at.append(1.0)
    assert find_faults(call, ENDED, NETWORK, "de") == ["answered", "something was heard of a call without an agent"]
    called = LineCall(LineCase(REFUSED, "telnyx", "outbound"), call.caller, 1, rings=2)
    assert "the phone rang 2 times" in find_faults(called, ENDED, NETWORK, "de")


async def test_turns_without_an_answer_and_missing_events_are_wrong() -> None:
    found = find_faults(refused_call(NONE), replace(ENDED, status="completed"), NETWORK, "de")
    assert found == ["not answered", "0 of the caller's turns answered", "no events"]


async def test_transfer_that_does_not_reach_its_target_is_wrong() -> None:
    (fault,) = (fault for fault in ENDINGS if fault.name == "transferred")
    call = refused_call(fault)
    assert "the transfer's target was not reached" in find_faults(call, ENDED, NETWORK, "de")
    call.target_answered_at = 1.0
    assert "the transfer's target was not heard" in find_faults(call, ENDED, NETWORK, "de")


def test_errors_in_logs_are_counted_unless_a_fault_explains_them(tmp_path: Path) -> None:
    (tmp_path / "api.log").write_text(
        '{"event": "call.command_refused", "level": "error"}\n{"event": "webhook.left_open", "level": "warning"}\n'
        '{"event": "webhook.failed", "level": "error"}\n'
    )
    (tmp_path / "media-1.log").write_text("Traceback (most recent call last):\n")
    (tmp_path / "postgres.log").write_text("FATAL: the database system is starting up\n")
    assert unexpected_errors(tmp_path) == {"webhook.failed": 1, "Traceback (most recent call last):": 1}

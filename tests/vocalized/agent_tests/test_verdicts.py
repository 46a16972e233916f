"""Verdicts about test calls."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.agent_tests.rules import NEEDED, Assertion, ToolUseReport
from shared.events import AgentSaid, AnnouncementHeard, CallEnded, CallerSaid, CallUsage, TurnLatency
from vocalized.agent_tests.caller import SpokenTurn
from vocalized.agent_tests.carrier import SoundSpan
from vocalized.agent_tests.verdicts import CallRecord, find_words, judge, longest_silence

RECORD = CallRecord(
    events=[
        AgentSaid(0, "Hello. How can I help?", 0, 2_000),
        AnnouncementHeard(2_000, "disclosure"),
        CallerSaid(1, "What is the price?", 2_500, 3_500),
        TurnLatency(1, 800, 0, 0, 0, 0),
        AgentSaid(1, "It costs $89.", 4_300, 6_300, word_ms=(4_300, 4_500, 4_500, 5_000, 5_200, 5_600)),
        CallEnded("completed", "transferred", "", 9_000, CallUsage(), "+14155550100"),
    ],
    agent=[SoundSpan(0, 2_000), SoundSpan(4_300, 6_300)],
    caller=[SpokenTurn(0, SoundSpan(2_500, 3_500), False), SpokenTurn(1, SoundSpan(6_000, 7_000), True)],
    tool_calls=[ToolUseReport(name="book", arguments='{"day": "Friday", "hour": 10}', at_ms=5_000)],
    duration_ms=9_000,
)  # fmt: skip


@pytest.mark.parametrize(
    ("assertion", "passed", "at_ms"),
    [
        ({"kind": "says", "value": "costs $89"}, True, 4_500),
        ({"kind": "says", "value": "$98"}, False, None),
        ({"kind": "never_says", "value": "HELLO how"}, False, 0),
        ({"kind": "never_says", "value": "price"}, True, None),
        ({"kind": "calls_tool", "value": "book", "arguments": {"day": "Friday"}}, True, 5_000),
        ({"kind": "calls_tool", "value": "book", "arguments": {"day": "Monday"}}, False, 5_000),
        ({"kind": "calls_tool", "value": "cancel"}, False, None),
        ({"kind": "never_calls_tool", "value": "book"}, False, 5_000),
        ({"kind": "ends", "value": "agent_hangup"}, False, 9_000),
        ({"kind": "transfers", "value": "+14155550100"}, True, 9_000),
        ({"kind": "transfers", "value": "+14155550199"}, False, 9_000),
        ({"kind": "never_transfers"}, False, 9_000),
        ({"kind": "announces", "value": "disclosure"}, True, 2_000),
        ({"kind": "announces", "value": "recording"}, False, None),
        ({"kind": "answers_within", "most_ms": 799}, False, 3_500),
        ({"kind": "answers_within", "most_ms": 800}, True, 3_500),
        ({"kind": "silence_within", "most_ms": 1_999}, False, 7_000),
        ({"kind": "silence_within", "most_ms": 2_000}, True, 7_000),
        ({"kind": "yields_within", "most_ms": 299}, False, 6_000),
        ({"kind": "yields_within", "most_ms": 300}, True, 6_000),
        ({"kind": "never_cuts_off"}, True, None),
    ],
)
def test_each_kind_of_assertion(assertion: dict[str, Any], passed: bool, at_ms: int | None) -> None:
    (verdict,) = judge(RECORD, [Assertion(**assertion)])
    assert (verdict.passed, verdict.at_ms) == (passed, at_ms), verdict


def test_every_kind_has_a_rule() -> None:
    assertions = [Assertion(kind=kind, value="x", most_ms=1) for kind in NEEDED]
    assert len(judge(RECORD, assertions)) == len(NEEDED)


def test_an_agent_that_begins_within_a_turn_cuts_the_caller_off() -> None:
    record = CallRecord([], [SoundSpan(1_500, 2_500)], [SpokenTurn(0, SoundSpan(1_000, 3_000), False)], [], 4_000)
    (verdict,) = judge(record, [Assertion(kind="never_cuts_off")])
    assert (verdict.passed, verdict.at_ms) == (False, 1_500)


def test_unsaid_turns_and_unknown_tools_fail_a_case_without_assertions() -> None:
    record = CallRecord([], [], [], [], 4_000, unsaid=2, unknown_tools=[("pay", 900)])
    assert [(verdict.passed, verdict.at_ms) for verdict in judge(record, [])] == [(False, 4_000), (False, 900)]


_WORDS = st.lists(st.text("ab$1", min_size=1, max_size=3), min_size=1, max_size=6)


@given(before=_WORDS, words=_WORDS, after=_WORDS)
def test_words_are_found_wherever_they_were_said(before: list[str], words: list[str], after: list[str]) -> None:
    said = AgentSaid(1, f"{' '.join(before).upper()}, {' '.join(words)}. {' '.join(after)}", 0, 5_000)
    at_ms = find_words([said], " ".join(words))
    assert at_ms is not None and 0 <= at_ms <= 5_000
    assert find_words([said], "never said") is None


@given(
    st.lists(st.tuples(st.integers(0, 9_000), st.integers(1, 900)), max_size=8),
    st.lists(st.tuples(st.integers(0, 9_000), st.integers(1, 900)), max_size=8),
)
def test_the_longest_silence_is_a_gap_without_sound(
    agent: list[tuple[int, int]], caller: list[tuple[int, int]]
) -> None:
    spans = [SoundSpan(start, start + length) for start, length in agent]
    turns = [SpokenTurn(0, SoundSpan(start, start + length), False) for start, length in caller]
    longest, since = longest_silence(CallRecord([], spans, turns, [], 10_000))
    sounds = [*spans, *(turn.span for turn in turns)]
    assert all(span.end_ms <= since or span.start_ms >= since + longest for span in sounds)
    audible = {ms for span in sounds for ms in range(int(span.start_ms), int(span.end_ms))}
    runs, run = [0], 0
    for ms in range(10_000):
        run = 0 if ms in audible else run + 1
        runs.append(run)
    assert longest == max(runs)

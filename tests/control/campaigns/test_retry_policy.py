"""The retry policy under every order of outcomes: bounded, spaced, and never after an answer."""

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from control.campaigns.recipients import AttemptOutcome
from control.campaigns.retries import EndedAttempt, NoMoreAttempts, next_attempt
from control.campaigns.settings import MOST_A_DAY, MOST_ATTEMPTS, RetryPolicy, RetryRule

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
outcomes = st.sampled_from(get_args(AttemptOutcome))
rules = st.builds(RetryRule, most=st.integers(0, 4), delay_minutes=st.integers(1, 2_000))
policies = st.builds(
    RetryPolicy,
    most_attempts=st.integers(1, MOST_ATTEMPTS),
    most_a_day=st.integers(1, MOST_A_DAY),
    gap_minutes=st.integers(1, 600),
    busy=rules,
    no_answer=rules,
    machine=rules,
    failed_by_carrier=rules,
    rejected=rules,
    voicemail_left=rules,
)


def ended(outcome: AttemptOutcome, minutes_ago: int) -> EndedAttempt:
    return EndedAttempt(outcome, NOW - timedelta(minutes=minutes_ago))


@given(policies, st.lists(st.tuples(outcomes, st.integers(0, 90)), min_size=MOST_ATTEMPTS, max_size=MOST_ATTEMPTS))
@settings(max_examples=60)
def test_a_recipient_is_phoned_as_the_policy_allows(
    policy: RetryPolicy, story: list[tuple[AttemptOutcome, int]]
) -> None:
    """Phones as soon as the policy allows; a call takes so many minutes."""
    now, attempts, started = NOW, list[EndedAttempt](), list[datetime]()
    for outcome, minutes in story:
        following = next_attempt(policy, attempts[::-1], now)
        if isinstance(following, NoMoreAttempts):
            break
        assert following >= now
        started.append(following)
        now = following + timedelta(minutes=minutes)
        attempts.append(EndedAttempt(outcome, now))
    assert isinstance(next_attempt(policy, attempts, now), NoMoreAttempts)
    assert len(attempts) <= policy.most_attempts
    for before, begins in zip(attempts, started[1:], strict=False):
        assert begins - before.ended_at >= timedelta(minutes=policy.gap_minutes)
        rule: RetryRule = getattr(policy, before.outcome)
        assert begins - before.ended_at >= timedelta(minutes=rule.delay_minutes)
        assert rule.most >= sum(attempt.outcome == before.outcome for attempt in attempts[: attempts.index(before) + 1])
    for first, later in zip(started, started[policy.most_a_day :], strict=False):
        assert later - first >= timedelta(hours=24)
    assert {"answered", "unreachable", "opted_out"}.isdisjoint(attempt.outcome for attempt in attempts[:-1])


@given(policies, st.lists(st.tuples(outcomes, st.integers(1, 5_000)), max_size=4), st.integers(0, 5_000))
@settings(max_examples=60)
def test_a_later_question_has_no_earlier_answer(
    policy: RetryPolicy, story: list[tuple[AttemptOutcome, int]], minutes: int
) -> None:
    attempts = [ended(outcome, ago) for outcome, ago in story]
    first, later = next_attempt(policy, attempts, NOW), next_attempt(policy, attempts, NOW + timedelta(minutes=minutes))
    if isinstance(first, NoMoreAttempts):
        assert later == first
    else:
        assert isinstance(later, datetime) and later >= first >= NOW


def test_the_defaults() -> None:
    policy = RetryPolicy()
    assert next_attempt(policy, [], NOW) == NOW
    assert next_attempt(policy, [ended("busy", 0)], NOW) == NOW + timedelta(minutes=30)
    assert next_attempt(policy, [ended("no_answer", 60)], NOW) == NOW + timedelta(minutes=180)
    # The second within a day: the third comes a day after the first.
    twice = [ended("no_answer", 300), ended("busy", 0)]
    assert next_attempt(policy, twice, NOW) == NOW + timedelta(hours=24) - timedelta(minutes=300)
    assert next_attempt(policy, [*twice, ended("machine", 0)], NOW) == NoMoreAttempts("attempt_limit")


@pytest.mark.parametrize("outcome", ["answered", "opted_out", "unreachable", "rejected", "voicemail_left"])
def test_final_outcomes(outcome: AttemptOutcome) -> None:
    assert next_attempt(RetryPolicy(), [ended(outcome, 0)], NOW) == NoMoreAttempts("outcome")


def test_an_opt_out_counts_although_another_attempt_ended_later() -> None:
    assert next_attempt(RetryPolicy(), [ended("opted_out", 9), ended("busy", 1)], NOW) == NoMoreAttempts("outcome")


def test_the_limit_of_one_outcome() -> None:
    policy = RetryPolicy(most_attempts=9, busy=RetryRule(most=1, delay_minutes=1))
    assert isinstance(next_attempt(policy, [ended("busy", 9)], NOW), datetime)
    assert next_attempt(policy, [ended("busy", 9), ended("busy", 1)], NOW) == NoMoreAttempts("outcome_limit")


@pytest.mark.parametrize(
    ("field", "value"),
    [("most_attempts", 11), ("most_attempts", 0), ("most_a_day", 6), ("gap_minutes", 0), ("busy", {"most": 10})],
)
def test_faulty_policies_name_the_field(field: str, value: object) -> None:
    with pytest.raises(ValidationError, match=field):
        RetryPolicy.model_validate({field: value})

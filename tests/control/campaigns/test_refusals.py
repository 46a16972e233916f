"""What follows when a call may not be placed, by code."""

from datetime import timedelta

import pytest

from control.campaigns.outcomes import judge_refusal
from shared.errors import Conflict, Invalid, NotFound, Problem, TooManyRequests


@pytest.mark.parametrize(
    ("problem", "consequence"),
    [
        (Invalid("x", code="number_on_do_not_call_list"), "finish"),
        (Invalid("x", code="country_not_allowed"), "finish"),
        (TooManyRequests("x", code="outbound_repeat_limit", retry_after_s=1), "defer"),
        (TooManyRequests("x", code="outbound_daily_limit", retry_after_s=1), "wait"),
        (Conflict("x", code="call_limit"), "wait"),
        (Conflict("x", code="spend_limit_reached"), "pause"),
        (Invalid("x", code="variable_missing"), "pause"),
        (NotFound("x", code="agent_not_found"), "pause"),
        (Conflict("x", code="of_a_later_version"), "pause"),
    ],
)
def test_code_decides(problem: Problem, consequence: str) -> None:
    refusal = judge_refusal(problem)
    assert refusal.consequence == consequence
    assert (refusal.delay > timedelta(0)) == (consequence in ("defer", "wait"))

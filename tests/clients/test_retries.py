"""What the Python client repeats, and after how long."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vocalized.clients.generated_package import ClientModule

PACKAGE = ClientModule()
ERRORS = ClientModule("vocalized_client.errors")


def api_error(status: int, code: str = "x", retry_after_s: float | None = None) -> Any:
    body = {"error": {"code": code, "message": "No."}}
    return ERRORS.make_error(status, body, request_id="", retry_after_s=retry_after_s)


def delay_s(error: Any, *, attempt: int = 0, is_repeatable: bool = True, draw: float = 0.0, **policy: Any) -> Any:
    return PACKAGE.RetryPolicy(**policy).delay_s(error, attempt=attempt, is_repeatable=is_repeatable, draw=lambda: draw)


@pytest.mark.parametrize(
    ("make", "repeatable", "other"),
    [
        (lambda: api_error(429), True, True),
        (lambda: api_error(503), True, False),
        (lambda: api_error(500), True, False),
        (lambda: api_error(408), True, False),
        (lambda: api_error(501), False, False),
        (lambda: api_error(409, "idempotency_in_flight"), True, False),
        (lambda: api_error(409, "call_limit"), False, False),
        (lambda: api_error(422), False, False),
        (lambda: PACKAGE.ConnectionFailed("x", was_sent=True), True, False),
        (lambda: PACKAGE.ConnectionFailed("x", was_sent=False), True, True),
        (lambda: PACKAGE.RequestTimedOut("x", was_sent=True), True, False),
        (lambda: PACKAGE.AnswerInvalid("x"), False, False),
    ],
)
def test_what_is_repeated(make: Callable[[], Any], repeatable: bool, other: bool) -> None:
    error = make()
    assert (delay_s(error) is not None) is repeatable
    assert (delay_s(error, is_repeatable=False) is not None) is other


def test_delays_double_and_chance_shortens_them() -> None:
    assert [delay_s(api_error(503), attempt=number, max_retries=9) for number in range(4)] == [0.5, 1, 2, 4]
    assert delay_s(api_error(503), draw=0.5) == 0.375
    assert delay_s(api_error(503), attempt=2) is None


@given(attempt=st.integers(0, 2_000), draw=st.floats(0, 1, exclude_max=True), wanted=st.none() | st.floats(0, 1e9))
@settings(max_examples=50)
def test_no_delay_is_longer_than_allowed(attempt: int, draw: float, wanted: float | None) -> None:
    found = delay_s(api_error(429, retry_after_s=wanted), attempt=attempt, draw=draw, max_retries=2_000)
    assert found is None or 0 <= found <= 30
    assert found == wanted or wanted is None or wanted > 30 or attempt == 2_000


@pytest.mark.parametrize("wrong", [{"max_retries": -1}, {"first_delay_s": 31.0}, {"first_delay_s": -1.0}])
def test_policies_that_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        PACKAGE.RetryPolicy(**wrong)

"""Signatures as the public library makes them, and the waits between attempts."""

from base64 import b64decode
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook

from control.outbound_webhooks.rules import FIRST, KEY_BYTES, LONGEST, PREFIX, new_secret, next_wait, sign


@settings(max_examples=50)
@given(st.text(max_size=200), st.datetimes(datetime(2001, 1, 1), datetime(2099, 1, 1)))
def test_signature_is_that_of_the_library(body: str, at: datetime) -> None:
    at, keys = at.replace(tzinfo=UTC), [new_secret(), new_secret()]
    headers = sign("msg_1", at, body.encode(), keys)
    assert headers["webhook-signature"] == " ".join(Webhook(key).sign("msg_1", at, body) for key in keys)
    assert headers["webhook-timestamp"] == str(int(at.timestamp()))


def test_vector_of_the_specification() -> None:
    """From the README of the reference implementation's tests."""
    headers = sign(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        datetime.fromtimestamp(1614265330, tz=UTC),
        b'{"test": 2432232314}',
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_secrets_are_random_and_long_enough() -> None:
    first, second = new_secret(), new_secret()
    assert first != second and len(b64decode(first.removeprefix(PREFIX))) == KEY_BYTES == 32


@given(st.integers(1, 10**6), st.floats(0, 1))
def test_waits_grow_to_a_bound(failures: int, chance: float) -> None:
    wait = next_wait(failures, chance)
    assert 0.8 * FIRST <= wait <= 1.2 * LONGEST
    assert next_wait(failures, 0.5) <= next_wait(failures + 1, 0.5)


def test_three_days_hold_sixteen_attempts() -> None:
    ends, at = [timedelta(0)], timedelta(0)
    while at < timedelta(days=3):
        at += next_wait(len(ends), 0.5)
        ends.append(at)
    assert len([end for end in ends if end < timedelta(days=3)]) == 16
    assert ends[7] == timedelta(seconds=10 + 30 + 90 + 270 + 810 + 2430 + 7290)

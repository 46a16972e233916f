"""A vendor's words are told, a key or a part of it is not."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.voice.vendor_words import MAX_CHARACTERS, read_words, redact
from tests.platform.computation import slowed

KEY = "sk-proj-abcdefghijklmnop"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            {"error": {"message": "The model `gpt-9` does not exist", "code": "model_not_found"}},
            "The model `gpt-9` does not exist",
        ),
        ({"err_code": "INVALID_AUTH", "err_msg": "Invalid credentials."}, "Invalid credentials."),
        ({"error": "no such voice"}, "no such voice"),
        ({"error": {"message": f"Incorrect API key provided: {KEY}."}}, "Incorrect API key provided: ***"),
        ({"error": {"message": "Incorrect key: sk-proj-***mnop, see docs"}}, "Incorrect key: ***, see docs"),
        ({"message": "ends in efghijklmnop"}, "ends in ***"),
        ({"message": "x " * 5_000}, "x " * 99 + "x "),
        ({"message": "Invalid API key.", "error": "invalid_api_key", "code": 1008}, "Invalid API key."),
        ({"message_type": "auth_error", "error": "You must be authenticated."}, "You must be authenticated."),
        ({"detail": {"status": "quota_exceeded", "message": "You have 0 credits."}}, "You have 0 credits."),
        ({"error": {"message": 7}}, ""),
        ([1], ""),
    ],
)
def test_words_of_vendors(body: Any, words: str) -> None:
    assert read_words(json.dumps(body).encode(), KEY) == words


def test_ignores_a_body_that_is_not_json() -> None:
    assert read_words(f"<html>{KEY}".encode(), KEY) == ""


@given(st.text(max_size=300), st.text(alphabet="abc-123", min_size=6, max_size=40), st.text(max_size=20))
def test_no_part_of_a_key_is_told(before: str, key: str, after: str) -> None:
    told = redact(f"{before}{key}{after} {key[3:]}", key)
    assert len(told) <= MAX_CHARACTERS
    assert not any(key[at : at + 6] in told for at in range(len(key) - 5))


def test_a_key_with_separators_is_not_told_in_pieces() -> None:
    assert redact("no user abc:de(fg,hi;jk here", "abc:de(fg,hi;jk") == "no user *** here"


def test_a_long_answer_and_a_long_key_take_no_time() -> None:
    """A customer's server says what it wants, and the event loop serves everybody. It took 5 s, now 2 ms."""
    key = "".join(f"{number:04d}" for number in range(1_000))
    began = time.process_time()
    assert redact(f"{'a ' * 1_000}{key} {'a ' * 100_000}", key).startswith("a a a")
    assert time.process_time() - began < slowed(0.2)

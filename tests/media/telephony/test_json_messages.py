"""JSON messages; errors have a code and name the field."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.telephony.codec import MediaProtocolError
from media.telephony.json_messages import Count, Digit, Id, JsonReader, check_params, check_size


class Part(msgspec.Struct):
    number: Count
    payload: bytes
    digit: Digit = "0"
    name: Id = "x"


class Good(msgspec.Struct, tag_field="event", tag="good"):
    part: Part
    extra: dict[str, str] = {}


class Plain(msgspec.Struct, tag_field="event", tag="plain"):
    pass


DECODER = msgspec.json.Decoder(Good | Plain, strict=False)


def reader(max_bytes: int = 65536) -> JsonReader[Good | Plain]:
    return JsonReader(DECODER, max_bytes)


def good(**part: Any) -> str:
    return json.dumps({"event": "good", "part": {"number": "1", "payload": "AAE="} | part})


def refusal(message: str | bytes, max_bytes: int = 65536) -> MediaProtocolError:
    with pytest.raises(MediaProtocolError) as caught:
        reader(max_bytes).read(message)
    return caught.value


def test_event_is_decoded() -> None:
    event = reader().read(good())
    assert isinstance(event, Good)
    assert (event.part.number, event.part.payload) == (1, b"\x00\x01")


def test_tag_may_be_last_and_unknown_fields_are_ignored() -> None:
    assert isinstance(reader().read('{"later":[1,{"x":null}],"event":"plain"}'), Plain)


@pytest.mark.parametrize("number", ["7", 7, "0", 2**53])
def test_numbers_may_be_strings(number: str | int) -> None:
    event = reader().read(good(number=number))
    assert isinstance(event, Good)
    assert event.part.number == int(number)


@pytest.mark.parametrize(
    ("message", "code", "field"),
    [
        ("", "not_json", ""),
        ("hello", "not_json", ""),
        ("{", "not_json", ""),
        ("\ufeff{}", "not_json", ""),
        ('{"event":"plain"} {}', "not_json", ""),
        ('{"event":"plain","x":NaN}', "not_json", ""),
        ('{"event":"plain","x":"\ud800"}', "not_json", ""),
        ('{"event":"plain","x":' + "[" * 60_000, "not_json", ""),
        ("[]", "bad_type", ""),
        ("null", "bad_type", ""),
        ("5", "bad_type", ""),
        ("{}", "missing_field", "event"),
        ('{"event":5}', "bad_type", "event"),
        ('{"event":"nonsense"}', "unknown_event", "event"),
        ('{"event":"Plain"}', "unknown_event", "event"),
        ('{"event":"good"}', "missing_field", "part"),
        ('{"event":"good","part":{"number":1}}', "missing_field", "part.payload"),
        ('{"event":"good","part":[]}', "bad_type", "part"),
        (good(number=-1), "bad_type", "part.number"),
        (good(number="-1"), "bad_type", "part.number"),
        (good(number="one"), "bad_type", "part.number"),
        (good(number=""), "bad_type", "part.number"),
        (good(number=1.5), "bad_type", "part.number"),
        (good(number=True), "bad_type", "part.number"),
        (good(number=None), "bad_type", "part.number"),
        (good(number="9" * 40), "bad_type", "part.number"),
        (good(payload="A"), "bad_base64", "part.payload"),
        (good(payload="AAE"), "bad_base64", "part.payload"),
        (good(payload="AA=E"), "bad_base64", "part.payload"),
        (good(payload="AAE*"), "bad_base64", "part.payload"),
        (good(payload="AAE=\n"), "bad_base64", "part.payload"),
        (good(payload=5), "bad_type", "part.payload"),
        (good(digit="12"), "bad_type", "part.digit"),
        (good(digit="x"), "bad_type", "part.digit"),
        (good(name=""), "bad_type", "part.name"),
        (good(name="n" * 513), "bad_type", "part.name"),
        ('{"event":"good","part":{"number":1,"payload":""},"extra":{"a":1}}', "bad_type", "extra[...]"),
    ],
)
def test_invalid_messages(message: str, code: str, field: str) -> None:
    error = refusal(message)
    assert (error.code, error.field) == (code, field)


def test_binary_is_refused() -> None:
    assert refusal(good().encode()).code == "binary_message"


def test_ten_megabytes_are_refused_without_parsing() -> None:
    error = refusal("{" * 10_000_000)
    assert error.code == "too_large"
    assert "10000000" in error.detail


def test_the_limit_is_exact_and_counts_utf8() -> None:
    message = '{"event":"plain","x":"é"}'
    size = len(message.encode())
    assert isinstance(reader(size).read(message), Plain)
    assert refusal(message, size - 1).code == "too_large"
    check_size(b"1234", 4)
    with pytest.raises(MediaProtocolError, match="5 bytes"):
        check_size(b"12345", 4)


def test_unknown_event_name_is_shortened() -> None:
    error = refusal(json.dumps({"event": "e" * 50_000}))
    assert error.code == "unknown_event"
    assert len(str(error)) < 120
    assert "eee" in error.detail


def test_name_that_imitates_the_decoders_message() -> None:
    assert refusal(json.dumps({"event": "x - at `$.event`"})).code == "unknown_event"


def test_params_within_the_limits() -> None:
    params = {f"name{n}": "v" for n in range(99)} | {"n": "v" * 498}
    assert check_params(params, "f") == params


@pytest.mark.parametrize("params", [{str(n): "" for n in range(101)}, {"n": "v" * 499}, {"n" * 500: ""}])
def test_params_beyond_the_limits(params: dict[str, str]) -> None:
    with pytest.raises(MediaProtocolError) as caught:
        check_params(params, "start.params")
    assert (caught.value.code, caught.value.field) == ("bad_params", "start.params")


@given(st.text() | st.binary())
def test_anything_else_is_a_protocol_error(message: str | bytes) -> None:
    refusal(message)

"""The shared words of the carriers' sockets."""

import pytest

from media.telephony.wire import Encoding, Heard, Play, WireError


def test_an_error_tells_code_detail_and_field() -> None:
    error = WireError("bad_type", "Expected `int`", "media.chunk")
    assert str(error) == "bad_type: Expected `int` (field media.chunk)"
    assert (error.code, error.detail, error.field) == ("bad_type", "Expected `int`", "media.chunk")
    assert str(WireError("not_json", "no")) == "not_json: no"


def test_frames_cannot_be_changed() -> None:
    heard = Heard(b"\xff", 20)
    with pytest.raises(AttributeError):
        heard.at_ms = 40  # type: ignore[misc]
    assert heard == Heard(payload=b"\xff", at_ms=20)
    assert Play(b"a") != Play(b"b")


def test_frames_can_be_matched() -> None:
    match Heard(b"\xff", 20):
        case Heard(payload=payload, at_ms=at_ms):
            assert (payload, at_ms) == (b"\xff", 20)


def test_encodings_are_the_carriers_words() -> None:
    assert [f"{encoding}" for encoding in Encoding] == ["PCMU", "PCMA", "L16"]

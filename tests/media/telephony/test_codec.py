"""Events, commands and errors of the codecs."""

import pytest

from media.telephony.codec import Encoding, InboundAudio, MediaProtocolError, Play


def test_error_text_holds_code_detail_and_field() -> None:
    error = MediaProtocolError("bad_type", "Expected `int`", "media.chunk")
    assert str(error) == "bad_type: Expected `int` (field media.chunk)"
    assert (error.code, error.detail, error.field) == ("bad_type", "Expected `int`", "media.chunk")
    assert str(MediaProtocolError("not_json", "no")) == "not_json: no"


def test_frames_are_immutable() -> None:
    audio = InboundAudio(b"\xff", 20)
    with pytest.raises(AttributeError):
        audio.at_ms = 40  # type: ignore[misc]
    assert audio == InboundAudio(payload=b"\xff", at_ms=20)
    assert Play(b"a") != Play(b"b")


def test_frames_can_be_matched() -> None:
    match InboundAudio(b"\xff", 20):
        case InboundAudio(payload=payload, at_ms=at_ms):
            assert (payload, at_ms) == (b"\xff", 20)


def test_encodings_have_the_carriers_names() -> None:
    assert [f"{encoding}" for encoding in Encoding] == ["PCMU", "PCMA", "G722", "L16"]

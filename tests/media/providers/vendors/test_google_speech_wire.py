"""What Google's recognizer tells, put into the caller's time; addresses and locales. Pure."""

import pytest
from google.protobuf.duration_pb2 import Duration

from media.providers.ports import TimedWord
from vendors.google_speech import google_speech_pb2 as pb
from vendors.google_speech.facts import GOOGLE_RECOGNITION_URL
from vendors.google_speech.wire import StreamReader, find_locale, make_address

EVENT = pb.StreamingRecognizeResponse.SpeechEventType


def offset(ms: int) -> Duration:
    return Duration(seconds=ms // 1_000, nanos=ms % 1_000 * 1_000_000)


def result(text: str, end_ms: int, *, is_final: bool, timed: bool = False) -> pb.StreamingRecognitionResult:
    words = [pb.WordInfo(word=text, start_offset=offset(end_ms - 300), end_offset=offset(end_ms))] if timed else []
    best = pb.SpeechRecognitionAlternative(transcript=f" {text}", words=words)
    return pb.StreamingRecognitionResult(alternatives=[best], is_final=is_final, result_end_offset=offset(end_ms))


def response(*results: pb.StreamingRecognitionResult) -> pb.StreamingRecognizeResponse:
    return pb.StreamingRecognizeResponse(results=results)


def test_results_are_timed_in_the_callers_audio() -> None:
    reader = StreamReader()
    reader.begin(10_000)
    (found,) = reader.read(response(result("hello", 1_200, is_final=True, timed=True)), 10_000)
    assert found.segment.words == (TimedWord("hello", 10_900, 11_200),)
    assert (found.segment.text, found.segment.end_ms) == ("hello", 11_200)
    assert reader.settled_ms == 11_200 and not reader.is_pending


def test_interim_results_of_a_response_are_one_text_after_the_final_one() -> None:
    reader = StreamReader()
    first = result("to be", 800, is_final=True)
    both = reader.read(response(first, result("or", 1_000, is_final=False), result("not", 1_200, is_final=False)), 0.0)
    assert [(one.segment.text, one.is_final) for one in both] == [("to be", True), ("or not", False)]
    assert both[1].segment.number > both[0].segment.number and both[1].segment.end_ms == 1_200
    assert reader.is_pending


def test_the_end_of_a_stream_makes_its_last_words_final() -> None:
    reader = StreamReader()
    reader.read(response(result("yes", 500, is_final=False)), 0.0)
    end = reader.end(700)
    assert end.is_final and end.is_flushed
    assert (end.segment.text, end.segment.end_ms) == ("yes", 700)
    empty = reader.end(900)
    assert (empty.segment.text, empty.segment.start_ms) == ("", 900)
    assert empty.segment.number > end.segment.number


def test_what_is_about_settled_audio_is_old() -> None:
    reader = StreamReader()
    reader.read(response(result("yes", 500, is_final=True)), 0.0)
    assert reader.read(response(result("yes", 500, is_final=True)), 0.0) == []
    assert reader.read(response(result("yes", 480, is_final=False)), 0.0) == []
    assert not reader.is_pending


def test_speech_activity_is_evidence_after_a_final_text_only() -> None:
    reader = StreamReader()
    begin = pb.StreamingRecognizeResponse(speech_event_type=EVENT.SPEECH_ACTIVITY_BEGIN)
    assert reader.read(begin, 0.0) == [] and reader.is_pending
    end = pb.StreamingRecognizeResponse(speech_event_type=EVENT.SPEECH_ACTIVITY_END)
    assert reader.read(end, 0.0) == [] and not reader.is_pending
    (unasked,) = reader.read(response(result("yes", 500, is_final=True)), 0.0)
    assert unasked.finished == 0.7
    (resumed,) = reader.read(begin, 0.0)
    assert resumed.has_resumed and resumed.finished is None
    assert reader.read(begin, 0.0) == []  # once
    (asked,) = reader.read(response(result("no", 900, is_final=True)), 0.0, was_asked=True)
    assert asked.finished is None


def test_message_without_text_yields_no_event() -> None:
    reader = StreamReader()
    assert reader.read(pb.StreamingRecognizeResponse(), 0.0) == []
    assert reader.read(response(pb.StreamingRecognitionResult()), 0.0) == []


@pytest.mark.parametrize(
    ("url", "location", "target", "is_plain"),
    [
        (GOOGLE_RECOGNITION_URL, "global", "speech.googleapis.com:443", False),
        (GOOGLE_RECOGNITION_URL, "us-central1", "us-central1-speech.googleapis.com:443", False),
        ("https://localhost:8443/v2", "us", "localhost:8443", False),
        ("http://gateway", "us", "gateway:80", True),
        ("https://user@gateway:1/", "us", "gateway:1", False),
    ],
)
def test_addresses_are_the_locations(url: str, location: str, target: str, is_plain: bool) -> None:
    address = make_address(url, GOOGLE_RECOGNITION_URL, location)
    assert (address.target, address.is_plain) == (target, is_plain)


def test_a_language_without_a_region_gets_the_usual_one() -> None:
    assert [find_locale(one) for one in ("en", "EN", "en-GB", "zh", "tlh")] == [
        "en-US",
        "en-US",
        "en-GB",
        "cmn-CN",
        "tlh",
    ]

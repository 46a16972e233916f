"""Deepgram's messages: written as its documentation shows them, and as its SDK's types read them."""

import json
from typing import Any

import pytest
from deepgram.listen.v1.types import ListenV1Results
from deepgram.listen.v2.types import ListenV2TurnInfo

from media.providers.ports import ProviderBusy, ProviderError, TimedWord
from shared.providers.segments import TranscribedResult, TranscribedSegment
from vendors.deepgram.wire import (
    EAGER_EOT_THRESHOLD,
    QueryValue,
    make_error,
    make_headers,
    make_url,
    map_close,
    read_flux,
    read_nova,
)

RESULTS = {
    "type": "Results",
    "channel_index": [0, 1],
    "duration": 1.5,
    "start": 0.5,
    "is_final": True,
    "speech_final": True,
    "channel": {
        "alternatives": [
            {
                "transcript": "Yes, please.",
                "confidence": 0.99,
                "words": [
                    {"word": "yes", "start": 0.5, "end": 0.75, "confidence": 0.99, "punctuated_word": "Yes,"},
                    {"word": "please", "start": 0.75, "end": 1.25, "confidence": 0.99},
                ],
            }
        ]
    },
    "metadata": {
        "request_id": "5479dd89",
        "model_info": {"name": "general-nova-3", "version": "2025-04-17.0", "arch": "nova-3"},
        "model_uuid": "40bd3654",
    },
    "from_finalize": True,
}
TURN = {
    "type": "TurnInfo",
    "request_id": "2c8b",
    "sequence_id": 11,
    "event": "EndOfTurn",
    "turn_index": 2,
    "audio_window_start": 1.25,
    "audio_window_end": 2.5,
    "transcript": "Yes please",
    "words": [{"word": "Yes", "confidence": 0.9}, {"word": "please", "confidence": 0.9}],
    "end_of_turn_confidence": 0.8,
    "trigger": "manual",
}


def encode(message: dict[str, Any]) -> bytes:
    return json.dumps(message).encode()


def test_results_of_nova() -> None:
    ListenV1Results.model_validate(RESULTS, strict=True)
    words = (TimedWord("Yes,", 500, 750), TimedWord("please", 750, 1250))
    expected = TranscribedSegment(500, "Yes, please.", 500, 2000, words)
    assert read_nova("d", encode(RESULTS)) == TranscribedResult(expected, is_final=True, is_flushed=True)


def test_turns_of_flux() -> None:
    ListenV2TurnInfo.model_validate(TURN, strict=True)
    expected = TranscribedSegment(2, "Yes please", 1250, 2500)
    assert read_flux("d", encode(TURN)) == TranscribedResult(expected, is_final=True, is_flushed=True)
    by_model = read_flux("d", encode(TURN | {"trigger": "model"}))
    assert by_model == TranscribedResult(expected, is_final=True, finished=0.8, is_over=True)


@pytest.mark.parametrize(
    "message",
    [
        {"type": "SpeechStarted", "channel": [0, 1], "timestamp": 9.54},
        {"type": "UtteranceEnd", "channel": [0, 2], "last_word_end": -1},
        {"type": "Metadata", "request_id": "r", "duration": 1.0, "channels": 1},
        {"type": "Connected", "request_id": "r", "sequence_id": 0},
        {"type": "Brand New", "words": []},
    ],
)
def test_other_messages_hold_no_text(message: dict[str, Any]) -> None:
    assert read_nova("d", encode(message)) is None
    assert read_flux("d", encode(message)) is None


@pytest.mark.parametrize("message", [b"", b"{", b'{"type":3}', b"\xff\xfe", b"[]", b"{}"])
def test_what_cannot_be_read_is_an_error(message: bytes) -> None:
    for read in (read_nova, read_flux):
        with pytest.raises(ProviderError, match=r"^d: an unreadable message$"):
            read("d", message)


def test_an_error_keeps_the_vendors_code_and_not_its_words() -> None:
    said = {"type": "Error", "variant": "SchemaError", "description": "could not parse", "message": "caller's words"}
    with pytest.raises(ProviderError, match=r"^d: error SchemaError$") as caught:
        read_nova("d", encode(said))
    assert not caught.value.retryable
    said = {"type": "Error", "code": "INTERNAL_SERVER_ERROR", "description": "caller's words"}
    with pytest.raises(ProviderError, match=r"^d: error INTERNAL_SERVER_ERROR$") as caught:
        read_flux("d", encode(said))
    assert caught.value.retryable
    assert make_error("d", "key sk-12 is wrong", "error").reason == "error"
    assert isinstance(make_error("d", "TOO_MANY_REQUESTS", "error"), ProviderBusy)


@pytest.mark.parametrize(
    ("code", "reason", "expected", "retryable"),
    [
        (1011, "NET-0001: no audio came", "closed with 1011 NET-0001", True),
        (1008, "DATA-0000", "closed with 1008 DATA-0000", False),
        (1000, "Good bye, caller", "closed with 1000", True),
        (1006, "", "closed with 1006", True),
    ],
)
def test_close_is_classified_by_its_code(code: int, reason: str, expected: str, retryable: bool) -> None:
    error = map_close("d", code, reason)
    assert (error.reason, error.retryable) == (expected, retryable)


def test_an_address_and_its_key() -> None:
    keyterm = ("a b", "c")
    query: dict[str, QueryValue | None] = {
        "model": "nova-3",
        "punctuate": True,
        "keyterm": keyterm,
        "eot": 1.0,
        "tag": None,
    }
    url = make_url("https://host:8443/", "/v1/listen", query)
    assert url == "wss://host:8443/v1/listen?model=nova-3&punctuate=true&keyterm=a+b&keyterm=c&eot=1"
    assert make_headers("k") == {"Authorization": "Token k"}
    assert make_headers("") == {}


@pytest.mark.parametrize(
    ("event", "fields", "finished"),
    [
        ("EagerEndOfTurn", {}, 0.8),
        ("Update", {}, 0.8),
        ("Update", {"end_of_turn_confidence": EAGER_EOT_THRESHOLD}, EAGER_EOT_THRESHOLD),
        ("Update", {"end_of_turn_confidence": 0.49}, None),
        ("EagerEndOfTurn", {"transcript": ""}, None),
        ("EndOfTurn", {"trigger": "timeout"}, 0.8),
        ("EndOfTurn", {"trigger": "manual"}, None),
        ("StartOfTurn", {"end_of_turn_confidence": 0.0}, None),
    ],
)
def test_from_the_threshold_on_the_confidence_of_flux_is_a_signal(
    event: str, fields: dict[str, Any], finished: float | None
) -> None:
    found = read_flux("d", encode(TURN | {"event": event, "trigger": None} | fields))
    assert found is not None
    assert (found.finished, found.has_resumed) == (finished, False)


@pytest.mark.parametrize(
    ("event", "trigger", "is_over"),
    [
        ("EagerEndOfTurn", None, True),
        ("EndOfTurn", "timeout", True),
        ("EndOfTurn", "manual", False),
        ("Update", None, False),
        ("TurnResumed", None, False),
    ],
)
def test_flux_tells_where_it_need_not_be_forced(event: str, trigger: str | None, is_over: bool) -> None:
    found = read_flux("d", encode(TURN | {"event": event, "trigger": trigger}))
    assert found is not None and found.is_over is is_over


def test_flux_takes_an_end_back() -> None:
    found = read_flux("d", encode(TURN | {"event": "TurnResumed", "trigger": None}))
    assert found is not None
    assert (found.finished, found.has_resumed) == (None, True)


@pytest.mark.parametrize("confidence", [7, -1, None, "high", True, [0.9]])
def test_a_confidence_that_is_none_costs_no_text(confidence: object) -> None:
    found = read_flux("d", encode(TURN | {"event": "EagerEndOfTurn", "end_of_turn_confidence": confidence}))
    assert found is not None
    assert (found.segment.text, found.finished) == ("Yes please", None)

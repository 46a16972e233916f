"""The TwiML parser."""

import pytest

from simulator.carrier.network.twilio.twiml import (
    ConnectStreamVerb,
    DialVerb,
    HangupVerb,
    PauseVerb,
    PlayVerb,
    RedirectVerb,
    RejectVerb,
    SayVerb,
    TwimlError,
    UnknownVerb,
    read_twiml,
)
from simulator.carrier.network.twilio.voices import can_speak


def test_every_verb_and_its_defaults() -> None:
    document = read_twiml(
        """<?xml version="1.0" encoding="UTF-8"?>
        <Response>
          <Say voice="Polly.Joanna">Tom &amp; <break/> Jerry</Say><Play loop="2">http://a/b.mp3</Play><Pause/>
          <Pause length="3"/><Redirect method="GET">/next?a=1&amp;b=2</Redirect><Reject/><Hangup/><Enqueue/>
          <Dial>+14155550101</Dial>
        </Response>""",
        "https://x/y",
    )
    dial = DialVerb(
        number="+14155550101",
        caller_id="",
        timeout_s=30,
        time_limit_s=14_400,
        action="",
        method="POST",
        answer_on_bridge=False,
        record="do-not-record",
        recording_callback="",
        callback="",
        callback_events="completed",
    )
    assert document.base == "https://x/y"
    assert document.verbs == (
        SayVerb("Tom & Jerry", 1, "Polly.Joanna"),
        PlayVerb("http://a/b.mp3", 2),
        PauseVerb(1),
        PauseVerb(3),
        RedirectVerb("/next?a=1&b=2", "GET"),
        RejectVerb("rejected"),
        HangupVerb(),
        UnknownVerb("Enqueue"),
        dial,
    )


def test_stream_with_parameters_and_dial_with_all_attributes() -> None:
    document = read_twiml(
        """<Response><Connect action="/over"><Stream url="wss://h/m" name="n" statusCallback="https://h/s">
        <Parameter name="a" value="1"/><Parameter name="b" value=""/></Stream></Connect>
        <Dial action="/d" timeout="5" timeLimit="60" callerId="+1" answerOnBridge="true"
        record="record-from-answer-dual" recordingStatusCallback="https://h/r">
        <Number statusCallback="https://h/c" statusCallbackEvent="ringing answered">+2</Number></Dial></Response>"""
    )
    assert document.verbs == (
        ConnectStreamVerb("wss://h/m", "n", {"a": "1", "b": ""}, "/over", "POST", "https://h/s", "POST"),
        DialVerb(
            number="+2",
            caller_id="+1",
            timeout_s=5,
            time_limit_s=60,
            action="/d",
            method="POST",
            answer_on_bridge=True,
            record="record-from-answer-dual",
            recording_callback="https://h/r",
            callback="https://h/c",
            callback_events="ringing answered",
        ),
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "<Response>",
        "<Other/>",
        '<Response><Pause length="long"/></Response>',
        '<!DOCTYPE x [<!ENTITY a "b">]><Response/>',
        "<Response>" + " " * 70_000 + "</Response>",
    ],
)
def test_invalid_twiml_is_an_error(text: str) -> None:
    with pytest.raises(TwimlError):
        read_twiml(text)


@pytest.mark.parametrize(
    ("voice", "language", "is_spoken"),
    [
        ("", "", True),
        ("", "de", True),
        ("", "tr-TR", False),
        ("Polly.Vicki", "de-DE", True),
        ("Polly.Vicki", "de-AT", False),
        ("Polly.Filiz", "", True),
        ("Polly.Nobody", "en-US", False),
        ("Joanna", "en-US", False),
    ],
)
def test_voices_and_languages_that_belong_together(voice: str, language: str, is_spoken: bool) -> None:
    assert can_speak(voice, language) is is_spoken

"""TwiML is read as Twilio reads it."""

import pytest

from simulator.carrier.network.twilio_side.twiml import (
    Dial,
    Hangup,
    Pause,
    Play,
    Redirect,
    Reject,
    Say,
    Stream,
    TwimlError,
    Unknown,
    read_twiml,
)


def test_every_verb_and_its_defaults() -> None:
    document = read_twiml(
        """<?xml version="1.0" encoding="UTF-8"?>
        <Response>
          <Say voice="Polly.Joanna">Tom &amp; <break/> Jerry</Say><Play loop="2">http://a/b.mp3</Play><Pause/>
          <Pause length="3"/><Redirect method="GET">/next?a=1&amp;b=2</Redirect><Reject/><Hangup/><Gather/>
          <Dial>+14155550101</Dial>
        </Response>""",
        "https://x/y",
    )
    dial = Dial("+14155550101", "", 30, 14_400, "", "POST", False, "do-not-record", "", "", "completed")
    assert document.base == "https://x/y"
    assert document.verbs == (
        Say("Tom & Jerry", 1),
        Play("http://a/b.mp3", 2),
        Pause(1),
        Pause(3),
        Redirect("/next?a=1&b=2", "GET"),
        Reject("rejected"),
        Hangup(),
        Unknown("Gather"),
        dial,
    )


def test_a_stream_with_parameters_and_a_dial_with_everything() -> None:
    document = read_twiml(
        """<Response><Connect action="/over"><Stream url="wss://h/m" name="n" statusCallback="https://h/s">
        <Parameter name="a" value="1"/><Parameter name="b" value=""/></Stream></Connect>
        <Dial action="/d" timeout="5" timeLimit="60" callerId="+1" answerOnBridge="true"
        record="record-from-answer-dual" recordingStatusCallback="https://h/r">
        <Number statusCallback="https://h/c" statusCallbackEvent="ringing answered">+2</Number></Dial></Response>"""
    )
    assert document.verbs == (
        Stream("wss://h/m", "n", {"a": "1", "b": ""}, "/over", "POST", "https://h/s", "POST"),
        Dial(
            "+2",
            "+1",
            5,
            60,
            "/d",
            "POST",
            True,
            "record-from-answer-dual",
            "https://h/r",
            "https://h/c",
            "ringing answered",
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
def test_what_is_no_twiml_is_an_error(text: str) -> None:
    with pytest.raises(TwimlError):
        read_twiml(text)

"""Parsers and TwiML for any input: what is written is well formed, what is read is parsed or refused."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.twiml.voice_response import Dial  # type: ignore[import-untyped]  # ships no types

from control.calls.announcements import transfer_failed_text
from control.carriers.rules import locale
from control.carriers.twilio_forms import choose_voice
from control.inbound_webhooks.telnyx import wire as telnyx_event
from control.inbound_webhooks.twilio import wire as twilio_form
from shared.errors import Malformed
from simulator.carrier.network.twilio.voices import can_speak

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
NAMES = sorted(twilio_form.STORED_FIELDS | {"CallToken"})
LEAVES = st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text(), max_size=2)
PAYLOADS = st.dictionaries(st.sampled_from(sorted(telnyx_event.STORED_FIELDS | {"recording_urls"})), LEAVES)


@given(st.text(), st.text(), st.text())
def test_twiml_is_well_formed_for_any_text(first: str, second: str, third: str) -> None:
    for text in (
        twilio_form.connect(first, second, third),
        twilio_form.say_and_hang_up(first, second),
        twilio_form.dial(first, second, third, 60),
    ):
        ElementTree.fromstring(text)


@given(st.text(alphabet=st.characters(min_codepoint=32, blacklist_categories=("Cs", "Cn"))))
def test_spoken_text_is_preserved(text: str) -> None:
    spoken = ElementTree.fromstring(twilio_form.say_and_hang_up(text, "en-US")).findtext("Say") or ""
    assert spoken == "".join(sign for sign in text if sign not in "\ufffe\uffff")[:3_000]


def test_values_cannot_add_elements() -> None:
    root = ElementTree.fromstring(twilio_form.dial('+1"/><Say>x</Say>', '"><Hangup/>', "a&b", 60))
    assert [element.tag for element in root.iter()] == ["Response", "Dial", "Number"]
    root = ElementTree.fromstring(twilio_form.connect("wss://a/?x=1&y=\"'<", '"/><Stream url="wss://evil"/>', "<"))
    assert [element.tag for element in root.iter()] == ["Response", "Connect", "Stream", "Parameter"]


@pytest.mark.parametrize(
    ("language", "spoken"),
    [
        ("en", "en-US"), ("en-GB", "en-GB"), ("de_AT", "de-AT"), ("DE", "de-DE"), ("xx", "en-US"), ("", "en-US"),
        ("zh-Hans", "zh-CN"), ('"><x', "en-US"), ("es-419", "es-ES"),
    ],
)  # fmt: skip
def test_locales(language: str, spoken: str) -> None:
    assert locale(language) == spoken


@pytest.mark.parametrize(
    ("language", "voice"),
    [
        ("en-US", "Polly.Joanna"), ("en-NZ", "Polly.Joanna"), ("de-AT", "Polly.Vicki"), ("es-MX", "Polly.Mia"),
        ("zh_CN", "Polly.Zhiyu"), ("no-NO", "Polly.Liv"), ("tr", "Polly.Filiz"), ("xx-YY", "Polly.Joanna"),
        ("", "Polly.Joanna"), ('"><x', "Polly.Joanna"),
    ],
)  # fmt: skip
def test_twilio_has_every_voice_that_we_name(language: str, voice: str) -> None:
    (said, _) = ElementTree.fromstring(twilio_form.say_and_hang_up("Hello.", language))
    assert said.attrib["voice"] == voice
    assert can_speak(said.attrib["voice"], said.attrib["language"])


@pytest.mark.parametrize(
    "language",
    [
        "da", "de", "es", "fi", "fr", "hi", "is", "it", "ja", "ko", "nb", "nl", "nn", "no", "pl", "pt", "ro", "ru",
        "sv", "tr", "zh",
    ],
)  # fmt: skip
def test_words_of_an_agent_are_spoken_in_its_language(language: str) -> None:
    """Else an English voice would read them."""
    chosen = choose_voice(locale(language))
    assert can_speak(chosen.name, chosen.language)
    assert chosen.language.partition("-")[0] == {"nn": "nb", "no": "nb", "zh": "cmn"}.get(language, language)


@pytest.mark.parametrize(
    ("target", "noun"),
    [
        ("+12125550123", "<Number>+12125550123</Number>"),
        ("+12125550123;ext=20#", '<Number sendDigits="wwww20#">+12125550123</Number>'),
        ("sip:r&d@pbx.acme.com", "<Sip>sip:r&amp;d@pbx.acme.com</Sip>"),
    ],
)
def test_twilio_dials_numbers_extensions_and_sip_addresses(target: str, noun: str) -> None:
    """The same element as Twilio's SDK writes."""
    assert f">{noun}</Dial>" in twilio_form.dial(target, "+12125550100", "https://api.example/continue", 60)
    number, _, keys = target.partition(";ext=")
    theirs = Dial()
    if target.startswith("sip:"):
        theirs.sip(target)
    else:
        theirs.number(number, **({"send_digits": f"wwww{keys}"} if keys else {}))
    assert f"<Dial>{noun}</Dial>" in str(theirs)


def test_failed_transfer_is_announced_in_the_callers_language() -> None:
    assert transfer_failed_text("de-AT").startswith("Leider")
    assert transfer_failed_text("xx").startswith("Sorry")


@given(st.binary(max_size=200), st.text(max_size=10))
def test_any_bytes_are_parsed_or_malformed(body: bytes, call: str) -> None:
    with suppress(Malformed):
        telnyx_event.parse_event(body, call, NOW)


@given(PAYLOADS, st.sampled_from(sorted(telnyx_event.HANDLED_TYPES)), st.text(max_size=10))
def test_any_payload_survives_storage(payload: dict[str, Any], kind: str, call: str) -> None:
    data = {"id": "e1", "event_type": kind, "occurred_at": "2026-11-25T11:59:59.5Z", "payload": payload}
    event = telnyx_event.parse_event(json.dumps({"data": data}).encode(), call, NOW)
    assert event.occurred_at == NOW - timedelta(milliseconds=500)
    telnyx_event.hangup_status(event)
    telnyx_event.machine_status(event)
    telnyx_event.recording(event, "v3:1")
    telnyx_event.incoming_call(event)
    stored = telnyx_event.to_stored_event(event)
    assert "\0" not in json.dumps(stored.payload, ensure_ascii=False)
    restored = telnyx_event.from_stored_payload(stored.payload, NOW)
    assert (restored.id, restored.type, restored.occurred_at, restored.call_id) == (
        event.id,
        event.type,
        event.occurred_at,
        event.call_id,
    )
    assert restored.command_id("answer") == event.command_id("answer") != event.command_id("stream")


@given(st.dictionaries(st.sampled_from(NAMES), st.text()), st.dictionaries(st.sampled_from(["call", "leg"]), st.text()))
def test_any_form_survives_storage(fields: dict[str, str], query: dict[str, str]) -> None:
    form = twilio_form.parse_form(fields, query)
    twilio_form.call_status(form, NOW)
    twilio_form.machine_status(form, NOW)
    twilio_form.recording(form)
    for kind in ("inbound", "answered", "continue", "status", "amd", "recording"):
        stored = twilio_form.to_stored_event(kind, form)
        assert "CallToken" not in stored.payload["form"]
        assert "\0" not in json.dumps(stored.payload, ensure_ascii=False) + stored.event_id
        assert twilio_form.from_stored_payload(stored.payload) == form if form.language == "en" else True


@pytest.mark.parametrize(
    ("stamp", "seconds"),
    [
        ("Wed, 25 Nov 2026 11:59:30 +0000", -30), ("Wed, 25 Nov 2026 12:00:30 +0000", 0),
        ("Wed, 18 Nov 2026 12:00:00 +0000", 0), ("", 0), ("soon", 0),
    ],
)  # fmt: skip
def test_implausible_timestamps_are_replaced(stamp: str, seconds: int) -> None:
    """Times in the future or more than a day off are replaced by the present."""
    form = twilio_form.parse_form({"CallSid": "CA1", "Timestamp": stamp}, {})
    assert twilio_form.call_status(form, NOW).at == NOW + timedelta(seconds=seconds)

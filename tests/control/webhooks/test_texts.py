"""Pure parts: whatever comes, what goes out is well formed, and what is read is read or refused."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.webhooks import telnyx_event, twilio_form, twiml
from control.webhooks.words import locale, not_reached
from shared.errors import Malformed

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
NAMES = sorted(twilio_form._KEPT | {"CallToken"})
LEAVES = st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text(), max_size=2)
PAYLOADS = st.dictionaries(st.sampled_from(sorted(telnyx_event._KEPT | {"recording_urls"})), LEAVES)


@given(st.text(), st.text(), st.text())
def test_twiml_is_well_formed_whatever_is_in_it(first: str, second: str, third: str) -> None:
    for text in (
        twiml.connect(first, second, third),
        twiml.say_and_hang_up(first, second),
        twiml.dial(first, second, third, 60),
    ):
        ElementTree.fromstring(text)


@given(st.text(alphabet=st.characters(min_codepoint=32, blacklist_categories=("Cs", "Cn"))))
def test_words_come_through_as_they_are(words: str) -> None:
    said = ElementTree.fromstring(twiml.say_and_hang_up(words, "en-US")).findtext("Say") or ""
    assert said == "".join(sign for sign in words if sign not in "\ufffe\uffff")[:3_000]


def test_nothing_gets_out_of_its_place() -> None:
    root = ElementTree.fromstring(twiml.dial('+1"/><Say>x</Say>', '"><Hangup/>', "a&b", 60))
    assert [element.tag for element in root.iter()] == ["Response", "Dial", "Number"]
    root = ElementTree.fromstring(twiml.connect("wss://a/?x=1&y=\"'<", '"/><Stream url="wss://evil"/>', "<"))
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


def test_words_in_the_callers_language() -> None:
    assert not_reached("de-AT").startswith("Leider")
    assert not_reached("xx").startswith("Sorry")


@given(st.binary(max_size=200), st.text(max_size=10))
def test_any_bytes_are_an_event_or_refused(body: bytes, call: str) -> None:
    with suppress(Malformed):
        telnyx_event.read_event(body, call, NOW)


@given(PAYLOADS, st.sampled_from(sorted(telnyx_event.KNOWN)), st.text(max_size=10))
def test_any_payload_is_read_kept_and_read_again(payload: dict[str, Any], kind: str, call: str) -> None:
    data = {"id": "e1", "event_type": kind, "occurred_at": "2026-11-25T11:59:59.5Z", "payload": payload}
    event = telnyx_event.read_event(json.dumps({"data": data}).encode(), call, NOW)
    assert event.at == NOW - timedelta(milliseconds=500)
    telnyx_event.hung_up(event)
    telnyx_event.machine(event)
    telnyx_event.recording(event, "v3:1")
    telnyx_event.ring(event)
    kept = telnyx_event.stored(event)
    assert "\0" not in json.dumps(kept.payload, ensure_ascii=False)
    again = telnyx_event.restored(kept.payload, NOW)
    assert (again.id, again.type, again.at, again.call_id) == (event.id, event.type, event.at, event.call_id)
    assert again.command_id("answer") == event.command_id("answer") != event.command_id("stream")


@given(st.dictionaries(st.sampled_from(NAMES), st.text()), st.dictionaries(st.sampled_from(["call", "leg"]), st.text()))
def test_any_form_is_read_kept_and_read_again(fields: dict[str, str], query: dict[str, str]) -> None:
    form = twilio_form.read_form(fields, query)
    twilio_form.progress(form, NOW)
    twilio_form.machine(form, NOW)
    twilio_form.recording(form)
    for kind in ("inbound", "answered", "continue", "status", "amd", "recording"):
        kept = twilio_form.stored(kind, form)
        assert "CallToken" not in kept.payload["form"]
        assert "\0" not in json.dumps(kept.payload, ensure_ascii=False) + kept.event_id
        assert twilio_form.restored(kept.payload) == form if form.language == "en" else True


@pytest.mark.parametrize(
    ("stamp", "seconds"),
    [
        ("Wed, 25 Nov 2026 11:59:30 +0000", -30), ("Wed, 25 Nov 2026 12:00:30 +0000", 0),
        ("Wed, 18 Nov 2026 12:00:00 +0000", 0), ("", 0), ("soon", 0),
    ],
)  # fmt: skip
def test_moments(stamp: str, seconds: int) -> None:
    """As told, but not from the future, nor from another day."""
    form = twilio_form.read_form({"CallSid": "CA1", "Timestamp": stamp}, {})
    assert twilio_form.progress(form, NOW).at == NOW + timedelta(seconds=seconds)

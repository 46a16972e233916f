"""The column calls.details: keys written by other versions of the program survive; our JSON keys do not change."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.calls.records.details import CallDetails, decode_details, encode_details

# Every key, as the version before the typed form wrote it.
STORED: dict[str, Any] = {
    "leg": 1,
    "legs": [
        {"leg": 0, "node_id": "m1", "at": "2026-11-25T12:00:00.5+00:00", "stream": "S1"},
        {"leg": 1, "node_id": "m2", "at": "2026-11-25T12:00:09+00:00"},
    ],
    "carrier": {"status": "completed", "duration_s": 30, "sequence": 3, "cause": "normal_clearing", "cost": {"a": "1"}},
    "amd": "human",
    "usage": {"call_ms": 4_000},
    "interruptions": 2,
    "gaps": [{"leg": 1, "lost_ms": 900, "at_ms": 5}],
    "recordings": [{"key": "recordings/w/a.wav", "leg": 0, "duration_ms": 9}],
    "joined": ["a", "b"],
    "carrier_recordings": {
        "RE1": {"id": "RE1", "url": "https://a", "duration_s": None, "leg": "", "place": 0},
        "leg-1": {"id": "", "url": "", "duration_s": 3, "leg": "leg-1", "place": 1, "key": "k", "found": "R2"},
    },
    "end_by": "media",
    "end_meant": "voicemail",
    "unanswered": True,
    "put_through": {"talked_s": 30, "until": "2026-11-25T13:00:00+00:00"},
    "lost": {"reason": "media_lost", "at": "2026-11-25T12:00:00+00:00"},
    "missing": {"since": "2026-11-25T12:00:00+00:00", "at": "2026-11-25T12:00:10+00:00"},
    "refused": "all_busy",
    "placing_at": "2026-11-25T12:00:00.000001+00:00",
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


def test_every_key_is_read_and_written_back_unchanged() -> None:
    details = decode_details(STORED)
    assert not details.unknown
    assert encode_details(details) == STORED
    assert details.transfer and details.transfer.until == datetime(2026, 11, 25, 13, tzinfo=UTC)
    assert details.carrier.unknown == {"status": "completed", "cost": {"a": "1"}}


def test_an_empty_object_is_the_default() -> None:
    assert decode_details({}) == CallDetails()
    assert encode_details(CallDetails()) == {}


@pytest.mark.parametrize("key", ["carrier", "put_through", "lost", "missing"])
def test_unknown_keys_of_a_nested_object_survive_a_change(key: str) -> None:
    stored = {**STORED, key: {**STORED[key], "newer": [1]}}
    changed = replace(decode_details(stored), interruptions=3)
    assert encode_details(changed) == {**stored, "interruptions": 3}


@pytest.mark.parametrize("key", ["legs", "gaps", "recordings"])
def test_unknown_keys_in_a_list_survive_a_change(key: str) -> None:
    stored = {**STORED, key: [{**STORED[key][0], "newer": {"a": 1}}]}
    assert encode_details(replace(decode_details(stored), leg=2)) == {**stored, "leg": 2}


@given(st.dictionaries(st.sampled_from([*STORED, "newer", "unknown"]), JSON, max_size=6))
def test_anything_survives_being_read_and_written(stored: dict[str, Any]) -> None:
    encoded = encode_details(decode_details(stored))
    assert {
        key: value for key, value in stored.items() if encoded.get(key) != value and not _is_default(key, value)
    } == {}


def _is_default(key: str, value: Any) -> bool:
    """Defaults need not be written: they mean the same as nothing."""
    return encode_details(decode_details({key: value})) == {}


def test_a_value_that_cannot_be_read_is_stored_again() -> None:
    stored = {"leg": "two", "lost": {"reason": "something_newer", "at": ""}, "interruptions": 1}
    details = decode_details(stored)
    assert (details.leg, details.lost, details.interruptions) == (0, None, 1)
    assert encode_details(details) == stored
    assert encode_details(replace(details, leg=1))["leg"] == 1


def test_a_late_report_of_the_carrier_replaces_nothing() -> None:
    report = decode_details({"carrier": {"sequence": 3, "status": "completed"}}).carrier
    merged = report.merge({"sequence": 1, "status": "ringing", "price": "1"})
    assert encode_details(CallDetails(carrier=merged)) == {
        "carrier": {"sequence": 3, "status": "completed", "price": "1"}
    }

"""Records of vendors: whatever they hold, what is stored is bounded and of one line."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control.integrations.actions.rules import MAX_RECORDS, AnswerUnreadable, VendorRecord, map_records
from control.integrations.caller_records.rules import (
    LONGEST_NAME,
    clean_name,
    normalize_phone,
    parse_moment,
    read_appointments,
    read_contacts,
)
from control.integrations.types.rules import ResponseMapping

SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=200))
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))
MAPPING = ResponseMapping.model_validate(
    {"items": "/a", "fields": {"external_id": "/id", "name": "/name", "starts_at": "/from", "ends_at": "/to"}}
)
SINCE = datetime(2026, 1, 1, tzinfo=UTC)


@given(st.text(max_size=300))
@settings(max_examples=200, deadline=None)
def test_name_is_one_bounded_line_without_markup(text: str) -> None:
    name = clean_name(text)
    assert len(name) <= LONGEST_NAME and not set(name) & set('<>{}[]"`\n\r\t\\|*_#') and name == name.strip()
    assert clean_name(name) == name


def test_names_of_people_stay_as_they_are() -> None:
    for name in ("Ann-Marie O'Neill", "José Núñez", "Müller & Söhne (Köln)", "王小明", "Dr. J. R. Ewing, jr."):
        assert clean_name(name) == name


@pytest.mark.parametrize(
    ("text", "region", "number"),
    [
        ("+1 (415) 555-0132", "", "+14155550132"), ("0049 30 901820", "DE", "+4930901820"),
        ("030 901820", "DE", "+4930901820"), ("415-555-0132", "", None), ("12", "US", None), ("x" * 99, "US", None),
        (True, "US", None), (None, "US", None), (14155550132, "US", "+14155550132"),
        ("+14155550132", "us!", "+14155550132"),
    ],
)  # fmt: skip
def test_numbers_are_e164_or_none(text: Any, region: str, number: str | None) -> None:
    assert normalize_phone(text, region) == number


@given(JSON)
@settings(max_examples=100, deadline=None)
def test_any_answer_is_read_or_refused(document: Any) -> None:
    for answer in (document, {"a": document}, {"a": [document, {"id": document, "name": document}]}):
        try:
            records = map_records(MAPPING, answer, {})
        except AnswerUnreadable:
            continue
        for read in (read_contacts(records, "US"), read_appointments(records, SINCE)):
            assert len(read.contacts) + len(read.appointments) + len(read.deleted) + read.skipped <= len(records)


def test_too_many_records_are_refused() -> None:
    with pytest.raises(AnswerUnreadable, match="more than 1000 records"):
        map_records(MAPPING, {"a": [{}] * (MAX_RECORDS + 1)}, {})


def test_last_record_of_an_id_counts() -> None:
    records: list[VendorRecord] = [
        {"external_id": "1", "name": "A"},
        {"external_id": "2", "deleted": True},
        {"external_id": 1, "name": "B"},
    ]
    read = read_contacts(records, "")
    assert ([contact.name for contact in read.contacts], read.deleted, read.skipped) == (["B"], ["2"], 0)


def test_appointments_need_moments_with_a_zone_and_are_not_old() -> None:
    times = [
        ("2026-12-01T10:00:00Z", "2026-12-01T11:00:00+00:00"), ("2026-12-01T10:00:00", "2026-12-01T11:00:00"),
        ("2026-12-01", "2026-12-02"), ("2026-12-01T10:00:00Z", "2026-12-01T10:00:00Z"),
        ("2025-12-01T10:00:00Z", "2025-12-01T11:00:00Z"), (None, None),
    ]  # fmt: skip
    records = [{"external_id": str(n), "starts_at": one, "ends_at": two} for n, (one, two) in enumerate(times)]
    read = read_appointments(records, SINCE)
    assert ([appointment.external_id for appointment in read.appointments], read.skipped) == (["0"], 5)
    assert parse_moment("9999-01-01T00:00:00Z") is None


@pytest.mark.parametrize("text", ["2026-12-01T10:00:00+20:00", "2026-12-01T10:00:00+00:00:00.000001"])
def test_moments_are_in_utc_because_postgresql_knows_offsets_below_16_hours_only(text: str) -> None:
    moment = parse_moment(text)
    assert moment is not None and moment.isoformat().endswith("+00:00") and moment == datetime.fromisoformat(text)

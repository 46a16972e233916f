"""What callers are told, by the numbers of a call and the choice of the workspace."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.catalog import shipped_disclosures
from control.agents.disclosures import NO_DISCLOSURES, make_disclosures
from control.workspaces.settings import DISCLOSURE, DisclosureChoice, DisclosureMode

DISCLOSURES = make_disclosures(shipped_disclosures())
BY_LAW = DisclosureChoice("by_jurisdiction")
TODAY = date(2026, 11, 26)
ENGLISH = DISCLOSURES.texts["en"]
NEW_YORK, BERLIN = "+12125550100", "+4930555001"


@pytest.mark.parametrize(
    ("number", "is_told"),
    [
        (BERLIN, True), ("+491511234567", True), ("+3312345678", True), ("+35841123456", True), ("+390612345678", True),
        ("+12075550100", True), ("+18015550100", True), (NEW_YORK, False), ("+12065550100", False),
        ("+447700900123", False), ("+41441234567", False), ("anonymous", False), ("sip:a@b.example", False),
        ("", False), ("+", False), ("+1207", True),
    ],
)  # fmt: skip
def test_law_of_either_side_counts(number: str, is_told: bool) -> None:
    text = ENGLISH if is_told else ""
    for numbers in ((number, NEW_YORK), (NEW_YORK, number)):
        assert DISCLOSURES.find_text(BY_LAW, numbers, TODAY, "en") == text


def test_law_counts_from_its_first_day() -> None:
    first = next(rule.since for rule in DISCLOSURES.rules if rule.jurisdiction == "EU")
    assert first == date(2026, 8, 2)
    assert DISCLOSURES.find_text(BY_LAW, [BERLIN], first - timedelta(days=1), "en") == ""
    assert DISCLOSURES.find_text(BY_LAW, [BERLIN], first, "en") == ENGLISH


def test_text_is_in_the_agents_language() -> None:
    told = {name: DISCLOSURES.find_text(BY_LAW, [BERLIN], TODAY, name) for name in ("de-AT", "PT-br", "ja", "")}
    texts = DISCLOSURES.texts
    assert told == {"de-AT": texts["de"], "PT-br": texts["pt"], "ja": ENGLISH, "": ENGLISH}
    assert set(texts) == {"en", "de", "es", "fr", "it", "nl", "pt"} and len(set(texts.values())) == 7


def test_workspaces_choice_goes_before_the_law() -> None:
    own = DisclosureChoice("text", "We are machines.")
    for numbers in ([BERLIN], [NEW_YORK], []):
        assert DISCLOSURES.find_text(own, numbers, TODAY, "de") == "We are machines."
        assert DISCLOSURES.find_text(DisclosureChoice(), numbers, TODAY, "de") == ""
    assert NO_DISCLOSURES.find_text(BY_LAW, [BERLIN], TODAY, "de") == ""


@given(st.text(max_size=20), st.text(max_size=8))
def test_whatever_a_carrier_sends_is_no_error(number: str, language: str) -> None:
    assert DISCLOSURES.find_text(BY_LAW, [number, f"+{number}"], TODAY, language) in {"", *DISCLOSURES.texts.values()}


@pytest.mark.parametrize(
    "stored", [None, "by_jurisdiction", {"mode": "by_law"}, {"mode": "text"}, {"mode": "text", "text": ""}, ["text"]]
)
def test_choice_of_another_version_counts_as_none(stored: object) -> None:
    assert DISCLOSURE.read({"disclosure": stored}) == DisclosureChoice()


@pytest.mark.parametrize("mode", ["by_jurisdiction", "text"])
def test_choice_is_read_as_stored(mode: DisclosureMode) -> None:
    text = "Hello." if mode == "text" else ""
    assert DISCLOSURE.read({"disclosure": {"mode": mode, "text": text}}) == DisclosureChoice(mode, text)


def test_rows_tell_where_they_are_from() -> None:
    now = datetime.now(UTC).date()
    for rule in shipped_disclosures()["rules"]:
        assert rule["source"] and rule["note"] and rule["since"] <= now + timedelta(days=3_650)
        assert rule["checked"] >= date(2026, 11, 26)

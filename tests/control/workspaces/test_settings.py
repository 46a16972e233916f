"""Settings of a workspace: their declaration, what is stored of them, and their fields in the API."""

from dataclasses import fields
from typing import Any

import pytest

from control.workspaces.settings import (
    DISCLOSURE,
    NO_DISCLOSURE,
    OUTBOUND_COUNTRIES,
    REDACTION,
    SETTINGS,
    AdminSettings,
    AdminSettingsView,
    DisclosureBody,
    StaffSettings,
    StaffSettingsView,
    WorkspaceSetting,
    apply_settings,
    check_settings,
)
from shared.errors import Invalid


def test_requests_and_answers_have_the_settings_of_those_who_change_them() -> None:
    declared = {setting.name: setting.changed_by for setting in SETTINGS}
    for body, view, people in (
        (AdminSettings, AdminSettingsView, "admins"),
        (StaffSettings, StaffSettingsView, "staff"),
    ):
        assert {field.name for field in fields(view)} == set(body.model_fields)
        assert set(body.model_fields) == {name for name, changed_by in declared.items() if changed_by == people}


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
@pytest.mark.parametrize("stored", [None, 7, "later", [3], {"mode": "new"}])
def test_value_of_another_release_is_read_as_some_value_of_ours(setting: WorkspaceSetting[Any], stored: Any) -> None:
    assert type(setting.read({setting.name: stored})) in (type(setting.default), dict)


def test_an_empty_value_removes_a_setting_and_keeps_the_others() -> None:
    stored = apply_settings({"later": 1}, {"redaction": ["card_number"], "outbound_countries": ["US", "DE", "US"]})
    assert stored == {"later": 1, "redaction": ["card_number"], "outbound_countries": ["DE", "US"]}
    assert list(REDACTION.read(stored)) == ["card_number"] and list(OUTBOUND_COUNTRIES.read(stored)) == ["DE", "US"]
    assert apply_settings(stored, {"redaction": [], "outbound_countries": []}) == {"later": 1}


def test_a_disclosure_is_stored_without_the_text_of_another_mode() -> None:
    stored = apply_settings({}, {"disclosure": DisclosureBody(mode="by_jurisdiction", text="Hello.")})
    assert stored == {"disclosure": {"mode": "by_jurisdiction", "text": ""}}
    assert apply_settings(stored, {"disclosure": DisclosureBody(mode="off", text="Hello.")}) == {}
    assert DISCLOSURE.read({}) == NO_DISCLOSURE


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"disclosure": DisclosureBody(mode="text", text=" ")}, "disclosure_text_missing"),
        ({"outbound_countries": ["DE", "XX"]}, "country_unknown"),
    ],
)
def test_values_that_must_not_be_stored_are_refused(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_settings(changes)
    assert refused.value.code == code

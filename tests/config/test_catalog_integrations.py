"""The shipped integration types: each is accepted where the staff's own are."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from config.catalog_integrations import shipped_integration_types
from control.integrations.types.rules import parse_type_config, require_addresses
from shared.egress import EgressGuard

TYPES = {
    shipped_integration_type["type"]: shipped_integration_type
    for shipped_integration_type in shipped_integration_types()
}


def test_the_named_vendors_are_shipped() -> None:
    assert set(TYPES) == {
        "google_calendar", "microsoft_365_calendar", "cal_com", "hubspot", "salesforce", "slack", "google_sheets",
        "generic_rest",
    }  # fmt: skip


@pytest.mark.parametrize("name", TYPES)
def test_config_is_valid_and_leads_to_public_addresses(name: str) -> None:
    config = parse_type_config(TYPES[name]["config"], TYPES[name]["auth_type"])
    require_addresses(config, EgressGuard())
    assert config.actions
    assert config.oauth is None or config.oauth.client_id == ""  # each platform has its own


def test_types_that_are_tried_against_a_simulated_vendor_are_enabled() -> None:
    """tests/control/integrations/test_shipped_actions.py tries each action of these."""
    assert [name for name, one in TYPES.items() if not one["is_enabled"]] == ["cal_com"]


def test_error_in_the_data_names_the_field(tmp_path: Path) -> None:
    (tmp_path / "integrations").mkdir()
    (tmp_path / "integrations" / "a.json").write_text(json.dumps({**TYPES["slack"], "auth_type": "basic"}))
    with pytest.raises(ValidationError, match="auth_type"):
        shipped_integration_types(tmp_path)

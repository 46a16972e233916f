"""The shipped price list and initial settings are valid for the platform."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from config.catalog import shipped_dangerous_countries, shipped_disclosures, shipped_settings, shipped_tiers
from control.agents.destinations import ALWAYS
from control.platform.rules import REGISTRY, UNSEEDED, Tier, check_setting
from control.workspaces.settings import require_countries


def test_every_setting_has_a_valid_initial_value() -> None:
    shipped = shipped_settings()
    assert shipped.keys() == REGISTRY.keys() - UNSEEDED
    for key, value in shipped.items():
        check_setting(REGISTRY[key], value)


def test_defaults_are_valid() -> None:
    for spec in REGISTRY.values():
        check_setting(spec, spec.default)
        assert spec.description.endswith(".")


def test_default_tier_is_in_the_price_list() -> None:
    offered = {tier["tier_name"] for tier in shipped_tiers() if tier["is_available"]}
    assert shipped_settings()["default_tier"] in offered
    assert REGISTRY["default_tier"].default in offered


def test_higher_tiers_have_more_and_cheaper_minutes() -> None:
    tiers = [Tier(**tier) for tier in shipped_tiers()]
    assert [tier.position for tier in tiers] == sorted(tier.position for tier in tiers)
    for less, more in pairwise(tiers):
        assert more.monthly_fee > less.monthly_fee
        assert more.price_per_minute < less.price_per_minute
        for limit in ("included_minutes", "max_agents", "max_members", "max_phone_numbers", "max_concurrent_calls"):
            assert getattr(more, limit) > getattr(less, limit)
        assert more.features.keys() == less.features.keys()


def test_unknown_field_of_a_tier_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tiers.json").write_text('[{"tier_name": "a", "colour": "red"}]')
    with pytest.raises(ValidationError, match="colour"):
        shipped_tiers(tmp_path)


def test_dangerous_countries_have_numbers_and_are_not_open_to_all() -> None:
    dangerous = shipped_dangerous_countries()
    require_countries(sorted(dangerous), "dangerous_countries")
    assert "JM" in dangerous
    assert not dangerous & ALWAYS


def test_disclosure_rules_name_countries_that_there_are() -> None:
    shipped = shipped_disclosures()
    countries = [country for rule in shipped["rules"] for country in rule["countries"]]
    require_countries(countries, "disclosures")
    assert len(countries) == len(set(countries)) == 27


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        ({"countries": [], "prefixes": []}, "countries or prefixes"),
        ({"countries": ["Germany"], "prefixes": []}, "countries"),
        ({"countries": ["DE"], "prefixes": ["0049"]}, "prefixes"),
        ({"countries": ["DE"], "prefixes": [], "source": ""}, "source"),
    ],
)
def test_disclosure_rule_that_is_incomplete_is_refused(tmp_path: Path, rule: dict[str, Any], fault: str) -> None:
    whole = {
        "jurisdiction": "DE",
        "name": "x",
        "since": "2026-01-01",
        "checked": "2026-01-01",
        "source": "x",
        "note": "x",
    }
    data = {"texts": {"en": "A machine."}, "rules": [whole | rule]}
    (tmp_path / "disclosures.json").write_text(json.dumps(data))
    with pytest.raises(ValidationError, match=fault):
        shipped_disclosures(tmp_path)

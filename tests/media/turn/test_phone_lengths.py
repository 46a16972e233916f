"""The table of phone numbers' lengths, held against a numbering-plan library that is not ours."""

import phonenumbers
import pytest

from media.turn.phone_lengths import PHONE_LENGTHS, dialed_lengths


@pytest.mark.parametrize("country", PHONE_LENGTHS)
def test_table_agrees_with_the_numbering_plans(country: str) -> None:
    plan, metadata = PHONE_LENGTHS[country], phonenumbers.PhoneMetadata.metadata_for_region(country)
    assert metadata is not None and str(metadata.country_code) == plan.code
    assert (metadata.national_prefix or "") == plan.trunk
    for kind in (metadata.fixed_line, metadata.mobile):
        assert kind is not None and plan.lengths & {*kind.possible_length}
        number = kind.example_number or ""
        whole = plan.code + number
        assert len(number) in plan.lengths & dialed_lengths(number, country)
        assert len(plan.trunk + number) in dialed_lengths(plan.trunk + number, country)
        assert len(whole) in dialed_lengths(whole, country, is_international=True)
        assert len(f"00{whole}") in dialed_lengths(f"00{whole}", "DE")


def test_table_has_no_length_that_the_plans_have_not() -> None:
    for country, plan in PHONE_LENGTHS.items():
        metadata = phonenumbers.PhoneMetadata.metadata_for_region(country)
        assert metadata is not None and metadata.fixed_line is not None and metadata.mobile is not None
        assert plan.lengths <= {*metadata.fixed_line.possible_length, *metadata.mobile.possible_length}


def test_unknown_country_has_the_lengths_of_e164() -> None:
    assert dialed_lengths("5", "XX") == frozenset(range(7, 16))

"""Countries that are called only where the staff chose them."""

import pytest

from control.agents.destinations import find_transfer_fault, make_dial_scope

JAMAICAN, AMERICAN = "+18765551234", "+12125550123"
DANGEROUS = frozenset({"JM"})


def fault_of(number: str, homes: list[str], chosen: list[str], dangerous: frozenset[str] = DANGEROUS) -> str:
    settings = {"outbound_countries": chosen} if chosen else {}
    row = {"settings": settings, "homes": homes, "is_ours": False, "trial_numbers": None}
    fault = find_transfer_fault(number, make_dial_scope(row, dangerous))
    return fault.code if fault else ""


@pytest.mark.parametrize("home", ["JM", JAMAICAN])
def test_a_number_of_ones_own_does_not_open_a_dangerous_country(home: str) -> None:
    assert fault_of(JAMAICAN, [home], []) == "country_not_allowed"
    assert fault_of(JAMAICAN, [home], [], frozenset()) == ""
    assert fault_of(AMERICAN, [home], []) == ""


def test_the_staff_open_one_by_name() -> None:
    assert fault_of(JAMAICAN, ["US"], ["JM"]) == ""
    assert fault_of(JAMAICAN, ["JM"], ["US"]) == "country_not_allowed"

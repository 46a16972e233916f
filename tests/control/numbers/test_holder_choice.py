"""Which address and which documents a number is bought under."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from control.addresses.rules import AddressRegistration, BusinessAddress, RegistrationStatus
from control.carriers.rules import NOT_KNOWN, BundleStatus, NumberRequirements, PostalAddress
from control.numbers.rules import HolderChoice, NumberOrder, WantedNumber, choose_holder
from control.regulatory_bundles.rules import RegulatoryBundle
from shared.errors import Conflict, Invalid
from tests.control.numbers.conftest import NOW

LOCAL = NumberRequirements("local", bundle=False)
BOTH = NumberRequirements("local", bundle=True)
NOTHING = HolderChoice()


def wanted(
    requirements: NumberRequirements = NOT_KNOWN,
    *,
    carrier: str = "twilio",
    address: UUID | None = None,
    bundle: UUID | None = None,
) -> WantedNumber:
    order = NumberOrder("+493023125000", "", carrier, address, bundle, requirements)
    return WantedNumber(order, "DE", "local", NOW)


def address(
    country: str = "DE", status: RegistrationStatus = "registered", sid: str = "AD1", carrier: str = "twilio"
) -> BusinessAddress:
    parts = PostalAddress("Acme", "1 St", "", "City", "Region", "1", country)
    registration = AddressRegistration(carrier, status, None, sid if status == "registered" else None)
    return BusinessAddress(uuid4(), uuid4(), parts, "active", NOW, (registration,))


def bundle(
    country: str = "DE",
    kind: str = "local",
    status: BundleStatus = "approved",
    *addresses: str,
    carrier: str = "twilio",
) -> RegulatoryBundle:
    return RegulatoryBundle(
        id=uuid4(),
        workspace_id=uuid4(),
        carrier=carrier,
        carrier_bundle_id="BU1",
        name="",
        country=country,
        number_kind=kind,
        status=status,
        valid_until=None,
        carrier_address_ids=addresses,
        created_at=NOW,
        checked_at=NOW,
    )


def fault(number: WantedNumber, addresses: list[BusinessAddress], bundles: list[RegulatoryBundle]) -> tuple[str, str]:
    """Code and parameter of the refusal."""
    with pytest.raises((Invalid, Conflict)) as caught:
        choose_holder(number, addresses, bundles)
    return caught.value.code, caught.value.param or ""


def test_nothing_is_taken_where_nothing_is_required() -> None:
    ours = [address()]
    assert choose_holder(wanted(NumberRequirements("none", bundle=False)), ours, [bundle()]) == NOTHING
    assert choose_holder(wanted(), [], []) == NOTHING


def test_the_only_fitting_ones_are_taken() -> None:
    local, abroad, right, wrong = address(), address("GB"), bundle(), bundle("GB")
    assert choose_holder(wanted(BOTH), [abroad, local], [wrong, right]) == HolderChoice(local.id, right.id)
    foreign = NumberRequirements("foreign", bundle=False)
    assert choose_holder(wanted(foreign), [abroad, local], []) == HolderChoice(abroad.id)


def test_the_only_ones_are_taken_where_the_carrier_does_not_say() -> None:
    local, right = address(), bundle()
    assert choose_holder(wanted(), [local, address("GB")], [right]) == HolderChoice(local.id, right.id)
    assert choose_holder(wanted(), [local, address()], [right, bundle()]) == NOTHING


def test_an_address_that_is_being_registered_is_taken_where_an_order_can_wait_for_it() -> None:
    late, abroad = address(status="pending"), address("GB", status="pending")
    assert choose_holder(wanted(), [late, abroad, address(status="rejected")], []) == HolderChoice(late.id)
    assert choose_holder(wanted(), [late, address(status="pending")], []) == NOTHING
    registered = address()
    assert choose_holder(wanted(), [late, registered], []) == HolderChoice(registered.id)


def test_names_missing_documents() -> None:
    assert fault(wanted(BOTH), [address()], []) == ("bundle_required", "bundle_id")
    assert fault(wanted(LOCAL), [address("GB")], []) == ("address_required", "address_id")
    assert fault(wanted(LOCAL), [address(status="rejected")], []) == ("address_required", "address_id")
    assert fault(wanted(LOCAL), [address(carrier="telnyx", status="rejected")], []) == ("address_pending", "address_id")


def test_one_of_several_has_to_be_named() -> None:
    first, second, left, right = address(), address(), bundle(), bundle()
    assert fault(wanted(LOCAL), [first, second], []) == ("address_ambiguous", "address_id")
    assert fault(wanted(BOTH), [first], [left, right]) == ("bundle_ambiguous", "bundle_id")
    named = wanted(BOTH, address=second.id, bundle=right.id)
    assert choose_holder(named, [first, second], [left, right]) == HolderChoice(second.id, right.id)


@pytest.mark.parametrize(
    ("named", "code"),
    [
        (bundle("GB"), "bundle_unfit"),
        (bundle(kind="mobile"), "bundle_unfit"),
        (bundle(carrier="telnyx"), "bundle_unfit"),
        (bundle(status="in_review"), "bundle_not_usable"),
        (replace(bundle(), valid_until=NOW - timedelta(seconds=1)), "bundle_not_usable"),
    ],
)
def test_a_bundle_that_is_named_has_to_be_usable(named: RegulatoryBundle, code: str) -> None:
    assert fault(wanted(bundle=named.id), [], [named]) == (code, "bundle_id")
    assert fault(wanted(NumberRequirements(None, bundle=True)), [], [named]) == ("bundle_required", "bundle_id")
    assert fault(wanted(bundle=uuid4()), [], [named]) == ("bundle_unknown", "bundle_id")


@pytest.mark.parametrize(
    ("named", "code"),
    [
        (address("GB"), "address_unfit"),
        (address(status="pending"), "address_pending"),
        (address(status="rejected"), "address_rejected"),
        (address(carrier="telnyx"), "address_pending"),
    ],
)
def test_an_address_that_is_named_has_to_fit(named: BusinessAddress, code: str) -> None:
    assert fault(wanted(LOCAL, address=named.id), [named], []) == (code, "address_id")
    assert fault(wanted(LOCAL, address=uuid4()), [named], []) == ("address_unknown", "address_id")


def test_the_address_has_to_be_in_the_bundle() -> None:
    inside, outside, right = address(sid="AD1"), address(sid="AD2"), bundle("DE", "local", "approved", "AD1")
    assert choose_holder(wanted(BOTH), [outside, inside], [right]) == HolderChoice(inside.id, right.id)
    assert fault(wanted(BOTH, address=outside.id), [outside, inside], [right]) == (
        "address_not_in_bundle",
        "address_id",
    )
    # The address of the bundle is used where it is none of the workspace.
    assert choose_holder(wanted(BOTH), [outside], [right]) == HolderChoice(None, right.id)


def test_telnyx_takes_groups_that_it_has_not_approved() -> None:
    required = NumberRequirements(None, bundle=True)
    for status in ("draft", "in_review", "approved"):
        group = bundle("DE", "local", status, carrier="telnyx")
        assert choose_holder(wanted(required, carrier="telnyx"), [], [group]) == HolderChoice(None, group.id)
    declined = bundle(status="rejected", carrier="telnyx")
    assert fault(wanted(required, carrier="telnyx"), [], [declined]) == ("bundle_required", "bundle_id")

"""Phone number records, and the choice of the address and documents under which a number is bought. Pure functions.

An address or bundle that the order names must fit. If the order names none and the carrier requires an address or
documents (or does not report its requirements), the workspace's only fitting ones are used. If none or several fit, the
order is refused, and the error states what is needed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal, TypeVar
from uuid import UUID

from control.addresses.rules import BusinessAddress
from control.carriers.rules import NOT_KNOWN, AddressRequirement, NumberKind, NumberRequirements, OwnedNumber
from control.regulatory_bundles.rules import RegulatoryBundle, is_usable
from shared.errors import Conflict, Invalid

Status = Literal["buying", "active", "releasing", "released", "failed"]


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A phone number of a workspace, as stored.

    Attributes:
        phone_number: E.164.
        carrier_number_id: None until the number is bought.
        status_detail: Why the purchase failed, or what it waits for.
        monthly_price: In US dollars; 0 if the carrier does not report it.
        address_id: The address that the number was bought under.
        bundle_id: The documents that the number was bought under.
    """

    id: UUID
    workspace_id: UUID
    phone_number: str
    friendly_name: str
    carrier: str
    carrier_number_id: str | None
    status: Status
    status_detail: str | None
    agent_id: UUID | None
    agent_name: str | None
    country: str | None
    capabilities: Mapping[str, Any]
    monthly_price: Decimal
    created_at: datetime
    updated_at: datetime
    released_at: datetime | None
    address_id: UUID | None = None
    bundle_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class NumberOrder:
    """An order for a number at a carrier.

    Attributes:
        phone_number: E.164.
        address_id: The address to use; None to use the only address that fits.
        bundle_id: The documents to use; None to use the only documents that fit.
        requirements: The carrier's requirements for this number.
    """

    phone_number: str
    friendly_name: str
    carrier: str
    address_id: UUID | None = None
    bundle_id: UUID | None = None
    requirements: NumberRequirements = NOT_KNOWN


@dataclass(frozen=True, slots=True)
class NumberImport:
    """An import of a number from the platform's carrier account into a workspace.

    Attributes:
        take_over: Whether to import the number even if its calls currently go elsewhere.
        monthly_price: In US dollars; None to use the carrier's price.
    """

    phone_number: str
    friendly_name: str
    carrier: str
    take_over: bool = False
    monthly_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class TakenNumber:
    """A number that was configured at its carrier for an import.

    Attributes:
        number_id: Our id, which the carrier stores as its reference.
        owned: The number as it was before the configuration.
    """

    number_id: UUID
    owned: OwnedNumber
    monthly_price: Decimal


T = TypeVar("T")

_ADDRESS: Final = "address_id"
_BUNDLE: Final = "bundle_id"


@dataclass(frozen=True, slots=True)
class HolderChoice:
    """The address and the bundle that were chosen for an order; None where none is needed."""

    address_id: UUID | None = None
    bundle_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class WantedNumber:
    """An order together with the number's country.

    Attributes:
        country: ISO 3166; None for a number without a country.
    """

    order: NumberOrder
    country: str | None
    kind: NumberKind
    now: datetime


def choose_holder(
    wanted: WantedNumber, addresses: Sequence[BusinessAddress], bundles: Sequence[RegulatoryBundle]
) -> HolderChoice:
    """Choose the address and the bundle for an order.

    Args:
        addresses: All addresses of the workspace.
        bundles: All bundles of the workspace.

    Raises:
        Invalid: Codes address_ambiguous, address_not_in_bundle, address_rejected, address_required, address_unfit,
            address_unknown, bundle_ambiguous, bundle_not_usable, bundle_required, bundle_unfit, bundle_unknown.
        Conflict: Code address_pending.
    """
    bundle = _choose_bundle(wanted, bundles)
    address = _choose_address(wanted, addresses, bundle)
    return HolderChoice(None if address is None else address.id, None if bundle is None else bundle.id)


def _choose_bundle(wanted: WantedNumber, bundles: Sequence[RegulatoryBundle]) -> RegulatoryBundle | None:
    order, numbers = wanted.order, f"{wanted.country} {wanted.kind.replace('_', '-')} numbers"
    if order.bundle_id is not None:
        named = _find(bundles, order.bundle_id, _BUNDLE, "regulatory bundle")
        if named.carrier != order.carrier or not _is_for(named, wanted):
            what = f"{named.country} {named.number_kind.replace('_', '-')} numbers at {named.carrier}"
            raise Invalid(f"This bundle is for {what}.", code="bundle_unfit", param=_BUNDLE)
        if not is_usable(named, wanted.now):
            raise Invalid(
                f"The carrier has not approved this bundle: it is {named.status}.",
                code="bundle_not_usable",
                param=_BUNDLE,
            )
        return named
    if order.requirements.bundle is False:
        return None
    fitting = [
        bundle
        for bundle in bundles
        if bundle.carrier == order.carrier and _is_for(bundle, wanted) and is_usable(bundle, wanted.now)
    ]
    if order.requirements.bundle is None:
        return fitting[0] if len(fitting) == 1 else None
    if not fitting:
        raise Invalid(
            f"{order.carrier} sells {numbers} only under a regulatory bundle that it has approved for them, and this "
            "workspace has none. Ask the platform's staff for a bundle, which proves who holds the number.",
            code="bundle_required",
            param=_BUNDLE,
        )
    return _only(fitting, "bundle_ambiguous", _BUNDLE, f"bundles of this workspace are for {numbers}")


def _choose_address(
    wanted: WantedNumber, addresses: Sequence[BusinessAddress], bundle: RegulatoryBundle | None
) -> BusinessAddress | None:
    order, required = wanted.order, wanted.order.requirements.address
    if order.address_id is not None:
        return _check_address(wanted, _find(addresses, order.address_id, _ADDRESS, "address"), bundle)
    if required == "none":
        return None
    registered = [address for address in addresses if _state(address, order.carrier) == "registered"]
    fitting = [
        address
        for address in registered
        if _is_fit(address, wanted, required or "local") and _is_in(address, bundle, order)
    ]
    if required is None:
        # Telnyx accepts an order without an address and receives the address when it is registered.
        fitting = fitting or [address for address in _pending_at(addresses, order) if _is_fit(address, wanted, "local")]
        return fitting[0] if len(fitting) == 1 else None
    if fitting:
        return _only(fitting, "address_ambiguous", _ADDRESS, "addresses of this workspace fit")
    if bundle is not None and bundle.carrier_address_ids:
        return None  # The bundle's own address is used.
    if any(_is_fit(address, wanted, required) for address in _pending_at(addresses, order)):
        raise _pending()
    raise Invalid(
        f"{order.carrier} sells this number only with an address of its holder{_place(required, wanted.country)}, and "
        "this workspace has none. Create one first: POST …/addresses.",
        code="address_required",
        param=_ADDRESS,
    )


def _check_address(wanted: WantedNumber, address: BusinessAddress, bundle: RegulatoryBundle | None) -> BusinessAddress:
    """Check the address that an order names, and return it."""
    order, required = wanted.order, wanted.order.requirements.address or "any"
    state = _state(address, order.carrier)
    if state == "pending":
        raise _pending()
    if state != "registered":
        raise Invalid(
            f"{order.carrier} did not accept this address. See its registrations.",
            code="address_rejected",
            param=_ADDRESS,
        )
    if not _is_fit(address, wanted, required):
        raise Invalid(
            f"This number needs an address{_place(required, wanted.country)}.", code="address_unfit", param=_ADDRESS
        )
    if not _is_in(address, bundle, order):
        raise Invalid(
            "This address is not the one in the documents of the bundle.", code="address_not_in_bundle", param=_ADDRESS
        )
    return address


def _is_for(bundle: RegulatoryBundle, wanted: WantedNumber) -> bool:
    return (bundle.country, bundle.number_kind) == (wanted.country, wanted.kind)


def _is_fit(address: BusinessAddress, wanted: WantedNumber, required: AddressRequirement) -> bool:
    is_domestic = address.address.country == wanted.country
    return {"local": is_domestic, "foreign": not is_domestic}.get(required, True)


def _is_in(address: BusinessAddress, bundle: RegulatoryBundle | None, order: NumberOrder) -> bool:
    """Return whether the bundle contains the address or contains no addresses."""
    registration = address.registration_at(order.carrier)
    if bundle is None or not bundle.carrier_address_ids or registration is None:
        return True
    return registration.carrier_address_id in bundle.carrier_address_ids


def _state(address: BusinessAddress, carrier: str) -> str:
    registration = address.registration_at(carrier)
    return "pending" if registration is None else registration.status


def _pending_at(addresses: Sequence[BusinessAddress], order: NumberOrder) -> list[BusinessAddress]:
    return [address for address in addresses if _state(address, order.carrier) == "pending"]


def _place(required: AddressRequirement, country: str | None) -> str:
    return {"local": f" in the number's country ({country})", "foreign": f" outside of {country}"}.get(required, "")


def _pending() -> Conflict:
    return Conflict(
        "The address is being registered with the carrier. Try again in a moment.",
        code="address_pending",
        param=_ADDRESS,
    )


def _find(rows: Sequence[T], wanted: UUID, param: str, noun: str) -> T:
    found = next((row for row in rows if getattr(row, "id", None) == wanted), None)
    if found is None:
        code = f"{param.removesuffix('_id')}_unknown"
        raise Invalid(f"This workspace does not have this {noun}.", code=code, param=param)
    return found


def _only(rows: Sequence[T], code: str, param: str, what: str) -> T:
    if len(rows) > 1:
        raise Invalid(f"{len(rows)} {what}: choose one of them.", code=code, param=param)
    return rows[0]

"""Phone numbers of workspaces."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from control.carriers.rules import NOT_KNOWN, BundleStatus, NumberRequirements, OwnedNumber, PostalAddress

Status = Literal["buying", "active", "releasing", "released", "failed"]
AddressStatus = Literal["active", "deleting"]
RegistrationStatus = Literal["pending", "registered", "rejected"]


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A stored number. phone_number: E.164. carrier_number_id: None until it is bought. status_detail: why a purchase
    failed, or what it waits for. monthly_price: in US dollars, 0 where the carrier does not tell. address_id,
    bundle_id: the address and the documents that it was bought under."""

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
    """A number that is to be bought at a carrier. phone_number: E.164. address_id, bundle_id: as wanted; None for the
    only ones that fit. requirements: of the carrier."""

    phone_number: str
    friendly_name: str
    carrier: str
    address_id: UUID | None = None
    bundle_id: UUID | None = None
    requirements: NumberRequirements = NOT_KNOWN


@dataclass(frozen=True, slots=True)
class NumberImport:
    """A number of the platform's account at a carrier that a workspace is to have. take_over: also when its calls go
    elsewhere now. monthly_price: in US dollars; None for the carrier's."""

    phone_number: str
    friendly_name: str
    carrier: str
    take_over: bool = False
    monthly_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class TakenNumber:
    """A number that was configured for import. number_id: ours, which the carrier has as its reference. owned: as it
    was before."""

    number_id: UUID
    owned: OwnedNumber
    monthly_price: Decimal


@dataclass(frozen=True, slots=True)
class AddressRegistration:
    """An address at one carrier. status_detail: why it was rejected."""

    carrier: str
    status: RegistrationStatus
    status_detail: str | None
    carrier_address_id: str | None


@dataclass(frozen=True, slots=True)
class BusinessAddress:
    """An address of a business or person, under which numbers are bought."""

    id: UUID
    workspace_id: UUID
    address: PostalAddress
    status: AddressStatus
    created_at: datetime
    registrations: tuple[AddressRegistration, ...] = ()

    def registration_at(self, carrier: str) -> AddressRegistration | None:
        """How it stands at this carrier."""
        return next((one for one in self.registrations if one.carrier == carrier), None)


@dataclass(frozen=True, slots=True)
class RegulatoryBundle:
    """Documents about a business that a carrier has, linked to a workspace. checked_at: when the carrier was asked
    last."""

    id: UUID
    workspace_id: UUID
    carrier: str
    carrier_bundle_id: str
    name: str
    country: str
    number_kind: str
    status: BundleStatus
    valid_until: datetime | None
    carrier_address_ids: tuple[str, ...]
    created_at: datetime
    checked_at: datetime

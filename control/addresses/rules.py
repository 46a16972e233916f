"""Records of addresses under which numbers are bought."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from control.carriers.rules import PostalAddress

AddressStatus = Literal["active", "deleting"]


RegistrationStatus = Literal["pending", "registered", "rejected"]


@dataclass(frozen=True, slots=True)
class AddressRegistration:
    """The registration of an address at a carrier.

    Attributes:
        status_detail: Why the carrier rejected the address.
    """

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
        """Return the registration at this carrier, or None."""
        return next((registration for registration in self.registrations if registration.carrier == carrier), None)

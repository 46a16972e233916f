"""Twilio's conditions for the purchase of numbers, by the numbers' prefixes."""

from dataclasses import dataclass
from typing import Literal

AddressRule = Literal["none", "any", "local", "foreign"]


@dataclass(frozen=True, slots=True)
class NumberRule:
    """The conditions for numbers with a prefix.

    Attributes:
        number_type: local, mobile, national or toll-free.
        address: As `address_requirements` in AvailablePhoneNumbers.
    """

    prefix: str
    country: str
    number_type: str = "local"
    address: AddressRule = "any"
    needs_bundle: bool = True

"""What Twilio requires of whoever buys a number, by the beginning of the number."""

from dataclasses import dataclass
from typing import Literal

AddressRule = Literal["none", "any", "local", "foreign"]


@dataclass(frozen=True, slots=True)
class NumberRule:
    """What numbers that begin with `prefix` require. number_type: local, mobile, national or toll-free. address: as
    `address_requirements` of AvailablePhoneNumbers."""

    prefix: str
    country: str
    number_type: str = "local"
    address: AddressRule = "any"
    needs_bundle: bool = True

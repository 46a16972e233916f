"""Numbers that an agent may hand a caller over to."""

from typing import Final

import phonenumbers
from phonenumbers import PhoneNumberType

# Whoever can make an agent dial these is paid for it: the usual way of toll fraud.
REFUSED: Final = (PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST)


def callable_number(text: str) -> str:
    """The number itself, if it is empty or could be dialled. Raises ValueError.

    Whether its length fits its country is checked, not whether it is in use: numbering plans grow faster than tables.
    """
    if not text:
        return text
    try:
        number = phonenumbers.parse(text)
    except phonenumbers.NumberParseException as error:
        raise ValueError(f"not a phone number: {error}") from None
    # A local number would pass for possible; whoever dials from another network does not reach it.
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        raise ValueError("not a possible phone number of its country")
    if phonenumbers.number_type(number) in REFUSED:
        raise ValueError("premium-rate and shared-cost numbers are not dialled")
    return text

"""E-mail addresses in one spelling: ASCII, lower case. Whether mail arrives is found out by sending it."""

from typing import Annotated, Final

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, WithJsonSchema

LONGEST: Final = 254
# Longer ones are not looked at: reading a megabyte takes a second, and what is then told of its faults is longer still.
_LONGEST_GIVEN: Final = 1_000


def normal_address(text: str) -> str:
    """The address as it is stored and compared. Raises ValueError."""
    if len(text) > _LONGEST_GIVEN:
        raise ValueError(f"An address has {LONGEST} characters at most.")
    try:
        found = validate_email(text.strip(), check_deliverability=False, allow_smtputf8=False, strict=True)
    except EmailNotValidError as error:
        raise ValueError(str(error)) from None
    address = found.ascii_email
    if address is None:
        raise ValueError("The address cannot be written in ASCII.")
    return address.lower()


Address = Annotated[
    str,
    AfterValidator(normal_address),
    WithJsonSchema({"type": "string", "format": "email", "maxLength": LONGEST, "examples": ["ada@example.com"]}),
]

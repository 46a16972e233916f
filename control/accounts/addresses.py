"""E-mail addresses, normalised to ASCII and lower case. Deliverability is not checked."""

from typing import Annotated, Final

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, WithJsonSchema

MAX_LENGTH: Final = 254
# Longer texts are refused unparsed: parsing a megabyte takes a second, and the error message is longer still.
_MAX_PARSED: Final = 1_000


def normal_address(text: str) -> str:
    """Returns the address as it is stored and compared. Raises ValueError."""
    if len(text) > _MAX_PARSED:
        raise ValueError(f"An address has {MAX_LENGTH} characters at most.")
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
    WithJsonSchema({"type": "string", "format": "email", "maxLength": MAX_LENGTH, "examples": ["ada@example.com"]}),
]

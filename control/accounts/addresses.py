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
        raise ValueError(f"must be at most {MAX_LENGTH} characters")
    try:
        found = validate_email(text.strip(), check_deliverability=False, allow_smtputf8=False, strict=True)
    except EmailNotValidError:
        raise ValueError(_fault(text.strip())) from None
    address = found.ascii_email
    if address is None:
        raise ValueError("cannot be written in ASCII")
    return address.lower()


def _fault(text: str) -> str:
    """What is most likely wrong with an address, in our own words."""
    if len(text) > MAX_LENGTH:
        return f"must be at most {MAX_LENGTH} characters"
    _, at, domain = text.rpartition("@")
    if not at:
        return "must have an @, as in ada@example.com"
    if "." not in domain:
        return "must have a period after the @, as in ada@example.com"
    return "must be an e-mail address, as in ada@example.com"


Address = Annotated[
    str,
    AfterValidator(normal_address),
    WithJsonSchema({"type": "string", "format": "email", "maxLength": MAX_LENGTH, "examples": ["ada@example.com"]}),
]

"""Common types of request bodies and responses."""

from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, StringConstraints, WithJsonSchema

from control.http.names import holds_address

# A Decimal in Python and a JSON number in major units in the API.
Money = Annotated[
    Decimal,
    PlainSerializer(float, return_type=float, when_used="json"),
    WithJsonSchema({"type": "number"}, mode="serialization"),
]
# The currency of the amounts in the same object.
Currency = Annotated[
    str,
    Field(
        pattern=r"^[a-z]{3}$",
        description="Currency of the amounts in this object: ISO 4217 in lower case.",
        examples=["usd"],
    ),
]
# A currency in a path, or as a separate field.
CurrencyCode = Annotated[str, StringConstraints(pattern=r"^[a-z]{3}$")]
# PostgreSQL cannot store NUL in texts.
PLAIN: Final = r"^[^\u0000]*$"
# A single line, because names appear in lists and in e-mails to others.
ONE_LINE: Final = r"^[^\u0000-\u001f\u007f]*$"
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=ONE_LINE)]


def _require_no_address(name: str) -> str:
    if holds_address(name):
        raise ValueError("must not hold a web address, an e-mail address or a phone number; put a space after a period")
    return name


# A name that appears in e-mails to others.
LetterName = Annotated[Name, AfterValidator(_require_no_address)]
# Length of the device token from an earlier sign-in of the same client.
DEVICE_TOKEN_LENGTH: Final = 75
DeviceToken = Annotated[str, Field(min_length=DEVICE_TOKEN_LENGTH, max_length=DEVICE_TOKEN_LENGTH)]
# An identifier, such as that of a tier, an industry or a feature.
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
# Limits only the length. The rules for new passwords are in control/accounts/passwords.py.
PasswordText = Annotated[str, Field(min_length=1, max_length=128, json_schema_extra={"format": "password"})]


class Body(BaseModel):
    """Base of all request bodies. Unknown fields are rejected by name."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _drop_defaults(schema: dict[str, Any]) -> None:
    for field in schema.get("properties", {}).values():
        field.pop("default", None)


# Config of responses that have the fields of a body: all fields are present, and later versions may add fields.
ANSWER: Final = ConfigDict(
    extra="ignore", json_schema_serialization_defaults_required=True, json_schema_extra=_drop_defaults
)


class ChangeBody(Body):
    """Base of bodies with changes. Omitted fields stay unchanged, so the schema has no defaults.

    The defaults in the classes are never used and need not be valid.
    """

    model_config = ConfigDict(json_schema_extra=_drop_defaults)


# Any text without NUL, which PostgreSQL does not store.


LANGUAGE: Final = r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$"

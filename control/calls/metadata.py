"""Metadata of a call: what the customer stores with it for programs of their own; the platform does not read it."""

from typing import Annotated, Final

from pydantic import Field, StringConstraints

from control.platform.string_maps import bounded_map

# The bounds of Stripe's metadata: https://docs.stripe.com/metadata.
MOST_ENTRIES: Final = 50
LONGEST_NAME: Final = 40
LONGEST_VALUE: Final = 500

# As there: no square brackets, which forms use for nesting. No control characters, so that a name can be shown.
MetadataName = Annotated[str, StringConstraints(pattern=r"^[^\u0000-\u001f\u007f\[\]]{1,40}$")]
# Any text without NUL, which PostgreSQL does not store.
MetadataValue = Annotated[str, StringConstraints(max_length=LONGEST_VALUE, pattern=r"^[^\u0000]*$")]
CallMetadata = Annotated[
    dict[MetadataName, MetadataValue],
    Field(
        max_length=MOST_ENTRIES,
        description="Data of your own, returned with the call: up to 50 entries, names of up to 40 and values of up to "
        "500 characters.",
        examples=[{"order": "7731"}],
        json_schema_extra={"additionalProperties": False},
    ),
    bounded_map(MOST_ENTRIES, LONGEST_NAME),
]

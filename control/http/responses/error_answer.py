"""The body of an error answer, as sent by the middleware and described in the OpenAPI document."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field

from shared.errors import ErrorDetail

REQUEST_ID_EXAMPLE: Final = "01936d2f-6c00-7a3e-9b1d-5f2c8e4a7b61"


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """An error."""

    type: Annotated[str, Field(examples=["invalid_request"], description="The kind of error.")]
    code: Annotated[str, Field(description="Stable, for programs.", examples=["invalid"])]
    message: Annotated[str, Field(description="For people.", examples=["name must not be empty."])]
    param: Annotated[str | None, Field(description="The invalid field, dotted, or null.", examples=["config.greeting"])]
    errors: Annotated[Sequence[ErrorDetail], Field(description="Every fault that was found, the first one first.")]
    request_id: Annotated[
        str,
        Field(
            examples=[REQUEST_ID_EXAMPLE], json_schema_extra={"format": "uuid"}, description="Our id of the request."
        ),
    ]


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """The body of all error answers."""

    error: Annotated[ErrorBody, Field(description="What is wrong.")]

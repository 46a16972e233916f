"""The body of an error answer: what the middleware sends, and what the OpenAPI document says of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field

from shared.errors import ErrorDetail

REQUEST_ID_EXAMPLE: Final = "01936d2f-6c00-7a3e-9b1d-5f2c8e4a7b61"


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """An error. type: the kind of error. code: stable, for programs. message: for people. param: the invalid field,
    dotted, or null. errors: every fault that was found, the first one first. request_id: our id of the request."""

    type: Annotated[str, Field(examples=["invalid_request"])]
    code: str
    message: str
    param: str | None
    errors: Sequence[ErrorDetail]
    request_id: Annotated[str, Field(examples=[REQUEST_ID_EXAMPLE], json_schema_extra={"format": "uuid"})]


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """The body of every error answer. error: what is wrong."""

    error: ErrorBody

"""Validation errors of unions: one per field. pydantic reports one per member, with locations that the input lacks."""

from dataclasses import dataclass
from typing import Any, Final

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema

# The type of these errors, beside pydantic's own.
UNION_ERROR: Final = "union"


@dataclass(frozen=True, slots=True)
class SingleUnionError:
    """Annotates a union. expected: completes the message "must be …"."""

    expected: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = handler(source)
        if schema["type"] != "union":
            raise TypeError(f"no union: {source}")
        return {**schema, "custom_error_type": UNION_ERROR, "custom_error_message": f"must be {self.expected}"}

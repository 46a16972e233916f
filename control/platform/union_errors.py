"""Validation errors of unions: one per field. pydantic reports one per member, with locations that the input lacks."""

from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema


@dataclass(frozen=True, slots=True)
class SingleUnionError:
    """Annotates a union. expected: completes the message "Input should be …"."""

    expected: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = handler(source)
        if schema["type"] != "union":
            raise TypeError(f"no union: {source}")
        return {**schema, "custom_error_type": "union", "custom_error_message": f"Input should be {self.expected}"}

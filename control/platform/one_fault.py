"""Unions whose refusal is one fault at the field, where pydantic tells one per choice at places that no input has."""

from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema


@dataclass(frozen=True, slots=True)
class OneFault:
    """Annotates a union. wanted: what the sentence says that the input should be."""

    wanted: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = handler(source)
        if schema["type"] != "union":
            raise TypeError(f"no union: {source}")
        return {**schema, "custom_error_type": "union", "custom_error_message": f"Input should be {self.wanted}"}

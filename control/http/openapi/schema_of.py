"""SchemaOf documents a loosely typed value with the JSON schema of a strict type."""

from dataclasses import dataclass
from typing import Any

from pydantic import GetJsonSchemaHandler, TypeAdapter
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema


@dataclass(frozen=True, slots=True)
class SchemaOf:
    """Annotates a type whose values are checked later, or were checked when they were stored.

    Attributes:
        kind: The type whose schema the OpenAPI document shows instead. It does not change the validation.
    """

    kind: Any

    def __get_pydantic_json_schema__(self, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(TypeAdapter(self.kind).core_schema)

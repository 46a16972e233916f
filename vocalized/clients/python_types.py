"""Types of Python for schemas of the OpenAPI document, as source text."""

import keyword
import re
from dataclasses import dataclass
from typing import Any, Final

from vocalized.clients.document import REF_PREFIX

Schema = dict[str, Any]

# Names of generated modules that a field or parameter must not hide.
_USED_NAMES: Final = frozenset({"self", "list", "dict", "str", "int", "bool", "dt", "models", "params"})
_ANSWER_SCALARS: Final = {"string": "str", "integer": "int", "number": "Decimal", "boolean": "bool", "null": "None"}
_INPUT_SCALARS: Final = _ANSWER_SCALARS | {"number": "float"}
_ANSWER_FORMATS: Final = {"uuid": "UUID", "date-time": "dt.datetime", "date": "dt.date"}
_INPUT_FORMATS: Final = {"uuid": "UUID | str", "date-time": "dt.datetime | str", "date": "dt.date | str"}


class UnknownSchema(ValueError):
    """The document has something that the generator cannot put into Python."""


@dataclass(frozen=True, slots=True)
class TypeWriter:
    """is_input: types of what is sent, which take more kinds of values. prefix: of names of schemas."""

    is_input: bool
    prefix: str = ""

    def write(self, schema: Schema) -> str:
        """The type's source. Raises UnknownSchema."""
        if "$ref" in schema:
            return self.prefix + reference_name(schema)
        if "anyOf" in schema:
            return self._union(schema["anyOf"])
        if "enum" in schema or "const" in schema:
            values = schema["enum"] if "enum" in schema else [schema["const"]]
            return f"Literal[{', '.join(map(repr, values))}]"
        return self._plain(schema)

    def _plain(self, schema: Schema) -> str:
        kind = schema.get("type")
        if kind == "array":
            return f"{'Sequence' if self.is_input else 'list'}[{self.write(schema.get('items', {}))}]"
        if kind == "object":
            return self._map(schema)
        if kind == "string":
            formats = _INPUT_FORMATS if self.is_input else _ANSWER_FORMATS
            return formats.get(schema.get("format", ""), "str")
        if kind is None and not _meaning(schema):
            return "Any"
        scalars = _INPUT_SCALARS if self.is_input else _ANSWER_SCALARS
        if kind not in scalars:
            raise UnknownSchema(f"no type of Python for {schema}")
        return scalars[kind]

    def _map(self, schema: Schema) -> str:
        if schema.get("properties"):
            raise UnknownSchema(f"an object without a name: {sorted(schema['properties'])}")
        values = schema.get("additionalProperties", True)
        inner = self.write(values) if isinstance(values, dict) else "Any"
        return f"{'Mapping' if self.is_input else 'dict'}[str, {inner}]"

    def _union(self, choices: list[Schema]) -> str:
        """Null stands last. Text beside a number is a decimal."""
        kinds = {choice.get("type") for choice in choices}
        parts = dict.fromkeys(self.write(choice) for choice in choices)
        if self.is_input and {"number", "string"} <= kinds:
            parts["Decimal"] = None
        return " | ".join(sorted(parts, key=lambda part: part == "None"))


def reference_name(schema: Schema) -> str:
    """The name of the schema that is referred to. Raises UnknownSchema for one that is no name of a class."""
    name: str = schema["$ref"].removeprefix(REF_PREFIX)
    if not name.isidentifier() or keyword.iskeyword(name):
        raise UnknownSchema(f"{name} is no name of a class")
    return name


def python_name(name: str) -> str:
    """A field's or parameter's name in Python: workspaceId becomes workspace_id, from becomes from_. Raises
    UnknownSchema."""
    snake = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower().replace("-", "_")
    if keyword.iskeyword(snake) or snake in _USED_NAMES:
        return f"{snake}_"
    if not snake.isidentifier():
        raise UnknownSchema(f"{name} is no name of a field")
    return snake


def docstring(text: str, indent: str = "    ") -> list[str]:
    """The lines of a docstring, none without a text."""
    lines = text.strip().replace("\\", "\\\\").replace('"""', "'''").splitlines()
    if not lines:
        return []
    if lines[-1].endswith('"'):
        lines[-1] += " "
    closed = [f'"""{lines[0]}', *lines[1:]]
    closed = [*closed[:-1], f'{closed[-1]}"""'] if len(closed) == 1 else [*closed, '"""']
    return [f"{indent}{line}".rstrip() for line in closed]


def _meaning(schema: Schema) -> set[str]:
    """What restricts the values; texts and examples do not."""
    return schema.keys() - {"description", "examples", "title", "default"}

"""The worst bodies that the API accepts: at its bounds of bytes, names, values and nesting, for each of its routes."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from control.http.inputs import MOST_NAMES, MOST_VALUES
from control.http.route import MAX_OPEN_BODY_BYTES

# Of routes with authorization, by default (VOCALIZED_MAX_BODY_BYTES).
MAX_BODY_BYTES: Final = 1_048_576


@dataclass(frozen=True, slots=True)
class BodyOperation:
    """A route with a body, as the OpenAPI document describes it. is_open: without authorization."""

    method: str
    path: str
    schema: Mapping[str, Any]
    is_open: bool

    @property
    def is_staff(self) -> bool:
        """Whether it needs the token of an admin."""
        return self.path.startswith("/admin") and not self.is_open


def list_operations(document: Mapping[str, Any]) -> list[BodyOperation]:
    """All routes of the document with a JSON body, but those of webhooks, whose bodies are signed."""
    found = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {})
            if "application/json" not in content or path.startswith("/webhooks"):
                continue
            name = content["application/json"]["schema"]["$ref"].rpartition("/")[2]
            schema = document["components"]["schemas"][name]
            found.append(BodyOperation(method.upper(), path, schema, not operation.get("security")))
    return found


def fill_path(path: str, known: Mapping[str, str]) -> str:
    """The path with the known values of its parameters, and new ids for the others."""
    return re.sub(r"\{(\w+)\}", lambda found: known.get(found[1], str(uuid4())), path)


def worst_bodies(operation: BodyOperation) -> Iterator[tuple[str, bytes]]:
    """Bodies at the bounds of names, values and bytes, in a field that the route has; with what each is made of."""
    field = next(iter(operation.schema["properties"])).encode()
    size = MAX_OPEN_BODY_BYTES if operation.is_open else MAX_BODY_BYTES
    names, values = min(MOST_NAMES - 2, size // 12), min(MOST_VALUES - 2, size // 4)
    yield "unknown names", json.dumps({f"{number:x}": 1 for number in range(names)}).encode()
    long = "k" * min(size // names - 20, 300)
    yield "long unknown names", json.dumps({f"{long}{number:x}": 1 for number in range(names)}).encode()
    yield "names in a field", json.dumps({field.decode(): {f"{number:x}": {} for number in range(names)}}).encode()
    yield "empty lists", b'{"%s":[%s]}' % (field, b",".join([b"[]"] * (values // 2)))
    yield "all empty lists that fit", b'{"%s":[%s]}' % (field, b",".join([b"[]"] * ((size - 100) // 3)))
    yield "control characters", b'{"%s":"%s"}' % (field, b"\\u0001" * ((size - 100) // 6))
    yield "digits", b'{"%s":%s}' % (field, b"9" * (size - 100))
    yield "nesting", b'{"%s":%s}' % (field, b"[" * (values // 2) + b"]" * (values // 2))


def worst_agent() -> dict[str, Any]:
    """A config at all its bounds that is accepted: each placeholder is short, mentioned often, and has a value."""
    return {
        "prompt": "{a}" * 9_999,
        "greeting": "{a}" * 400,
        "facts": {"a": "b"} | {f"fact_{number}": "c" * 1_000 for number in range(99)},
        "variables": {f"variable_{number}": {"default": "d" * 500} for number in range(50)},
    }

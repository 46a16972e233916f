"""The config of an HTTP tool: an HTTP request that an agent can make in a call."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from control.tools.argument_schema import NO_ARGUMENTS, check_schema
from control.tools.rules import (
    DEFAULT_RESULT,
    LONGEST_RESULT,
    LONGEST_RUN_S,
    LONGEST_URL,
    MOST_RUNS,
    PLAIN,
    Headers,
    ToolConfigPart,
)
from control.validation import bounded_map

PLACEHOLDER: Final = re.compile(r"\{([A-Za-z0-9_]{1,60})\}")
POINTER: Final = r"^(/([^/~]|~[01])*)*$"  # https://www.rfc-editor.org/rfc/rfc6901
MOST_MAPPED: Final = 20
LONGEST_NAME: Final = 60
WITH_BODY: Final = ("POST", "PUT", "PATCH")
ToolMethod = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

Mapped = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_NAME, pattern=PLAIN)]
ArgumentMap = Annotated[dict[str, Mapped], bounded_map(MOST_MAPPED, LONGEST_NAME)]
Pointer = Annotated[str, StringConstraints(max_length=200, pattern=POINTER)]


def _check_parameters(schema: dict[str, Any]) -> dict[str, Any]:
    check_schema(schema)
    return schema


class HttpToolConfig(ToolConfigPart):
    """The config of an HTTP tool: its description for the language model, its request, and its result."""

    description: str = Field(
        min_length=1,
        max_length=1_000,
        pattern=PLAIN,
        description="What the tool does and when to use it, for the language model. Up to 1,000 characters.",
        examples=["Looks up whether a product is in stock."],
    )
    parameters: Annotated[dict[str, Any], AfterValidator(_check_parameters)] = Field(
        default=dict(NO_ARGUMENTS),
        description="JSON Schema of the arguments that the model passes: an object of up to 40 properties, 5 deep, "
        "8 KiB, with the keywords that all vendors of language models take; arrays have items, and neither anyOf nor "
        "enum stands beside the properties.",
        examples=[{"type": "object", "properties": {"sku": {"type": "string"}}, "required": ["sku"]}],
    )
    method: ToolMethod = Field(default="GET", description="Method of the request.", examples=["GET"])
    url: str = Field(
        min_length=1,
        max_length=LONGEST_URL,
        description="https address on the public internet. {name} in its path stands for an argument that the schema "
        "requires.",
        examples=["https://api.example.com/stock/{sku}"],
    )
    headers: Headers = Field(
        default={}, description="Headers of the request, up to 20. Use `secret_headers` for secrets.", examples=[{}]
    )
    query: ArgumentMap = Field(
        default={},
        description="Parameters of the query by name: the argument that each one takes. Without it, GET and DELETE "
        "send all arguments that the path does not take.",
        examples=[{"q": "name"}],
    )
    body: ArgumentMap = Field(
        default={},
        description="Members of the JSON body by name: the argument that each one takes. Without it, the other methods "
        "send all arguments that neither path nor query takes.",
        examples=[{"customer": "name"}],
    )
    result: Annotated[dict[str, Pointer], bounded_map(MOST_MAPPED, LONGEST_NAME)] = Field(
        default={},
        description="What the model reads of a JSON answer: names with JSON pointers (RFC 6901), up to 20. Without it, "
        "the whole answer.",
        examples=[{"in_stock": "/stock/available"}],
    )
    max_result_chars: int = Field(
        default=DEFAULT_RESULT,
        ge=100,
        le=LONGEST_RESULT,
        description="Maximum number of characters of the result for the model. The rest is cut off.",
        examples=[DEFAULT_RESULT],
    )
    timeout_s: float = Field(
        default=8.0,
        ge=0.5,
        le=LONGEST_RUN_S,
        description="Time limit of the whole request in seconds. After it, the model gets an error.",
        examples=[8.0],
    )
    filler: str | None = Field(
        default=None,
        max_length=300,
        pattern=PLAIN,
        description="What the agent says while the request runs and the caller waits; null: its usual words; empty: "
        "nothing.",
        examples=["Let me look that up."],
    )
    read_only: bool = Field(
        default=False,
        description="Whether the request only reads. It is then repeated if the outcome is unknown. "
        "Otherwise it is sent once, with an Idempotency-Key.",
        examples=[True],
    )
    max_calls: int = Field(
        default=20, ge=1, le=MOST_RUNS, description="How often a call may use the tool.", examples=[20]
    )

    @model_validator(mode="after")
    def _require_known_arguments(self) -> "HttpToolConfig":
        known = self.parameters.get("properties", {})
        for name in (*self.query.values(), *self.body.values()):
            if name not in known:
                raise ValueError("maps an argument that its parameters do not have")
        if self.body and self.method not in WITH_BODY:
            raise ValueError(f"has a body, which {self.method} does not send")
        _check_placeholders(self.url, self.parameters.get("required", []))
        return self


def fixed_part(url: str) -> str:
    """Return the address with a letter in place of each placeholder, for checks of its host."""
    return PLACEHOLDER.sub("x", url)


def _check_placeholders(url: str, required: list[str]) -> None:
    names = PLACEHOLDER.findall(url)
    if not set(names) <= set(required):
        raise ValueError("has a placeholder in its url for an argument that its parameters do not require")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError("needs a url like https://api.example.com/stock/{sku}") from None
    if "{" in PLACEHOLDER.sub("", url) or set("{}") & set(f"{parts.scheme}{parts.netloc}{parts.query}{parts.fragment}"):
        raise ValueError("has a placeholder outside of its url's path")
    if parts.scheme != "https" and parts.scheme != "http":
        raise ValueError("needs a url that begins with https://")
    if parts.fragment:
        raise ValueError("has a url with a fragment, which is not sent")


@dataclass(frozen=True, slots=True)
class HttpTool:
    """An HTTP tool.

    Attributes:
        secret_names: Names of the headers whose values are stored sealed.
    """

    id: UUID
    workspace_id: UUID
    name: str
    config: HttpToolConfig
    secret_names: Sequence[str]
    sealed: bytes | None = field(repr=False)
    created_at: datetime
    updated_at: datetime

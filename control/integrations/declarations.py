"""What a type declares as data: the requests of its actions and syncs, and where the values of an answer are found.

Texts of a request hold placeholders: `{{input.x}}` (an argument of the action), `{{config.x}}` (a setting of the
workspace), `{{cursor}}` and `{{since}}` (of a sync). Whoever makes the request escapes each value for its place.
"""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from control.integrations.json_schemas import require_schema

MAX_ACTIONS: Final = 50
MAX_SYNCS: Final = 10
MAX_FIELDS: Final = 50
MAX_TEXT: Final = 2_000

PLACEHOLDER: Final = re.compile(r"\{\{\s*([a-z]+(?:\.[A-Za-z0-9_]+)*)\s*\}\}")
_BRACES: Final = re.compile(r"\{\{|\}\}")
_SOURCES: Final = ("input", "config")
_SYNC_VALUES: Final = ("cursor", "since")
# `{{input.key}}`: the same in each repeat of a run, for vendors that recognise repeats by it.
RUN_KEY: Final = "key"

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
DeclaredName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Text = Annotated[str, StringConstraints(max_length=MAX_TEXT)]
Line = Annotated[str, StringConstraints(max_length=MAX_TEXT, pattern=r"^[^\u0000-\u001f\u007f]*$")]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,64}$")]
# RFC 6901; empty: the whole answer.
JsonPointer = Annotated[str, StringConstraints(max_length=300, pattern=r"^(/([^/~]|~[01])*)*$")]


class Declared(BaseModel):
    """Base of what is declared; an unknown field is an error that names it."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class RequestTemplate(Declared):
    """An HTTP request."""

    method: Annotated[Method, Field(description="The method.")]
    path: Annotated[
        str,
        StringConstraints(max_length=MAX_TEXT, pattern=r"^(/[^\s?#]*)?$"),
        Field(description="After the type's `base_url`; may hold placeholders.", examples=["/contacts/{{input.id}}"]),
    ] = ""
    query: dict[Line, Line] = Field(
        {},
        max_length=MAX_FIELDS,
        description="Parameters; their values may hold placeholders.",
        examples=[{"q": "{{input.name}}"}],
    )
    headers: dict[HeaderName, Line] = Field(
        {},
        max_length=20,
        description="Headers; their values may hold placeholders.",
        examples=[{"X-Trace": "{{input.key}}"}],
    )
    # A text that is one placeholder takes the value with its type.
    body: Annotated[
        Any, Field(description="The JSON body; its texts may hold placeholders.", examples=[{"name": "{{input.name}}"}])
    ] = None

    def placeholders(self) -> set[str]:
        """The names between the braces."""
        return {name for text in self._texts() for name in PLACEHOLDER.findall(text)}

    def malformed(self) -> str | None:
        """The first text whose braces are no placeholder."""
        return next((text for text in self._texts() if _BRACES.search(PLACEHOLDER.sub("", text))), None)

    def _texts(self) -> Iterator[str]:
        yield self.path
        yield from self.query.values()
        yield from self.headers.values()
        yield from _texts_of(self.body)


class ResponseMapping(Declared):
    """Where an answer has what we take from it."""

    items: Annotated[
        JsonPointer | None,
        Field(description="JSON pointer to the list; null: the answer is one record.", examples=["/items"]),
    ] = None
    fields: dict[DeclaredName, JsonPointer] = Field(
        max_length=MAX_FIELDS,
        description="Our names to JSON pointers within a record.",
        examples=[{"name": "/displayName"}],
    )
    # Any value at these places counts, except null, false and what is empty.
    failures: list[JsonPointer] = Field(
        [],
        max_length=10,
        description="JSON pointers at which an answer of status 2xx says that it failed or is incomplete.",
        examples=[["/error"]],
    )
    utc_times: Annotated[bool, Field(description="Whether times without an offset are in UTC.")] = False


class Action(Declared):
    """Something an agent can do at the vendor."""

    name: Annotated[DeclaredName, Field(description="Its name for models.", examples=["create_contact"])]
    description: Annotated[Text, Field(description="What it does, for models.", examples=["Creates a contact."])] = ""
    input_schema: dict[str, Any] = Field(
        {"type": "object"},
        description="JSON Schema of the arguments: of an object, without `$ref`.",
        examples=[{"type": "object"}],
    )
    request: Annotated[RequestTemplate, Field(description="The request.")]
    response: Annotated[ResponseMapping, Field(description="What is taken from the answer.")]
    idempotency: Annotated[
        HeaderName | None,
        Field(
            description="Header by which the vendor recognises repeats; null for none.", examples=["Idempotency-Key"]
        ),
    ] = None
    read_only: Annotated[bool, Field(description="Whether it may be repeated.")] = False
    repeatable: Annotated[
        bool, Field(description="Whether this, which changes something, has the same effect again.")
    ] = False

    @model_validator(mode="after")
    def _check(self) -> "Action":
        properties = require_schema(self.input_schema, "input_schema")
        for name in _require_placeholders(self.request, _SOURCES):
            source, _, rest = name.partition(".")
            if source == "input" and rest != RUN_KEY and rest.partition(".")[0] not in properties:
                raise ValueError(f"request: input_schema has no property {rest!r}")
        return self


class Pagination(Declared):
    """How the next page is asked for. cursor: the value at `next` goes into the parameter `param`; page: `param` counts
    from `first`; link: the header Link, or the address at `next`."""

    kind: Annotated[
        Literal["none", "cursor", "page", "link"], Field(description="How: `none`, `cursor`, `page` or `link`.")
    ] = "none"
    param: Annotated[Line, Field(description="Name of the parameter.", examples=["pageToken"])] = ""
    next: Annotated[JsonPointer, Field(description="JSON pointer to the next cursor.", examples=["/nextPageToken"])] = (
        ""
    )
    first: Annotated[int, Field(description="Number of the first page.", examples=[1])] = 1

    @model_validator(mode="after")
    def _check(self) -> "Pagination":
        if self.kind in ("cursor", "page") and not self.param:
            raise ValueError(f"param: needed where kind is {self.kind}")
        if self.kind == "cursor" and not self.next:
            raise ValueError("next: needed where kind is cursor")
        return self


class Incremental(Declared):
    """How only what changed is asked for: the value at `from` of the last page, or the time of the last sync where it
    is empty, goes into the parameter `param`, if that is named, and into `{{since}}`."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    param: Annotated[Line, Field(description="Name of the parameter.", examples=["syncToken"])] = ""
    source: JsonPointer = Field(
        "",
        alias="from",
        description="JSON pointer to the value in the last page; empty: the time of the last sync.",
        examples=["/next"],
    )
    time_format: Annotated[Literal["rfc3339", "unix_ms"], Field(description="Of that time.")] = "rfc3339"


class SyncDeclaration(Declared):
    """Records that are copied from the vendor. response.fields: by the names of our columns, `external_id` among them;
    `deleted` or `status` is where a record says that it was deleted."""

    name: Annotated[DeclaredName, Field(description="Its name for programs.", examples=["contacts"])]
    record: Annotated[
        Literal["contact", "appointment"], Field(description="What the records are: `contact` or `appointment`.")
    ]
    request: Annotated[RequestTemplate, Field(description="The request of a page.")]
    full_request: Annotated[
        RequestTemplate | None, Field(description="Of a sync of everything, where it is another one.")
    ] = None
    pagination: Annotated[Pagination, Field(description="How the next page is asked for.")] = Pagination()
    incremental: Annotated[
        Incremental | None, Field(description="How only what changed is asked for; null: all is copied each time.")
    ] = None
    response: Annotated[ResponseMapping, Field(description="What is taken from the answer.")]

    @model_validator(mode="after")
    def _check(self) -> "SyncDeclaration":
        for request in filter(None, (self.request, self.full_request)):
            _require_placeholders(request, ("config", *_SYNC_VALUES))
            if request.method not in ("GET", "POST"):
                raise ValueError("request.method: GET or POST, because a sync changes nothing")
        if "external_id" not in self.response.fields:
            raise ValueError("response.fields: external_id is missing")
        return self


def _require_placeholders(request: RequestTemplate, sources: tuple[str, ...]) -> set[str]:
    malformed = request.malformed()
    if malformed is not None:
        raise ValueError(f"request: {malformed[:80]!r} has braces that are no placeholder like {{{{config.name}}}}")
    found = request.placeholders()
    for name in sorted(found):
        source, dot, _ = name.partition(".")
        if source not in sources or bool(dot) == (source in _SYNC_VALUES):
            raise ValueError(f"request: {{{{{name}}}}} is none of {', '.join(sources)}")
    return found


def _texts_of(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            if _BRACES.search(str(key)):
                yield "{{"  # a placeholder in a name is malformed
            yield from _texts_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts_of(inner)

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
    """An HTTP request. path: after the type's base address. body: JSON; a text that is one placeholder takes the
    value with its type."""

    method: Method
    path: Annotated[str, StringConstraints(max_length=MAX_TEXT, pattern=r"^(/[^\s?#]*)?$")] = ""
    query: dict[Line, Line] = Field({}, max_length=MAX_FIELDS)
    headers: dict[HeaderName, Line] = Field({}, max_length=20)
    body: Any = None

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
    """Where an answer has what we take from it. items: the list; None: the answer is one record. fields: our name to
    the pointer within a record. failures: where an answer of status 2xx says that the request failed, or that records
    are missing from it; anything there but null, false and what is empty counts. utc_times: times without an offset
    are in UTC."""

    items: JsonPointer | None = None
    fields: dict[DeclaredName, JsonPointer] = Field(max_length=MAX_FIELDS)
    failures: list[JsonPointer] = Field([], max_length=10)
    utc_times: bool = False


class Action(Declared):
    """Something an agent can do at the vendor. input_schema: JSON Schema of an object. idempotency: the header that
    makes a repeat harmless at the vendor. read_only: it may be repeated. repeatable: so may this, which changes
    something, because it has the same effect again, such as a deletion by id."""

    name: DeclaredName
    description: Text = ""
    input_schema: dict[str, Any] = Field({"type": "object"})
    request: RequestTemplate
    response: ResponseMapping
    idempotency: HeaderName | None = None
    read_only: bool = False
    repeatable: bool = False

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

    kind: Literal["none", "cursor", "page", "link"] = "none"
    param: Line = ""
    next: JsonPointer = ""
    first: int = 1

    @model_validator(mode="after")
    def _check(self) -> "Pagination":
        if self.kind in ("cursor", "page") and not self.param:
            raise ValueError(f"param: needed where kind is {self.kind}")
        if self.kind == "cursor" and not self.next:
            raise ValueError("next: needed where kind is cursor")
        return self


class Incremental(Declared):
    """How only what changed is asked for: the value at `from` of the last page, or the time of the last sync where it
    is empty, goes into the parameter `param`, if that is named, and into `{{since}}`. time_format: of that time."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    param: Line = ""
    source: JsonPointer = Field("", alias="from")
    time_format: Literal["rfc3339", "unix_ms"] = "rfc3339"


class SyncDeclaration(Declared):
    """Records that are copied from the vendor. response.fields: by the names of our columns, `external_id` among
    them; `deleted` or `status` is where a record says that it was deleted. full_request: of a sync of everything, where
    it is another one."""

    name: DeclaredName
    record: Literal["contact", "appointment"]
    request: RequestTemplate
    full_request: RequestTemplate | None = None
    pagination: Pagination = Pagination()
    incremental: Incremental | None = None
    response: ResponseMapping

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

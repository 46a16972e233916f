"""Declarations of integration types: authorization, base URL, actions and syncs. Pure functions.

The texts of a request may contain placeholders: `{{input.x}}` (an argument of the action), `{{config.x}}` (a setting
of the workspace), `{{cursor}}` and `{{since}}` (for syncs). The code that builds the request escapes each value for
its place.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import Annotated, Any, Final, Literal

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from jsonschema.exceptions import SchemaError  # type: ignore[import-untyped]
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from control.validation import list_faults, make_invalid
from shared.egress import EgressGuard, EgressRefused
from shared.errors import ErrorDetail, Invalid
from shared.secrets import Sealer, UnsealError

AuthType = Literal["oauth2", "api_key", "webhook"]


@dataclass(frozen=True, slots=True)
class IntegrationType:
    """An integration type.

    Attributes:
        config: The fields of IntegrationTypeConfig.
        has_secret: Whether a client secret is stored.
        version: Number of changes so far.
        is_shipped: Whether the product ships with this type. Shipped types can be disabled but not deleted.
    """

    type: str
    name: str
    description: str
    auth_type: AuthType
    config: Mapping[str, Any]
    is_enabled: bool
    version: int
    is_shipped: bool
    has_secret: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class TypeUsage:
    """How many workspaces use a type and how many syncs it had."""

    integration_type: str
    workspaces_using: int
    total_syncs: int


# -- Requests, answers, actions and syncs in a declaration --

MAX_ACTIONS: Final = 50
MAX_SYNCS: Final = 10
MAX_FIELDS: Final = 50
MAX_TEXT: Final = 2_000
PLACEHOLDER: Final = re.compile(r"\{\{\s*([a-z]+(?:\.[A-Za-z0-9_]+)*)\s*\}\}")
_BRACES: Final = re.compile(r"\{\{|\}\}")
_SOURCES: Final = ("input", "config")
_SYNC_VALUES: Final = ("cursor", "since")
# `{{input.key}}` has the same value in each repeat of a run, so that vendors can recognize repeats.
RUN_KEY: Final = "key"
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
DeclaredName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Text = Annotated[str, StringConstraints(max_length=MAX_TEXT)]
Line = Annotated[str, StringConstraints(max_length=MAX_TEXT, pattern=r"^[^\u0000-\u001f\u007f]*$")]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,64}$")]
# A pointer as in RFC 6901. Empty: the whole answer.
JsonPointer = Annotated[str, StringConstraints(max_length=300, pattern=r"^(/([^/~]|~[01])*)*$")]


class Declared(BaseModel):
    """Base of all declarations. Unknown fields are rejected by name."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class RequestTemplate(Declared):
    """An HTTP request with placeholders."""

    method: Annotated[Method, Field(description="The method.")]
    path: Annotated[
        str,
        StringConstraints(max_length=MAX_TEXT, pattern=r"^(/[^\s?#]*)?$"),
        Field(
            description="Path after the type's `base_url`. May contain placeholders.",
            examples=["/contacts/{{input.id}}"],
        ),
    ] = ""
    query: dict[Line, Line] = Field(
        {},
        max_length=MAX_FIELDS,
        description="Query parameters. Values may contain placeholders.",
        examples=[{"q": "{{input.name}}"}],
    )
    headers: dict[HeaderName, Line] = Field(
        {},
        max_length=20,
        description="Headers. Values may contain placeholders.",
        examples=[{"X-Trace": "{{input.key}}"}],
    )
    # A string that consists of a single placeholder is replaced by the value with its type.
    body: Annotated[
        Any, Field(description="JSON body. Strings may contain placeholders.", examples=[{"name": "{{input.name}}"}])
    ] = None

    def placeholders(self) -> set[str]:
        """Return the names of the placeholders."""
        return {name for text in self._texts() for name in PLACEHOLDER.findall(text)}

    def malformed(self) -> str | None:
        """Return the first text with braces that are not a placeholder, or None."""
        return next((text for text in self._texts() if _BRACES.search(PLACEHOLDER.sub("", text))), None)

    def _texts(self) -> Iterator[str]:
        yield self.path
        yield from self.query.values()
        yield from self.headers.values()
        yield from _texts_of(self.body)


class ResponseMapping(Declared):
    """How records are read from an answer."""

    items: Annotated[
        JsonPointer | None,
        Field(description="JSON pointer to the list. Null: the answer is one record.", examples=["/items"]),
    ] = None
    fields: dict[DeclaredName, JsonPointer] = Field(
        max_length=MAX_FIELDS,
        description="JSON pointers within a record, keyed by our field names.",
        examples=[{"name": "/displayName"}],
    )
    # A failure is any value at these places except null, false and empty values.
    failures: list[JsonPointer] = Field(
        [],
        max_length=10,
        description="JSON pointers at which an answer with status 2xx reports a failure or incomplete results.",
        examples=[["/error"]],
    )
    utc_times: Annotated[bool, Field(description="Whether times without an offset are in UTC.")] = False


class Action(Declared):
    """An operation at the vendor that agents can use."""

    name: Annotated[
        DeclaredName, Field(description="Name of the action for language models.", examples=["create_contact"])
    ]
    description: Annotated[
        Text, Field(description="Description of the action for language models.", examples=["Creates a contact."])
    ] = ""
    input_schema: dict[str, Any] = Field(
        {"type": "object"},
        description="JSON Schema of the arguments. An object schema without `$ref`.",
        examples=[{"type": "object"}],
    )
    request: Annotated[RequestTemplate, Field(description="The request.")]
    response: Annotated[ResponseMapping, Field(description="Which values are read from the answer.")]
    idempotency: Annotated[
        HeaderName | None,
        Field(
            description="Header with the idempotency key. Null: the vendor has no such header.",
            examples=["Idempotency-Key"],
        ),
    ] = None
    read_only: Annotated[bool, Field(description="Whether the action only reads and may be repeated.")] = False
    repeatable: Annotated[bool, Field(description="Whether repeating this change has no further effect.")] = False

    @model_validator(mode="after")
    def _check(self) -> "Action":
        properties = require_schema(self.input_schema, "input_schema")
        for name in _require_placeholders(self.request, _SOURCES):
            source, _, rest = name.partition(".")
            if source == "input" and rest != RUN_KEY and rest.partition(".")[0] not in properties:
                raise ValueError(f"request: input_schema has no property {rest!r}")
        return self


class Pagination(Declared):
    """How the next page is requested.

    - `cursor`: the value at `next` goes into the parameter `param`.
    - `page`: `param` counts from `first`.
    - `link`: the address comes from the Link header or from the value at `next`.
    """

    kind: Annotated[
        Literal["none", "cursor", "page", "link"],
        Field(description="Kind of pagination: `none`, `cursor`, `page` or `link`."),
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
    """How an incremental sync requests only changed records.

    The starting point is the value at `from` of the last page. If `from` is empty, it is the time of the last sync. The
    starting point goes into the parameter `param`, if set, and into `{{since}}`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    param: Annotated[Line, Field(description="Name of the parameter.", examples=["syncToken"])] = ""
    source: JsonPointer = Field(
        "",
        alias="from",
        description="JSON pointer to the starting point in the last page. Empty: the time of the last sync.",
        examples=["/next"],
    )
    time_format: Annotated[Literal["rfc3339", "unix_ms"], Field(description="Format of the time of the last sync.")] = (
        "rfc3339"
    )


class SyncDeclaration(Declared):
    """A kind of record that is copied from the vendor.

    `response.fields` maps our column names to JSON pointers. `external_id` is required. `deleted` or `status` shows
    whether a record was deleted.
    """

    name: Annotated[DeclaredName, Field(description="Identifier of the sync.", examples=["contacts"])]
    record: Annotated[
        Literal["contact", "appointment"], Field(description="Kind of the records: `contact` or `appointment`.")
    ]
    request: Annotated[RequestTemplate, Field(description="The request for a page.")]
    full_request: Annotated[
        RequestTemplate | None, Field(description="The request for a page of a full sync. Null: same as `request`.")
    ] = None
    pagination: Annotated[Pagination, Field(description="How the next page is requested.")] = Pagination()
    incremental: Annotated[
        Incremental | None, Field(description="How changed records are requested. Null: every sync copies everything.")
    ] = None
    response: Annotated[ResponseMapping, Field(description="Which values are read from the answer.")]

    @model_validator(mode="after")
    def _check(self) -> "SyncDeclaration":
        for request in filter(None, (self.request, self.full_request)):
            _require_placeholders(request, ("config", *_SYNC_VALUES))
            if request.method not in ("GET", "POST"):
                raise ValueError("request.method: must be GET or POST, because a sync changes nothing")
        if "external_id" not in self.response.fields:
            raise ValueError("response.fields: external_id is missing")
        return self


def _require_placeholders(request: RequestTemplate, sources: tuple[str, ...]) -> set[str]:
    malformed = request.malformed()
    if malformed is not None:
        raise ValueError(f"request: {malformed[:80]!r} has braces that are not a placeholder like {{{{config.name}}}}")
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


# -- The config of a type --

# Maximum size of a type's config as JSON, in bytes.
MAX_CONFIG_BYTES: Final = 262_144
Address = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^\S+$")]
Scope = Annotated[str, StringConstraints(pattern=r"^[\x21\x23-\x5B\x5D-\x7E]{1,200}$")]  # RFC 6749, 3.3


class OAuthConfig(Declared):
    """OAuth 2.0 with the code flow and PKCE (RFC 6749, 7636)."""

    authorize_url: Annotated[
        Address, Field(description="Where a person grants access.", examples=["https://accounts.example.com/authorize"])
    ]
    token_url: Annotated[
        Address,
        Field(description="Where tokens are issued and refreshed.", examples=["https://accounts.example.com/token"]),
    ]
    revoke_url: Annotated[
        Address | None,
        Field(
            description="Where tokens are revoked (RFC 7009). Null if the vendor has no such endpoint.",
            examples=["https://accounts.example.com/revoke"],
        ),
    ] = None
    userinfo_url: Annotated[
        Address | None,
        Field(
            description="Endpoint that names the account. Null if the vendor has none.",
            examples=["https://accounts.example.com/me"],
        ),
    ] = None
    account: Annotated[
        JsonPointer,
        Field(description="JSON pointer to the account's name in the answer of `userinfo_url`.", examples=["/email"]),
    ] = "/email"
    scopes: list[Scope] = Field(
        [], max_length=50, description="The scopes that are requested.", examples=[["calendar.events"]]
    )
    client_id: Annotated[
        str,
        StringConstraints(max_length=500, pattern=r"^[\x20-\x7E]*$"),
        Field(description="The platform's client id at the vendor.", examples=["4711.apps.example.com"]),
    ] = ""
    authorize_params: dict[DeclaredName, Line] = Field(
        {},
        max_length=20,
        description="Additional parameters of `authorize_url`.",
        examples=[{"access_type": "offline"}],
    )
    token_auth: Annotated[
        Literal["client_secret_post", "client_secret_basic", "none"],
        Field(description="How the client authenticates at `token_url`."),
    ] = "client_secret_post"
    config_fields: list[DeclaredName] = Field(
        [], max_length=10, description="Values of the token response that become settings.", examples=[["instance_url"]]
    )
    revoke: Annotated[
        Literal["refresh_token", "access_token"], Field(description="Which token is sent to `revoke_url`.")
    ] = "refresh_token"

    @model_validator(mode="after")
    def _check(self) -> "OAuthConfig":
        ours = {"response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge"}
        taken = ours & self.authorize_params.keys()
        if taken:
            raise ValueError(
                f"authorize_params: {', '.join(sorted(taken))} cannot be set, because the flow sets these parameters"
            )
        secret = {"access_token", "refresh_token", "id_token"} & set(self.config_fields)
        if secret:
            raise ValueError(f"config_fields: {', '.join(sorted(secret))} is a secret")
        return self


class ApiKeyConfig(Declared):
    """Where requests carry the API key."""

    place: Annotated[Literal["header", "query"], Field(description="Where the key goes in each request.")] = "header"
    name: Annotated[HeaderName, Field(description="Name of the header or parameter.", examples=["Authorization"])] = (
        "Authorization"
    )
    prefix: Annotated[
        str,
        StringConstraints(max_length=40, pattern=r"^[\x20-\x7E]*$"),
        Field(description="Before the key in the header.", examples=["Bearer "]),
    ] = "Bearer "


class CalendarSetting(Declared):
    """How connections to the same calendar are recognized."""

    setting: Annotated[
        DeclaredName, Field(description="The setting that names the calendar at the vendor.", examples=["calendar_id"])
    ]
    own: Annotated[
        str,
        StringConstraints(max_length=100),
        Field(description="Value of the setting that stands for the account's own calendar.", examples=["primary"]),
    ] = ""


class IntegrationTypeConfig(Declared):
    """The config of an integration type."""

    base_url: Annotated[
        Address,
        Field(
            description="Base URL of all requests. May contain `{{config.x}}`.",
            examples=["https://api.example.com/v1"],
        ),
    ]
    oauth: Annotated[
        OAuthConfig | None, Field(description="OAuth 2.0 settings if `auth_type` is oauth2. Otherwise null.")
    ] = None
    api_key: Annotated[
        ApiKeyConfig | None, Field(description="Where the key is sent if `auth_type` is api_key. Otherwise null.")
    ] = None
    calendar: Annotated[
        CalendarSetting | None,
        Field(description="How connections name their calendar. Null: each account has one calendar."),
    ] = None
    config_schema: dict[str, Any] = Field(
        {"type": "object", "properties": {}},
        description="JSON Schema of the workspace's settings.",
        examples=[{"type": "object"}],
    )
    actions: list[Action] = Field([], max_length=MAX_ACTIONS, description="Actions that agents can use.")
    sync: list[SyncDeclaration] = Field(
        [], max_length=MAX_SYNCS, description="Records that are copied from the vendor."
    )

    @model_validator(mode="after")
    def _check(self) -> "IntegrationTypeConfig":
        properties = require_schema(self.config_schema, "config_schema")
        _require_unique("actions", [action.name for action in self.actions])
        _require_unique("sync", [sync.name for sync in self.sync])
        known = {*properties, *(self.oauth.config_fields if self.oauth else ())}
        if self.calendar is not None and self.calendar.setting not in properties:
            raise ValueError(f"calendar: config_schema has no property {self.calendar.setting!r}")
        for name in sorted(self._placeholders()):
            source, _, rest = name.partition(".")
            if source == "config" and rest.partition(".")[0] not in known:
                raise ValueError(f"config_schema has no property {rest!r}, which {{{{{name}}}}} names")
        return self

    def action(self, name: str) -> Action | None:
        """Return the action with this name, or None."""
        return next((action for action in self.actions if action.name == name), None)

    def _placeholders(self) -> set[str]:
        requests = [*(action.request for action in self.actions), *(sync.request for sync in self.sync)]
        found = {name for request in requests for name in request.placeholders()}
        return found | set(PLACEHOLDER.findall(self.base_url))


def parse_type_config(config: Mapping[str, Any], auth_type: AuthType) -> IntegrationTypeConfig:
    """Parse the config of a type. Raises Invalid, which names each invalid field."""
    try:
        parsed = IntegrationTypeConfig.model_validate(config)
    except ValidationError as error:
        raise make_invalid(list_faults(error, "config")) from None
    for name, wanted in (("oauth", "oauth2"), ("api_key", "api_key")):
        if (getattr(parsed, name) is not None) != (auth_type == wanted):
            is_needed = auth_type == wanted
            text = f"config.{name} is {'needed' if is_needed else 'not used'} where auth_type is {auth_type}."
            raise Invalid(text, param=f"config.{name}")
    return parsed


def require_addresses(config: IntegrationTypeConfig, guard: EgressGuard) -> None:
    """Check all addresses without resolving them. Raises Invalid (code address_invalid).

    Addresses with placeholders are checked when they are used.
    """
    oauth = config.oauth
    named = {"config.base_url": config.base_url}
    if oauth is not None:
        for name in ("authorize_url", "token_url", "revoke_url", "userinfo_url"):
            named[f"config.oauth.{name}"] = getattr(oauth, name) or ""
    faults = [fault for param, url in named.items() if (fault := _address_fault(param, url, guard))]
    if faults:
        raise make_invalid(faults, "address_invalid")


def _address_fault(param: str, url: str, guard: EgressGuard) -> ErrorDetail | None:
    if not url or PLACEHOLDER.search(url):
        return None
    try:
        guard.check_url(url)
    except EgressRefused as refused:
        return ErrorDetail(param, "address_invalid", f"{str(refused).capitalize()}.")
    return None


def _require_unique(field: str, names: Sequence[str]) -> None:
    repeated = [name for name, times in Counter(names).items() if times > 1]
    if repeated:
        raise ValueError(f"{field}: {', '.join(repeated)} is declared twice")


# -- Keys and client secrets --

CLIENT_SECRET_PURPOSE: Final = "integration client secret"
MAX_KEY_CHARACTERS: Final = 4_096


def require_key(key: str, param: str) -> str:
    """Return the key. Raises Invalid (code key_invalid) if an HTTP header cannot carry it."""
    if not key or len(key) > MAX_KEY_CHARACTERS or not (key.isascii() and key.isprintable()) or " " in key:
        raise Invalid("A key is one word of printable ASCII characters.", code="key_invalid", param=param)
    return key


def seal_client_secret(sealer: Sealer, secret: str) -> bytes:
    """Return the client secret sealed for storage."""
    return sealer.seal(secret.encode(), CLIENT_SECRET_PURPOSE)


def open_client_secret(sealer: Sealer, sealed: bytes | None) -> str:
    """Return the client secret, or an empty string if there is none or it cannot be unsealed."""
    try:
        return sealer.open(sealed, CLIENT_SECRET_PURPOSE).decode() if sealed else ""
    except (UnsealError, UnicodeDecodeError):
        return ""


# -- JSON Schemas (draft 2020-12) of settings and arguments. References are forbidden, so nothing is fetched or recurses
# --

MAX_DEPTH: Final = 20
_MOST_FAULTS: Final = 20
_REFERENCES: Final = ("$ref", "$dynamicRef", "$schema", "$id")


def require_schema(schema: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    """Return the schema's properties. Raises ValueError, which names `field`, if it is not an object schema."""
    try:
        used = next((word for word in _words(schema, 0) if word in _REFERENCES), None)
        if used is not None:
            raise ValueError(f"{field}: {used} is not allowed, write the schema out")
        _check_schema(json.dumps(schema))
    except SchemaError as error:
        raise ValueError(f"{field}: is not a JSON Schema ({error.message[:200]})") from None
    properties = schema.get("properties", {})
    if schema.get("type") != "object":
        raise ValueError(f'{field}: its type must be "object"')
    found: Mapping[str, Any] = properties
    return found


# Cached, because a type is parsed for each request to its vendor, and checking a schema takes several milliseconds.
@lru_cache(maxsize=256)
def _check_schema(schema: str) -> None:
    """Raise SchemaError if the text is not a valid JSON Schema."""
    Draft202012Validator.check_schema(json.loads(schema))


def list_defaults(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the defaults of the schema's top-level properties by name."""
    properties = schema.get("properties", {})
    return {name: part["default"] for name, part in properties.items() if isinstance(part, dict) and "default" in part}


def require_fit(value: Any, schema: Mapping[str, Any], param: str) -> None:
    """Check a value against a schema.

    Raises Invalid (code setting_invalid), which names each invalid field below `param`. The messages do not contain the
    values.
    """
    errors = islice(Draft202012Validator(schema).iter_errors(value), _MOST_FAULTS)
    faults = [ErrorDetail(".".join([param, *_path(error)]), "setting_invalid", _message(error)) for error in errors]
    if faults:
        raise make_invalid(faults, "setting_invalid")


def list_misfits(value: Any, schema: Mapping[str, Any]) -> list[str]:
    """Return the reasons why the value does not match the schema.

    Each reason names the part at fault. The texts do not contain the values.
    """
    errors = islice(Draft202012Validator(schema).iter_errors(value), _MOST_FAULTS)
    return [": ".join(filter(None, (".".join(_path(error)), _message(error)))) for error in errors]


def _path(error: Any) -> list[str]:
    """Return the path of the invalid part."""
    return [str(part) for part in error.absolute_path]


def _message(error: Any) -> str:
    match error.validator:
        case "required":
            missing = [name for name in error.validator_value if name not in error.instance]
            return f"needs {', '.join(missing)}"
        case "additionalProperties":
            known = error.schema.get("properties", {})
            return f"has no setting {', '.join(sorted(set(error.instance) - set(known)))[:200]}"
        case "type":
            return f"must be of type {error.validator_value}"
        case "enum":
            return f"must be one of {', '.join(map(str, error.validator_value))[:200]}"
    return f"does not fit `{error.validator}` of the schema"


def _words(value: Any, depth: int) -> Iterator[str]:
    if depth > MAX_DEPTH:
        raise ValueError(f"a schema is at most {MAX_DEPTH} levels deep")
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield str(key)
            yield from _words(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            yield from _words(inner, depth + 1)


# -- JSON pointers (RFC 6901) --

# At most 9 digits, because Python refuses to convert texts of more than 4,300 digits.
_INDEX: Final = re.compile("[0-9]{1,9}")


def find_value(document: Any, pointer: str) -> Any:
    """Return the value at the pointer, or None if it does not exist."""
    found = document
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict):
            found = found.get(key)
        elif isinstance(found, list) and _INDEX.fullmatch(key) and int(key) < len(found):
            found = found[int(key)]
        else:
            return None
    return found

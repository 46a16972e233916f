"""The configuration of an integration type: how it is authorised, its address, actions and syncs; no I/O."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import Field, StringConstraints, ValidationError, model_validator

from control.integrations.declarations import (
    MAX_ACTIONS,
    MAX_SYNCS,
    PLACEHOLDER,
    Action,
    Declared,
    DeclaredName,
    HeaderName,
    JsonPointer,
    Line,
    SyncDeclaration,
)
from control.integrations.json_schemas import require_schema
from control.integrations.model import AuthType
from control.platform.validation_errors import list_faults, make_invalid
from shared.egress import EgressGuard, EgressRefused
from shared.errors import ErrorDetail, Invalid

# A type's whole configuration as JSON.
MAX_CONFIG_BYTES: Final = 262_144
Address = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^\S+$")]
Scope = Annotated[str, StringConstraints(pattern=r"^[\x21\x23-\x5B\x5D-\x7E]{1,200}$")]  # RFC 6749, 3.3


class OAuthConfig(Declared):
    """OAuth 2.0 by the code flow with PKCE (RFC 6749, 7636)."""

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
            description="Where tokens are revoked (RFC 7009); null for none.",
            examples=["https://accounts.example.com/revoke"],
        ),
    ] = None
    userinfo_url: Annotated[
        Address | None,
        Field(description="Tells whose account it is; null for none.", examples=["https://accounts.example.com/me"]),
    ] = None
    account: Annotated[
        JsonPointer,
        Field(description="JSON pointer to the account's name in the answer of `userinfo_url`.", examples=["/email"]),
    ] = "/email"
    scopes: list[Scope] = Field([], max_length=50, description="What is asked for.", examples=[["calendar.events"]])
    client_id: Annotated[
        str,
        StringConstraints(max_length=500, pattern=r"^[\x20-\x7E]*$"),
        Field(description="The platform's client id at the vendor.", examples=["4711.apps.example.com"]),
    ] = ""
    authorize_params: dict[DeclaredName, Line] = Field(
        {}, max_length=20, description="Further parameters of `authorize_url`.", examples=[{"access_type": "offline"}]
    )
    token_auth: Annotated[
        Literal["client_secret_post", "client_secret_basic", "none"],
        Field(description="How the client names itself at `token_url`."),
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
            raise ValueError(f"authorize_params: {', '.join(sorted(taken))} cannot be set, the flow does")
        secret = {"access_token", "refresh_token", "id_token"} & set(self.config_fields)
        if secret:
            raise ValueError(f"config_fields: {', '.join(sorted(secret))} is a secret")
        return self


class ApiKeyConfig(Declared):
    """Where the key goes in each request."""

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
    """How connections to one calendar are recognised."""

    setting: Annotated[
        DeclaredName, Field(description="Which setting names the calendar at the vendor.", examples=["calendar_id"])
    ]
    own: Annotated[
        str,
        StringConstraints(max_length=100),
        Field(description="Its value that stands for the account's own calendar.", examples=["primary"]),
    ] = ""


class IntegrationTypeConfig(Declared):
    """A type."""

    base_url: Annotated[
        Address,
        Field(
            description="Before the path of each request; may hold `{{config.x}}`.",
            examples=["https://api.example.com/v1"],
        ),
    ]
    oauth: Annotated[
        OAuthConfig | None, Field(description="OAuth 2.0, where `auth_type` is oauth2; null for others.")
    ] = None
    api_key: Annotated[
        ApiKeyConfig | None, Field(description="Where the key goes, where `auth_type` is api_key; null for others.")
    ] = None
    calendar: Annotated[
        CalendarSetting | None,
        Field(description="Of types whose connections name one; of the others each account has one."),
    ] = None
    config_schema: dict[str, Any] = Field(
        {"type": "object", "properties": {}},
        description="JSON Schema of the workspace's settings.",
        examples=[{"type": "object"}],
    )
    actions: list[Action] = Field([], max_length=MAX_ACTIONS, description="What agents can do by it.")
    sync: list[SyncDeclaration] = Field([], max_length=MAX_SYNCS, description="What is copied from the vendor.")

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
                raise ValueError(f"config_schema: has no property {rest!r}, which {{{{{name}}}}} names")
        return self

    def action(self, name: str) -> Action | None:
        """The action of this name."""
        return next((action for action in self.actions if action.name == name), None)

    def _placeholders(self) -> set[str]:
        requests = [*(action.request for action in self.actions), *(sync.request for sync in self.sync)]
        found = {name for request in requests for name in request.placeholders()}
        return found | set(PLACEHOLDER.findall(self.base_url))


def parse_type_config(config: Mapping[str, Any], auth_type: AuthType) -> IntegrationTypeConfig:
    """Raises Invalid, which names each field, for a config that does not fit."""
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
    """Checks each address without resolving it; one with placeholders when it is used. Raises Invalid (code
    address_invalid)."""
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

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
    """OAuth 2.0 by the code flow with PKCE (RFC 6749, 7636). authorize_params: further ones, such as
    access_type=offline. token_auth: how the client names itself at the token endpoint. config_fields: values of the
    token response that become settings of the workspace, such as Salesforce's instance_url. account: where the answer
    of `userinfo_url` names the account. revoke: which token is sent to `revoke_url` (RFC 7009)."""

    authorize_url: Address
    token_url: Address
    revoke_url: Address | None = None
    userinfo_url: Address | None = None
    account: JsonPointer = "/email"
    scopes: list[Scope] = Field([], max_length=50)
    client_id: Annotated[str, StringConstraints(max_length=500, pattern=r"^[\x20-\x7E]*$")] = ""
    authorize_params: dict[DeclaredName, Line] = Field({}, max_length=20)
    token_auth: Literal["client_secret_post", "client_secret_basic", "none"] = "client_secret_post"
    config_fields: list[DeclaredName] = Field([], max_length=10)
    revoke: Literal["refresh_token", "access_token"] = "refresh_token"

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
    """Where the key goes in each request. prefix: before the key in the header."""

    place: Literal["header", "query"] = "header"
    name: HeaderName = "Authorization"
    prefix: Annotated[str, StringConstraints(max_length=40, pattern=r"^[\x20-\x7E]*$")] = "Bearer "


class CalendarSetting(Declared):
    """How connections to one calendar are recognised. setting: which setting names the calendar at the vendor. own: the
    value that stands for the account's own calendar, whose name is the account's."""

    setting: DeclaredName
    own: Annotated[str, StringConstraints(max_length=100)] = ""


class IntegrationTypeConfig(Declared):
    """A type. base_url: before the path of each request; may hold `{{config.x}}`. config_schema: JSON Schema of the
    workspace's settings. oauth, api_key: of types that are authorised that way. calendar: of types whose connections
    name one; of the others each account has one."""

    base_url: Address
    oauth: OAuthConfig | None = None
    api_key: ApiKeyConfig | None = None
    calendar: CalendarSetting | None = None
    config_schema: dict[str, Any] = Field({"type": "object", "properties": {}})
    actions: list[Action] = Field([], max_length=MAX_ACTIONS)
    sync: list[SyncDeclaration] = Field([], max_length=MAX_SYNCS)

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

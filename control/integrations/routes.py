"""Routes of integrations for workspace members, and of integration types for staff."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import urlencode
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints

from control.db.keyset import PageRequest
from control.db.scope import enter_platform
from control.http.access import ANY_ADMIN, OPEN, admin, member
from control.http.body import PLAIN, Body, ChangeBody, Name, Slug
from control.http.context import AdminContext, Context, MemberContext
from control.http.fields import CreatedAt, Id, UpdatedAt, copy_fields
from control.http.openapi.schema_of import SchemaOf
from control.http.pagination import HasMore, ListAnswer, ListQuery, Query, page_fields
from control.http.responses.after_commit import AfterCommit
from control.http.responses.redirect import Redirect
from control.http.route import RateLimit, Route
from control.integrations.grants.rules import ConnectionStatus
from control.integrations.grants.service import FlowOutcome, RedirectParameters
from control.integrations.service import ConnectionEdit, Integrations, StartedConnection
from control.integrations.syncs.rules import SyncStatus
from control.integrations.types.openapi_import import import_operations
from control.integrations.types.rules import AuthType, IntegrationType, IntegrationTypeConfig
from control.integrations.types.service import NewType

# -- Connections: routes for members --

INTEGRATIONS = "/workspaces/{workspaceId}/integrations"
INTEGRATION = f"{INTEGRATIONS}/{{integrationId}}"
IntegrationId = Annotated[UUID, Field(description="Id of the integration.")]
# Number of sync log entries that are returned with an integration.
_NEWEST = PageRequest(20)
ApiKey = Annotated[
    str,
    StringConstraints(min_length=1, max_length=4_096),
    Field(json_schema_extra={"format": "password", "writeOnly": True}),
]
Settings = Annotated[dict[str, Any], Field(max_length=100)]


class NewIntegrationBody(Body):
    """Settings of a new integration."""

    integration_type: Slug = Field(description="Name of the type.", examples=["google_calendar"])
    name: Name | None = Field(
        None, description="Display name. Null: the name of the type.", examples=["Front desk calendar"]
    )
    config: Settings = Field(
        {}, description="Settings that match the type's `config_schema`.", examples=[{"calendar_id": "primary"}]
    )
    api_key: ApiKey | None = Field(
        None, description="The vendor's key, for types with `auth_type` api_key.", examples=["key-of-the-vendor"]
    )


class IntegrationChange(ChangeBody):
    """Changes to an integration. Omitted fields stay unchanged."""

    name: Name = Field("", description="The new name.", examples=["Front desk calendar"])
    config: Settings = Field(
        {}, description="Settings that match the type's `config_schema`.", examples=[{"calendar_id": "primary"}]
    )
    api_key: ApiKey = Field("", description="The vendor's new API key.", examples=["key-of-the-vendor"])


class Confirmation(Body):
    """Proof that the member who started the connection also granted access at the vendor."""

    confirmation: Annotated[str, StringConstraints(min_length=1, max_length=200)] = Field(
        description="The code after `#confirmation=` in the address that the browser was redirected to.",
        examples=["kq3V0mJb7cQh0mX2t9yWf1s8Zr4pLd6uE5nGaTiB"],
    )


class CallbackQuery(Query):
    """The parameters of a vendor's redirect. Unknown parameters are ignored, because some vendors add their own."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    code: str = Field("", description="The code that is exchanged for tokens.")
    state: str = Field("", description="The state that was sent to the vendor. Opaque, signed and valid once.")
    error: str = Field("", description="Why access was not granted (RFC 6749, section 4.1.2.1).")


@dataclass(frozen=True, slots=True)
class IntegrationLine:
    """An integration in a list."""

    id: Id
    integration_type: Annotated[str, Field(description="Name of the type.", examples=["google_calendar"])]
    name: Annotated[str, Field(description="Display name.", examples=["Front desk calendar"])]
    status: Annotated[
        ConnectionStatus,
        Field(description="`connecting`: access is not granted yet. `error`: the integration must be reconnected."),
    ]
    last_sync_at: Annotated[
        datetime | None, Field(description="When the last sync ended (UTC). Null before the first sync.")
    ]


@dataclass(frozen=True, slots=True)
class IntegrationList(ListAnswer):
    """A page of integrations, newest first."""

    integrations: Annotated[list[IntegrationLine], Field(description="The integrations of this page.")]


@dataclass(frozen=True, slots=True)
class IntegrationView:
    """An integration."""

    id: Id
    integration_type: Annotated[str, Field(description="Name of the type.", examples=["google_calendar"])]
    name: Annotated[str, Field(description="Display name.", examples=["Front desk calendar"])]
    status: Annotated[
        ConnectionStatus,
        Field(description="`connecting`: access is not granted yet. `error`: the integration must be reconnected."),
    ]
    config: Annotated[Mapping[str, Any], Field(description="The settings.", examples=[{"calendar_id": "primary"}])]
    error: Annotated[
        str | None,
        Field(description="Error code. Null unless `status` is `error`.", examples=["grant_refused"]),
    ]
    account: Annotated[
        str | None,
        Field(
            description="Name of the account at the vendor. Null if the vendor does not report it.",
            examples=["ada@example.com"],
        ),
    ]
    scopes: Annotated[
        list[str], Field(description="The OAuth scopes that the vendor granted.", examples=[["calendar.events"]])
    ]
    connected_at: Annotated[datetime | None, Field(description="When access was last granted.")]
    last_sync_at: Annotated[
        datetime | None, Field(description="When the last sync ended (UTC). Null before the first sync.")
    ]
    created_at: CreatedAt
    updated_at: UpdatedAt


@dataclass(frozen=True, slots=True)
class SyncLogView:
    """A log entry of a sync."""

    id: Id
    sync_type: Annotated[str, Field(description="Name of the sync in the type's config.", examples=["contacts"])]
    status: Annotated[SyncStatus, Field(description="State of the sync: `queued`, `running`, `succeeded` or `failed`.")]
    records_synced: Annotated[int, Field(description="Records that were stored.", examples=[120])]
    progress: Annotated[Mapping[str, Any], Field(description="How far the sync has come.", examples=[{}])]
    counts: Annotated[
        Mapping[str, Any],
        Field(
            description="Numbers of records by outcome: created, updated, deleted, skipped.",
            examples=[{"created": 118, "updated": 2}],
        ),
    ]
    error: Annotated[
        str | None, Field(description="Error code. Null if the sync did not fail.", examples=["vendor_away"])
    ]
    started_at: Annotated[datetime, Field(description="When the sync was requested (UTC).")]
    ended_at: Annotated[
        datetime | None, Field(description="When the sync ended (UTC). Null while it is queued or running.")
    ]


@dataclass(frozen=True, slots=True)
class IntegrationDetail:
    """An integration with its 20 most recent syncs."""

    integration: IntegrationView
    sync_logs: Annotated[list[SyncLogView], Field(description="The 20 most recent syncs.")]


@dataclass(frozen=True, slots=True)
class IntegrationAnswer:
    """An integration."""

    integration: IntegrationView


@dataclass(frozen=True, slots=True)
class StartedIntegration:
    """A new integration, with the data that is needed to complete it."""

    integration: IntegrationView
    oauth_url: Annotated[
        str | None,
        Field(
            description="Open this address in a browser to grant access. Null if the type does not use OAuth.",
            examples=["https://accounts.example.com/authorize?response_type=code&client_id=1"],
        ),
    ]
    signing_secret: Annotated[
        str | None,
        Field(description="Secret that signs our requests to a webhook. Shown only once.", examples=["whsec_a"]),
    ]


@dataclass(frozen=True, slots=True)
class SyncLogList(ListAnswer):
    """A page of syncs, newest first."""

    logs: Annotated[list[SyncLogView], Field(description="The syncs of this page.")]


@dataclass(frozen=True, slots=True)
class SyncStarted:
    """A queued or running sync."""

    sync_log_id: Annotated[UUID, Field(description="Id of the log entry.")]


@dataclass(frozen=True, slots=True)
class OfferedAction:
    """An action for `action_tools` of an agent's config."""

    name: Annotated[str, Field(description="Name for `action_tools` of an agent's config.", examples=["post_message"])]
    description: Annotated[
        str, Field(description="What the action does.", examples=["Posts a message to the team's channel."])
    ]
    read_only: Annotated[bool, Field(description="Whether the action only reads.")]
    input_schema: Annotated[
        Mapping[str, Any], Field(description="JSON Schema of the arguments.", examples=[{"type": "object"}])
    ]


@dataclass(frozen=True, slots=True)
class OfferedIntegrationType:
    """An integration type that workspaces can connect."""

    type: Annotated[str, Field(description="Identifier of the type.", examples=["google_calendar"])]
    name: Annotated[str, Field(description="Display name.", examples=["Google Calendar"])]
    description: Annotated[
        str, Field(description="Description of the type.", examples=["Looks up and books appointments."])
    ]
    auth_type: Annotated[
        AuthType, Field(description="How a workspace is authorized: `oauth2`, `api_key` or `webhook`.")
    ]
    config_schema: Annotated[
        Mapping[str, Any], Field(description="JSON Schema of the settings.", examples=[{"type": "object"}])
    ]
    actions: Annotated[
        list[str], Field(description="Names of the actions that agents can use.", examples=[["book_appointment"]])
    ]
    action_details: Annotated[list[OfferedAction], Field(description="The actions with their arguments.")]


@dataclass(frozen=True, slots=True)
class OfferedIntegrationTypes:
    """The integration types that can be connected, ordered by name."""

    integration_types: Annotated[list[OfferedIntegrationType], Field(description="The types, ordered by name.")]
    has_more: HasMore


async def list_integration_types(context: MemberContext) -> OfferedIntegrationTypes:
    """List the integration types that can be connected, by name."""
    types = await context.services[Integrations].types.list_all(context.db, only_ready=True)
    return OfferedIntegrationTypes([to_offered(kind) for kind in types], has_more=False)


async def list_integrations(context: MemberContext, query: ListQuery) -> IntegrationList:
    """List the workspace's integrations, newest first."""
    found = await context.services[Integrations].list_page(context.db, context.workspace_id, query.request())
    return IntegrationList(
        [copy_fields(IntegrationLine, integration) for integration in found.rows], **page_fields(query, found)
    )


async def create_integration(context: MemberContext, body: NewIntegrationBody) -> StartedIntegration:
    """Create an integration.

    If the type uses OAuth, open `oauth_url` in a browser, then confirm the grant.
    """
    edit = ConnectionEdit(body.name, body.config, body.api_key)
    started = await context.services[Integrations].create(
        context.db, context.actor, context.workspace_id, body.integration_type, edit, context.now
    )
    return to_started(started)


async def get_integration(context: MemberContext, integration_id: IntegrationId) -> IntegrationDetail:
    """Return an integration with its 20 most recent syncs."""
    service, where = context.services[Integrations], (context.workspace_id, integration_id)
    found = await service.get(context.db, *where)
    logs = await service.list_logs(context.db, *where, _NEWEST)
    return IntegrationDetail(copy_fields(IntegrationView, found), [copy_fields(SyncLogView, log) for log in logs.rows])


async def update_integration(
    context: MemberContext, integration_id: IntegrationId, body: IntegrationChange
) -> IntegrationAnswer:
    """Change the name, settings or key of an integration."""
    edit = ConnectionEdit(**{name: getattr(body, name) for name in body.model_fields_set})
    changed = await context.services[Integrations].update(
        context.db, context.actor, context.workspace_id, integration_id, edit, context.now
    )
    return IntegrationAnswer(copy_fields(IntegrationView, changed))


async def delete_integration(context: MemberContext, integration_id: IntegrationId) -> None:
    """Delete an integration and revoke its grant at the vendor."""
    await context.services[Integrations].delete(context.db, context.actor, context.workspace_id, integration_id)


async def reconnect_integration(context: MemberContext, integration_id: IntegrationId) -> StartedIntegration:
    """Start OAuth again for an existing integration.

    The current grant stays in use until the new grant is confirmed.
    """
    started = await context.services[Integrations].reconnect(
        context.db, context.actor, context.workspace_id, integration_id, context.now
    )
    return to_started(started)


async def confirm_integration(
    context: MemberContext, integration_id: IntegrationId, body: Confirmation
) -> IntegrationAnswer:
    """Complete OAuth.

    Only the member who started OAuth can confirm, within 10 minutes after access was granted.
    """
    confirmed = await context.services[Integrations].confirm(
        context.db, context.actor, context.workspace_id, integration_id, body.confirmation, context.now
    )
    return IntegrationAnswer(copy_fields(IntegrationView, confirmed))


async def sync_integration(context: MemberContext, integration_id: IntegrationId) -> SyncStarted:
    """Start a sync. If a sync is already queued or running, return that sync."""
    return SyncStarted(
        await context.services[Integrations].request_sync(context.db, context.workspace_id, integration_id, context.now)
    )


async def list_sync_logs(context: MemberContext, integration_id: IntegrationId, query: ListQuery) -> SyncLogList:
    """List the syncs of an integration, newest first."""
    found = await context.services[Integrations].list_logs(
        context.db, context.workspace_id, integration_id, query.request()
    )
    return SyncLogList([copy_fields(SyncLogView, log) for log in found.rows], **page_fields(query, found))


async def receive_oauth_redirect(
    context: Context,
    type: Annotated[Slug, Field(description="Name of the type.", examples=["google_calendar"])],
    query: CallbackQuery,
) -> AfterCommit[Redirect]:
    """Receive a vendor's redirect after OAuth.

    Stores the grant until it is confirmed, and redirects the browser to the console or the portal.
    """
    services, now = context.services, context.now
    flows = services[Integrations].flows
    await enter_platform(context.db)
    redirect = RedirectParameters(query.state, query.code, query.error)
    taken = await flows.take(context.db, type, redirect, now)

    async def exchange() -> Any:
        return taken if isinstance(taken, FlowOutcome) else await flows.exchange(taken, now)

    async def keep(later: Context, obtained: Any) -> Redirect:
        if isinstance(taken, FlowOutcome) or isinstance(obtained, FlowOutcome):
            return _redirect(services[Integrations].pages, obtained)
        await enter_platform(later.db)
        return _redirect(services[Integrations].pages, await flows.keep(later.db, taken, obtained, now))

    return AfterCommit(exchange, keep)


def _redirect(pages: str, outcome: FlowOutcome) -> Redirect:
    """Return a redirect to the console or the portal. The code is in the fragment, which browsers do not send to
    servers.
    """
    url = pages.rstrip("/")
    values = {"error": outcome.error} if outcome.error else {"result": "granted"}
    if outcome.state is not None:
        state = outcome.state
        values |= {"workspace_id": str(state.workspace_id), "integration_id": str(state.integration_id)}
    fragment = f"#confirmation={outcome.confirmation}" if outcome.confirmation else ""
    return Redirect(f"{url}/integrations?{urlencode(values)}{fragment}")


def to_started(started: StartedConnection) -> StartedIntegration:
    return StartedIntegration(
        copy_fields(IntegrationView, started.integration), started.oauth_url, started.signing_secret
    )


def to_offered(kind: IntegrationType) -> OfferedIntegrationType:
    return OfferedIntegrationType(
        type=kind.type,
        name=kind.name,
        description=kind.description,
        auth_type=kind.auth_type,
        config_schema=kind.config.get("config_schema", {"type": "object"}),
        actions=[action["name"] for action in kind.config.get("actions", [])],
        action_details=[_to_offered_action(action) for action in kind.config.get("actions", [])],
    )


def _to_offered_action(action: Mapping[str, Any]) -> OfferedAction:
    return OfferedAction(
        name=action["name"],
        description=action.get("description", ""),
        read_only=action.get("read_only", False),
        input_schema=action.get("input_schema", {"type": "object"}),
    )


# Errors that several operations can return.
_INTEGRATION_SETTINGS_ERRORS: Final = (
    "409 workspace_suspended",
    "422 key_invalid",
    "422 key_not_used",
    "422 setting_invalid",
    "422 too_long",
)
_TYPE_CONFIG_ERRORS: Final = ("422 address_invalid", "422 key_invalid", "422 too_long")

ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "/workspaces/{workspaceId}/integration-types",
        list_integration_types,
        member("viewer", "integrations:read"),
        beyond_spec=True,
    ),
    Route("GET", INTEGRATIONS, list_integrations, member("viewer", "integrations:read")),
    Route(
        "POST",
        INTEGRATIONS,
        create_integration,
        member("admin"),
        status=201,
        limit=RateLimit("integrations", 30, 60),
        errors=(
            *_INTEGRATION_SETTINGS_ERRORS,
            "409 integration_limit",
            "409 type_not_ready",
            "422 integration_type_unknown",
            "422 key_missing",
        ),
    ),
    Route(
        "GET",
        INTEGRATION,
        get_integration,
        member("viewer", "integrations:read"),
        errors=("404 integration_not_found",),
    ),
    Route(
        "PUT",
        INTEGRATION,
        update_integration,
        member("admin", "integrations:write"),
        errors=("404 integration_not_found", *_INTEGRATION_SETTINGS_ERRORS, "422 key_missing"),
    ),
    Route(
        "DELETE",
        INTEGRATION,
        delete_integration,
        member("admin", "integrations:write"),
        errors=("404 integration_not_found",),
    ),
    Route(
        "POST",
        f"{INTEGRATION}/reconnect",
        reconnect_integration,
        member("admin"),
        beyond_spec=True,
        limit=RateLimit("integrations", 30, 60),
        errors=(
            "404 integration_not_found",
            "409 not_oauth",
            "409 type_not_ready",
            "409 workspace_suspended",
            "422 integration_type_unknown",
        ),
    ),
    Route(
        "POST",
        f"{INTEGRATION}/confirm",
        confirm_integration,
        member("admin"),
        beyond_spec=True,
        limit=RateLimit("integration-confirmations", 30, 60),
        errors=("404 confirmation_not_found",),
    ),
    Route(
        "POST",
        f"{INTEGRATION}/sync",
        sync_integration,
        member("member", "integrations:write"),
        status=202,
        limit=RateLimit("integration-syncs", 30, 60),
        errors=(
            "404 integration_not_found",
            "409 integration_not_connected",
            "409 sync_unsupported",
            "409 workspace_suspended",
        ),
    ),
    Route(
        "GET",
        f"{INTEGRATION}/sync-logs",
        list_sync_logs,
        member("viewer", "integrations:read"),
        errors=("404 integration_not_found",),
    ),
    # Each redirect with a valid state causes a request to the vendor. States work once, and only members can create
    # them.
    Route(
        "GET",
        "/integrations/oauth/callback/{type}",
        receive_oauth_redirect,
        OPEN,
        limit=RateLimit("oauth-redirects", 60, 60),
    ),
)


# -- Integration types: routes for staff --

AVAILABLE = "/admin/integrations/available"
TYPE = f"{AVAILABLE}/{{type}}"
TypeDescription = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2_000, pattern=PLAIN)]
TypeConfig = Annotated[
    dict[str, Any],
    SchemaOf(IntegrationTypeConfig),
    Field(description="Authorization, actions and syncs. `oauth.client_secret` is never returned."),
]


class NewIntegrationType(Body):
    """A new integration type."""

    type: Slug = Field(description="Identifier of the type.", examples=["acme_crm"])
    name: Name = Field(description="Display name.", examples=["Acme CRM"])
    description: Annotated[
        TypeDescription, Field(description="Description of the type.", examples=["Looks up and books appointments."])
    ] = ""
    auth_type: AuthType = Field(description="How a workspace is authorized.")
    config: Annotated[
        TypeConfig,
        Field(description="Authorization, actions and syncs. `oauth.client_secret` is never returned."),
    ]
    is_enabled: bool = Field(True, description="Whether workspaces can connect the type.")


class IntegrationTypeChange(ChangeBody):
    """Changes to an integration type. Omitted fields stay unchanged."""

    name: Name = Field("", description="The new display name.", examples=["Acme CRM"])
    description: Annotated[
        TypeDescription, Field(description="Description of the type.", examples=["Looks up and books appointments."])
    ] = ""
    config: TypeConfig = Field(
        {},
        description="Authorization, actions and syncs. `oauth.client_secret` is never returned.",
    )
    is_enabled: bool = Field(True, description="Whether workspaces can connect the type.")


class OperationsDocument(Body):
    """An OpenAPI document and the operations to import from it."""

    document: dict[str, Any] = Field(
        description="OpenAPI 3 document as JSON. References must stay within the document.",
        examples=[{"openapi": "3.1.0", "paths": {}}],
    )
    operations: list[Annotated[str, StringConstraints(min_length=1, max_length=200)]] = Field(
        min_length=1, max_length=50, description="The operationIds to import.", examples=[["createContact"]]
    )


@dataclass(frozen=True, slots=True)
class AdminIntegrationType:
    """An integration type in a list."""

    type: Annotated[str, Field(description="Identifier of the type.", examples=["google_calendar"])]
    name: Annotated[str, Field(description="Display name.", examples=["Google Calendar"])]
    description: Annotated[
        str, Field(description="Description of the type.", examples=["Looks up and books appointments."])
    ]
    auth_type: Annotated[
        AuthType, Field(description="How a workspace is authorized: `oauth2`, `api_key` or `webhook`.")
    ]
    is_enabled: Annotated[bool, Field(description="Whether workspaces can connect the type.")]


@dataclass(frozen=True, slots=True)
class AdminIntegrationTypes:
    """All integration types, ordered by name."""

    integrations: Annotated[list[AdminIntegrationType], Field(description="The types.")]


@dataclass(frozen=True, slots=True)
class AdminIntegrationTypeDetail:
    """An integration type with its config."""

    type: Annotated[str, Field(description="Identifier of the type.", examples=["google_calendar"])]
    name: Annotated[str, Field(description="Display name.", examples=["Google Calendar"])]
    description: Annotated[
        str, Field(description="Description of the type.", examples=["Looks up and books appointments."])
    ]
    auth_type: Annotated[
        AuthType, Field(description="How a workspace is authorized: `oauth2`, `api_key` or `webhook`.")
    ]
    is_enabled: Annotated[bool, Field(description="Whether workspaces can connect the type.")]
    config: Annotated[Mapping[str, Any], Field(description="The config without the client secret.", examples=[{}])]
    has_client_secret: Annotated[bool, Field(description="Whether a client secret is stored.")]
    redirect_uri: Annotated[
        str,
        Field(
            description="The redirect address to register at the vendor.",
            examples=["https://api.example.com/integrations/oauth/callback/google_calendar"],
        ),
    ]
    version: Annotated[int, Field(description="Version of the type. Each change increments it.", examples=[1])]
    is_shipped: Annotated[bool, Field(description="Whether the product ships with the type.")]
    created_at: CreatedAt
    updated_at: UpdatedAt


@dataclass(frozen=True, slots=True)
class AdminIntegrationTypeAnswer:
    """An integration type."""

    integration: AdminIntegrationTypeDetail


@dataclass(frozen=True, slots=True)
class IntegrationUsage:
    """How many workspaces use an integration type."""

    integration_type: Annotated[str, Field(description="Name of the type.", examples=["google_calendar"])]
    workspaces_using: Annotated[
        int, Field(description="Number of workspaces with an integration of this type.", examples=[12])
    ]
    total_syncs: Annotated[int, Field(description="Number of syncs of existing integrations.", examples=[340])]


@dataclass(frozen=True, slots=True)
class IntegrationUsageList:
    """The use of each integration type, most used first."""

    by_type: Annotated[list[IntegrationUsage], Field(description="The use of each type, most used first.")]


@dataclass(frozen=True, slots=True)
class ImportedActions:
    """Actions for the config of an integration type."""

    actions: Annotated[list[dict[str, Any]], Field(description="Actions for a type's `config.actions`.", examples=[[]])]
    skipped: Annotated[
        dict[str, str], Field(description="Reasons for skipped operations, by operationId.", examples=[{}])
    ]


async def list_types(context: AdminContext) -> AdminIntegrationTypes:
    """List all integration types, by name."""
    return AdminIntegrationTypes(
        [
            copy_fields(AdminIntegrationType, kind)
            for kind in await context.services[Integrations].types.list_all(context.db)
        ]
    )


async def create_type(context: AdminContext, body: NewIntegrationType) -> AdminIntegrationTypeAnswer:
    """Create an integration type. Workspaces can connect the type immediately."""
    new = NewType(**dict(body))
    return _to_type_answer(
        context, await context.services[Integrations].types.create(context.db, context.actor, new, context.now)
    )


async def get_type(
    context: AdminContext, type: Annotated[Slug, Field(description="Name of the type.", examples=["google_calendar"])]
) -> AdminIntegrationTypeAnswer:
    """Return an integration type with its config."""
    return _to_type_answer(context, await context.services[Integrations].types.get(context.db, type))


async def update_type(
    context: AdminContext,
    type: Annotated[Slug, Field(description="Name of the type.", examples=["google_calendar"])],
    body: IntegrationTypeChange,
) -> AdminIntegrationTypeAnswer:
    """Change an integration type. Existing integrations use the new config immediately."""
    changes = {name: getattr(body, name) for name in body.model_fields_set}
    types = context.services[Integrations].types
    return _to_type_answer(context, await types.update(context.db, context.actor, type, changes))


async def delete_type(
    context: AdminContext, type: Annotated[Slug, Field(description="Name of the type.", examples=["google_calendar"])]
) -> None:
    """Delete an integration type.

    A type that is shipped or in use is disabled instead.
    """
    await context.services[Integrations].types.delete(context.db, context.actor, type)


async def list_usage(context: AdminContext) -> IntegrationUsageList:
    """List how many workspaces use each integration type."""
    usage = await context.services[Integrations].types.list_usage(context.db)
    return IntegrationUsageList([copy_fields(IntegrationUsage, of_type) for of_type in usage])


async def import_actions(context: AdminContext, body: OperationsDocument) -> ImportedActions:
    """Convert operations of a vendor's OpenAPI document to actions.

    Add the returned actions to `config.actions` of a type. This request stores nothing.
    """
    found = import_operations(body.document, body.operations)
    actions = [action.model_dump(mode="json", exclude_defaults=True) for action in found.actions]
    return ImportedActions(actions, dict(found.skipped))


def _to_type_answer(context: AdminContext, kind: IntegrationType) -> AdminIntegrationTypeAnswer:
    return to_type_answer(kind, context.services[Integrations].accounts.redirect_uri(kind.type))


def to_type_answer(kind: IntegrationType, redirect_uri: str) -> AdminIntegrationTypeAnswer:
    detail = copy_fields(AdminIntegrationTypeDetail, kind, has_client_secret=kind.has_secret, redirect_uri=redirect_uri)
    return AdminIntegrationTypeAnswer(detail)


ADMIN_ROUTES: tuple[Route, ...] = (
    Route("GET", AVAILABLE, list_types, ANY_ADMIN),
    Route(
        "POST",
        AVAILABLE,
        create_type,
        admin(),
        status=201,
        is_heavy=True,
        errors=(*_TYPE_CONFIG_ERRORS, "409 integration_type_exists", "409 integration_type_limit"),
    ),
    Route("GET", TYPE, get_type, ANY_ADMIN, beyond_spec=True, errors=("404 integration_type_not_found",)),
    Route(
        "PUT",
        TYPE,
        update_type,
        admin(),
        is_heavy=True,
        beyond_spec=True,
        errors=("404 integration_type_not_found", *_TYPE_CONFIG_ERRORS),
    ),
    Route("DELETE", TYPE, delete_type, admin(), beyond_spec=True, errors=("404 integration_type_not_found",)),
    Route("GET", "/admin/integrations/usage", list_usage, ANY_ADMIN),
    Route(
        "POST",
        "/admin/integrations/actions",
        import_actions,
        admin(),
        is_heavy=True,
        beyond_spec=True,
        errors=("422 document_invalid",),
    ),
)

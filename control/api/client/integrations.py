"""Routes of integrations: for the members of a workspace, and for the redirects of vendors."""

from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints

from control.api.client.integrations_views import (
    IntegrationAnswer,
    IntegrationDetail,
    IntegrationList,
    OfferedIntegrationTypes,
    StartedIntegration,
    SyncLogList,
    SyncStarted,
    to_line,
    to_log,
    to_offered,
    to_started,
    to_view,
)
from control.db.keyset import PageRequest
from control.db.scope import enter_platform
from control.http.access import OPEN, member
from control.http.after_commit import AfterCommit
from control.http.body import Body, ChangeBody, Name, Slug
from control.http.context import Context, MemberContext
from control.http.pagination import ListQuery, Query, page_fields
from control.http.redirect import Redirect
from control.http.route import RateLimit, Route
from control.integrations.grants.service import FlowOutcome, RedirectParameters
from control.integrations.service import ConnectionEdit, Integrations, ResultPages

IntegrationId = Annotated[UUID, Field(description="Id of the integration.")]

INTEGRATIONS = "/workspaces/{workspaceId}/integrations"
INTEGRATION = f"{INTEGRATIONS}/{{integrationId}}"
# Entries of the log in the answer of one integration.
_NEWEST = PageRequest(20)

ApiKey = Annotated[
    str,
    StringConstraints(min_length=1, max_length=4_096),
    Field(json_schema_extra={"format": "password", "writeOnly": True}),
]
Settings = Annotated[dict[str, Any], Field(max_length=100)]


class NewIntegrationBody(Body):
    """An integration."""

    integration_type: Slug = Field(description="Name of the type.", examples=["google_calendar"])
    name: Name | None = Field(
        None, description="Its name for people; null: the name of its type.", examples=["Front desk calendar"]
    )
    config: Settings = Field(
        {}, description="Its settings, as `config_schema` of the type has them.", examples=[{"calendar_id": "primary"}]
    )
    api_key: ApiKey | None = Field(
        None, description="The vendor's key, for types with `auth_type` api_key.", examples=["key-of-the-vendor"]
    )


class IntegrationChange(ChangeBody):
    """Changes; fields that are left out stay unchanged."""

    name: Name = Field("", description="The new name.", examples=["Front desk calendar"])
    config: Settings = Field(
        {}, description="Its settings, as `config_schema` of the type has them.", examples=[{"calendar_id": "primary"}]
    )
    api_key: ApiKey = Field("", description="The new key.", examples=["key-of-the-vendor"])


class Confirmation(Body):
    """Proves that whoever granted access at the vendor is the member who began."""

    confirmation: Annotated[str, StringConstraints(min_length=1, max_length=200)] = Field(
        description="The code behind `#confirmation=` of the page to which the vendor led the browser.",
        examples=["kq3V0mJb7cQh0mX2t9yWf1s8Zr4pLd6uE5nGaTiB"],
    )


class CallbackQuery(Query):
    """What a vendor's redirect has; further parameters, which some vendors add, are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    code: str = Field("", description="The code that is exchanged for tokens.")
    state: str = Field("", description="The state that we gave the vendor: opaque, signed, used once.")
    error: str = Field("", description="Why access was not granted (RFC 6749, 4.1.2.1).")


async def list_integration_types(context: MemberContext) -> OfferedIntegrationTypes:
    """The types that can be connected, by name."""
    types = await context.services[Integrations].types.list_all(context.db, only_ready=True)
    return OfferedIntegrationTypes([to_offered(one) for one in types], has_more=False)


async def list_integrations(context: MemberContext, query: ListQuery) -> IntegrationList:
    """The workspace's integrations, newest first."""
    found = await context.services[Integrations].list_page(context.db, context.workspace_id, query.request())
    return IntegrationList([to_line(one) for one in found.rows], **page_fields(query, found))


async def create_integration(context: MemberContext, body: NewIntegrationBody) -> StartedIntegration:
    """Creates an integration. With OAuth, open `oauth_url`, then confirm."""
    edit = ConnectionEdit(body.name, body.config, body.api_key)
    started = await context.services[Integrations].create(
        context.db, context.actor, context.workspace_id, body.integration_type, edit, context.now
    )
    return to_started(started)


async def get_integration(context: MemberContext, integration_id: IntegrationId) -> IntegrationDetail:
    """An integration, with its newest 20 syncs."""
    service, where = context.services[Integrations], (context.workspace_id, integration_id)
    found = await service.get(context.db, *where)
    logs = await service.list_logs(context.db, *where, _NEWEST)
    return IntegrationDetail(to_view(found), [to_log(log) for log in logs.rows])


async def update_integration(
    context: MemberContext, integration_id: IntegrationId, body: IntegrationChange
) -> IntegrationAnswer:
    """Changes name, settings or key."""
    edit = ConnectionEdit(**{name: getattr(body, name) for name in body.model_fields_set})
    changed = await context.services[Integrations].update(
        context.db, context.actor, context.workspace_id, integration_id, edit, context.now
    )
    return IntegrationAnswer(to_view(changed))


async def delete_integration(context: MemberContext, integration_id: IntegrationId) -> None:
    """Removes an integration; its grant is revoked at the vendor."""
    await context.services[Integrations].delete(context.db, context.actor, context.workspace_id, integration_id)


async def reconnect_integration(context: MemberContext, integration_id: IntegrationId) -> StartedIntegration:
    """Begins OAuth again. The present grant is used until the new one is confirmed."""
    started = await context.services[Integrations].reconnect(
        context.db, context.actor, context.workspace_id, integration_id, context.now
    )
    return to_started(started)


async def confirm_integration(
    context: MemberContext, integration_id: IntegrationId, body: Confirmation
) -> IntegrationAnswer:
    """Completes OAuth, by the member who began it, within 10 minutes after access was granted."""
    confirmed = await context.services[Integrations].confirm(
        context.db, context.actor, context.workspace_id, integration_id, body.confirmation, context.now
    )
    return IntegrationAnswer(to_view(confirmed))


async def sync_integration(context: MemberContext, integration_id: IntegrationId) -> SyncStarted:
    """Begins a sync; while one waits or runs, that one is answered."""
    return SyncStarted(
        await context.services[Integrations].request_sync(context.db, context.workspace_id, integration_id, context.now)
    )


async def list_sync_logs(context: MemberContext, integration_id: IntegrationId, query: ListQuery) -> SyncLogList:
    """The syncs of an integration, newest first."""
    found = await context.services[Integrations].list_logs(
        context.db, context.workspace_id, integration_id, query.request()
    )
    return SyncLogList([to_log(log) for log in found.rows], **page_fields(query, found))


async def receive_oauth_redirect(
    context: Context,
    type: Annotated[Slug, Field(description="Name of the type.", examples=["google_calendar"])],
    query: CallbackQuery,
) -> AfterCommit[Redirect]:
    """Where vendors send the browser back to. Keeps what was granted, and leads on to the portal."""
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


def _redirect(pages: ResultPages, outcome: FlowOutcome) -> Redirect:
    """To the portal's page, with the code behind `#`, which browsers send to no server; else to a page of ours."""
    url = pages.url.rstrip("/")
    if not pages.is_portal:
        path = f"integration-failed?{urlencode({'error': outcome.error})}"
        return Redirect(f"{url}/" + (path if outcome.error else f"confirm-integration?token={outcome.confirmation}"))
    values = {"error": outcome.error} if outcome.error else {"result": "granted"}
    if outcome.state is not None:
        state = outcome.state
        values |= {"workspace_id": str(state.workspace_id), "integration_id": str(state.integration_id)}
    fragment = f"#confirmation={outcome.confirmation}" if outcome.confirmation else ""
    return Redirect(f"{url}/integrations?{urlencode(values)}{fragment}")


ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "/workspaces/{workspaceId}/integration-types",
        list_integration_types,
        member("viewer", "integrations:read"),
        beyond_spec=True,
    ),
    Route("GET", INTEGRATIONS, list_integrations, member("viewer", "integrations:read")),
    Route("POST", INTEGRATIONS, create_integration, member("admin"), status=201,
          limit=RateLimit("integrations", 30, 60)),
    Route("GET", INTEGRATION, get_integration, member("viewer", "integrations:read")),
    Route("PUT", INTEGRATION, update_integration, member("admin", "integrations:write")),
    Route("DELETE", INTEGRATION, delete_integration, member("admin", "integrations:write")),
    Route("POST", f"{INTEGRATION}/reconnect", reconnect_integration, member("admin"), beyond_spec=True,
          limit=RateLimit("integrations", 30, 60)),
    Route("POST", f"{INTEGRATION}/confirm", confirm_integration, member("admin"), beyond_spec=True,
          limit=RateLimit("integration-confirmations", 30, 60)),
    Route("POST", f"{INTEGRATION}/sync", sync_integration, member("member", "integrations:write"), status=202,
          limit=RateLimit("integration-syncs", 30, 60)),
    Route("GET", f"{INTEGRATION}/sync-logs", list_sync_logs, member("viewer", "integrations:read")),
    # Each redirect with a valid state asks the vendor; a state is used once, and only members get one.
    Route("GET", "/integrations/oauth/callback/{type}", receive_oauth_redirect, OPEN,
          limit=RateLimit("oauth-redirects", 60, 60)),
)  # fmt: skip

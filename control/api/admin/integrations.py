"""Routes of integration types, for the staff."""

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from control.api.admin.integrations_views import (
    AdminIntegrationTypeAnswer,
    AdminIntegrationTypes,
    ImportedActions,
    IntegrationUsageList,
    to_answer,
    to_line,
    to_usage,
)
from control.http.access import ANY_ADMIN, admin
from control.http.body import PLAIN, Body, ChangeBody, Name, Slug
from control.http.context import AdminContext
from control.http.route import Route
from control.http.schema_of import SchemaOf
from control.integrations.service import Integrations
from control.integrations.types.openapi_import import import_operations
from control.integrations.types.rules import AuthType, IntegrationType, IntegrationTypeConfig
from control.integrations.types.service import NewType

AVAILABLE = "/admin/integrations/available"
TYPE = f"{AVAILABLE}/{{type}}"

Description = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2_000, pattern=PLAIN)]
TypeConfig = Annotated[
    dict[str, Any],
    SchemaOf(IntegrationTypeConfig),
    Field(description="How the vendor is reached; `oauth.client_secret` is stored apart, and never shown again."),
]


class NewIntegrationType(Body):
    """An integration type."""

    type: Slug = Field(description="Its name for programs.", examples=["acme_crm"])
    name: Name = Field(description="Its name for people.", examples=["Acme CRM"])
    description: Annotated[
        Description, Field(description="What it is, for people.", examples=["Looks up and books appointments."])
    ] = ""
    auth_type: AuthType = Field(description="How a workspace is authorised.")
    config: Annotated[
        TypeConfig,
        Field(description="How the vendor is reached; `oauth.client_secret` is stored apart, and never shown again."),
    ]
    is_enabled: bool = Field(True, description="Whether workspaces may connect it.")


class IntegrationTypeChange(ChangeBody):
    """Changes; fields that are left out stay unchanged."""

    name: Name = Field("", description="The new name for people.", examples=["Acme CRM"])
    description: Annotated[
        Description, Field(description="What it is, for people.", examples=["Looks up and books appointments."])
    ] = ""
    config: TypeConfig = Field(
        {}, description="How the vendor is reached; `oauth.client_secret` is stored apart, and never shown again."
    )
    is_enabled: bool = Field(True, description="Whether workspaces may connect it.")


class OperationsDocument(Body):
    """An OpenAPI document to take operations from."""

    document: dict[str, Any] = Field(
        description="OpenAPI 3, as JSON; references within it only.", examples=[{"openapi": "3.1.0", "paths": {}}]
    )
    operations: list[Annotated[str, StringConstraints(min_length=1, max_length=200)]] = Field(
        min_length=1, max_length=50, description="The operationIds to take.", examples=[["createContact"]]
    )


async def list_types(context: AdminContext) -> AdminIntegrationTypes:
    """All types, by name."""
    return AdminIntegrationTypes(
        [to_line(one) for one in await context.services[Integrations].types.list_all(context.db)]
    )


async def create_type(context: AdminContext, body: NewIntegrationType) -> AdminIntegrationTypeAnswer:
    """Adds a type, which workspaces can connect at once."""
    new = NewType(**dict(body))
    return _answer(
        context, await context.services[Integrations].types.create(context.db, context.actor, new, context.now)
    )


async def get_type(
    context: AdminContext, type: Annotated[Slug, Field(description="Name of the type.", examples=["google_calendar"])]
) -> AdminIntegrationTypeAnswer:
    """A type with its config."""
    return _answer(context, await context.services[Integrations].types.get(context.db, type))


async def update_type(
    context: AdminContext,
    type: Annotated[Slug, Field(description="Name of the type.", examples=["google_calendar"])],
    body: IntegrationTypeChange,
) -> AdminIntegrationTypeAnswer:
    """Changes a type; existing integrations follow it at once."""
    changes = {name: getattr(body, name) for name in body.model_fields_set}
    types = context.services[Integrations].types
    return _answer(context, await types.update(context.db, context.actor, type, changes))


async def delete_type(
    context: AdminContext, type: Annotated[Slug, Field(description="Name of the type.", examples=["google_calendar"])]
) -> None:
    """Deletes a type; one that is shipped or in use is disabled instead."""
    await context.services[Integrations].types.delete(context.db, context.actor, type)


async def list_usage(context: AdminContext) -> IntegrationUsageList:
    """How much each type is used."""
    usage = await context.services[Integrations].types.list_usage(context.db)
    return IntegrationUsageList([to_usage(one) for one in usage])


async def import_actions(context: AdminContext, body: OperationsDocument) -> ImportedActions:
    """Makes actions of operations of a vendor's OpenAPI document. They go into `config.actions` of a type; nothing is
    changed here."""
    found = import_operations(body.document, body.operations)
    actions = [action.model_dump(mode="json", exclude_defaults=True) for action in found.actions]
    return ImportedActions(actions, dict(found.skipped))


def _answer(context: AdminContext, kind: IntegrationType) -> AdminIntegrationTypeAnswer:
    return to_answer(kind, context.services[Integrations].accounts.redirect_uri(kind.type))


ROUTES: tuple[Route, ...] = (
    Route("GET", AVAILABLE, list_types, ANY_ADMIN),
    Route("POST", AVAILABLE, create_type, admin(), status=201, is_heavy=True),
    Route("GET", TYPE, get_type, ANY_ADMIN, beyond_spec=True),
    Route("PUT", TYPE, update_type, admin(), is_heavy=True, beyond_spec=True),
    Route("DELETE", TYPE, delete_type, admin(), beyond_spec=True),
    Route("GET", "/admin/integrations/usage", list_usage, ANY_ADMIN),
    Route("POST", "/admin/integrations/actions", import_actions, admin(), is_heavy=True, beyond_spec=True),
)

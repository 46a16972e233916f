"""Routes of workspaces, for their members."""

from dataclasses import replace
from typing import Annotated

from pydantic import Field

from control.api.client.workspaces_views import (
    WorkspaceAnswer,
    WorkspaceDetails,
    WorkspaceList,
    to_subscription,
    to_view,
)
from control.billing.accounts.service import open_account
from control.db.keyset import PageRequest
from control.http.access import USER, member, user
from control.http.body import PLAIN, Body, ChangeBody, Currency, LetterName, Slug
from control.http.context import MemberContext, UserContext
from control.http.pagination import MAX_LIMIT
from control.http.route import RateLimit, Route
from control.numbers.service import Numbers
from control.platform.service import Platform
from control.redaction.finder import KINDS, RedactionKind
from control.workspaces.rules import DisclosureChoice, DisclosureMode, NewWorkspace
from control.workspaces.service import Workspaces

WORKSPACES = "/workspaces"
WORKSPACE = f"{WORKSPACES}/{{workspaceId}}"

# As that of an agent, in characters.
LONGEST_DISCLOSURE = 500
Timezone = Annotated[str, Field(max_length=64, description="A name of the IANA database, such as Europe/Berlin.")]


class NewWorkspaceBody(Body):
    """A new workspace."""

    name: Annotated[LetterName, Field(description="Name, as people see it.", examples=["Riverside Dental"])]
    industry: Slug | None = Field(None, description="Such as dental or real_estate.", examples=["dental"])
    timezone: Annotated[Timezone, Field(examples=["Europe/Berlin"])] = "UTC"
    currency: Currency | None = Field(None, description="In which it is billed: ISO 4217, lower case.")


class DisclosureBody(Body):
    """That an artificial voice speaks: told to its end before anything else, where the agent has no text of its own."""

    mode: DisclosureMode = Field("off", description="Whose text callers hear.")
    text: str = Field(
        "",
        max_length=LONGEST_DISCLOSURE,
        pattern=PLAIN,
        description="The text, up to 500 characters.",
        examples=["You are speaking with our AI assistant."],
    )


class WorkspaceChange(ChangeBody):
    """Changes; fields that are left out stay unchanged."""

    name: LetterName = Field("", description="The new name.", examples=["Riverside Dental"])
    industry: Slug | None = Field(None, description="null removes it.", examples=["dental"])
    timezone: Annotated[Timezone, Field(examples=["Europe/Berlin"])] = ""
    disclosure: DisclosureBody = Field(
        default_factory=lambda: DisclosureBody(mode="off", text=""),
        description="What callers are told before anything else, where their agent has no text.",
    )
    redaction: list[RedactionKind] = Field(
        [], max_length=len(KINDS), description="What is left out of what is kept of calls; empty: nothing."
    )


async def create_workspace(context: UserContext, body: NewWorkspaceBody) -> WorkspaceAnswer:
    """Creates a workspace on trial, with the caller as its owner. Its agents can answer calls once an owner's email
    address is confirmed."""
    services, new = context.services, NewWorkspace(body.name, body.industry, body.timezone)
    currency = body.currency or await services[Platform].setting(context.db, "default_currency")
    workspace = await services[Workspaces].create(context.db, context.actor, context.user_id, new, context.now)
    await open_account(context.db, workspace.id, workspace.tier_name, currency, context.now)
    return WorkspaceAnswer(to_view(workspace, "owner"))


async def list_workspaces(context: UserContext) -> WorkspaceList:
    """The workspaces that the user is a member of; with an API key the key's own, with the role that it acts with."""
    memberships = await context.services[Workspaces].memberships(context.db, context.user_id)
    if context.key is not None:
        key = context.key
        memberships = [replace(one, role=key.role) for one in memberships if one.id == key.workspace_id]
    return WorkspaceList(memberships, has_more=False)


async def get_workspace(context: MemberContext) -> WorkspaceDetails:
    """A workspace with its members, its tier and its usage."""
    workspaces, db, workspace_id = context.services[Workspaces], context.db, context.workspace_id
    workspace = await workspaces.get(db, workspace_id)
    members = await workspaces.members.list_page(db, workspace_id, page=PageRequest(MAX_LIMIT))
    subscription = await workspaces.subscription(db, workspace_id, context.now)
    return WorkspaceDetails(
        to_view(workspace, context.role), members.rows, to_subscription(subscription, is_trial=workspace.was_on_trial)
    )


async def update_workspace(context: MemberContext, body: WorkspaceChange) -> WorkspaceAnswer:
    """Changes name, industry, time zone, what callers are told, or what is redacted in calls.

    Calls that run are redacted whole from then on; those that are over stay as they are."""
    changes = body.model_dump(exclude_unset=True)
    if "disclosure" in changes:
        changes["disclosure"] = DisclosureChoice(body.disclosure.mode, body.disclosure.text.strip())
    workspace = await context.services[Workspaces].update(
        context.db, context.actor, context.workspace_id, changes, context.now
    )
    return WorkspaceAnswer(to_view(workspace, context.role))


async def delete_workspace(context: MemberContext) -> None:
    """Deletes a workspace. Its agents answer no calls, and nobody sees it. Support can restore it for some time, but
    not the phone numbers of one on trial, which are given back at once."""
    await context.services[Numbers].release_trial(context.db, context.workspace_id, context.now)
    await context.services[Workspaces].delete(context.db, context.actor, context.workspace_id, context.now)


ROUTES: tuple[Route, ...] = (
    # Limited, because the row of a deleted workspace stays until the end of the grace period.
    Route(
        "POST",
        WORKSPACES,
        create_workspace,
        USER,
        status=201,
        idempotent=True,
        limit=RateLimit("create-workspace", 30, 3600),
    ),
    Route("GET", WORKSPACES, list_workspaces, user("workspace:read")),
    Route("GET", WORKSPACE, get_workspace, member("viewer", "workspace:read")),
    Route("PUT", WORKSPACE, update_workspace, member("admin", "workspace:write")),
    Route("DELETE", WORKSPACE, delete_workspace, member("owner"), needs_recent_sign_in=True),
)

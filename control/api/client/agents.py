"""Routes of voice agents, for the members of their workspace."""

from typing import Annotated, Any, Final
from uuid import UUID

from msgspec import UNSET
from pydantic import Field, StringConstraints

from control.agents.config import OPTIONS_PATCH, SCHEMA_ID, AgentConfigPatch, json_schema
from control.agents.config_parts import PLAIN, Provider
from control.agents.rules import AgentDraft, AgentEdit, Status
from control.agents.service import Agents
from control.api.client.agents_views import (
    ActivationAnswer,
    AgentAnswer,
    AgentList,
    StatusAnswer,
    VersionAnswer,
    VersionList,
    to_activation_answer,
    to_answer,
    to_status_answer,
    to_version_answer,
)
from control.http.access import OPEN, member
from control.http.body import Body, ChangeBody
from control.http.context import Context, MemberContext
from control.http.fields import AgentId
from control.http.pagination import ListQuery, VersionsQuery, page_fields
from control.http.route import RateLimit, Route
from control.http.schema_of import SchemaOf

AGENTS = "/workspaces/{workspaceId}/agents"
AGENT = f"{AGENTS}/{{agentId}}"

# A config is checked, filled and stored whole with each change.
WRITE_LIMIT: Final = RateLimit("agent-writes", 120, 60, per_user=True)

AgentName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=PLAIN)]
ConfigPatch = Annotated[
    dict[str, Any],
    SchemaOf(AgentConfigPatch),
    Field(description="A part of an agent config: objects are merged, null removes a field."),
]
OptionsPatch = Annotated[
    dict[str, Any],
    SchemaOf(OPTIONS_PATCH),
    Field(description="Options of the voice_provider; merged, null removes one."),
]
VersionNumber = Annotated[int, Field(ge=1, le=2**31 - 1)]


class AgentsQuery(ListQuery):
    """Filters of the list."""

    status: Status | None = Field(None, description="Only those with this status.")
    search: str | None = Field(None, min_length=1, max_length=200, pattern=PLAIN, description="Part of the name.")


class NewAgent(Body):
    """A new agent."""

    name: Annotated[
        AgentName, Field(description="Name of the agent, unique in the workspace.", examples=["Front desk"])
    ]
    template_id: UUID | None = Field(None, description="A public template; `config` is merged into its default_config.")
    phone_number_id: UUID | None = Field(None, description="An active number of the workspace without an agent.")
    config: ConfigPatch = Field({})
    voice_provider: Provider | None = Field(
        None, description="The voice provider tried first, before those of config.speech.tts.", examples=["cartesia"]
    )
    voice_config: OptionsPatch = Field({}, examples=[{"speed": 1.1}])


class AgentChange(ChangeBody):
    """Changes; fields that are left out stay unchanged."""

    name: AgentName = Field("", description="The new name, unique in the workspace.", examples=["Front desk"])
    config: ConfigPatch = Field({})
    voice_provider: Provider | None = Field(None, description="null removes it.", examples=["cartesia"])
    voice_config: OptionsPatch = Field({}, examples=[{"speed": 1.1}])
    phone_number_id: UUID | None = Field(None, description="null removes the number.")
    expected_version: int | None = Field(
        None, ge=1, description="409 if the current version is another one.", examples=[3]
    )


class RestoreBody(Body):
    """Conditions of a restore."""

    expected_version: int | None = Field(
        None, ge=1, description="409 if the current version is another one.", examples=[3]
    )


async def list_agents(context: MemberContext, query: AgentsQuery) -> AgentList:
    """The workspace's agents, newest first."""
    found = await context.services[Agents].list_page(
        context.db, context.workspace_id, status=query.status, search=query.search, page=query.request()
    )
    return AgentList(found.rows, **page_fields(query, found))


async def create_agent(context: MemberContext, body: NewAgent) -> AgentAnswer:
    """Creates a draft, from a template or from a config alone."""
    draft = AgentDraft(**dict(body))
    agent = await context.services[Agents].create(context.db, context.workspace_id, context.actor, draft, context.now)
    return to_answer(agent)


async def get_agent(context: MemberContext, agent_id: AgentId) -> AgentAnswer:
    """An agent with its whole config, its phone number and its figures."""
    return to_answer(await context.services[Agents].get(context.db, context.workspace_id, agent_id))


async def update_agent(context: MemberContext, agent_id: AgentId, body: AgentChange) -> AgentAnswer:
    """Changes an agent. Each change of name, config or voice creates a version for the calls from then on."""
    edit = AgentEdit(
        body.name or None,
        body.config,
        body.voice_provider if "voice_provider" in body.model_fields_set else UNSET,
        body.voice_config,
        body.phone_number_id if "phone_number_id" in body.model_fields_set else UNSET,
        body.expected_version,
    )
    return to_answer(
        await context.services[Agents].update(
            context.db, context.workspace_id, context.actor, agent_id, edit, context.now
        )
    )


async def delete_agent(context: MemberContext, agent_id: AgentId) -> None:
    """Deletes an agent that is not live, and unassigns its phone number."""
    await context.services[Agents].delete(context.db, context.workspace_id, context.actor, agent_id, context.now)


async def activate_agent(context: MemberContext, agent_id: AgentId) -> ActivationAnswer:
    """Makes an agent answer calls to its number. Refused with all the reasons why it cannot.

    `warnings` says what its owner should know: code `rule_based_model` when no language model would answer,
    `tool_name_reserved` for an HTTP tool that is not used because the platform has one of its name.
    """
    agents = context.services[Agents]
    agent = await agents.activate(context.db, context.workspace_id, context.actor, agent_id, context.now)
    return to_activation_answer(agent, await agents.list_warnings(context.db, agent))


async def pause_agent(context: MemberContext, agent_id: AgentId) -> StatusAnswer:
    """Stops an agent from answering calls. Running calls continue."""
    agents = context.services[Agents]
    return to_status_answer(await agents.pause(context.db, context.workspace_id, context.actor, agent_id, context.now))


async def list_versions(context: MemberContext, agent_id: AgentId, query: VersionsQuery) -> VersionList:
    """An agent's versions, newest first."""
    found = await context.services[Agents].list_versions(
        context.db, context.workspace_id, agent_id, page=query.request()
    )
    return VersionList(found.rows, **page_fields(query, found))


async def get_version(
    context: MemberContext,
    agent_id: AgentId,
    version: Annotated[VersionNumber, Field(description="Version number, counted from 1.", examples=[3])],
) -> VersionAnswer:
    """A version of an agent."""
    found = await context.services[Agents].get_version(context.db, context.workspace_id, agent_id, version)
    return to_version_answer(found)


async def restore_version(
    context: MemberContext,
    agent_id: AgentId,
    version: Annotated[VersionNumber, Field(description="Version number, counted from 1.", examples=[3])],
    body: RestoreBody,
) -> AgentAnswer:
    """Creates a new version with the content of an old one."""
    agent = await context.services[Agents].restore(
        context.db, context.workspace_id, context.actor, agent_id, version, body.expected_version, context.now
    )
    return to_answer(agent)


async def agent_schema(context: Context) -> dict[str, Any]:
    """The JSON Schema of an agent's config."""
    return json_schema()


ROUTES: tuple[Route, ...] = (
    Route("GET", SCHEMA_ID, agent_schema, OPEN, beyond_spec=True),
    Route("GET", AGENTS, list_agents, member("viewer", "agents:read")),
    Route(
        "POST", AGENTS, create_agent, member("member", "agents:write"), status=201, idempotent=True, limit=WRITE_LIMIT
    ),
    Route("GET", AGENT, get_agent, member("viewer", "agents:read")),
    Route("PUT", AGENT, update_agent, member("member", "agents:write"), limit=WRITE_LIMIT),
    Route("DELETE", AGENT, delete_agent, member("admin", "agents:write")),
    Route(
        "POST", f"{AGENT}/activate", activate_agent, member("member", "agents:write"), limit=WRITE_LIMIT, is_heavy=True
    ),
    Route("POST", f"{AGENT}/pause", pause_agent, member("member", "agents:write")),
    Route("GET", f"{AGENT}/versions", list_versions, member("viewer", "agents:read"), beyond_spec=True),
    Route("GET", f"{AGENT}/versions/{{version}}", get_version, member("viewer", "agents:read"), beyond_spec=True),
    Route(
        "POST",
        f"{AGENT}/versions/{{version}}/restore",
        restore_version,
        member("member", "agents:write"),
        idempotent=True,
        limit=WRITE_LIMIT,
        is_heavy=True,
        beyond_spec=True,
    ),
)

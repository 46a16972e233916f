"""Routes for members to manage their workspace's agents, versions and drafts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from msgspec import UNSET
from pydantic import Field, StringConstraints

from control.agents.checks import AgentWarning
from control.agents.config import OPTIONS_PATCH, SCHEMA_ID, AgentConfig, AgentConfigPatch, json_schema
from control.agents.config_parts import Options
from control.agents.estimates import ProviderEstimate, sum_latencies
from control.agents.plans.placeholders import missing_facts_of
from control.agents.rules import (
    AgentContent,
    AgentEdit,
    AgentNumber,
    AgentStats,
    AgentSummary,
    AgentVersion,
    Difference,
    NewAgentInput,
    Status,
    VersionDraft,
    VersionSummary,
    VoiceAgent,
    compare,
)
from control.agents.service import Agents
from control.http.access import OPEN, member
from control.http.body import PLAIN, Body, ChangeBody, Currency, Money
from control.http.context import Context, MemberContext
from control.http.fields import AgentId, CreatedAt, Id, UpdatedAt
from control.http.openapi.schema_of import SchemaOf
from control.http.pagination import MAX_VERSION, ListAnswer, ListQuery, VersionsQuery, page_fields
from control.http.route import RateLimit, Route
from control.voice.routing.rules import Provider
from shared.errors import NotFound

AGENTS = "/workspaces/{workspaceId}/agents"
AGENT = f"{AGENTS}/{{agentId}}"
DRAFT = f"{AGENT}/draft"

# Rate-limited, because each change checks, fills and stores the whole config.
WRITE_LIMIT: Final = RateLimit("agent-writes", 120, 60, per_user=True)

AgentName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=PLAIN)]
ConfigPatch = Annotated[
    dict[str, Any],
    SchemaOf(AgentConfigPatch),
    Field(description="A part of an agent config. Objects are merged, and null removes a field."),
]
OptionsPatch = Annotated[
    dict[str, Any],
    SchemaOf(OPTIONS_PATCH),
    Field(description="Options of the voice_provider. They are merged, and null removes an option."),
]
VersionNumber = Annotated[int, Field(ge=1, le=2**31 - 1)]
_DRAFT_NAME: Final = "draft"
VersionName = Annotated[
    str,
    StringConstraints(pattern=r"^(draft|[1-9][0-9]{0,9})$"),
    Field(description="A version's number, or `draft`.", examples=["3"]),
]
FullConfig = Annotated[dict[str, Any], SchemaOf(AgentConfig)]
OptionsView = Annotated[dict[str, Any], SchemaOf(Options)]


@dataclass(frozen=True, slots=True)
class AgentList(ListAnswer):
    """A page of agents, newest first."""

    agents: Annotated[list[AgentSummary], Field(description="The agents.")]


@dataclass(frozen=True, slots=True)
class AgentView:
    """An agent with its current version."""

    id: Id
    name: Annotated[str, Field(description="Name of the agent.", examples=["Front desk"])]
    status: Annotated[Status, Field(description="Status of the agent.")]
    version: Annotated[int, Field(description="Version number, counted from 1.", examples=[3])]
    template_id: Annotated[UUID | None, Field(description="Id of the template; null if none was used.")]
    template_name: Annotated[
        str | None,
        Field(
            description="Name of the template that the agent was created from; null if none was used.",
            examples=["Dental reception"],
        ),
    ]
    config: Annotated[FullConfig, Field(description="The complete current config.")]
    voice_provider: Annotated[
        str | None,
        Field(
            description="Name of the voice provider that is tried first; null if none is set.", examples=["cartesia"]
        ),
    ]
    voice_config: Annotated[OptionsView, Field(description="Options of the voice provider.", examples=[{"speed": 1.1}])]
    missing_facts: Annotated[
        list[str],
        Field(description="Placeholders in the agent's texts that no fact replaces.", examples=[["business_name"]]),
    ]
    activated_at: Annotated[
        datetime | None, Field(description="When the agent was last activated (UTC); null if never.")
    ]
    created_at: CreatedAt
    updated_at: UpdatedAt


@dataclass(frozen=True, slots=True)
class AgentAnswer:
    """An agent with its phone number and figures."""

    agent: Annotated[AgentView, Field(description="The agent.")]
    phone_number: Annotated[
        AgentNumber | None, Field(description="The phone number that the agent answers; null if it has none.")
    ]
    stats: Annotated[AgentStats, Field(description="Figures of the agent's calls.")]


@dataclass(frozen=True, slots=True)
class AgentStatus:
    """An agent's new status."""

    id: Id
    name: Annotated[str, Field(description="Name of the agent.", examples=["Front desk"])]
    status: Annotated[Status, Field(description="Present status.")]


@dataclass(frozen=True, slots=True)
class StatusAnswer:
    """A paused agent."""

    agent: Annotated[AgentStatus, Field(description="The agent.")]


@dataclass(frozen=True, slots=True)
class ActivationAnswer:
    """An activated agent."""

    agent: Annotated[AgentStatus, Field(description="The agent.")]
    warnings: Annotated[
        list[AgentWarning], Field(description="Warnings for the agent's owner; empty if there are none.")
    ]


@dataclass(frozen=True, slots=True)
class VersionList(ListAnswer):
    """A page of an agent's versions, newest first."""

    versions: Annotated[list[VersionSummary], Field(description="The versions.")]


@dataclass(frozen=True, slots=True)
class VersionView:
    """A version of an agent with all its data."""

    agent_id: AgentId
    version: Annotated[int, Field(description="Version number, counted from 1.", examples=[3])]
    name: Annotated[str, Field(description="Name of the agent in this version.", examples=["Front desk"])]
    config: Annotated[FullConfig, Field(description="What the agent says and does.")]
    voice_provider: Annotated[
        str | None,
        Field(
            description="Name of the voice provider that is tried first; null if none is set.", examples=["cartesia"]
        ),
    ]
    voice_config: Annotated[OptionsView, Field(description="Options of the voice provider.", examples=[{"speed": 1.1}])]
    created_by: Annotated[
        UUID | None,
        Field(
            description="Id of the user who created the version; null if that account is deleted or no user created it."
        ),
    ]
    created_at: CreatedAt
    is_draft: Annotated[bool, Field(description="Whether the version is a draft's content that only test calls used.")]


@dataclass(frozen=True, slots=True)
class VersionAnswer:
    """A version of an agent."""

    version: Annotated[VersionView, Field(description="The version.")]


def to_answer(agent: VoiceAgent) -> AgentAnswer:
    content = agent.content
    view = AgentView(
        id=agent.id,
        name=content.name,
        status=agent.status,
        version=agent.version,
        template_id=agent.template_id,
        template_name=agent.template_name,
        config=dict(content.config),
        voice_provider=content.voice_provider,
        voice_config=dict(content.voice_config),
        missing_facts=list(missing_facts_of(content.config)),
        activated_at=agent.activated_at,
        created_at=agent.created_at,
        updated_at=agent.updated_at,
    )
    return AgentAnswer(view, agent.number, agent.stats)


def to_status_answer(agent: VoiceAgent) -> StatusAnswer:
    return StatusAnswer(AgentStatus(agent.id, agent.content.name, agent.status))


def to_activation_answer(agent: VoiceAgent, warnings: list[AgentWarning]) -> ActivationAnswer:
    return ActivationAnswer(AgentStatus(agent.id, agent.content.name, agent.status), warnings)


def to_version_answer(version: AgentVersion) -> VersionAnswer:
    content = version.content
    view = VersionView(
        agent_id=version.agent_id,
        version=version.version,
        name=content.name,
        config=dict(content.config),
        voice_provider=content.voice_provider,
        voice_config=dict(content.voice_config),
        created_by=version.created_by,
        created_at=version.created_at,
        is_draft=version.is_draft,
    )
    return VersionAnswer(view)


class AgentsQuery(ListQuery):
    """Filters for the list of agents."""

    status: Status | None = Field(None, description="Return only agents with this status.")
    search: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        pattern=PLAIN,
        description="Return only agents whose name contains this text.",
    )


class PreviewBody(Body):
    """Changes that are tried; fields that are left out stay unchanged."""

    config: ConfigPatch = Field({})
    voice_provider: Provider | None = Field(None, description="null removes it.", examples=["cartesia"])
    voice_config: OptionsPatch = Field({}, examples=[{"speed": 1.1}])


@dataclass(frozen=True, slots=True)
class PreviewReason:
    """A reason why the agent could not be activated."""

    param: Annotated[str, Field(description="The field at fault, dotted.", examples=["phone_number_id"])]
    message: Annotated[str, Field(description="For people.", examples=["it has no phone number"])]


@dataclass(frozen=True, slots=True)
class PreviewAnswer:
    """How an agent would answer."""

    reasons: Annotated[list[PreviewReason], Field(description="Why it could not be activated; empty if it could.")]
    warnings: Annotated[list[AgentWarning], Field(description="What its owner should know; empty for nothing.")]
    providers: Annotated[
        list[ProviderEstimate], Field(description="The first provider of each kind; none for a kind without one.")
    ]
    latency_ms: Annotated[
        int | None,
        Field(
            description="Sum of the providers' latencies: what an answer takes after the end of the caller's turn is "
            "known. null while one of them is unknown.",
            examples=[840],
        ),
    ]
    price_per_minute: Annotated[
        Money | None,
        Field(
            description="What the workspace pays for a minute of a call beyond the included ones; null if unknown.",
            examples=[0.12],
        ),
    ]
    currency: Currency
    vendor_cost: Annotated[
        float | None,
        Field(
            description="US dollars a minute that vendors bill the workspace besides, for its own keys; null for none.",
            examples=[0.0121],
        ),
    ]


class NewAgent(Body):
    """An agent to create."""

    name: Annotated[
        AgentName, Field(description="Name of the agent, unique in the workspace.", examples=["Front desk"])
    ]
    template_id: UUID | None = Field(None, description="A public template. `config` is merged into its default_config.")
    phone_number_id: UUID | None = Field(None, description="An active number of the workspace that no agent answers.")
    config: ConfigPatch = Field({})
    voice_provider: Provider | None = Field(
        None,
        description="The voice provider that is tried first, before those of config.speech.tts.",
        examples=["cartesia"],
    )
    voice_config: OptionsPatch = Field({}, examples=[{"speed": 1.1}])


class AgentChange(ChangeBody):
    """Changes to an agent. Omitted fields stay unchanged."""

    name: AgentName = Field("", description="The new name, unique in the workspace.", examples=["Front desk"])
    config: ConfigPatch = Field({})
    voice_provider: Provider | None = Field(
        None, description="Name of the voice provider that is tried first; null removes it.", examples=["cartesia"]
    )
    voice_config: OptionsPatch = Field({}, examples=[{"speed": 1.1}])
    phone_number_id: UUID | None = Field(None, description="The phone number that the agent answers; null removes it.")
    expected_version: int | None = Field(
        None, ge=1, description="If set, the request fails with 409 unless this is the current version.", examples=[3]
    )


class RestoreBody(Body):
    """Conditions for restoring a version."""

    expected_version: int | None = Field(
        None, ge=1, description="If set, the request fails with 409 unless this is the current version.", examples=[3]
    )


async def list_agents(context: MemberContext, query: AgentsQuery) -> AgentList:
    """List the workspace's agents, newest first."""
    found = await context.services[Agents].list_page(
        context.db, context.workspace_id, status=query.status, search=query.search, page=query.request()
    )
    return AgentList(found.rows, **page_fields(query, found))


async def create_agent(context: MemberContext, body: NewAgent) -> AgentAnswer:
    """Create an agent as a draft, from a template or from a config alone."""
    new = NewAgentInput(**dict(body))
    agent = await context.services[Agents].create(context.db, context.workspace_id, context.actor, new, context.now)
    return to_answer(agent)


async def get_agent(context: MemberContext, agent_id: AgentId) -> AgentAnswer:
    """Return an agent with its complete config, its phone number and its figures."""
    return to_answer(await context.services[Agents].get(context.db, context.workspace_id, agent_id))


async def update_agent(context: MemberContext, agent_id: AgentId, body: AgentChange) -> AgentAnswer:
    """Change an agent. Each change of name, config or voice creates a version, which new calls use."""
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
    """Delete an agent that is not live, and unassign its phone number."""
    await context.services[Agents].delete(context.db, context.workspace_id, context.actor, agent_id, context.now)


async def activate_agent(context: MemberContext, agent_id: AgentId) -> ActivationAnswer:
    """Activate an agent, so that it answers calls to its number. If it cannot answer, the error lists all reasons.

    `warnings` contains facts that the owner should know, such as `rule_based_model` if no language model would answer,
    or `tool_name_reserved` for an HTTP tool that is not used because the platform has a tool of its name.
    """
    agents = context.services[Agents]
    agent = await agents.activate(context.db, context.workspace_id, context.actor, agent_id, context.now)
    return to_activation_answer(agent, await agents.list_warnings(context.db, agent))


async def preview_agent(context: MemberContext, agent_id: AgentId, body: PreviewBody) -> PreviewAnswer:
    """Preview changes of an agent's draft, without storing them. If the agent has no draft, the changes apply to its
    current version. The answer has the reasons that prevent activation, and the time and cost of the providers."""
    edit = AgentEdit(
        config=body.config,
        voice_provider=body.voice_provider if "voice_provider" in body.model_fields_set else UNSET,
        voice_config=body.voice_config,
    )
    found = await context.services[Agents].preview(context.db, context.workspace_id, agent_id, edit, context.now)
    costs = [estimate.vendor_cost for estimate in found.providers if estimate.vendor_cost is not None]
    return PreviewAnswer(
        reasons=[PreviewReason(reason.param, reason.message) for reason in found.reasons],
        warnings=list(found.warnings),
        providers=list(found.providers),
        latency_ms=sum_latencies(found.providers),
        price_per_minute=found.minute_price,
        currency=found.currency,
        vendor_cost=sum(costs) if costs else None,
    )


async def pause_agent(context: MemberContext, agent_id: AgentId) -> StatusAnswer:
    """Pause an agent. It answers no further calls; running calls continue."""
    agents = context.services[Agents]
    return to_status_answer(await agents.pause(context.db, context.workspace_id, context.actor, agent_id, context.now))


async def list_versions(context: MemberContext, agent_id: AgentId, query: VersionsQuery) -> VersionList:
    """List an agent's versions, newest first."""
    found = await context.services[Agents].list_versions(
        context.db, context.workspace_id, agent_id, page=query.request()
    )
    return VersionList(found.rows, **page_fields(query, found))


async def get_version(
    context: MemberContext,
    agent_id: AgentId,
    version: Annotated[VersionNumber, Field(description="Version number, counted from 1.", examples=[3])],
) -> VersionAnswer:
    """Return a version of an agent."""
    found = await context.services[Agents].get_version(context.db, context.workspace_id, agent_id, version)
    return to_version_answer(found)


async def restore_version(
    context: MemberContext,
    agent_id: AgentId,
    version: Annotated[VersionNumber, Field(description="Version number, counted from 1.", examples=[3])],
    body: RestoreBody,
) -> AgentAnswer:
    """Create a new version with the content of an old version."""
    agent = await context.services[Agents].restore(
        context.db, context.workspace_id, context.actor, agent_id, version, body.expected_version, context.now
    )
    return to_answer(agent)


async def agent_schema(context: Context) -> dict[str, Any]:
    """Return the JSON Schema of an agent's config."""
    return json_schema()


@dataclass(frozen=True, slots=True)
class DraftView:
    """The draft of an agent's next version."""

    agent_id: AgentId
    revision: Annotated[UUID, Field(description="Changes with each change of the draft.")]
    base_version: Annotated[int, Field(description="The version from which the draft was started.", examples=[3])]
    is_outdated: Annotated[bool, Field(description="Whether the current version differs from `base_version`.")]
    name: Annotated[str, Field(description="Name of the agent in the draft.", examples=["Front desk"])]
    config: Annotated[FullConfig, Field(description="The complete config.")]
    voice_provider: Annotated[
        str | None,
        Field(
            description="Name of the voice provider that is tried first; null if none is set.", examples=["cartesia"]
        ),
    ]
    voice_config: Annotated[OptionsView, Field(description="Options of the voice provider.", examples=[{"speed": 1.1}])]
    missing_facts: Annotated[
        list[str],
        Field(description="Placeholders in the agent's texts that no fact replaces.", examples=[["business_name"]]),
    ]
    updated_by: Annotated[
        UUID | None, Field(description="Id of the member or API key that last changed the draft; null if unknown.")
    ]
    created_at: CreatedAt
    updated_at: UpdatedAt


@dataclass(frozen=True, slots=True)
class DraftAnswer:
    """The draft of an agent's next version."""

    draft: Annotated[DraftView, Field(description="The draft.")]


@dataclass(frozen=True, slots=True)
class VersionDiff:
    """The differences between two versions, in the order of the fields; empty if they are equal."""

    version: Annotated[str, Field(description="The first version: a number or `draft`.", examples=["3"])]
    other_version: Annotated[str, Field(description="The second version: a number or `draft`.", examples=["draft"])]
    differences: Annotated[list[Difference], Field(description="The fields that differ.")]


def to_draft_answer(draft: VersionDraft, agent: VoiceAgent) -> DraftAnswer:
    content = draft.content
    view = DraftView(
        agent_id=draft.agent_id,
        revision=draft.revision,
        base_version=draft.base_version,
        is_outdated=agent.version != draft.base_version,
        name=content.name,
        config=dict(content.config),
        voice_provider=content.voice_provider,
        voice_config=dict(content.voice_config),
        missing_facts=list(missing_facts_of(content.config)),
        updated_by=draft.updated_by,
        created_at=draft.created_at,
        updated_at=draft.updated_at,
    )
    return DraftAnswer(view)


class DraftChange(ChangeBody):
    """Changes to a draft. Omitted fields stay unchanged."""

    name: AgentName = Field("", description="Name of the agent in the draft.", examples=["Front desk"])
    config: ConfigPatch = Field({})
    voice_provider: Provider | None = Field(
        None, description="Name of the voice provider that is tried first; null removes it.", examples=["cartesia"]
    )
    voice_config: OptionsPatch = Field({}, examples=[{"speed": 1.1}])
    expected_revision: UUID | None = Field(
        None, description="If set, the request fails with 409 unless the draft has this revision."
    )


class Publication(Body):
    """Conditions for publishing a draft."""

    expected_revision: UUID | None = Field(
        None, description="The request fails with 409 unless the draft has this revision."
    )
    expected_version: int | None = Field(
        None,
        ge=1,
        le=MAX_VERSION,
        description="The request fails with 409 unless this is the current version; default: the draft's "
        "`base_version`.",
        examples=[3],
    )


async def get_draft(context: MemberContext, agent_id: AgentId) -> DraftAnswer:
    """Return the draft of an agent's next version."""
    return to_draft_answer(*await context.services[Agents].drafts.get(context.db, context.workspace_id, agent_id))


async def update_draft(context: MemberContext, agent_id: AgentId, body: DraftChange) -> DraftAnswer:
    """Change an agent's draft. If it does not exist, it is created from the current version.

    Calls use the current version until the draft is published.
    """
    edit = AgentEdit(
        body.name or None,
        body.config,
        body.voice_provider if "voice_provider" in body.model_fields_set else UNSET,
        body.voice_config,
    )
    drafts = context.services[Agents].drafts
    return to_draft_answer(
        *await drafts.edit(
            context.db, context.workspace_id, context.actor, agent_id, edit, body.expected_revision, context.now
        )
    )


async def discard_draft(context: MemberContext, agent_id: AgentId) -> None:
    """Delete an agent's draft. Its current version stays unchanged."""
    await context.services[Agents].drafts.discard(context.db, context.workspace_id, context.actor, agent_id)


async def publish_draft(context: MemberContext, agent_id: AgentId, body: Publication) -> AgentAnswer:
    """Publish an agent's draft: it becomes the current version for new calls, and the draft is deleted.

    Refused if the agent was changed after the draft was started, unless `expected_version` is the current version.
    """
    agent = await context.services[Agents].drafts.publish(
        context.db,
        context.workspace_id,
        context.actor,
        agent_id,
        body.expected_revision,
        body.expected_version,
        context.now,
    )
    return to_answer(agent)


async def compare_versions(
    context: MemberContext, agent_id: AgentId, version: VersionName, other_version: VersionName
) -> VersionDiff:
    """Compare two versions of an agent field by field. Each is a number or `draft`."""
    before = await _find_content(context, agent_id, version)
    after = await _find_content(context, agent_id, other_version)
    return VersionDiff(version, other_version, compare(before, after))


async def _find_content(context: MemberContext, agent_id: UUID, version: str) -> AgentContent:
    """Return the content of a version or the draft. Raises NotFound."""
    agents = context.services[Agents]
    if version == _DRAFT_NAME:
        draft, _ = await agents.drafts.get(context.db, context.workspace_id, agent_id)
        return draft.content
    if int(version) > MAX_VERSION:
        raise NotFound("This agent does not have this version.", code="version_not_found")
    return (await agents.get_version(context.db, context.workspace_id, agent_id, int(version))).content


# Errors that several operations return.
_AGENT_CONTENT_ERRORS: Final = (
    "409 name_taken",
    "409 workspace_suspended",
    "422 provider_unknown",
    "422 too_long",
    "422 number_is_own",
    "422 document_unknown",
    "422 recipient_not_member",
    "422 tool_unknown",
    "422 tool_name_reserved",
    "403 lookup_not_allowed",
    "422 action_unknown",
    "422 action_arguments_unfit",
    "422 language_unsupported",
    "422 ipa_unsupported",
)
_AGENT_NUMBER_ERRORS: Final = ("409 number_inactive", "409 number_taken", "422 number_not_found")

ROUTES: tuple[Route, ...] = (
    Route("GET", SCHEMA_ID, agent_schema, OPEN, beyond_spec=True),
    Route("GET", AGENTS, list_agents, member("viewer", "agents:read")),
    Route(
        "POST",
        AGENTS,
        create_agent,
        member("member", "agents:write"),
        status=201,
        idempotent=True,
        limit=WRITE_LIMIT,
        errors=(*_AGENT_CONTENT_ERRORS, *_AGENT_NUMBER_ERRORS, "409 agent_limit", "422 template_not_found"),
    ),
    Route("GET", AGENT, get_agent, member("viewer", "agents:read"), errors=("404 agent_not_found",)),
    Route(
        "PUT",
        AGENT,
        update_agent,
        member("member", "agents:write"),
        limit=WRITE_LIMIT,
        errors=(
            "404 agent_not_found",
            *_AGENT_CONTENT_ERRORS,
            *_AGENT_NUMBER_ERRORS,
            "409 cannot_answer",
            "409 version_mismatch",
        ),
    ),
    Route(
        "DELETE", AGENT, delete_agent, member("admin", "agents:write"), errors=("404 agent_not_found", "409 agent_live")
    ),
    Route(
        "POST",
        f"{AGENT}/activate",
        activate_agent,
        member("member", "agents:write"),
        limit=WRITE_LIMIT,
        is_heavy=True,
        errors=("404 agent_not_found", "409 cannot_answer"),
    ),
    Route(
        "POST",
        f"{AGENT}/preview",
        preview_agent,
        member("viewer", "agents:read"),
        limit=RateLimit("agent-previews", 120, 60, per_user=True),
        is_heavy=True,
        beyond_spec=True,
        errors=("404 agent_not_found", *(error for error in _AGENT_CONTENT_ERRORS if error.startswith("422"))),
    ),
    Route(
        "POST",
        f"{AGENT}/pause",
        pause_agent,
        member("member", "agents:write"),
        errors=("404 agent_not_found", "409 not_live"),
    ),
    Route(
        "GET",
        f"{AGENT}/versions",
        list_versions,
        member("viewer", "agents:read"),
        beyond_spec=True,
        errors=("404 agent_not_found",),
    ),
    Route(
        "GET",
        f"{AGENT}/versions/{{version}}",
        get_version,
        member("viewer", "agents:read"),
        beyond_spec=True,
        errors=("404 agent_not_found", "404 version_not_found"),
    ),
    Route(
        "POST",
        f"{AGENT}/versions/{{version}}/restore",
        restore_version,
        member("member", "agents:write"),
        idempotent=True,
        limit=WRITE_LIMIT,
        is_heavy=True,
        beyond_spec=True,
        errors=(
            "404 agent_not_found",
            *_AGENT_CONTENT_ERRORS,
            "404 version_not_found",
            "409 cannot_answer",
            "409 version_mismatch",
        ),
    ),
    Route(
        "GET",
        DRAFT,
        get_draft,
        member("viewer", "agents:read"),
        beyond_spec=True,
        errors=("404 agent_not_found", "404 draft_not_found"),
    ),
    Route(
        "PUT",
        DRAFT,
        update_draft,
        member("member", "agents:write"),
        limit=WRITE_LIMIT,
        beyond_spec=True,
        errors=("404 agent_not_found", *_AGENT_CONTENT_ERRORS, "409 version_mismatch"),
    ),
    Route(
        "DELETE",
        DRAFT,
        discard_draft,
        member("member", "agents:write"),
        beyond_spec=True,
        errors=("404 agent_not_found", "404 draft_not_found"),
    ),
    Route(
        "POST",
        f"{DRAFT}/publish",
        publish_draft,
        member("member", "agents:write"),
        idempotent=True,
        limit=WRITE_LIMIT,
        is_heavy=True,
        beyond_spec=True,
        errors=(
            "404 agent_not_found",
            "404 draft_not_found",
            *_AGENT_CONTENT_ERRORS,
            "409 cannot_answer",
            "409 version_mismatch",
        ),
    ),
    Route(
        "GET",
        f"{AGENT}/versions/{{version}}/diff/{{otherVersion}}",
        compare_versions,
        member("viewer", "agents:read"),
        beyond_spec=True,
        errors=("404 agent_not_found", "404 draft_not_found", "404 version_not_found"),
    ),
)

"""Routes of agents' drafts and of the differences of versions, for the members of their workspace."""

from typing import Annotated, Final
from uuid import UUID

from msgspec import UNSET
from pydantic import Field, StringConstraints

from control.agents.config_parts import Provider
from control.agents.rules import AgentContent, AgentEdit, compare
from control.agents.service import Agents
from control.api.client.agent_drafts_views import DraftAnswer, VersionDiff, to_draft_answer
from control.api.client.agents import AGENT, WRITE_LIMIT, AgentName, ConfigPatch, OptionsPatch
from control.api.client.agents_views import AgentAnswer, to_answer
from control.http.access import member
from control.http.body import Body, ChangeBody
from control.http.context import MemberContext
from control.http.fields import AgentId
from control.http.pagination import MAX_VERSION
from control.http.route import Route
from shared.errors import NotFound

DRAFT: Final = f"{AGENT}/draft"
_DRAFT_NAME: Final = "draft"
VersionName = Annotated[
    str,
    StringConstraints(pattern=r"^(draft|[1-9][0-9]{0,9})$"),
    Field(description="A version's number, or `draft`.", examples=["3"]),
]


class DraftChange(ChangeBody):
    """Changes; fields that are left out stay unchanged."""

    name: AgentName = Field("", description="The name that the agent gets with the draft.", examples=["Front desk"])
    config: ConfigPatch = Field({})
    voice_provider: Provider | None = Field(None, description="null removes it.", examples=["cartesia"])
    voice_config: OptionsPatch = Field({}, examples=[{"speed": 1.1}])
    expected_revision: UUID | None = Field(None, description="409 if the draft has another revision, or there is none.")


class Publication(Body):
    """Conditions of a publication."""

    expected_revision: UUID | None = Field(None, description="409 if the draft has another revision.")
    expected_version: int | None = Field(
        None,
        ge=1,
        le=MAX_VERSION,
        description="409 if the current version is another one; by default the draft's `base_version`.",
        examples=[3],
    )


async def get_draft(context: MemberContext, agent_id: AgentId) -> DraftAnswer:
    """The draft of an agent's next version."""
    return to_draft_answer(*await context.services[Agents].drafts.get(context.db, context.workspace_id, agent_id))


async def update_draft(context: MemberContext, agent_id: AgentId, body: DraftChange) -> DraftAnswer:
    """Changes an agent's draft, which is begun from the current version if there is none. Calls have the current
    version until the draft is published."""
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
    """Deletes an agent's draft. Its current version stays as it is."""
    await context.services[Agents].drafts.discard(context.db, context.workspace_id, context.actor, agent_id)


async def publish_draft(context: MemberContext, agent_id: AgentId, body: Publication) -> AgentAnswer:
    """Makes an agent's draft its current version, for the calls from then on, and deletes the draft.

    Refused if the agent was changed since the draft was begun, unless `expected_version` names the version in force.
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
    """How the second version differs from the first one, field by field. Each is a number or `draft`."""
    before = await _find_content(context, agent_id, version)
    after = await _find_content(context, agent_id, other_version)
    return VersionDiff(version, other_version, compare(before, after))


async def _find_content(context: MemberContext, agent_id: UUID, version: str) -> AgentContent:
    """Raises NotFound."""
    agents = context.services[Agents]
    if version == _DRAFT_NAME:
        draft, _ = await agents.drafts.get(context.db, context.workspace_id, agent_id)
        return draft.content
    if int(version) > MAX_VERSION:
        raise NotFound("This agent has no such version.", code="version_not_found")
    return (await agents.get_version(context.db, context.workspace_id, agent_id, int(version))).content


ROUTES: tuple[Route, ...] = (
    Route("GET", DRAFT, get_draft, member("viewer", "agents:read"), beyond_spec=True),
    Route("PUT", DRAFT, update_draft, member("member", "agents:write"), limit=WRITE_LIMIT, beyond_spec=True),
    Route("DELETE", DRAFT, discard_draft, member("member", "agents:write"), beyond_spec=True),
    Route(
        "POST",
        f"{DRAFT}/publish",
        publish_draft,
        member("member", "agents:write"),
        idempotent=True,
        limit=WRITE_LIMIT,
        is_heavy=True,
        beyond_spec=True,
    ),
    Route(
        "GET",
        f"{AGENT}/versions/{{version}}/diff/{{otherVersion}}",
        compare_versions,
        member("viewer", "agents:read"),
        beyond_spec=True,
    ),
)

"""Response models of agents' drafts (client API)."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from pydantic import Field

from control.agents.plans.placeholders import missing_facts_of
from control.agents.rules import Difference, VersionDraft, VoiceAgent
from control.api.client.agents_views import FullConfig, OptionsView
from control.http.fields import AgentId, CreatedAt, UpdatedAt


@dataclass(frozen=True, slots=True)
class DraftView:
    """A draft."""

    agent_id: AgentId
    revision: Annotated[UUID, Field(description="Another id after each change of the draft.")]
    base_version: Annotated[int, Field(description="The version that the draft was begun from.", examples=[3])]
    is_outdated: Annotated[bool, Field(description="Another version than base_version is in force.")]
    name: Annotated[str, Field(description="Name that the agent gets with the draft.", examples=["Front desk"])]
    config: Annotated[FullConfig, Field(description="The whole config.")]
    voice_provider: Annotated[
        str | None,
        Field(description="Name of the voice provider that is tried first; null for none.", examples=["cartesia"]),
    ]
    voice_config: Annotated[OptionsView, Field(description="Options of the voice provider.", examples=[{"speed": 1.1}])]
    missing_facts: Annotated[
        list[str], Field(description="Placeholders in its texts that no fact replaces.", examples=[["business_name"]])
    ]
    updated_by: Annotated[
        UUID | None, Field(description="Who changed it last: id of a member or API key; null if unknown.")
    ]
    created_at: CreatedAt
    updated_at: UpdatedAt


@dataclass(frozen=True, slots=True)
class DraftAnswer:
    """A draft."""

    draft: Annotated[DraftView, Field(description="The draft.")]


@dataclass(frozen=True, slots=True)
class VersionDiff:
    """The differences of two versions, in the order of the fields; empty if they are equal."""

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

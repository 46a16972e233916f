"""Response models of agents (client API)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from control.agents.checks import AgentWarning
from control.agents.config import AgentConfig
from control.agents.config_parts import Options
from control.agents.plans.placeholders import missing_facts_of
from control.agents.rules import AgentNumber, AgentStats, AgentSummary, AgentVersion, Status, VersionSummary, VoiceAgent
from control.http.fields import AgentId, CreatedAt, Id, UpdatedAt
from control.http.pagination import ListAnswer
from control.http.schema_of import SchemaOf

FullConfig = Annotated[dict[str, Any], SchemaOf(AgentConfig)]
OptionsView = Annotated[dict[str, Any], SchemaOf(Options)]


@dataclass(frozen=True, slots=True)
class AgentList(ListAnswer):
    """A page of agents."""

    agents: Annotated[list[AgentSummary], Field(description="The agents.")]


@dataclass(frozen=True, slots=True)
class AgentView:
    """An agent."""

    id: Id
    name: Annotated[str, Field(description="Name of the agent.", examples=["Front desk"])]
    status: Annotated[Status, Field(description="Present status.")]
    version: Annotated[int, Field(description="Version number, counted from 1.", examples=[3])]
    template_id: Annotated[UUID | None, Field(description="Id of the template; null for none.")]
    template_name: Annotated[
        str | None,
        Field(
            description="Name of the template that it was created from; null for none.", examples=["Dental reception"]
        ),
    ]
    config: Annotated[FullConfig, Field(description="The whole current config.")]
    voice_provider: Annotated[
        str | None,
        Field(description="Name of the voice provider that is tried first; null for none.", examples=["cartesia"]),
    ]
    voice_config: Annotated[OptionsView, Field(description="Options of the voice provider.", examples=[{"speed": 1.1}])]
    missing_facts: Annotated[
        list[str], Field(description="Placeholders in its texts that no fact replaces.", examples=[["business_name"]])
    ]
    activated_at: Annotated[
        datetime | None, Field(description="When the agent was last activated (UTC); null if it never was.")
    ]
    created_at: CreatedAt
    updated_at: UpdatedAt


@dataclass(frozen=True, slots=True)
class AgentAnswer:
    """An agent, its phone number and its figures."""

    agent: Annotated[AgentView, Field(description="The agent.")]
    phone_number: Annotated[
        AgentNumber | None, Field(description="The phone number that the agent answers; null for none.")
    ]
    stats: Annotated[AgentStats, Field(description="The figures.")]


@dataclass(frozen=True, slots=True)
class AgentStatus:
    """An agent's new status."""

    id: Id
    name: Annotated[str, Field(description="Name of the agent.", examples=["Front desk"])]
    status: Annotated[Status, Field(description="Present status.")]


@dataclass(frozen=True, slots=True)
class StatusAnswer:
    """An agent after pause."""

    agent: Annotated[AgentStatus, Field(description="The agent.")]


@dataclass(frozen=True, slots=True)
class ActivationAnswer:
    """An agent after activate."""

    agent: Annotated[AgentStatus, Field(description="The agent.")]
    warnings: Annotated[list[AgentWarning], Field(description="What its owner should know; empty for nothing.")]


@dataclass(frozen=True, slots=True)
class VersionList(ListAnswer):
    """A page of an agent's versions, newest first."""

    versions: Annotated[list[VersionSummary], Field(description="The versions.")]


@dataclass(frozen=True, slots=True)
class VersionView:
    """A version with all its data."""

    agent_id: AgentId
    version: Annotated[int, Field(description="Version number, counted from 1.", examples=[3])]
    name: Annotated[str, Field(description="Name of the agent in this version.", examples=["Front desk"])]
    config: Annotated[FullConfig, Field(description="What the agent says and does.")]
    voice_provider: Annotated[
        str | None,
        Field(description="Name of the voice provider that is tried first; null for none.", examples=["cartesia"]),
    ]
    voice_config: Annotated[OptionsView, Field(description="Options of the voice provider.", examples=[{"speed": 1.1}])]
    created_by: Annotated[
        UUID | None,
        Field(description="Id of the user who created it; null if that account is deleted, or it was no user."),
    ]
    created_at: CreatedAt
    is_draft: Annotated[bool, Field(description="Whether it is a draft's content that only test calls had.")]


@dataclass(frozen=True, slots=True)
class VersionAnswer:
    """A version."""

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

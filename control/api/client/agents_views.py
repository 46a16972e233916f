"""Response models of agents (client API)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from control.agents.config import AgentConfig
from control.agents.facts import missing_facts_of
from control.agents.model import AgentNumber, AgentStats, AgentSummary, AgentVersion, Status, VersionSummary, VoiceAgent
from control.agents.option_types import Options
from control.agents.readiness import AgentWarning
from control.http.pagination import ListAnswer
from control.http.schema_of import SchemaOf

FullConfig = Annotated[dict[str, Any], SchemaOf(AgentConfig)]
OptionsView = Annotated[dict[str, Any], SchemaOf(Options)]


@dataclass(frozen=True, slots=True)
class AgentList(ListAnswer):
    """A page of agents."""

    agents: list[AgentSummary]


@dataclass(frozen=True, slots=True)
class AgentView:
    """An agent. config: the whole current config. missing_facts: placeholders in its texts that no fact replaces."""

    id: UUID
    name: str
    status: Status
    version: int
    template_id: UUID | None
    template_name: str | None
    config: FullConfig
    voice_provider: str | None
    voice_config: OptionsView
    missing_facts: list[str]
    activated_at: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class AgentAnswer:
    """An agent, its phone number and its figures."""

    agent: AgentView
    phone_number: AgentNumber | None
    stats: AgentStats


@dataclass(frozen=True, slots=True)
class AgentStatus:
    """An agent's new status."""

    id: UUID
    name: str
    status: Status


@dataclass(frozen=True, slots=True)
class StatusAnswer:
    """An agent after pause."""

    agent: AgentStatus


@dataclass(frozen=True, slots=True)
class ActivationAnswer:
    """An agent after activate. warnings: what its owner should know; empty for nothing."""

    agent: AgentStatus
    warnings: list[AgentWarning]


@dataclass(frozen=True, slots=True)
class VersionList(ListAnswer):
    """A page of an agent's versions, newest first."""

    versions: list[VersionSummary]


@dataclass(frozen=True, slots=True)
class VersionView:
    """A version with all its data. is_draft: a draft's content at a test call; only test calls had it."""

    agent_id: UUID
    version: int
    name: str
    config: FullConfig
    voice_provider: str | None
    voice_config: OptionsView
    created_by: UUID | None
    created_at: datetime
    is_draft: bool


@dataclass(frozen=True, slots=True)
class VersionAnswer:
    """A version."""

    version: VersionView


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

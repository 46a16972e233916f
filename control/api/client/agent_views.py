"""Voice agents as the API tells them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import WithJsonSchema

from control.agents.config import SCHEMA_ID
from control.agents.facts import missing_of
from control.agents.model import Agent, Listed, Number, Stats, Status, Version, VersionLine

FullConfig = Annotated[dict[str, Any], WithJsonSchema({"type": "object", "description": f"See {SCHEMA_ID}."})]
OptionsView = Annotated[dict[str, Any], WithJsonSchema({"type": "object", "description": "The voice's own options."})]


@dataclass(frozen=True, slots=True)
class AgentList:
    """A page of agents."""

    agents: list[Listed]
    total: int
    page: int
    limit: int


@dataclass(frozen=True, slots=True)
class AgentView:
    """An agent. config: whole, as it is in force. missing_facts: placeholders in its texts without a fact."""

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
    """An agent, its number and its figures; avg_duration in seconds."""

    agent: AgentView
    phone_number: Number | None
    stats: Stats


@dataclass(frozen=True, slots=True)
class AgentStatus:
    """What became of an agent's status."""

    id: UUID
    name: str
    status: Status


@dataclass(frozen=True, slots=True)
class StatusAnswer:
    """An agent after activate or pause."""

    agent: AgentStatus


@dataclass(frozen=True, slots=True)
class VersionList:
    """A page of an agent's versions, newest first."""

    versions: list[VersionLine]
    total: int
    page: int
    limit: int


@dataclass(frozen=True, slots=True)
class VersionView:
    """A version, whole."""

    agent_id: UUID
    version: int
    name: str
    config: FullConfig
    voice_provider: str | None
    voice_config: OptionsView
    created_by: UUID | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class VersionAnswer:
    """A version."""

    version: VersionView


def agent_answer(agent: Agent) -> AgentAnswer:
    """As the API tells it."""
    content = agent.content
    view = AgentView(
        agent.id, content.name, agent.status, agent.version, agent.template_id, agent.template_name,
        dict(content.config), content.voice_provider, dict(content.voice_config), list(missing_of(content.config)),
        agent.activated_at, agent.created_at, agent.updated_at,
    )  # fmt: skip
    return AgentAnswer(view, agent.number, agent.stats)


def status_answer(agent: Agent) -> StatusAnswer:
    """As the API tells it after a change of status."""
    return StatusAnswer(AgentStatus(agent.id, agent.content.name, agent.status))


def version_answer(version: Version) -> VersionAnswer:
    """As the API tells it."""
    content = version.content
    view = VersionView(
        version.agent_id, version.version, content.name, dict(content.config), content.voice_provider,
        dict(content.voice_config), version.created_by, version.created_at,
    )  # fmt: skip
    return VersionAnswer(view)

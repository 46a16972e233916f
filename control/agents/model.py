"""Agents, their versions and templates as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from msgspec import UNSET, UnsetType

from control.agents.disclosures import NO_DISCLOSURES, Disclosures

Status = Literal["draft", "live", "paused"]
Config = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AgentPolicy:
    """standins: providers made for tests may answer calls (never in production). dangerous_countries: those that a
    workspace calls only where the staff allow it by name; a number of its own there is not enough. disclosures: what
    the law demands that callers are told."""

    standins: bool = False
    dangerous_countries: frozenset[str] = frozenset()
    disclosures: Disclosures = NO_DISCLOSURES


@dataclass(frozen=True, slots=True)
class AgentContent:
    """The content of a version. config: a dumped AgentConfig."""

    name: str
    config: Config
    voice_provider: str | None
    voice_config: Config


@dataclass(frozen=True, slots=True)
class AgentNumber:
    """A phone number as an agent shows it."""

    id: UUID
    phone_number: str
    friendly_name: str
    status: str


@dataclass(frozen=True, slots=True)
class AgentStats:
    """Figures of an agent. total_calls: number of its calls, without test calls. avg_duration: seconds of a call, on
    average; 0 without calls."""

    total_calls: int
    avg_duration: float


@dataclass(frozen=True, slots=True)
class VoiceAgent:
    """An agent and its current version."""

    id: UUID
    workspace_id: UUID
    status: Status
    version: int
    content: AgentContent
    template_id: UUID | None
    template_name: str | None
    number: AgentNumber | None
    stats: AgentStats
    activated_at: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class AgentSummary:
    """An agent in a list. phone_number: E.164."""

    id: UUID
    name: str
    status: Status
    version: int
    phone_number: str | None
    template_name: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class VersionSummary:
    """A version in a list. is_draft: only test calls had it."""

    version: int
    name: str
    created_by: UUID | None
    created_at: datetime
    is_draft: bool


@dataclass(frozen=True, slots=True)
class AgentVersion:
    """A version; never changed once written. is_draft: a draft's content at a test call; only test calls had it."""

    workspace_id: UUID
    agent_id: UUID
    version: int
    content: AgentContent
    created_by: UUID | None
    created_at: datetime
    is_draft: bool = False


@dataclass(frozen=True, slots=True)
class VersionDraft:
    """An agent's next version while its members work on it. base_version: the version that it was begun from. revision:
    another one after each change. tested_version: the version that holds this content for test calls."""

    workspace_id: UUID
    agent_id: UUID
    base_version: int
    revision: UUID
    content: AgentContent
    tested_version: int | None
    updated_by: UUID | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class AgentDraft:
    """Input of a new agent. config, voice_config: merged into the template's."""

    name: str
    template_id: UUID | None = None
    phone_number_id: UUID | None = None
    config: Config | None = None
    voice_provider: str | None = None
    voice_config: Config | None = None


@dataclass(frozen=True, slots=True)
class AgentEdit:
    """Changes of an agent; None or UNSET leaves a value as it is. config, voice_config: merged into the current ones.

    voice_provider, phone_number_id: None removes it. expected_version: refuse if another version is current.
    """

    name: str | None = None
    config: Config | None = None
    voice_provider: str | UnsetType | None = UNSET
    voice_config: Config | None = None
    phone_number_id: UUID | UnsetType | None = UNSET
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class Template:
    """A template that agents are made from. default_config: a part of an AgentConfig. usage_count: its agents."""

    id: UUID
    slug: str | None
    name: str
    industry: str | None
    description: str
    default_config: Config
    is_public: bool
    created_at: datetime
    updated_at: datetime
    usage_count: int = 0

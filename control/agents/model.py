"""What the agents' tables hold, as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from msgspec import UNSET, UnsetType

Status = Literal["draft", "live", "paused"]
Config = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AgentPolicy:
    """standins: providers that are made for tests may answer calls (never so in production)."""

    standins: bool = False


@dataclass(frozen=True, slots=True)
class Content:
    """What a version holds. config: as AgentConfig writes it."""

    name: str
    config: Config
    voice_provider: str | None
    voice_config: Config


@dataclass(frozen=True, slots=True)
class Number:
    """A phone number as an agent shows it."""

    id: UUID
    phone_number: str
    friendly_name: str
    status: str


@dataclass(frozen=True, slots=True)
class Stats:
    """total_calls: all without test calls. avg_duration: seconds a call, 0 without calls."""

    total_calls: int
    avg_duration: float


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent and its version in force."""

    id: UUID
    workspace_id: UUID
    status: Status
    version: int
    content: Content
    template_id: UUID | None
    template_name: str | None
    number: Number | None
    stats: Stats
    activated_at: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Listed:
    """An agent's line in a list. phone_number: E.164."""

    id: UUID
    name: str
    status: Status
    version: int
    phone_number: str | None
    template_name: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class VersionLine:
    """A version's line in a list."""

    version: int
    name: str
    created_by: UUID | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Version:
    """A version; never changed once written."""

    workspace_id: UUID
    agent_id: UUID
    version: int
    content: Content
    created_by: UUID | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Draft:
    """What an agent is made of. config, voice_config: as given, laid over the template's."""

    name: str
    template_id: UUID | None = None
    phone_number_id: UUID | None = None
    config: Config | None = None
    voice_provider: str | None = None
    voice_config: Config | None = None


@dataclass(frozen=True, slots=True)
class Edit:
    """What shall change; None or UNSET leaves as it is. config, voice_config: laid over what is there.

    voice_provider, phone_number_id: None takes it away. expected_version: refuse if another one is in force.
    """

    name: str | None = None
    config: Config | None = None
    voice_provider: str | UnsetType | None = UNSET
    voice_config: Config | None = None
    phone_number_id: UUID | UnsetType | None = UNSET
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class Template:
    """What agents start from. default_config: a part of an AgentConfig. usage_count: agents that started from it."""

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

"""Records of agents, versions and templates, merging of configs (RFC 7396), and comparison of two versions.

Pure functions.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from msgspec import UNSET, UnsetType
from pydantic import Field

from control.agents.disclosures import NO_DISCLOSURES, Disclosures
from control.http.fields import CreatedAt, Id

Status = Literal["draft", "live", "paused"]
Config = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AgentPolicy:
    """Platform settings that agents depend on.

    Attributes:
        standins: Whether providers made for tests may answer calls (never in production).
        dangerous_countries: Countries that a workspace can call only if staff allow them by name. A number of the
            workspace in the country is not enough.
        disclosures: Legally required disclosures to callers.
    """

    standins: bool = False
    dangerous_countries: frozenset[str] = frozenset()
    disclosures: Disclosures = NO_DISCLOSURES


@dataclass(frozen=True, slots=True)
class AgentContent:
    """The content of a version.

    Attributes:
        config: An AgentConfig as a mapping.
    """

    name: str
    config: Config
    voice_provider: str | None
    voice_config: Config


@dataclass(frozen=True, slots=True)
class AgentNumber:
    """The phone number of an agent."""

    id: Id
    phone_number: Annotated[str, Field(description="Phone number in E.164.", examples=["+12025550123"])]
    friendly_name: Annotated[str, Field(description="The workspace's name for the number.", examples=["Main line"])]
    status: Annotated[str, Field(description="Status of the number.", examples=["active"])]


@dataclass(frozen=True, slots=True)
class AgentStats:
    """Figures of an agent's calls."""

    total_calls: Annotated[int, Field(description="Number of calls, without test calls.", examples=[128])]
    avg_duration: Annotated[
        float, Field(description="Average duration of a call in seconds; 0 without calls.", examples=[94.2])
    ]


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
    """An agent in a list."""

    id: Id
    name: Annotated[str, Field(description="Name of the agent.", examples=["Front desk"])]
    status: Annotated[Status, Field(description="Status of the agent.")]
    version: Annotated[int, Field(description="Version number, counted from 1.", examples=[3])]
    phone_number: Annotated[
        str | None,
        Field(
            description="Phone number (E.164) that the agent answers; null if it has none.", examples=["+12025550123"]
        ),
    ]
    template_name: Annotated[
        str | None,
        Field(
            description="Name of the template that the agent was created from; null if none was used.",
            examples=["Dental reception"],
        ),
    ]
    created_at: CreatedAt


@dataclass(frozen=True, slots=True)
class VersionSummary:
    """A version of an agent in a list."""

    version: Annotated[int, Field(description="Version number, counted from 1.", examples=[3])]
    name: Annotated[str, Field(description="Name of the agent in this version.", examples=["Front desk"])]
    created_by: Annotated[
        UUID | None,
        Field(
            description="Id of the user who created the version; null if that account is deleted or no user created it."
        ),
    ]
    created_at: CreatedAt
    is_draft: Annotated[bool, Field(description="Whether only test calls used the version.")]


@dataclass(frozen=True, slots=True)
class AgentVersion:
    """An immutable version of an agent.

    Attributes:
        is_draft: Whether it is the content of a draft that only test calls used.
    """

    workspace_id: UUID
    agent_id: UUID
    version: int
    content: AgentContent
    created_by: UUID | None
    created_at: datetime
    is_draft: bool = False


@dataclass(frozen=True, slots=True)
class VersionDraft:
    """An agent's next version while its members edit it.

    Attributes:
        base_version: The version from which the draft was started.
        revision: Changes with each change of the draft.
        tested_version: The version that contains this content for test calls.
    """

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
class NewAgentInput:
    """Input for a new agent.

    Attributes:
        config: Merged into the template's config.
        voice_config: Merged into the template's voice_config.
    """

    name: str
    template_id: UUID | None = None
    phone_number_id: UUID | None = None
    config: Config | None = None
    voice_provider: str | None = None
    voice_config: Config | None = None


@dataclass(frozen=True, slots=True)
class AgentEdit:
    """Changes to an agent. None or UNSET leaves a value unchanged, unless noted otherwise.

    Attributes:
        config: Merged into the current config.
        voice_config: Merged into the current voice_config.
        voice_provider: None removes the voice provider.
        phone_number_id: None removes the phone number.
        expected_version: Refuse the change if another version is current.
    """

    name: str | None = None
    config: Config | None = None
    voice_provider: str | UnsetType | None = UNSET
    voice_config: Config | None = None
    phone_number_id: UUID | UnsetType | None = UNSET
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class Template:
    """A template from which agents are created.

    Attributes:
        default_config: A part of an AgentConfig.
        usage_count: Number of agents created from the template.
    """

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


def merge_patch(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of `base` with `over` merged into it.

    Objects are merged field by field, at any depth. A null removes a field, so that its default applies. Any other
    value, including a list, replaces the previous value.
    """
    merged = dict(base)
    for name, value in over.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, Mapping):
            below = merged.get(name)
            merged[name] = merge_patch(below if isinstance(below, Mapping) else {}, value)
        else:
            merged[name] = value
    return merged


_ABSENT: Final = object()


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that differs between two versions."""

    path: Annotated[str, Field(description="Dotted path of the field.", examples=["config.hours[2].opens"])]
    kind: Annotated[
        Literal["added", "removed", "changed"], Field(description="The kind of change in the second version.")
    ]
    before: Annotated[
        Any, Field(description="The value in the first version; null where the field was added.", examples=["09:00"])
    ]
    after: Annotated[
        Any, Field(description="The value in the second version; null where the field was removed.", examples=["08:00"])
    ]


def compare(before: AgentContent, after: AgentContent) -> list[Difference]:
    """Return the differences in the order of the fields. Entries of lists are compared by position."""
    return list(_compare("", _as_object(before), _as_object(after)))


def _as_object(content: AgentContent) -> dict[str, Any]:
    return {
        "name": content.name,
        "config": content.config,
        "voice_provider": content.voice_provider,
        "voice_config": content.voice_config,
    }


def _compare(path: str, before: Any, after: Any) -> Iterator[Difference]:
    if before is _ABSENT:
        yield Difference(path, "added", None, after)
    elif after is _ABSENT:
        yield Difference(path, "removed", before, None)
    elif isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in dict.fromkeys((*before, *after)):
            yield from _compare(f"{path}.{name}" if path else name, before.get(name, _ABSENT), after.get(name, _ABSENT))
    elif _is_list(before) and _is_list(after):
        for place in range(max(len(before), len(after))):
            yield from _compare(f"{path}[{place}]", _entry(before, place), _entry(after, place))
    elif before != after:
        yield Difference(path, "changed", before, after)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _entry(values: Sequence[Any], place: int) -> Any:
    return values[place] if place < len(values) else _ABSENT

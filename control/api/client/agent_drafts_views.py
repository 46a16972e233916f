"""Response models of agents' drafts (client API)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from control.agents.differences import Difference
from control.agents.facts import missing_facts_of
from control.agents.model import VersionDraft, VoiceAgent
from control.api.client.agents_views import FullConfig, OptionsView


@dataclass(frozen=True, slots=True)
class DraftView:
    """A draft. is_outdated: another version than base_version is in force. config: the whole config. missing_facts:
    placeholders in its texts that no fact replaces."""

    agent_id: UUID
    revision: UUID
    base_version: int
    is_outdated: bool
    name: str
    config: FullConfig
    voice_provider: str | None
    voice_config: OptionsView
    missing_facts: list[str]
    updated_by: UUID | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class DraftAnswer:
    """A draft."""

    draft: DraftView


@dataclass(frozen=True, slots=True)
class VersionDiff:
    """The differences of two versions, in the order of the fields; empty if they are equal."""

    version: str
    other_version: str
    differences: list[Difference]


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

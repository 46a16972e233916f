"""Drafts: an agent's next version while its members work on it. Callers get the current version until the draft is
published."""

from dataclasses import replace
from datetime import datetime
from typing import Protocol
from uuid import UUID

from control.agents import read_agents, store_drafts, store_versions
from control.agents.action_checks import require_lookup_right
from control.agents.locks import lock_agent, mismatch, require_agent
from control.agents.model import AgentContent, AgentEdit, AgentVersion, VersionDraft, VoiceAgent
from control.db.pool import Connection
from control.platform.audit import Actor, Change, record_change
from shared.errors import NotFound
from shared.ids import new_id


class ContentRules(Protocol):
    """What the service of agents does with the content of a version."""

    async def require_open(self, db: Connection, workspace_id: UUID) -> None:
        """Raises Conflict (code workspace_suspended)."""

    async def make_content(
        self,
        db: Connection,
        workspace_id: UUID,
        base: AgentContent,
        edit: AgentEdit,
        *,
        in_force: AgentContent | None = None,
        known: AgentContent | None = None,
    ) -> AgentContent:
        """The edit merged into `base`, and validated. Raises Invalid."""

    async def save_version(
        self, db: Connection, before: VoiceAgent, content: AgentContent, edit: AgentEdit, actor: Actor, now: datetime
    ) -> VoiceAgent:
        """Makes the content the current version. Raises Conflict."""


class AgentDrafts:
    """Every method works within the request's transaction and the scope of the agent's workspace."""

    def __init__(self, rules: ContentRules) -> None:
        self._rules = rules

    async def get(self, db: Connection, workspace_id: UUID, agent_id: UUID) -> tuple[VersionDraft, VoiceAgent]:
        """The draft and its agent. Raises NotFound."""
        agent = require_agent(await read_agents.select_agent(db, workspace_id, agent_id))
        return await _get(db, agent), agent

    async def edit(
        self,
        db: Connection,
        workspace_id: UUID,
        actor: Actor,
        agent_id: UUID,
        edit: AgentEdit,
        expected_revision: UUID | None,
        now: datetime,
    ) -> tuple[VersionDraft, VoiceAgent]:
        """Merges an edit into the draft. Without a draft, a new one is made from the current version. Raises NotFound,
        Invalid, Forbidden (code lookup_not_allowed), Conflict (version_mismatch, workspace_suspended)."""
        await self._rules.require_open(db, workspace_id)
        agent = await lock_agent(db, workspace_id, agent_id)
        found = await store_drafts.select_draft(db, workspace_id, agent_id)
        _require_revision(found, expected_revision)
        base = agent.content if found is None else found.content
        content = await self._rules.make_content(db, workspace_id, base, edit, in_force=agent.content)
        await require_lookup_right(db, workspace_id, actor, content.config, base.config)
        if found is not None and content == found.content:
            return found, agent
        draft = VersionDraft(
            workspace_id=workspace_id,
            agent_id=agent_id,
            base_version=agent.version if found is None else found.base_version,
            revision=UUID(new_id()),
            content=content,
            tested_version=None,
            updated_by=actor.id,
            created_at=now if found is None else found.created_at,
            updated_at=now,
        )
        await store_drafts.upsert_draft(db, draft)
        return draft, agent

    async def discard(self, db: Connection, workspace_id: UUID, actor: Actor, agent_id: UUID) -> None:
        """Deletes the draft. Raises NotFound."""
        agent = await lock_agent(db, workspace_id, agent_id)
        draft = await _get(db, agent)
        await store_drafts.delete_draft(db, workspace_id, agent_id)
        await _record(db, actor, "agent.discard_draft", agent, draft)

    async def publish(
        self,
        db: Connection,
        workspace_id: UUID,
        actor: Actor,
        agent_id: UUID,
        expected_revision: UUID | None,
        expected_version: int | None,
        now: datetime,
    ) -> VoiceAgent:
        """Makes the draft the current version, and deletes it. Its content must be valid today, and a live agent must
        stay able to answer. expected_version: the version that it replaces; None: the one that it was begun from.
        Raises NotFound, Invalid, Forbidden (code lookup_not_allowed), Conflict (version_mismatch, name_taken,
        cannot_answer, workspace_suspended)."""
        await self._rules.require_open(db, workspace_id)
        agent = await lock_agent(db, workspace_id, agent_id)
        draft = await _get(db, agent)
        _require_revision(draft, expected_revision)
        if agent.version != (expected_version or draft.base_version):
            raise mismatch(
                f"Version {agent.version} is in force, and the draft was begun from version {draft.base_version}: "
                f"compare them, and publish with expected_version {agent.version}.",
                "expected_version",
            )
        content = await self._rules.make_content(
            db, workspace_id, draft.content, AgentEdit(), in_force=agent.content, known=agent.content
        )
        await require_lookup_right(db, workspace_id, actor, content.config, agent.content.config)
        after = await self._rules.save_version(db, agent, content, AgentEdit(), actor, now)
        await store_drafts.delete_draft(db, workspace_id, agent_id)
        await _record(db, actor, "agent.publish_draft", after, draft)
        return after

    async def keep_for_test(
        self, db: Connection, workspace_id: UUID, actor: Actor, agent_id: UUID, now: datetime
    ) -> int:
        """The number of a version with the draft's content, which is not the current one and never changes: a call
        reads its agent more than once. Raises NotFound."""
        agent = await lock_agent(db, workspace_id, agent_id)
        draft = await _get(db, agent)
        if draft.tested_version is not None:
            return draft.tested_version
        number = await store_versions.next_version(db, workspace_id, agent_id)
        version = AgentVersion(workspace_id, agent_id, number, draft.content, actor.id, now, is_draft=True)
        await store_versions.insert_version(db, version)
        await store_drafts.upsert_draft(db, replace(draft, tested_version=number))
        return number


async def _get(db: Connection, agent: VoiceAgent) -> VersionDraft:
    draft = await store_drafts.select_draft(db, agent.workspace_id, agent.id)
    if draft is None:
        raise NotFound("This agent has no draft.", code="draft_not_found")
    return draft


def _require_revision(draft: VersionDraft | None, expected: UUID | None) -> None:
    """Raises Conflict (code version_mismatch)."""
    if expected is not None and (draft is None or draft.revision != expected):
        raise mismatch("The draft has another revision: somebody else changed it.", "expected_revision")


async def _record(db: Connection, actor: Actor, action: str, agent: VoiceAgent, draft: VersionDraft) -> None:
    after = {"version": agent.version, "base_version": draft.base_version}
    await record_change(db, actor, Change(action, "agent", str(agent.id), agent.workspace_id, after=after))

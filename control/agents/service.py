"""Voice agents and their drafts: created from templates, changed by new versions, and live only while they can
answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from msgspec import UNSET

from control.agents import queries
from control.agents.checks import (
    AgentWarning,
    ReadinessReason,
    find_reasons,
    find_warnings,
    make_refusal,
    parse_config,
    parse_options,
    require_actions,
    require_documents,
    require_known,
    require_lookup_right,
    require_members,
    require_sayable,
    require_tools,
    stored_recipients,
)
from control.agents.config import AgentConfig
from control.agents.destinations import DialScope, make_dial_scope, require_not_ours, stored_fallback
from control.agents.estimates import ProviderEstimate, estimate_providers
from control.agents.plans import queries as plans_queries
from control.agents.plans.rules import require_spoken, speech_settings
from control.agents.rules import (
    AgentContent,
    AgentEdit,
    AgentPolicy,
    AgentSummary,
    AgentVersion,
    NewAgentInput,
    VersionDraft,
    VersionSummary,
    VoiceAgent,
    merge_patch,
)
from control.agents.templates import queries as templates_queries
from control.audit.service import Actor, Change, record_change
from control.db.keyset import ListPage, PageRequest
from control.db.pool import Connection
from control.knowledge.service import KnowledgeDocuments
from control.outbound_webhooks.event_types import AgentEventData, EventType
from control.outbound_webhooks.service import ReportedFact, report_facts
from control.platform.service import find_currency, find_minute_price
from control.voice.catalog.service import list_workspace_offers
from control.voice.routing.rules import ProviderOffers
from control.workspaces.service import Workspaces
from shared.errors import Conflict, Invalid, NotFound
from shared.ids import new_id


@dataclass(frozen=True, slots=True)
class AgentPreview:
    """How an agent would answer.

    Attributes:
        reasons: Why it could not be activated; empty if it could.
        minute_price: What the workspace pays for a minute of a call beyond the included ones; None: unknown.
    """

    reasons: Sequence[ReadinessReason]
    warnings: Sequence[AgentWarning]
    providers: Sequence[ProviderEstimate]
    minute_price: Decimal | None
    currency: str


class NumberAssigner(Protocol):
    """Assigns phone numbers to agents. The rows of the numbers must be locked."""

    async def assign(self, db: Connection, workspace_id: UUID, number_id: UUID, agent_id: UUID) -> None:
        """Assign a number to an agent."""

    async def unassign(self, db: Connection, workspace_id: UUID, agent_id: UUID) -> None:
        """Take the number from an agent, if the agent has a number. The workspace keeps the number."""


class Agents:
    """Manages the agents of workspaces, within the request's transaction and in the workspace's scope."""

    def __init__(
        self, *, workspaces: Workspaces, numbers: NumberAssigner, documents: KnowledgeDocuments, policy: AgentPolicy
    ) -> None:
        self._workspaces = workspaces
        self._documents = documents
        self._numbers = numbers
        self._policy = policy
        self.drafts = AgentDrafts(self, workspaces)

    async def list_page(
        self, db: Connection, workspace_id: UUID, *, status: str | None, search: str | None, page: PageRequest
    ) -> ListPage[AgentSummary]:
        """Return the workspace's agents, newest first. Raises Invalid (code cursor_unknown).

        Args:
            search: A part of the name to search for.
        """
        found = await queries.select_agents(db, workspace_id, status, search, page)
        if page.cursor is not None:
            return found
        return found.with_total(await queries.count_matching_agents(db, workspace_id, status, search))

    async def get(self, db: Connection, workspace_id: UUID, agent_id: UUID) -> VoiceAgent:
        """Return an agent with its current version. Raises NotFound."""
        return require_agent(await queries.select_agent(db, workspace_id, agent_id))

    async def create(
        self, db: Connection, workspace_id: UUID, actor: Actor, new: NewAgentInput, now: datetime
    ) -> VoiceAgent:
        """Create an agent at version 1 with the status `draft`. Its config is merged into the template's config.

        Raises Conflict (codes agent_limit, name_taken, number_taken, number_inactive, workspace_suspended), Forbidden
        (code lookup_not_allowed) and Invalid, which names the field.
        """
        await self._workspaces.require_not_suspended(db, workspace_id)
        # Checked before the tier's limit, so that nobody changes the tier only to find out that the config is invalid.
        content = await self.make_content(db, workspace_id, await _make_base(db, new.template_id), _first_edit(new))
        await require_lookup_right(db, workspace_id, actor, content.config, {})
        await self._require_capacity(db, workspace_id)
        first = AgentVersion(workspace_id, UUID(new_id()), 1, content, actor.id, now)
        if not await queries.insert_agent(db, first, new.template_id):
            raise _name_taken(content.name)
        await queries.insert_version(db, first)
        if new.phone_number_id is not None:
            await _require_free(db, workspace_id, new.phone_number_id)
            await self._numbers.assign(db, workspace_id, new.phone_number_id, first.agent_id)
        made = await self.get(db, workspace_id, first.agent_id)
        await report_agent(db, "agent.created", made, now)
        return made

    async def update(
        self, db: Connection, workspace_id: UUID, actor: Actor, agent_id: UUID, edit: AgentEdit, now: datetime
    ) -> VoiceAgent:
        """Change an agent. A change of its content creates a version, which becomes current immediately.

        A live agent must remain able to answer. Raises NotFound, Invalid, Forbidden (code lookup_not_allowed) and
        Conflict (codes version_mismatch, name_taken, cannot_answer, number_…, workspace_suspended).
        """
        await self._workspaces.require_not_suspended(db, workspace_id)
        before = await lock_agent(db, workspace_id, agent_id, edit.expected_version)
        content = await self.make_content(db, workspace_id, before.content, edit, in_force=before.content)
        await require_lookup_right(db, workspace_id, actor, content.config, before.content.config)
        return await self.save_version(db, before, content, edit, actor, now)

    async def list_versions(
        self, db: Connection, workspace_id: UUID, agent_id: UUID, *, page: PageRequest
    ) -> ListPage[VersionSummary]:
        """Return an agent's versions, newest first. Raises NotFound and Invalid (code cursor_unknown)."""
        await self.get(db, workspace_id, agent_id)
        found = await queries.select_versions(db, workspace_id, agent_id, page)
        if page.cursor is not None:
            return found
        return found.with_total(await queries.next_version(db, workspace_id, agent_id) - 1)

    async def get_version(self, db: Connection, workspace_id: UUID, agent_id: UUID, version: int) -> AgentVersion:
        """Return a version. Raises NotFound."""
        await self.get(db, workspace_id, agent_id)
        found = await queries.select_version(db, workspace_id, agent_id, version)
        if found is None:
            raise NotFound("This agent does not have this version.", code="version_not_found")
        return found

    async def restore(
        self,
        db: Connection,
        workspace_id: UUID,
        actor: Actor,
        agent_id: UUID,
        version: int,
        expected_version: int | None,
        now: datetime,
    ) -> VoiceAgent:
        """Create a new version with an old version's content. Does nothing if this is already the current content.

        The content must still be valid. Raises the errors of `update`.
        """
        await self._workspaces.require_not_suspended(db, workspace_id)
        before = await lock_agent(db, workspace_id, agent_id, expected_version)
        old = await self.get_version(db, workspace_id, agent_id, version)
        content = await self.make_content(db, workspace_id, old.content, AgentEdit(), in_force=before.content)
        await require_lookup_right(db, workspace_id, actor, content.config, before.content.config)
        return await self.save_version(db, before, content, AgentEdit(), actor, now)

    async def activate(
        self, db: Connection, workspace_id: UUID, actor: Actor, agent_id: UUID, now: datetime
    ) -> VoiceAgent:
        """Activate the agent, so that it answers its number.

        Raises NotFound, and Conflict (code cannot_answer), which lists all reasons why the agent cannot answer.
        """
        most = await self._lock_limit(db, workspace_id)
        agent = await lock_agent(db, workspace_id, agent_id)
        if agent.status == "live":
            return agent
        found = await self._workspace_reasons(db, workspace_id, most)
        scope = await self._dial_scope(db, agent.workspace_id, stored_fallback(agent.content.config))
        found += find_reasons(_version(agent), agent.number, await self._offers(db, workspace_id), scope)
        if found:
            raise make_refusal(found)
        return await _change_status(db, agent, "live", actor, now)

    async def preview(
        self, db: Connection, workspace_id: UUID, agent_id: UUID, edit: AgentEdit, now: datetime
    ) -> AgentPreview:
        """Returns how the agent would answer with this edit of its draft, or of its current version without a draft.
        Nothing is stored. Raises NotFound, and Invalid for an edit that could not be saved."""
        agent = await self.get(db, workspace_id, agent_id)
        draft = await queries.select_draft(db, workspace_id, agent_id)
        base = agent.content if draft is None else draft.content
        content = await self.make_content(db, workspace_id, base, edit, in_force=agent.content)
        config, tier = AgentConfig.model_validate(content.config), await self._workspaces.limits(db, workspace_id)
        offers = await self._offers(db, workspace_id)
        version = AgentVersion(workspace_id, agent_id, agent.version, content, None, now)
        reasons = [] if agent.status == "live" else await self._workspace_reasons(db, workspace_id, tier.max_agents)
        scope = await self._dial_scope(db, workspace_id, stored_fallback(content.config))
        currency = await find_currency(db, workspace_id)
        return AgentPreview(
            [*reasons, *find_reasons(version, agent.number, offers, scope)],
            find_warnings(version, offers),
            estimate_providers(content, config, offers),
            await find_minute_price(db, tier, currency),
            currency,
        )

    async def list_warnings(self, db: Connection, agent: VoiceAgent) -> list[AgentWarning]:
        """Return warnings for the owner about how the agent would answer now."""
        return find_warnings(_version(agent), await self._offers(db, agent.workspace_id))

    async def pause(
        self, db: Connection, workspace_id: UUID, actor: Actor, agent_id: UUID, now: datetime
    ) -> VoiceAgent:
        """Pause an agent: it answers no further calls, and calls in progress continue.

        Raises NotFound, and Conflict (code not_live) for a draft.
        """
        agent = await lock_agent(db, workspace_id, agent_id)
        if agent.status == "draft":
            raise Conflict("A draft answers no calls: there is nothing to pause.", code="not_live")
        return agent if agent.status == "paused" else await _change_status(db, agent, "paused", actor, now)

    async def delete(self, db: Connection, workspace_id: UUID, actor: Actor, agent_id: UUID, now: datetime) -> None:
        """Hide the agent permanently and free its number. Raises NotFound and Conflict (code agent_live).

        A live agent must be paused first, so that a single wrong request cannot make a number stop answering.
        """
        agent = await lock_agent(db, workspace_id, agent_id)
        if agent.status == "live":
            raise Conflict("This agent is live. Pause it before you delete it.", code="agent_live")
        await self._numbers.unassign(db, workspace_id, agent_id)
        await queries.delete_agent(db, workspace_id, agent_id, now)
        await report_agent(db, "agent.deleted", agent, now)
        before = {"name": agent.content.name, "status": agent.status}
        await record_change(db, actor, Change("agent.delete", "agent", str(agent_id), workspace_id, before=before))

    async def _lock_limit(self, db: Connection, workspace_id: UUID) -> int:
        """Lock the tier and the workspace's agents until the transaction ends. Return the maximum number of agents.

        All code locks the tier before the agents: otherwise a concurrent change of tier could deadlock.
        """
        tier = await self._workspaces.limits(db, workspace_id, hold=True)
        await queries.lock_agents(db, workspace_id)
        return tier.max_agents

    async def _require_capacity(self, db: Connection, workspace_id: UUID) -> None:
        most = await self._lock_limit(db, workspace_id)
        if await queries.count_agents(db, workspace_id) >= most:
            raise Conflict(f"This workspace's tier allows {most} agents.", code="agent_limit")

    async def _offers(self, db: Connection, workspace_id: UUID) -> ProviderOffers:
        return await list_workspace_offers(db, workspace_id, standins=self._policy.standins)

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
        """Return the edit merged into `base`, and validated. Raises Invalid.

        Args:
            in_force: The agent's current content, if any. Its transfer number, languages and voices are not checked
                again.
            known: The content whose recipients, tools and documents are not checked again; None for `base`.
        """
        known = known or base
        config = parse_config(merge_patch(base.config, edit.config or {}))
        provider = base.voice_provider if edit.voice_provider is UNSET else edit.voice_provider
        voice = parse_options(merge_patch(base.voice_config, edit.voice_config or {}), "voice_config")
        content = AgentContent(edit.name or base.name, config.model_dump(), provider, voice)
        offers = await self._offers(db, workspace_id)
        require_known(content, config, offers)
        if in_force is None or speech_settings(content) != speech_settings(in_force):
            require_spoken(content, config, offers)
            require_sayable(content, config, offers)
        await self._require_recipients(db, workspace_id, config, known)
        await require_tools(db, workspace_id, config, known.config)
        await require_actions(db, workspace_id, config, known.config)
        await require_documents(db, self._documents, workspace_id, config, known)
        if config.fallback_number not in ("", stored_fallback(in_force.config) if in_force else ""):
            require_not_ours(await self._dial_scope(db, workspace_id, config.fallback_number))
        return content

    async def _dial_scope(self, db: Connection, workspace_id: UUID, number: str) -> DialScope:
        row = await plans_queries.select_dial_scope(db, workspace_id, number)
        return make_dial_scope(row, self._policy.dangerous_countries)

    async def _require_recipients(
        self, db: Connection, workspace_id: UUID, config: AgentConfig, base: AgentContent
    ) -> None:
        """Check recipients that `base` does not contain. Raises Invalid (code recipient_not_member).

        A member who has left gets no e-mail and must not block other edits, so existing recipients are not checked
        again.
        """
        wanted, known = config.messages.email_to, stored_recipients(base.config)
        if set(wanted) <= set(known):
            return
        require_members(wanted, {*known, *await self._workspaces.find_confirmed(db, workspace_id, wanted)})

    async def save_version(
        self, db: Connection, before: VoiceAgent, content: AgentContent, edit: AgentEdit, actor: Actor, now: datetime
    ) -> VoiceAgent:
        """Make the content the current version if it differs, and assign the number of the edit to the agent.

        Raises Invalid and Conflict.

        Args:
            before: The agent, locked.
        """
        if content != before.content:
            number = await queries.next_version(db, before.workspace_id, before.id)
            version = AgentVersion(before.workspace_id, before.id, number, content, actor.id, now)
            await queries.insert_version(db, version)
            if not await queries.update_version(db, version):
                raise _name_taken(content.name)
        await self._change_number(db, before, edit)
        after = await self.get(db, before.workspace_id, before.id)
        if before.status == "live":
            await self._require_no_worse(db, before, after)
        if (after.version, after.number) != (before.version, before.number):
            await report_agent(db, "agent.updated", after, now)
        return after

    async def _change_number(self, db: Connection, before: VoiceAgent, edit: AgentEdit) -> None:
        """Change the agent's number.

        The new number is locked before the old number is freed, so that two agents that swap numbers are refused
        instead of deadlocked.
        """
        wanted = edit.phone_number_id
        if wanted is UNSET or wanted == (before.number.id if before.number else None):
            return
        if wanted is not None:
            await _require_free(db, before.workspace_id, wanted)
        await self._numbers.unassign(db, before.workspace_id, before.id)
        if wanted is not None:
            await self._numbers.assign(db, before.workspace_id, wanted, before.id)

    async def _require_no_worse(self, db: Connection, before: VoiceAgent, after: VoiceAgent) -> None:
        """Raise Conflict for new reasons why the agent cannot answer.

        Reasons that existed before must not block other edits.
        """
        offers = await self._offers(db, before.workspace_id)
        scope = await self._dial_scope(db, before.workspace_id, stored_fallback(before.content.config))
        known = find_reasons(_version(before), before.number, offers, scope)
        if (
            stored_fallback(after.content.config) != stored_fallback(before.content.config)
            or after.number != before.number
        ):
            scope = await self._dial_scope(db, after.workspace_id, stored_fallback(after.content.config))
        now = find_reasons(_version(after), after.number, offers, scope)
        new = [reason for reason in now if reason not in known]
        if new:
            raise make_refusal(new)

    async def _workspace_reasons(self, db: Connection, workspace_id: UUID, most: int) -> list[ReadinessReason]:
        found = []
        try:
            await self._workspaces.require_running(db, workspace_id)
        except Conflict as conflict:
            found.append(ReadinessReason("workspace", conflict.message))
        if await queries.count_agents(db, workspace_id, live=True) >= most:
            found.append(ReadinessReason("workspace", f"its tier allows {most} live agents"))
        return found


class AgentDrafts:
    """Drafts: an agent's next version while its members edit it. Callers get the current version until the publication.

    Every method works within the request's transaction and in the scope of the agent's workspace.
    """

    def __init__(self, agents: Agents, workspaces: Workspaces) -> None:
        self._agents, self._workspaces = agents, workspaces

    async def get(self, db: Connection, workspace_id: UUID, agent_id: UUID) -> tuple[VersionDraft, VoiceAgent]:
        """Return the draft and its agent. Raises NotFound."""
        agent = require_agent(await queries.select_agent(db, workspace_id, agent_id))
        return await _require_draft(db, agent), agent

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
        """Merge an edit into the draft. If there is no draft, create it from the current version.

        Raises NotFound, Invalid, Forbidden (code lookup_not_allowed) and Conflict (version_mismatch,
        workspace_suspended).
        """
        await self._workspaces.require_not_suspended(db, workspace_id)
        agent = await lock_agent(db, workspace_id, agent_id)
        found = await queries.select_draft(db, workspace_id, agent_id)
        _require_revision(found, expected_revision)
        base = agent.content if found is None else found.content
        content = await self._agents.make_content(db, workspace_id, base, edit, in_force=agent.content)
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
        await queries.upsert_draft(db, draft)
        return draft, agent

    async def discard(self, db: Connection, workspace_id: UUID, actor: Actor, agent_id: UUID) -> None:
        """Delete the draft. Raises NotFound."""
        agent = await lock_agent(db, workspace_id, agent_id)
        draft = await _require_draft(db, agent)
        await queries.delete_draft(db, workspace_id, agent_id)
        await _record_draft(db, actor, "agent.discard_draft", agent, draft)

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
        """Make the draft the current version and delete the draft.

        Its content must still be valid, and a live agent must remain able to answer. Raises NotFound, Invalid,
        Forbidden (code lookup_not_allowed) and Conflict (version_mismatch, name_taken, cannot_answer,
        workspace_suspended).

        Args:
            expected_version: The version to replace; None for the version from which the draft was started.
        """
        await self._workspaces.require_not_suspended(db, workspace_id)
        agent = await lock_agent(db, workspace_id, agent_id)
        draft = await _require_draft(db, agent)
        _require_revision(draft, expected_revision)
        if agent.version != (expected_version or draft.base_version):
            raise mismatch(
                f"Version {agent.version} is current, but the draft was started from version "
                f"{draft.base_version}. Compare them, and publish with expected_version {agent.version}.",
                "expected_version",
            )
        content = await self._agents.make_content(
            db, workspace_id, draft.content, AgentEdit(), in_force=agent.content, known=agent.content
        )
        await require_lookup_right(db, workspace_id, actor, content.config, agent.content.config)
        after = await self._agents.save_version(db, agent, content, AgentEdit(), actor, now)
        await queries.delete_draft(db, workspace_id, agent_id)
        await _record_draft(db, actor, "agent.publish_draft", after, draft)
        return after

    async def keep_for_test(
        self, db: Connection, workspace_id: UUID, actor: Actor, agent_id: UUID, now: datetime
    ) -> int:
        """Store the draft's content as a version for test calls, and return its number. Raises NotFound.

        The version never changes and does not become current. It is needed because a call reads its agent more than
        once.
        """
        agent = await lock_agent(db, workspace_id, agent_id)
        draft = await _require_draft(db, agent)
        if draft.tested_version is not None:
            return draft.tested_version
        number = await queries.next_version(db, workspace_id, agent_id)
        version = AgentVersion(workspace_id, agent_id, number, draft.content, actor.id, now, is_draft=True)
        await queries.insert_version(db, version)
        await queries.upsert_draft(db, replace(draft, tested_version=number))
        return number


async def lock_agent(db: Connection, workspace_id: UUID, agent_id: UUID, expected: int | None = None) -> VoiceAgent:
    """Return the agent, locked until the transaction ends.

    Raises NotFound, and Conflict (code version_mismatch) if `expected` is not the agent's current version.
    """
    agent = require_agent(await queries.lock_agent(db, workspace_id, agent_id))
    if expected is not None and expected != agent.version:
        text = f"The current version is {agent.version}, not {expected}: somebody else changed this agent."
        raise mismatch(text, "expected_version")
    return agent


def require_agent(agent: VoiceAgent | None) -> VoiceAgent:
    """Return the agent. Raises NotFound."""
    if agent is None:
        raise NotFound("This agent does not exist.", code="agent_not_found")
    return agent


def mismatch(text: str, param: str) -> Conflict:
    """Return the error for a change that was based on another version or revision than the stored one."""
    return Conflict(text, code="version_mismatch", param=param)


async def report_agent(db: Connection, type_: EventType, agent: VoiceAgent, now: datetime) -> None:
    """Store the event for customers' webhooks, in the transaction of the change.

    Args:
        agent: The agent after the change, or before its deletion.
    """
    data = AgentEventData(agent.id, agent.content.name, agent.status, agent.version)
    await report_facts(db, [ReportedFact(agent.workspace_id, type_, agent.id, now, data)])


async def _make_base(db: Connection, template_id: UUID | None) -> AgentContent:
    """Return the content into which a new agent's config is merged."""
    config: Mapping[str, Any] = {}
    if template_id is not None:
        template = await templates_queries.select_template(db, template_id)
        if template is None or not template.is_public:
            raise Invalid("This template does not exist.", code="template_not_found", param="template_id")
        config = template.default_config
    return AgentContent("", config, None, {})


def _first_edit(new: NewAgentInput) -> AgentEdit:
    return AgentEdit(new.name, new.config, new.voice_provider, new.voice_config)


async def _require_free(db: Connection, workspace_id: UUID, number_id: UUID) -> None:
    """Lock the number until the transaction ends. Raises Invalid and Conflict."""
    found = await queries.lock_number(db, workspace_id, number_id)
    if found is None:
        raise Invalid("This phone number does not exist.", code="number_not_found", param="phone_number_id")
    number, holder = found
    if number.status != "active":
        raise Conflict(
            f"This phone number is {number.status}, not active.", code="number_inactive", param="phone_number_id"
        )
    if holder is not None:
        raise Conflict("Another agent answers this phone number.", code="number_taken", param="phone_number_id")


async def _change_status(db: Connection, agent: VoiceAgent, status: str, actor: Actor, now: datetime) -> VoiceAgent:
    await queries.update_status(db, agent.workspace_id, agent.id, status, now)
    action = "agent.activate" if status == "live" else "agent.pause"
    before, after = {"status": agent.status}, {"status": status, "version": agent.version}
    change = Change(action, "agent", str(agent.id), agent.workspace_id, before=before, after=after)
    await record_change(db, actor, change)
    changed = require_agent(await queries.select_agent(db, agent.workspace_id, agent.id))
    await report_agent(db, "agent.updated", changed, now)
    return changed


def _version(agent: VoiceAgent) -> AgentVersion:
    return AgentVersion(agent.workspace_id, agent.id, agent.version, agent.content, None, agent.updated_at)


def _name_taken(name: str) -> Conflict:
    return Conflict(f"This workspace already has an agent named {name!r}.", code="name_taken", param="name")


async def _require_draft(db: Connection, agent: VoiceAgent) -> VersionDraft:
    draft = await queries.select_draft(db, agent.workspace_id, agent.id)
    if draft is None:
        raise NotFound("This agent has no draft.", code="draft_not_found")
    return draft


def _require_revision(draft: VersionDraft | None, expected: UUID | None) -> None:
    """Raise Conflict (code version_mismatch) if the draft has another revision."""
    if expected is not None and (draft is None or draft.revision != expected):
        raise mismatch("The draft has another revision: somebody else changed it.", "expected_revision")


async def _record_draft(db: Connection, actor: Actor, action: str, agent: VoiceAgent, draft: VersionDraft) -> None:
    after = {"version": agent.version, "base_version": draft.base_version}
    await record_change(db, actor, Change(action, "agent", str(agent.id), agent.workspace_id, after=after))

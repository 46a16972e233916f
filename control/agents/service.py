"""The rules of voice agents: made from templates, changed by versions, live only when they can really answer."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import UNSET

from control.agents import store, store_answering, store_providers, store_templates, store_versions
from control.agents.answering import Answering
from control.agents.check import parse_config, parse_options, require_known
from control.agents.merge import merge
from control.agents.model import Agent, AgentPolicy, Content, Draft, Edit, Listed, Version, VersionLine
from control.agents.providers import Offers
from control.agents.readiness import Reason, reasons, refusal
from control.agents.transfers import Reach, fallback_of, reach_of, require_not_ours
from control.db.pool import Connection
from control.platform.audit import Actor, Change, record
from control.workspaces.service import Workspaces
from shared.errors import Conflict, Invalid, Missing
from shared.ids import new_id
from shared.secrets import Sealer


class Agents:
    """Every method works within the request's transaction and the scope of its workspace."""

    def __init__(self, *, workspaces: Workspaces, policy: AgentPolicy) -> None:
        self._workspaces = workspaces
        self._policy = policy

    def answering(self, sealer: Sealer) -> Answering:
        """For whoever leads calls to agents. sealer: opens the providers' keys."""
        return Answering(self._policy, sealer)

    async def find(
        self, db: Connection, workspace_id: UUID, *, status: str | None, search: str | None, offset: int, limit: int
    ) -> tuple[list[Listed], int]:
        """A page, newest first, and how many there are in all. search: a part of the name."""
        total = await store.count_matching(db, workspace_id, status, search)
        return await store.select_agents(db, workspace_id, status, search, offset, limit), total

    async def get(self, db: Connection, workspace_id: UUID, agent_id: UUID) -> Agent:
        """Raises Missing."""
        return _found(await store.select_agent(db, workspace_id, agent_id))

    async def create(self, db: Connection, workspace_id: UUID, actor: Actor, draft: Draft, now: datetime) -> Agent:
        """A draft at version 1; the given config is laid over the template's. Raises Conflict (codes agent_limit,
        name_taken, number_taken, number_inactive, workspace_suspended) and Invalid, which names the field."""
        await self._require_open(db, workspace_id)
        await self._require_room(db, workspace_id)
        content = await self._content(db, workspace_id, await _base(db, draft.template_id), _first_edit(draft))
        first = Version(workspace_id, UUID(new_id()), 1, content, actor.id, now)
        if not await store.insert_agent(db, first, draft.template_id):
            raise _name_taken(content.name)
        await store_versions.insert_version(db, first)
        if draft.phone_number_id is not None:
            await _require_free(db, workspace_id, draft.phone_number_id)
            await store.assign_number(db, workspace_id, draft.phone_number_id, first.agent_id)
        return await self.get(db, workspace_id, first.agent_id)

    async def update(
        self, db: Connection, workspace_id: UUID, actor: Actor, agent_id: UUID, edit: Edit, now: datetime
    ) -> Agent:
        """What really changes makes a new version, in force at once. A live agent stays able to answer.

        Raises Missing, Invalid, and Conflict (codes version_mismatch, name_taken, cannot_answer, number_…,
        workspace_suspended).
        """
        await self._require_open(db, workspace_id)
        before = await _locked(db, workspace_id, agent_id, edit.expected_version)
        content = await self._content(db, workspace_id, before.content, edit, fallback_of(before.content.config))
        return await self._put_in_force(db, before, content, edit, actor, now)

    async def versions(
        self, db: Connection, workspace_id: UUID, agent_id: UUID, *, offset: int, limit: int
    ) -> tuple[list[VersionLine], int]:
        """A page of an agent's versions, newest first, and how many there are. Raises Missing."""
        newest = (await self.get(db, workspace_id, agent_id)).version
        return await store_versions.select_versions(db, workspace_id, agent_id, offset, limit), newest

    async def version(self, db: Connection, workspace_id: UUID, agent_id: UUID, version: int) -> Version:
        """Raises Missing."""
        await self.get(db, workspace_id, agent_id)
        found = await store_versions.select_version(db, workspace_id, agent_id, version)
        if found is None:
            raise Missing("This agent has no such version.", code="version_not_found")
        return found

    async def restore(
        self, db: Connection, workspace_id: UUID, actor: Actor, agent_id: UUID, version: int,
        expected_version: int | None, now: datetime,
    ) -> Agent:  # fmt: skip
        """Makes an old version's content the newest version; nothing if it is what is in force. The content must be
        valid today. Raises as `update`."""
        await self._require_open(db, workspace_id)
        before = await _locked(db, workspace_id, agent_id, expected_version)
        old = await self.version(db, workspace_id, agent_id, version)
        content = await self._content(db, workspace_id, old.content, Edit(), fallback_of(before.content.config))
        return await self._put_in_force(db, before, content, Edit(), actor, now)

    async def activate(self, db: Connection, workspace_id: UUID, actor: Actor, agent_id: UUID, now: datetime) -> Agent:
        """Makes it answer its number. Raises Missing, and Conflict (code cannot_answer) that tells all that is in the
        way."""
        most = await self._hold_limit(db, workspace_id)
        agent = await _locked(db, workspace_id, agent_id)
        if agent.status == "live":
            return agent
        found = await self._workspace_reasons(db, workspace_id, most)
        reach = await _reach(db, agent)
        found += reasons(_version(agent), agent.number, await self._offers(db, workspace_id), reach)
        if found:
            raise refusal(found)
        return await _change_status(db, agent, "live", actor, now)

    async def pause(self, db: Connection, workspace_id: UUID, actor: Actor, agent_id: UUID, now: datetime) -> Agent:
        """Lets it answer no more calls; those under way go on. Raises Missing, Conflict (code not_live) for a draft."""
        agent = await _locked(db, workspace_id, agent_id)
        if agent.status == "draft":
            raise Conflict("A draft answers no calls: there is nothing to pause.", code="not_live")
        return agent if agent.status == "paused" else await _change_status(db, agent, "paused", actor, now)

    async def delete(self, db: Connection, workspace_id: UUID, actor: Actor, agent_id: UUID, now: datetime) -> None:
        """Hides it for good and frees its number. A live one is paused first, so that no number falls silent by one
        wrong request. Raises Missing, Conflict (code agent_live)."""
        agent = await _locked(db, workspace_id, agent_id)
        if agent.status == "live":
            raise Conflict("This agent is live: pause it before you delete it.", code="agent_live")
        await store.free_number(db, workspace_id, agent_id)
        await store.delete_agent(db, workspace_id, agent_id, now)
        before = {"name": agent.content.name, "status": agent.status}
        await record(db, actor, Change("agent.delete", "agent", str(agent_id), workspace_id, before=before))

    async def _require_open(self, db: Connection, workspace_id: UUID) -> None:
        if (await self._workspaces.get(db, workspace_id)).status == "suspended":
            raise Conflict("This workspace is suspended: nothing in it can be changed.", code="workspace_suspended")

    async def _hold_limit(self, db: Connection, workspace_id: UUID) -> int:
        """How many agents there may be. Until the transaction ends, nobody else adds one and the tier stays.

        Tier before agents, everywhere: the other way round, a change of tier in between could deadlock."""
        tier = await self._workspaces.limits(db, workspace_id, hold=True)
        await store.lock_agents(db, workspace_id)
        return tier.max_agents

    async def _require_room(self, db: Connection, workspace_id: UUID) -> None:
        most = await self._hold_limit(db, workspace_id)
        if await store.count_agents(db, workspace_id) >= most:
            raise Conflict(f"This workspace's tier allows {most} agents.", code="agent_limit")

    async def _offers(self, db: Connection, workspace_id: UUID) -> Offers:
        return Offers(await store_providers.select_offers(db, workspace_id), standins=self._policy.standins)

    async def _content(
        self, db: Connection, workspace_id: UUID, base: Content, edit: Edit, fallback: str = ""
    ) -> Content:
        """The edit laid over what is there, checked. fallback: the number in force, which is not looked at again.
        Raises Invalid."""
        config = parse_config(merge(base.config, edit.config or {}))
        provider = base.voice_provider if edit.voice_provider is UNSET else edit.voice_provider
        voice = parse_options(merge(base.voice_config, edit.voice_config or {}), "voice_config")
        content = Content(edit.name or base.name, config.model_dump(), provider, voice)
        require_known(content, config, await self._offers(db, workspace_id))
        if config.fallback_number not in ("", fallback):
            require_not_ours(reach_of(await store_answering.select_reach(db, workspace_id, config.fallback_number)))
        return content

    async def _put_in_force(
        self, db: Connection, before: Agent, content: Content, edit: Edit, actor: Actor, now: datetime
    ) -> Agent:
        if content != before.content:
            version = Version(before.workspace_id, before.id, before.version + 1, content, actor.id, now)
            await store_versions.insert_version(db, version)
            if not await store.update_version(db, version):
                raise _name_taken(content.name)
        await _change_number(db, before, edit)
        after = await self.get(db, before.workspace_id, before.id)
        if before.status == "live":
            await self._require_no_worse(db, before, after)
        return after

    async def _require_no_worse(self, db: Connection, before: Agent, after: Agent) -> None:
        """What was in the way already (a provider gone since) keeps nobody from mending something else."""
        offers = await self._offers(db, before.workspace_id)
        reach = await _reach(db, before)
        known = reasons(_version(before), before.number, offers, reach)
        if fallback_of(after.content.config) != fallback_of(before.content.config) or after.number != before.number:
            reach = await _reach(db, after)
        now = reasons(_version(after), after.number, offers, reach)
        new = [reason for reason in now if reason not in known]
        if new:
            raise refusal(new)

    async def _workspace_reasons(self, db: Connection, workspace_id: UUID, most: int) -> list[Reason]:
        found = []
        try:
            await self._workspaces.require_running(db, workspace_id)
        except Conflict as conflict:
            found.append(Reason("workspace", conflict.message))
        if await store.count_agents(db, workspace_id, live=True) >= most:
            found.append(Reason("workspace", f"its tier allows {most} live agents"))
        return found


async def _locked(db: Connection, workspace_id: UUID, agent_id: UUID, expected: int | None = None) -> Agent:
    agent = _found(await store.lock_agent(db, workspace_id, agent_id))
    if expected is not None and expected != agent.version:
        raise Conflict(
            f"Version {agent.version} is in force, not {expected}: somebody else changed this agent.",
            code="version_mismatch",
            param="expected_version",
        )
    return agent


async def _reach(db: Connection, agent: Agent) -> Reach:
    number = fallback_of(agent.content.config)
    return reach_of(await store_answering.select_reach(db, agent.workspace_id, number))


async def _base(db: Connection, template_id: UUID | None) -> Content:
    """What a new agent's config is laid over."""
    config: Mapping[str, Any] = {}
    if template_id is not None:
        template = await store_templates.select_template(db, template_id)
        if template is None or not template.is_public:
            raise Invalid("There is no such template.", code="template_not_found", param="template_id")
        config = template.default_config
    return Content("", config, None, {})


def _first_edit(draft: Draft) -> Edit:
    return Edit(draft.name, draft.config, draft.voice_provider, draft.voice_config)


async def _require_free(db: Connection, workspace_id: UUID, number_id: UUID) -> None:
    """The number is held until the transaction ends."""
    found = await store.lock_number(db, workspace_id, number_id)
    if found is None:
        raise Invalid("There is no such phone number.", code="number_not_found", param="phone_number_id")
    number, holder = found
    if number.status != "active":
        raise Conflict(
            f"This phone number is {number.status}, not active.", code="number_inactive", param="phone_number_id"
        )
    if holder is not None:
        raise Conflict("Another agent answers this phone number.", code="number_taken", param="phone_number_id")


async def _change_number(db: Connection, before: Agent, edit: Edit) -> None:
    """The new one is locked before the old one is let go: two agents that swap are refused, not deadlocked."""
    wanted = edit.phone_number_id
    if wanted is UNSET or wanted == (before.number.id if before.number else None):
        return
    if wanted is not None:
        await _require_free(db, before.workspace_id, wanted)
    await store.free_number(db, before.workspace_id, before.id)
    if wanted is not None:
        await store.assign_number(db, before.workspace_id, wanted, before.id)


async def _change_status(db: Connection, agent: Agent, status: str, actor: Actor, now: datetime) -> Agent:
    await store.update_status(db, agent.workspace_id, agent.id, status, now)
    action = "agent.activate" if status == "live" else "agent.pause"
    before, after = {"status": agent.status}, {"status": status, "version": agent.version}
    change = Change(action, "agent", str(agent.id), agent.workspace_id, before=before, after=after)
    await record(db, actor, change)
    return _found(await store.select_agent(db, agent.workspace_id, agent.id))


def _version(agent: Agent) -> Version:
    return Version(agent.workspace_id, agent.id, agent.version, agent.content, None, agent.updated_at)


def _found(agent: Agent | None) -> Agent:
    if agent is None:
        raise Missing("There is no such agent.", code="agent_not_found")
    return agent


def _name_taken(name: str) -> Conflict:
    return Conflict(f"This workspace has an agent named {name!r} already.", code="name_taken", param="name")

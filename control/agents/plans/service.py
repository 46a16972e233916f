"""Finds the agent that answers a call, whether it may answer, and its plan with the providers' keys."""

from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from control.agents.call_tools.actions import plan_action_tools
from control.agents.config import AgentConfig
from control.agents.destinations import DialScope, make_dial_scope, remove_refused_fallback
from control.agents.disclosures import NO_DISCLOSURES, Disclosures
from control.agents.plans import queries
from control.agents.plans.outside_hours import CallMoment, closing_text
from control.agents.plans.placeholders import missing_variables_of, names_contact
from control.agents.plans.rules import ANY_CALL, make_chain, make_plan
from control.agents.rules import AgentContent, AgentPolicy, AgentVersion, Status
from control.agents.variables import PlannedCall
from control.db.pool import Connection
from control.tools.service import plan_http_tools, plan_mcp_tools
from control.voice.keys import KEY_OPTION, open_keys
from control.voice.routing.rules import RULES, ProviderOffer, ProviderOffers, RoutingRules, make_rules
from control.workspaces.settings import DISCLOSURE, NO_DISCLOSURE, DisclosureChoice
from shared.plan import CallPlan, PlanError, ProviderPlan, ToolPlan
from shared.secrets import Sealer


@dataclass(frozen=True, slots=True)
class AnsweringAgent:
    """The agent that would answer a call, with its workspace.

    Attributes:
        agent_id: None without an agent.
        version: None without an agent.
        timezone: The workspace's time zone, a name of the IANA database.
        max_calls: Concurrent calls that the tier allows.
        dial_scope: Destinations that the workspace's calls and the agent's transfers may reach.
        disclosure: Disclosure to callers, by the workspace's choice and the laws in `disclosures`.
        tools: Tools of the workspace that the agent may use.
        may_run: Whether the workspace is neither suspended nor deleted, and its owner's e-mail address is verified.
    """

    workspace_id: UUID
    workspace_name: str
    timezone: str
    number_id: UUID | None
    may_run: bool
    is_trial: bool
    max_calls: int
    features: Mapping[str, Any]
    dial_scope: DialScope
    agent_id: UUID | None
    agent_status: Status | None
    version: AgentVersion | None
    offers: Sequence[ProviderOffer]
    rules: RoutingRules
    sealed: Mapping[str, bytes]
    sealer: Sealer
    standins: bool
    disclosure: DisclosureChoice = NO_DISCLOSURE
    disclosures: Disclosures = NO_DISCLOSURES
    tools: Sequence[ToolPlan] = ()

    @property
    def is_live(self) -> bool:
        """Return whether the agent answers calls."""
        return self.version is not None and self.agent_status == "live"

    @property
    def answers_by_rules(self) -> bool:
        """Return whether the rule-based receptionist, without a language model, would answer a call now."""
        try:
            return self.make_plan(ANY_CALL).llm[0].vendor_name == RULES
        except PlanError:
            return False

    @property
    def language(self) -> str:
        """Return the agent's language (BCP 47), or English without an agent."""
        language = self.version.content.config.get("language") if self.version else None
        return language if isinstance(language, str) and language else "en"

    @property
    def names_contact(self) -> bool:
        """Return whether a text of the agent contains a placeholder of the contact."""
        return self.version is not None and names_contact(self.version.content.config)

    def missing_variables(self, variables: Mapping[str, str]) -> tuple[str, ...]:
        """Return the values that an outbound call with these variables must still bring."""
        return missing_variables_of(self.version.content.config, variables) if self.version else ()

    def moment(self, at: datetime, *, is_inbound: bool) -> CallMoment:
        """Return when a call began, by the workspace's clock.

        Opening hours apply only to inbound calls: an outbound or test call is wanted at any time.
        """
        return CallMoment(at, self.timezone, "by_time" if is_inbound else "inside")

    def closing_text(self, call: PlannedCall) -> str | None:
        """Return what an inbound caller hears before the call is ended because the business is closed.

        Returns None if the agent answers.
        """
        if self.version is None:
            return None
        moment = self.moment(call.at, is_inbound=True)
        return closing_text(self.version.content, moment, self._complete(call))

    def make_plan(self, call: PlannedCall, moment: CallMoment | None = None) -> CallPlan:
        """Return a call's plan with keys. Raises PlanError if there is no agent or it cannot answer.

        The workspace's disclosure is used if the agent has none. A fallback number that is not or no longer allowed is
        left out.
        """
        if self.version is None:
            raise PlanError("plan: there is no agent")
        keys = self._keys()
        version = _allowed(self.version, self.dial_scope)
        try:
            plan = make_plan(version, self._usable(keys), self._complete(call), moment, self.tools)
        except PlanError:
            raise
        except ValueError as error:  # Only an older schema allowed this config.
            raise PlanError(str(error)) from error
        return msgspec.structs.replace(
            plan,
            stt=_keyed(plan.stt, keys),
            llm=_keyed(plan.llm, keys),
            tts=_keyed(plan.tts, keys),
            languages=tuple(
                msgspec.structs.replace(language, tts=_keyed(language.tts, keys)) for language in plan.languages
            ),
            disclosure=plan.disclosure or self._disclosure_text(call),
        )

    def list_language_models(self) -> list[ProviderPlan]:
        """Return the chain of language models that a call would get, with keys.

        Raises PlanError if there is no agent, or if only an older schema allowed its config.
        """
        if self.version is None:
            raise PlanError("plan: there is no agent")
        keys, content = self._keys(), self.version.content
        try:
            config = AgentConfig.model_validate(content.config)
        except ValueError as error:
            raise PlanError(str(error)) from error
        chain = make_chain(content, config, "llm", self._usable(keys))
        return _keyed([ProviderPlan(**provider) for provider in chain], keys)

    def _disclosure_text(self, call: PlannedCall) -> str:
        numbers = (call.caller, call.called)
        return self.disclosures.find_text(self.disclosure, numbers, call.at.date(), self.language)

    def _usable(self, keys: Mapping[str, str]) -> ProviderOffers:
        """Return the providers that need no key or have their key."""
        usable = (offer for offer in self.offers if not offer.takes_key or offer.provider in keys)
        return ProviderOffers(usable, standins=self.standins, rules=self.rules)

    def _complete(self, call: PlannedCall) -> PlannedCall:
        return replace(call, workspace_name=self.workspace_name, timezone=self.timezone)

    def _keys(self) -> dict[str, str]:
        """Return the unsealed keys. A key that cannot be unsealed counts as missing."""
        needing = {offer.provider for offer in self.offers if offer.takes_key}
        return open_keys(self.sealer, self.sealed, needing)


class AgentLookup:
    """Finds the agents that answer calls."""

    def __init__(self, policy: AgentPolicy, sealer: Sealer) -> None:
        self._policy, self._sealer = policy, sealer

    async def find_by_number(self, db: Connection, number: str, carrier: str) -> AnsweringAgent | None:
        """Return the agent with this phone number. Needs platform scope.

        Returns None if the number is not active here, or not at this carrier.
        """
        row = await queries.select_by_number(db, number, carrier)
        return None if row is None else self._ready(row)

    async def find_by_agent(
        self, db: Connection, workspace_id: UUID, agent_id: UUID | None, version: int | None = None
    ) -> AnsweringAgent | None:
        """Return the agent with this id, or None if the workspace does not exist.

        Args:
            version: The version that the call began with; None for the current version.
        """
        row = await queries.select_by_agent(db, workspace_id, agent_id, version)
        return None if row is None else self._ready(row)

    async def get_dial_scope(self, db: Connection, workspace_id: UUID, number: str) -> DialScope:
        """Return the destinations to which a workspace's callers may be transferred, and check whether a number is
        ours.

        The workspace must exist.
        """
        row = await queries.select_dial_scope(db, workspace_id, number)
        return make_dial_scope(row, self._policy.dangerous_countries)

    def _ready(self, row: Any) -> AnsweringAgent:
        offers = [{**offer} for offer in row["offers"]]
        sealed = {offer["provider"]: offer.pop("sealed") for offer in offers}
        return AnsweringAgent(
            workspace_id=row["workspace_id"],
            workspace_name=row["workspace_name"],
            timezone=row["timezone"],
            number_id=row["number_id"],
            may_run=row["workspace_status"] != "suspended" and not row["is_deleted"] and row["is_verified"],
            is_trial=row["workspace_status"] == "trial",
            max_calls=row["max_concurrent_calls"],
            features=row["features"],
            dial_scope=make_dial_scope(row, self._policy.dangerous_countries),
            agent_id=row["agent_id"],
            agent_status=row["agent_status"],
            version=_version(row),
            offers=tuple(ProviderOffer(**offer) for offer in offers),
            rules=make_rules(row["rules"]),
            sealed={provider: b64decode(key) for provider, key in sealed.items() if key},
            sealer=self._sealer,
            standins=self._policy.standins,
            disclosure=DISCLOSURE.read(row["settings"]),
            disclosures=self._policy.disclosures,
            tools=_tools(row),
        )


def _tools(row: Any) -> tuple[ToolPlan, ...]:
    config = row["config"] or {}
    allowed = {choice["server"]: choice["tools"] for choice in config.get("mcp_tools", ())}
    http = plan_http_tools(row["http_tools"], config.get("http_tools", ()))
    actions = plan_action_tools(row["action_connections"], config.get("action_tools", ()))
    return (*http, *plan_mcp_tools(row["mcp_servers"], allowed), *actions)


def _version(row: Any) -> AgentVersion | None:
    if row["agent_id"] is None or row["version"] is None:
        return None
    content = AgentContent(row["name"], row["config"], row["voice_provider"], row["voice_config"])
    return AgentVersion(row["workspace_id"], row["agent_id"], row["version"], content, None, row["created_at"])


def _allowed(version: AgentVersion, scope: DialScope) -> AgentVersion:
    content = version.content
    return replace(version, content=replace(content, config=remove_refused_fallback(content.config, scope)))


def _keyed(chain: list[ProviderPlan], keys: Mapping[str, str]) -> list[ProviderPlan]:
    return [
        msgspec.structs.replace(
            provider_plan, options={**provider_plan.options, KEY_OPTION: keys[provider_plan.provider]}
        )
        if provider_plan.provider in keys
        else provider_plan
        for provider_plan in chain
    ]

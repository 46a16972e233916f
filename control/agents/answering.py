"""An agent about to take a call: whether it may, and its plan with the providers' keys in it."""

from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

import msgspec

from control.agents import store_answering
from control.agents.model import AgentPolicy, Content, Status, Version
from control.agents.plan import to_plan
from control.agents.providers import Offer, Offers
from control.agents.transfers import Reach, reach_of, without_refused
from control.db.pool import Connection
from shared.plan import CallPlan, PlanError, ProviderPlan
from shared.secrets import Sealer, Unsealable

# What providers' keys are sealed for.
KEY_PURPOSE: Final = "provider key"
KEY_OPTION: Final = "api_key"


@dataclass(frozen=True, slots=True)
class Ready:
    """Who would answer. agent_id, version: None without an agent. most_calls: at once, by the workspace's tier. reach:
    where the workspace's calls may go, the agent's transfers too.

    may_run: the workspace is neither suspended nor deleted nor without a confirmed owner.
    """

    workspace_id: UUID
    number_id: UUID | None
    may_run: bool
    is_trial: bool
    most_calls: int
    features: Mapping[str, Any]
    reach: Reach
    agent_id: UUID | None
    agent_status: Status | None
    version: Version | None
    offers: Sequence[Offer]
    sealed: Mapping[str, bytes]
    sealer: Sealer
    standins: bool

    @property
    def is_live(self) -> bool:
        """Whether its agent answers calls."""
        return self.version is not None and self.agent_status == "live"

    @property
    def language(self) -> str:
        """The agent's, English without one."""
        given = self.version.content.config.get("language") if self.version else None
        return given if isinstance(given, str) and given else "en"

    def plan(self, call_id: str) -> CallPlan:
        """A call's plan, with keys, and without a fallback number that is not allowed (any more). Raises PlanError:
        without an agent, or one that cannot answer."""
        if self.version is None:
            raise PlanError("plan: there is no agent")
        keys = self._keys()
        usable = Offers(
            (offer for offer in self.offers if not offer.needs_key or offer.provider in keys), standins=self.standins
        )
        try:
            plan = to_plan(_allowed(self.version, self.reach), usable, call_id=call_id)
        except ValueError as error:  # also a config that an older schema allowed
            raise PlanError(str(error)) from error
        return msgspec.structs.replace(
            plan, stt=_keyed(plan.stt, keys), llm=_keyed(plan.llm, keys), tts=_keyed(plan.tts, keys)
        )

    def _keys(self) -> dict[str, str]:
        """Of those that need one. What cannot be opened any more is as good as not there."""
        keys = {}
        needing = {offer.provider for offer in self.offers if offer.needs_key}
        for provider, sealed in self.sealed.items():
            if provider not in needing:
                continue
            try:
                keys[provider] = self.sealer.open(sealed, KEY_PURPOSE).decode()
            except (Unsealable, UnicodeDecodeError):
                continue
        return keys


class Answering:
    """Finds who answers."""

    def __init__(self, policy: AgentPolicy, sealer: Sealer) -> None:
        self._policy, self._sealer = policy, sealer

    async def by_number(self, db: Connection, number: str, carrier: str) -> Ready | None:
        """None when it is no active number of ours at this carrier. Needs platform scope."""
        row = await store_answering.select_by_number(db, number, carrier)
        return None if row is None else self._ready(row)

    async def by_agent(
        self, db: Connection, workspace_id: UUID, agent_id: UUID | None, version: int | None = None
    ) -> Ready | None:
        """None when there is no such workspace. version: one that a call began with; None takes the one in force."""
        row = await store_answering.select_by_agent(db, workspace_id, agent_id, version)
        return None if row is None else self._ready(row)

    async def reach(self, db: Connection, workspace_id: UUID, number: str) -> Reach:
        """Where a workspace's callers may be put through to, this number among it. The workspace must be there."""
        return reach_of(await store_answering.select_reach(db, workspace_id, number))

    def _ready(self, row: Any) -> Ready:
        offers = [{**offer} for offer in row["offers"]]
        sealed = {offer["provider"]: offer.pop("sealed") for offer in offers}
        return Ready(
            workspace_id=row["workspace_id"],
            number_id=row["number_id"],
            may_run=row["workspace_status"] != "suspended" and not row["is_deleted"] and row["is_verified"],
            is_trial=row["workspace_status"] == "trial",
            most_calls=row["max_concurrent_calls"],
            features=row["features"],
            reach=reach_of(row),
            agent_id=row["agent_id"],
            agent_status=row["agent_status"],
            version=_version(row),
            offers=tuple(Offer(**offer) for offer in offers),
            sealed={provider: b64decode(key) for provider, key in sealed.items() if key},
            sealer=self._sealer,
            standins=self._policy.standins,
        )


def _version(row: Any) -> Version | None:
    if row["agent_id"] is None or row["version"] is None:
        return None
    content = Content(row["name"], row["config"], row["voice_provider"], row["voice_config"])
    return Version(row["workspace_id"], row["agent_id"], row["version"], content, None, row["created_at"])


def _allowed(version: Version, reach: Reach) -> Version:
    content = version.content
    return replace(version, content=replace(content, config=without_refused(content.config, reach)))


def _keyed(chain: list[ProviderPlan], keys: Mapping[str, str]) -> list[ProviderPlan]:
    return [
        ProviderPlan(one.provider, {**one.options, KEY_OPTION: keys[one.provider]}) if one.provider in keys else one
        for one in chain
    ]

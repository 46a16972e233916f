"""Inbound calls: which are admitted."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from control.agents.lookup import AgentLookup, AnsweringAgent
from control.agents.variables import PlannedCall
from control.analytics.rollup import mark_day
from control.calls import store
from control.calls.announcements import make_refusal
from control.calls.caller_identity import known_number
from control.calls.model import AdmittedCall, IncomingCall, RefusalReason, RefusedCall
from control.calls.number_pseudonyms import NumberPseudonyms
from control.calls.planner import CallPlanner, PreparedCall
from control.calls.refusals import record_refusal, repeat_refusal
from control.calls.store import NewCall, StoredCall
from control.db.pool import Connection
from shared.ids import new_id
from shared.plan import PlanError


@dataclass(frozen=True, slots=True)
class InboundCalls:
    """Works within the current transaction, in platform scope."""

    agents: AgentLookup
    planner: CallPlanner
    pseudonyms: NumberPseudonyms

    async def admit(self, db: Connection, incoming: IncomingCall, now: datetime) -> AdmittedCall | RefusedCall:
        """Admits or refuses an inbound call. Repeated for the same call, the answer is the same while it is open.

        A refusal for a known number leaves a row that the customer sees. The workspace's open calls are counted under
        a lock, so that two calls cannot take the last slot. All that can be done before it is: calls that wait for the
        lock hold a connection each.
        """
        agent = await self.agents.find_by_number(db, incoming.called, incoming.carrier)
        if agent is None:
            return make_refusal("unknown_number", "en")
        new = _new_inbound(incoming, agent, now)
        pseudonyms = self.pseudonyms.list_all(agent.workspace_id, new.caller)
        prepared = await self._prepare(db, new, agent, now)
        await mark_day(db, new.workspace_id, now.astimezone(UTC).date())
        await store.lock_workspace(db, agent.workspace_id)
        call = await store.insert_ringing(db, replace(new, pseudonyms=pseudonyms))
        if call is None:
            return make_refusal("unusable", agent.language)
        if call.state.is_final:
            return repeat_refusal(call, agent)
        if not call.is_new:
            agent, prepared = await self._prepare_again(db, call, agent, now)
        if prepared is not None:
            return prepared.admit(call.state)
        refusal = make_refusal("unusable", agent.language, call.state.id)
        await record_refusal(db, call.state.id, refusal, now)
        return refusal

    async def _prepare(self, db: Connection, new: NewCall, agent: AnsweringAgent, now: datetime) -> PreparedCall | None:
        """None: the call is refused, or no plan can be made."""
        if new.refused is not None:
            return None
        try:
            return await self.planner.prepare_new(db, new, agent, now)
        except PlanError:
            return None

    async def _prepare_again(
        self, db: Connection, call: StoredCall, agent: AnsweringAgent, now: datetime
    ) -> tuple[AnsweringAgent, PreparedCall | None]:
        """By the agent of the stored call: the number may belong to another workspace by now."""
        of_call = (call.state.workspace_id, call.agent_id, call.agent_version)
        agent = await self.agents.find_by_agent(db, *of_call) or agent
        try:
            return agent, await self.planner.prepare_stored(db, call, agent, now)
        except PlanError:
            return agent, None


def _new_inbound(incoming: IncomingCall, agent: AnsweringAgent, now: datetime) -> NewCall:
    refused: RefusalReason | None = None
    if not agent.may_run:
        refused = "suspended"
    elif not agent.is_live:
        refused = "unknown_number"
    elif agent.closing_text(PlannedCall(at=now)) is not None:
        refused = "outside_hours"
    return NewCall(
        id=UUID(new_id()),
        workspace_id=agent.workspace_id,
        agent_id=agent.agent_id,
        agent_version=agent.version.version if agent.version else None,
        number_id=agent.number_id,
        direction="inbound",
        is_test=False,
        carrier=incoming.carrier,
        carrier_call_id=incoming.carrier_call_id,
        caller=known_number(incoming.caller),
        called=incoming.called,
        at=now,
        max_open=agent.max_calls,
        refused=refused,
        attestation=incoming.attestation,
    )

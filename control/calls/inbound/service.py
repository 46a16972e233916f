"""Which calls an agent answers, with which plan, and how a refusal is stored."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from control.agents.contacts import find_contact_values
from control.agents.lookup import AgentLookup, AnsweringAgent
from control.agents.outside_hours import CallMoment
from control.agents.variables import PlannedCall
from control.analytics.rollup import mark_day
from control.billing.limits.rules import SpendTerms
from control.billing.limits.service import load_terms
from control.calls.announcements import make_refusal
from control.calls.changes.service import save_changes
from control.calls.deletion.rules import NumberPseudonyms
from control.calls.inbound.rules import admit
from control.calls.recordings.service import enqueue_discards, enqueue_recording_starts
from control.calls.records import queries as records_queries
from control.calls.records.details import RefusalReason
from control.calls.records.queries import NewCall, StoredCall
from control.calls.records.rules import (
    AdmittedCall,
    CallPolicy,
    CallState,
    IncomingCall,
    RefusedCall,
    apply_checkpoint,
    known_number,
    refuse,
)
from control.carriers.rules import CarrierName
from control.db.pool import Connection
from shared.bus.checkpoints import Checkpoint
from shared.ids import new_id
from shared.plan import CallPlan, PlanError


@dataclass(frozen=True, slots=True)
class PreparedCall:
    """A plan, and what must be reserved for it."""

    agent: AnsweringAgent
    plan: CallPlan
    terms: SpendTerms | None
    policy: CallPolicy

    def admit(self, call: CallState) -> AdmittedCall:
        """The call as it is stored, with this plan."""
        carrier: CarrierName = "telnyx" if call.carrier == "telnyx" else "twilio"
        plan = msgspec.structs.replace(self.plan, leg=call.details.leg)
        admitted = admit(carrier, call.carrier_call_id or "", call.id, self.agent, plan, self.policy)
        return replace(admitted, spend_terms=self.terms, was_assigned=call.details.was_assigned)


@dataclass(frozen=True, slots=True)
class CallPlanner:
    """Works within the current transaction, in platform scope."""

    policy: CallPolicy

    async def prepare_new(self, db: Connection, call: NewCall, agent: AnsweringAgent, now: datetime) -> PreparedCall:
        """Of a call that is not stored yet. Raises PlanError."""
        moment = agent.moment(call.at, is_inbound=call.direction == "inbound")
        plan = await self.make_plan(db, agent, call.to_planned(), moment)
        terms = None if call.is_test else await load_terms(db, call.workspace_id, call.id, call.at, now)
        return PreparedCall(agent, plan, terms, self.policy)

    async def prepare_stored(
        self, db: Connection, call: StoredCall, agent: AnsweringAgent, now: datetime
    ) -> PreparedCall:
        """Raises PlanError."""
        state = call.state
        moment = agent.moment(state.created_at, is_inbound=state.direction == "inbound")
        plan = await self.make_plan(db, agent, call.to_planned(now), moment)
        of_call = (state.workspace_id, state.id, state.created_at)
        terms = None if state.is_test else await load_terms(db, *of_call, now)
        return PreparedCall(agent, plan, terms, self.policy)

    async def make_plan(self, db: Connection, agent: AnsweringAgent, call: PlannedCall, moment: CallMoment) -> CallPlan:
        """With whom its customer is; asked for only where the agent needs it. Raises PlanError."""
        if agent.names_contact:
            number = call.called if call.direction == "outbound" else call.caller
            call = replace(call, contact=await find_contact_values(db, agent.workspace_id, number))
        return agent.make_plan(call, moment)


async def record_refusal(db: Connection, call_id: UUID, refusal: RefusedCall, now: datetime) -> None:
    """Stores a refusal that was decided after the row was inserted: no media node, or Redis unavailable."""
    call = await records_queries.lock_one(db, call_id)
    if call is not None:
        await save_changes(db, [(call.state, refuse(call.state, refusal.reason, now))])


def repeat_refusal(call: StoredCall, agent: AnsweringAgent | None) -> RefusedCall:
    """Why a call that is over is not admitted again: the reason of its refusal, if it was refused."""
    current = call.state
    reason = current.details.refused or "unusable"
    is_closed = agent is not None and reason == "outside_hours"
    text = agent.closing_text(call.to_planned(current.created_at)) if agent and is_closed else None
    return make_refusal(reason, agent.language if agent else "en", current.id, text)


async def record_checkpoint(db: Connection, call_id: UUID, checkpoint: Checkpoint, now: datetime) -> None:
    """The node may have been lost between its checkpoint and its events. The next one relies on the checkpoint and says
    nothing again: without this the record would not tell what it relies on, and the carrier would not begin to record,
    or not stop. Needs platform scope."""
    call = await records_queries.lock_one(db, call_id)
    if call is None:
        return
    # The node's clock may be wrong by years.
    at_s = min(max(checkpoint.at_ms / 1_000, call.state.created_at.timestamp()), now.timestamp())
    at = datetime.fromtimestamp(at_s, UTC)
    after = apply_checkpoint(call.state, checkpoint, at)
    if after != call.state:
        changed = [(call.state, after)]
        await save_changes(db, changed)
        await enqueue_recording_starts(db, changed)
        await enqueue_discards(db, changed)


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
        await records_queries.lock_workspace(db, agent.workspace_id)
        call = await records_queries.insert_ringing(db, replace(new, pseudonyms=pseudonyms))
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

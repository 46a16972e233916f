"""Makes the plans of calls: with whom the customer is, and with what must be reserved before the call begins."""

from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from control.agents.contacts import find_contact_values
from control.agents.lookup import AnsweringAgent
from control.agents.outside_hours import CallMoment
from control.agents.variables import PlannedCall
from control.billing.spend_snapshot import SpendTerms, load_terms
from control.calls.admission import admit
from control.calls.model import AdmittedCall
from control.calls.policy import CallPolicy
from control.calls.state import CallState
from control.calls.store import NewCall, StoredCall
from control.carriers.rules import CarrierName
from control.db.pool import Connection
from shared.plan import CallPlan


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

"""Outbound and test calls: the rules that must hold before one is placed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from control.agents.destinations import PARAM, country_of, parse_destination, require_allowed
from control.agents.lookup import AgentLookup, AnsweringAgent
from control.agents.plan_texts import TextTooLong
from control.agents.transfers import find_fault, require_verified
from control.agents.variables import PlannedCall
from control.billing.spend_snapshot import require_budget
from control.calls import read_numbers, store, store_alarms, store_outbound, store_platform_calls
from control.calls.dial_queue import PlaceCallJob, enqueue_dial
from control.calls.outbound_limits import (
    MINUTE_S,
    find_platform_limit,
    load_limits,
    require_platform_within,
    require_tests,
    require_within,
)
from control.calls.policy import LONGEST_S, TRANSFER_S
from control.calls.read_numbers import OriginNumber
from control.db.pool import Connection
from control.db.scope import read_platform
from control.do_not_call.rules import LISTED
from control.do_not_call.service import DoNotCallList
from control.platform.audit import Actor, Change, record_change
from control.platform.service import Platform
from control.workspaces.service import Workspaces
from shared.errors import Conflict, Invalid, NotFound
from shared.ids import new_id
from shared.plan import CallPlan, PlanError

# Media ends a call that lasts too long, with a goodbye. The carrier's own bound is this much later.
GOODBYE_S: Final = 60
# Missing variables that an error names.
MOST_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class CallRequest:
    """A requested outbound call. number: as the customer wrote it. variables: fill the agent's placeholders. metadata:
    the customer's own, stored with the call. agent_version: None for the agent's current one. number_ids: numbers to
    call from, the preferred one first; empty: any of the workspace."""

    workspace_id: UUID
    agent_id: UUID
    number: str
    is_test: bool
    variables: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    agent_version: int | None = None
    number_ids: Sequence[UUID] = ()


@dataclass(frozen=True, slots=True)
class DialTerms:
    """ring_s: how long it rings. longest_s: after which the carrier ends the call: what its agent allows, and then a
    transfer; for a test call what the staff allow; no more than what is left of the day's minutes, but one minute at
    least. record: its agent has calls recorded without announcing it, and its plan can be made. leaves_message: an
    answering machine gets a message after its greeting."""

    ring_s: int
    longest_s: int
    record: bool
    leaves_message: bool = False


class NotDialable(Exception):
    """A queued call that may not be dialled any more. detail: becomes the call's end_detail."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class OutboundCalls:
    """Every method works within the current transaction, in the workspace's scope or the platform's."""

    def __init__(
        self, workspaces: Workspaces, agents: AgentLookup, platform: Platform, do_not_call: DoNotCallList
    ) -> None:
        self._workspaces, self._agents, self._platform = workspaces, agents, platform
        self._do_not_call = do_not_call

    async def place(self, db: Connection, actor: Actor, request: CallRequest, now: datetime) -> UUID:
        """Inserts the call and enqueues the job that dials it. Raises as Calls.place does."""
        number, country = parse_destination(request.number)
        await self._workspaces.require_running(db, request.workspace_id)
        named = (request.workspace_id, request.agent_id, request.agent_version)
        agent = _require_agent(await self._agents.find_by_agent(db, *named))
        _require_able(agent, request)
        origin = await _choose_origin(db, request, number, country, agent)
        await self._do_not_call.require_unlisted(db, request.workspace_id, number, PARAM)
        new = _new_call(request, agent, origin, number, now)
        _require_plan(agent, new.to_planned())
        if not request.is_test:
            await require_budget(db, request.workspace_id, now)
        await self._require_capacity(db, request, number, agent, now)
        await store.insert_queued(db, new)
        await store_alarms.insert_country(db, request.workspace_id, country, now)
        await enqueue_dial(db, PlaceCallJob(new.id))
        action = "call.test" if request.is_test else "call.place"
        after = {"agent_id": str(request.agent_id), "country": country}
        await record_change(db, actor, Change(action, "call", str(new.id), request.workspace_id, after=after))
        return new.id

    async def require_transferable(self, db: Connection, workspace_id: UUID, number: str) -> str:
        """The number itself. Raises Invalid (codes as of `place`; number_is_own: two agents could transfer a caller to
        each other endlessly)."""
        fault = find_fault(number, await self._agents.get_dial_scope(db, workspace_id, number), "number")
        if fault is not None:
            raise fault
        return number

    async def make_terms(self, db: Connection, call: store.StoredCall, now: datetime) -> DialTerms:
        """How a queued call is dialled. Raises NotDialable: minutes may have passed since the call was asked for."""
        limits, queued = await load_limits(db, self._platform), call.state
        if await self._do_not_call.is_listed(db, queued.workspace_id, call.called):
            raise NotDialable(LISTED)
        agent = await self._agents.find_by_agent(db, queued.workspace_id, call.agent_id, call.agent_version)
        if call.agent_id is not None:  # one without an agent speaks a code
            _require_dialable(agent, is_test=queued.is_test)
        usage = await store_outbound.count_usage(db, queued.workspace_id, call.called, now)
        plan = _make_plan(agent, call.to_planned(now))
        bounds = [_longest_of(plan), MINUTE_S * limits["outbound_minutes_per_day"] - usage.seconds]
        if queued.is_test:
            bounds.append(MINUTE_S * limits["test_call_minutes"] if call.agent_id is not None else MINUTE_S)
        record = plan is not None and plan.recording and plan.consent is None
        leaves_message = plan is not None and bool(plan.voicemail_message)
        return DialTerms(limits["outbound_ring_s"], max(MINUTE_S, min(bounds)), record, leaves_message)

    async def is_paused(self, db: Connection) -> bool:
        """Whether all workspaces together have called as much as the staff allow: then no call is dialled any more, and
        those that are talked in go on."""
        used = await store_platform_calls.select_platform_calls(db)
        return bool(find_platform_limit(used, await load_limits(db, self._platform)))

    async def _require_capacity(
        self, db: Connection, request: CallRequest, number: str, agent: AnsweringAgent, now: datetime
    ) -> None:
        limits = await load_limits(db, self._platform)
        await store.lock_workspace(db, request.workspace_id)
        usage = await store_outbound.count_usage(db, request.workspace_id, number, now)
        require_within(usage, limits)
        require_platform_within(await store_platform_calls.select_platform_calls(db), limits)
        if request.is_test:
            of_person = await self._workspaces.lock_person(db, request.workspace_id)
            tests = await read_platform(db, lambda: store_outbound.count_tests(db, of_person, now))
            require_tests(tests, limits, is_trial=agent.is_trial)
        if usage.open >= agent.max_calls:
            raise Conflict(f"This workspace's tier allows {agent.max_calls} calls at the same time.", code="call_limit")


def _new_call(
    request: CallRequest, agent: AnsweringAgent, origin: OriginNumber, number: str, now: datetime
) -> store.NewCall:
    return store.NewCall(
        id=UUID(new_id()),
        workspace_id=request.workspace_id,
        agent_id=request.agent_id,
        agent_version=agent.version.version if agent.version else None,
        number_id=origin.id,
        direction="outbound",
        is_test=request.is_test,
        carrier=origin.carrier,
        carrier_call_id=None,
        caller=origin.phone_number,
        called=number,
        at=now,
        variables=request.variables,
        metadata=request.metadata,
    )


def _require_dialable(agent: AnsweringAgent | None, *, is_test: bool) -> None:
    """Raises NotDialable for a call whose callee would pick up and hear a refusal, or whose agent was paused."""
    if agent is None or not (agent.is_live or is_test):
        raise NotDialable("agent_not_live")
    if not agent.may_run:
        raise NotDialable("suspended")


def _make_plan(agent: AnsweringAgent | None, call: PlannedCall) -> CallPlan | None:
    """None for an agent that cannot answer (any more)."""
    try:
        return agent.make_plan(call) if agent is not None else None
    except PlanError:
        return None


def _longest_of(plan: CallPlan | None) -> int:
    most = plan.limits.max_duration_s if plan is not None else 0
    return min(most + GOODBYE_S + TRANSFER_S, LONGEST_S) if most else LONGEST_S


def _require_able(agent: AnsweringAgent, request: CallRequest) -> None:
    """Test calls may use an agent that is not live yet. Raises Conflict, Invalid."""
    if not request.is_test and not agent.is_live:
        raise Conflict("This agent is not live: activate it first, or place a test call.", code="agent_not_live")
    if not request.is_test and not agent.features.get("outbound_calls", False):
        raise Conflict("This workspace's tier has no outbound calls; test calls are.", code="outbound_not_in_tier")
    missing = agent.missing_variables(request.variables)
    if missing:
        text = f"The agent's texts need a value for {_list_names(missing)}: send it in variables."
        raise Invalid(text, code="variable_missing", param=f"variables.{missing[0]}")


def _require_plan(agent: AnsweringAgent, call: PlannedCall) -> None:
    """Raises Invalid, Conflict."""
    try:
        agent.make_plan(call)
    except TextTooLong as error:
        text = f"These variables are too long for the agent: {_reason(error)}."
        raise Invalid(text, code="too_long", param="variables") from None
    except PlanError as error:
        raise Conflict(f"This agent cannot talk: {_reason(error)}.", code="cannot_answer") from None


def _reason(error: PlanError) -> str:
    return str(error).removeprefix("plan: ")


def _list_names(names: Sequence[str]) -> str:
    """Up to MOST_NAMED of them."""
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


async def _choose_origin(
    db: Connection, request: CallRequest, number: str, country: str, agent: AnsweringAgent
) -> OriginNumber:
    """The number to call from. Raises Conflict, Invalid."""
    origins = await read_numbers.select_origins(db, request.workspace_id, request.agent_id)
    if any(one.phone_number == number for one in origins):
        raise Invalid("This is a number of the workspace itself.", code="number_is_own", param=PARAM)
    if request.number_ids:
        places = {number_id: place for place, number_id in enumerate(request.number_ids)}
        origins = sorted((one for one in origins if one.id in places), key=lambda one: places[one.id])
    if not origins:
        raise Conflict("This workspace has no active phone number to call from.", code="no_number")
    require_allowed(country, agent.dial_scope.own, agent.dial_scope.chosen)
    if agent.dial_scope.trial_numbers is None:
        return origins[0]
    require_verified(number, country, agent.dial_scope, PARAM)
    return next((one for one in origins if country_of(one.phone_number) == country), origins[0])


def _require_agent(agent: AnsweringAgent | None) -> AnsweringAgent:
    if agent is None or agent.agent_id is None:
        raise NotFound("There is no such agent.", code="agent_not_found")
    return agent

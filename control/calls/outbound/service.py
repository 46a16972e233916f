"""Outbound and test calls: the preconditions of a call, and how it is dialed.

The steps of dialing are stored before and after the carrier's request, so that no call is dialed twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from control.agents.destinations import (
    PARAM,
    country_of,
    find_transfer_fault,
    parse_destination,
    require_allowed,
    require_verified,
)
from control.agents.plans.rules import TextTooLong
from control.agents.plans.service import AgentLookup, AnsweringAgent
from control.agents.variables import PlannedCall
from control.audit.service import Actor, Change, record_change
from control.billing.limits.service import has_budget, require_budget
from control.calls.changes.service import save_changes
from control.calls.outbound import queries
from control.calls.outbound.queries import select_listed
from control.calls.outbound.rules import (
    MINUTE_S,
    OriginNumber,
    find_platform_limit,
    require_platform_within,
    require_tests,
    require_within,
)
from control.calls.records import queries as records_queries
from control.calls.records.state import LONGEST_S, TRANSFER_S, CallState, close, mark_dialed, refuse
from control.campaigns import service as campaigns_service
from control.campaigns.recipients import CampaignCall
from control.campaigns.settings import CallScreening
from control.carriers.rules import CarrierName, DialRequest, PlacedCall
from control.db.jobs import enqueue
from control.db.pool import Connection
from control.db.scope import read_platform
from control.do_not_call.rules import LISTED
from control.do_not_call.service import DoNotCallList
from control.platform.service import Platform
from control.workspaces.service import Workspaces
from shared.errors import Conflict, Invalid, NotFound
from shared.ids import new_id
from shared.plan import CallPlan, PlanError

# --- What is asked for, and how it is dialed ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CallRequest:
    """A requested outbound call.

    Attributes:
        number: As the customer wrote it.
        variables: Values for the agent's placeholders.
        metadata: The customer's data, stored with the call.
        agent_version: None for the agent's current version.
        number_ids: Numbers to call from, the preferred number first; empty for any number of the workspace.
    """

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
    """How a call is dialed.

    Attributes:
        ring_s: How long it rings.
        longest_s: When the carrier ends the call: after the agent's limit and a transfer, or after the staff's limit
            for a test call. The rest of the day's minutes caps it, but at least one minute is allowed.
        record: The agent has calls recorded without an announcement, and its plan can be made.
        leaves_message: An answering machine gets a message after its greeting. False for test calls.
        call_screening: See `CallRules`.
    """

    ring_s: int
    longest_s: int
    record: bool
    leaves_message: bool = False
    call_screening: CallScreening | None = None


class NotDialable(Exception):
    """A queued call may no longer be dialed.

    Attributes:
        detail: Becomes the end_detail of the call.
    """

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


PLACE_CALL: Final = "calls.place"


class PlaceCallJob(msgspec.Struct, frozen=True):
    """Payload of the job that dials a call.

    Attributes:
        turn_at: The time slot reserved for the call, in seconds since the epoch; 0 for none.
        refusals: The number of times the carrier did not process the request.
    """

    call_id: UUID
    turn_at: float = 0.0
    refusals: int = 0


async def enqueue_dial(db: Connection, job: PlaceCallJob, delay_s: float = 0.0) -> None:
    """Enqueues the job within the current transaction."""
    await enqueue(db, PLACE_CALL, msgspec.json.encode(job), delay_s=delay_s)


# --- The limits that the staff set -----------------------------------------------------------------------------------

# The platform's settings that limit calls.
LIMITS: Final = (
    "outbound_calls_per_minute", "outbound_calls_per_hour", "outbound_calls_per_day", "outbound_repeats_per_day",
    "outbound_minutes_per_hour", "outbound_minutes_per_day", "platform_calls_per_hour", "platform_calls_per_day",
    "platform_minutes_per_hour", "platform_minutes_per_day",
    "trial_test_calls_per_day", "test_calls_per_day", "test_call_minutes", "outbound_ring_s", "phone_codes_per_day",
    "phone_codes_per_number", "alarm_short_calls_per_hour", "alarm_short_call_s", "alarm_test_calls_per_hour",
    "alarm_new_countries_per_day",
)  # fmt: skip


async def load_limits(db: Connection, platform: Platform) -> dict[str, int]:
    """Loads the limits that the staff set, by name."""
    stored: dict[str, Any] = {setting.key: setting.value for setting in await platform.settings(db)}
    return {name: int(stored[name]) for name in LIMITS}


# --- What must hold for every call that is placed --------------------------------------------------------------------


class CallPreconditions:
    """Preconditions of every outbound call of a workspace.

    They hold for calls of a customer, a campaign or a tester, and for calls that verify a user's phone
    (`control/calls/verified_numbers/service.py`).
    """

    def __init__(self, workspaces: Workspaces, platform: Platform, do_not_call: DoNotCallList) -> None:
        self._workspaces, self._platform, self._do_not_call = workspaces, platform, do_not_call

    async def require_callable(
        self, db: Connection, workspace_id: UUID, agent_id: UUID | None, number: str, param: str
    ) -> Sequence[OriginNumber]:
        """Returns the numbers that the workspace may call this number from. The agent's own numbers come first.

        Raises:
            Invalid: Codes number_is_own and LISTED, with `param`.
            Conflict: Codes no_number, workspace_suspended, owner_unverified.
        """
        await self._workspaces.require_running(db, workspace_id)
        origins = await queries.select_origins(db, workspace_id, agent_id)
        if any(origin.phone_number == number for origin in origins):
            raise Invalid("This is a number of the workspace itself.", code="number_is_own", param=param)
        if not origins:
            raise no_number()
        await self._do_not_call.require_unlisted(db, workspace_id, number, param)
        return origins

    async def require_capacity(
        self, db: Connection, workspace_id: UUID, number: str, most_open: int, now: datetime
    ) -> Mapping[str, int]:
        """Checks the limits of the workspace and the platform. Returns the limits that the staff set.

        Locks the workspace, so that two calls cannot pass the same limit.

        Args:
            most_open: Calls that the workspace's tier allows at the same time.

        Raises:
            Conflict: Code call_limit.
            TooManyRequests: Codes outbound_rate, outbound_daily_limit, outbound_repeat_limit, outbound_minutes_limit,
                outbound_hourly_limit, platform_limit.
        """
        limits = await load_limits(db, self._platform)
        await records_queries.lock_workspace(db, workspace_id)
        usage = await queries.count_usage(db, workspace_id, number, now)
        require_within(usage, limits)
        require_platform_within(await queries.select_platform_calls(db), limits)
        if usage.open >= most_open:
            raise Conflict(f"This workspace's tier allows {most_open} calls at the same time.", code="call_limit")
        return limits


def no_number() -> Conflict:
    """Returns the error of a workspace that has no number to call from."""
    return Conflict("This workspace has no active phone number to call from.", code="no_number")


# --- Placing a call --------------------------------------------------------------------------------------------------

# Media ends a call that lasts too long, with a goodbye. The carrier's own bound is this much later.
GOODBYE_S: Final = 60
# Maximum number of missing variables that an error lists.
MOST_NAMED: Final = 5


class OutboundCalls:
    """Places outbound calls. Works within the current transaction, in the workspace's or platform scope."""

    def __init__(self, workspaces: Workspaces, agents: AgentLookup, preconditions: CallPreconditions) -> None:
        self._workspaces, self._agents, self._preconditions = workspaces, agents, preconditions

    async def place(self, db: Connection, actor: Actor, request: CallRequest, now: datetime) -> UUID:
        """Inserts the call and enqueues the job that dials it. Needs the workspace's scope.

        Raises:
            Invalid: Codes number_invalid, number_refused, country_not_allowed, number_is_own, variable_missing,
                too_long, and LISTED.
            NotFound: Code agent_not_found.
            Conflict: Codes agent_not_live, outbound_not_in_tier, cannot_answer, no_number, call_limit,
                spend_limit_reached, workspace_suspended, owner_unverified.
            TooManyRequests: Codes outbound_rate, outbound_daily_limit, outbound_repeat_limit, outbound_minutes_limit,
                outbound_hourly_limit, platform_limit, trial_test_limit, test_limit.
        """
        number, country = parse_destination(request.number)
        named = (request.workspace_id, request.agent_id, request.agent_version)
        agent = require_agent(await self._agents.find_by_agent(db, *named))
        _require_able(agent, request)
        scope = (request.workspace_id, request.agent_id)
        origins = await self._preconditions.require_callable(db, *scope, number, PARAM)
        origin = _choose_origin(origins, request, number, country, agent)
        new = _new_call(request, agent, origin, number, now)
        require_plan(agent, new.to_planned())
        if not request.is_test:
            await require_budget(db, request.workspace_id, now)
        await self._require_capacity(db, request, number, agent, now)
        await records_queries.insert_queued(db, new)
        await queries.insert_country(db, request.workspace_id, country, now)
        await enqueue_dial(db, PlaceCallJob(new.id))
        action = "call.test" if request.is_test else "call.place"
        after = {"agent_id": str(request.agent_id), "country": country}
        await record_change(db, actor, Change(action, "call", str(new.id), request.workspace_id, after=after))
        return new.id

    async def place_for_campaign(self, db: Connection, call: CampaignCall, now: datetime) -> UUID:
        """Places a call of a campaign by the same rules. Raises the same errors as `place`."""
        request = CallRequest(
            workspace_id=call.workspace_id,
            agent_id=call.agent_id,
            number=call.phone_number,
            is_test=False,
            variables=call.variables,
            agent_version=call.agent_version,
            number_ids=call.number_ids,
        )
        return await self.place(db, Actor("system"), request, now)

    async def require_transferable(self, db: Connection, workspace_id: UUID, number: str) -> str:
        """Returns the number if callers may be transferred to it. The rules of outbound calls apply.

        Raises:
            Invalid: The same codes as `place`. Code number_is_own prevents two agents from transferring a caller to
                each other endlessly.
        """
        fault = find_transfer_fault(number, await self._agents.get_dial_scope(db, workspace_id, number), "number")
        if fault is not None:
            raise fault
        return number

    async def _require_capacity(
        self, db: Connection, request: CallRequest, number: str, agent: AnsweringAgent, now: datetime
    ) -> None:
        scope = (request.workspace_id, number, agent.max_calls)
        limits = await self._preconditions.require_capacity(db, *scope, now)
        if request.is_test:
            of_person = await self._workspaces.lock_person(db, request.workspace_id)
            tests = await read_platform(db, lambda: queries.count_tests(db, of_person, now))
            require_tests(tests, limits, is_trial=agent.is_trial)


def _new_call(
    request: CallRequest, agent: AnsweringAgent, origin: OriginNumber, number: str, now: datetime
) -> records_queries.NewCall:
    return records_queries.NewCall(
        id=UUID(new_id()),
        workspace_id=request.workspace_id,
        agent_id=request.agent_id,
        agent_version=agent.version.version if agent.version else None,
        number_id=origin.id,
        direction="outbound",
        is_test=request.is_test,
        carrier=origin.carrier,
        carrier_call_id=None,
        caller_number=origin.phone_number,
        called_number=number,
        at=now,
        variables=request.variables,
        metadata=request.metadata,
    )


def _require_able(agent: AnsweringAgent, request: CallRequest) -> None:
    """Checks that the agent can place the call. Test calls may use an agent that is not live yet. Raises Conflict,
    Invalid."""
    if not request.is_test and not agent.is_live:
        raise Conflict("This agent is not live: activate it first, or place a test call.", code="agent_not_live")
    if not request.is_test and not agent.features.get("outbound_calls", False):
        raise Conflict("This workspace's tier has no outbound calls; test calls are.", code="outbound_not_in_tier")
    require_variables(agent, request.variables)


def require_variables(agent: AnsweringAgent, variables: Mapping[str, str]) -> None:
    """Checks that the call has values for all variables that the agent's texts need. Raises Invalid."""
    missing = agent.missing_variables(variables)
    if missing:
        text = f"The agent's texts need a value for {_list_names(missing)}: send it in variables."
        raise Invalid(text, code="variable_missing", param=f"variables.{missing[0]}")


def require_plan(agent: AnsweringAgent, call: PlannedCall) -> CallPlan:
    """Returns the call's plan. Raises Invalid, Conflict."""
    try:
        return agent.make_plan(call)
    except TextTooLong as error:
        text = f"These variables are too long for the agent: {_reason(error)}."
        raise Invalid(text, code="too_long", param="variables") from None
    except PlanError as error:
        raise Conflict(f"This agent cannot talk: {_reason(error)}.", code="cannot_answer") from None


def _reason(error: PlanError) -> str:
    return str(error).removeprefix("plan: ")


def _list_names(names: Sequence[str]) -> str:
    """Returns a list of up to MOST_NAMED names."""
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _choose_origin(
    origins: Sequence[OriginNumber], request: CallRequest, number: str, country: str, agent: AnsweringAgent
) -> OriginNumber:
    """Returns the number to call from. Raises Conflict, Invalid."""
    if request.number_ids:
        places = {number_id: place for place, number_id in enumerate(request.number_ids)}
        origins = sorted((origin for origin in origins if origin.id in places), key=lambda origin: places[origin.id])
    if not origins:
        raise no_number()
    require_allowed(country, agent.dial_scope.own, agent.dial_scope.chosen)
    if agent.dial_scope.trial_numbers is None:
        return origins[0]
    require_verified(number, country, agent.dial_scope, PARAM)
    return next((origin for origin in origins if country_of(origin.phone_number) == country), origins[0])


def require_agent(agent: AnsweringAgent | None) -> AnsweringAgent:
    """Returns the agent. Raises NotFound if the workspace does not have this agent."""
    if agent is None or agent.agent_id is None:
        raise NotFound("There is no such agent.", code="agent_not_found")
    return agent


# --- Dialing a placed call ------------------------------------------------------------------------------------------

# A call that was not dialed within this time is no longer wanted. At one call a second, 600 calls are dialed in this
# time.
STALE: Final = timedelta(minutes=10)
# How long we search the carrier for a call whose request got no answer. The carrier may still be placing the call, and
# another worker may still wait for the answer. Both take less than the time limit of a job, 60 s.
LOOKED_FOR: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class DialOrder:
    """A call to dial.

    Attributes:
        since: When dialing was first tried.
        is_repeat: The first attempt may have reached the carrier.
    """

    carrier: CarrierName
    dial: DialRequest
    since: datetime
    is_repeat: bool


@dataclass(frozen=True, slots=True)
class WaitingCall:
    """A queued call.

    Attributes:
        is_repeat: Dialing was tried, and the attempt may have reached the carrier.
        is_stale: The call has waited for so long that it is no longer wanted.
        ahead: Number of the workspace's calls that wait to be dialed before this call.
    """

    carrier: CarrierName
    is_repeat: bool
    is_stale: bool
    ahead: int


class CallPlacement:
    """The steps of dialing a call that `OutboundCalls.place` has stored. Each step is a transaction in platform
    scope.
    """

    def __init__(self, agents: AgentLookup, platform: Platform, do_not_call: DoNotCallList) -> None:
        self._agents, self._platform, self._do_not_call = agents, platform, do_not_call

    async def find_waiting(self, db: Connection, call_id: UUID, now: datetime) -> WaitingCall | None:
        """Returns the call if it is queued, else None."""
        call = await records_queries.lock_one(db, call_id)
        if call is None or not is_queued(call.state):
            return None
        queued, carrier = call.state, _carrier_of(call.state)
        ahead = await queries.count_waiting_before(db, queued.workspace_id, carrier, call_id, now - STALE)
        return WaitingCall(carrier, queued.details.placing_at is not None, now - queued.created_at > STALE, ahead)

    async def undo_start(self, db: Connection, call_id: UUID) -> None:
        """Undoes `start` for a call that the carrier has certainly not placed."""
        call = await records_queries.lock_one(db, call_id)
        if call is not None and is_queued(call.state):
            await records_queries.update_states(
                db, [replace(call.state, details=replace(call.state.details, placing_at=None))]
            )

    async def start(self, db: Connection, call_id: UUID, now: datetime) -> DialOrder | None:
        """Stores that the call is being dialed now.

        Returns:
            None if the call is not queued, or if it was closed because it has waited for too long or may no longer be
                dialed.
        """
        call = await records_queries.lock_one(db, call_id)
        if call is None or not is_queued(call.state):
            return None
        queued = call.state
        carrier = _carrier_of(queued)
        since = queued.details.placing_at
        if since is not None:  # a repeated attempt only searches for the call at the carrier
            dial = DialRequest(str(call_id), queued.caller_number, call.called_number)
            return DialOrder(carrier, dial, since.astimezone(UTC), is_repeat=True)
        if now - queued.created_at > STALE:
            await _close(db, queued, "too_late", now)
            return None
        if await self._is_paused(db):
            await _close(db, queued, "platform_limit", now)
            return None
        if not queued.is_test and not await has_budget(db, queued.workspace_id, now):
            await save_changes(db, [(queued, refuse(queued, "spend_limit", now))])
            return None
        try:
            terms = await self._make_terms(db, call, now)
        except NotDialable as refused:
            await save_changes(db, [(queued, close(queued, "canceled", None, refused.detail, now, "control"))])
            return None
        details = replace(
            queued.details,
            placing_at=now,
            leaves_message=terms.leaves_message,
            call_screening=terms.call_screening,
        )
        await records_queries.update_states(db, [replace(queued, details=details)])
        dial = DialRequest(
            str(call_id),
            queued.caller_number,
            call.called_number,
            terms.ring_s,
            terms.longest_s,
            detect_machine=not queued.is_test,
            record=terms.record,
            leaves_message=terms.leaves_message,
        )
        return DialOrder(carrier, dial, now, is_repeat=False)

    async def _make_terms(self, db: Connection, call: records_queries.StoredCall, now: datetime) -> DialTerms:
        """Returns how a queued call is dialed.

        Raises:
            NotDialable: The call may no longer be dialed. Minutes may have passed since it was requested.
        """
        limits, queued = await load_limits(db, self._platform), call.state
        if await self._do_not_call.is_listed(db, queued.workspace_id, call.called_number):
            raise NotDialable(LISTED)
        agent = await self._agents.find_by_agent(db, queued.workspace_id, call.agent_id, call.agent_version)
        if call.agent_id is not None:  # a call without an agent speaks a code
            _require_dialable(agent, is_test=queued.is_test)
        usage = await queries.count_usage(db, queued.workspace_id, call.called_number, now)
        plan = _make_plan(agent, call.to_planned(now))
        bounds = [_longest_of(plan), MINUTE_S * limits["outbound_minutes_per_day"] - usage.seconds]
        if queued.is_test:
            bounds.append(MINUTE_S * limits["test_call_minutes"] if call.agent_id is not None else MINUTE_S)
        rules = await campaigns_service.find_rules(db, queued.workspace_id, queued.id, now)
        if rules.obstacle is not None:
            raise NotDialable(rules.obstacle)
        record = plan is not None and plan.recording and plan.consent is None
        has_message = plan is not None and bool(plan.voicemail_message)
        return DialTerms(
            limits["outbound_ring_s"],
            max(MINUTE_S, min(bounds)),
            record,
            leaves_message=has_message and rules.leaves_message and not queued.is_test,
            call_screening=rules.call_screening,
        )

    async def _is_paused(self, db: Connection) -> bool:
        """Returns whether the platform's limit is reached. In that case no call is dialed, and running calls
        continue.
        """
        used = await queries.select_platform_calls(db)
        return bool(find_platform_limit(used, await load_limits(db, self._platform)))

    async def confirm(self, db: Connection, call_id: UUID, placed: PlacedCall, now: datetime) -> bool:
        """Stores the carrier's ids of the dialed call.

        Returns:
            False if the id belongs to another call of ours, or if the call is over by now. It has to be hung up.
        """
        call = await records_queries.lock_one(db, call_id)
        if call is None or await _belongs_to_another(db, call.state, placed.carrier_call_id):
            return False
        dialed = call.state
        if dialed.carrier_call_id is None:
            dialed = mark_dialed(dialed, placed, now)
            await records_queries.update_states(db, [dialed])
        return not dialed.is_final

    async def confirm_found(
        self, db: Connection, call_id: UUID, found: Sequence[PlacedCall], now: datetime
    ) -> tuple[str, bool] | None:
        """Confirms the first of the carrier's calls that does not belong to another call of ours.

        Returns:
            The carrier's id of that call, and the result of `confirm`. None if there is no such call.
        """
        call = await records_queries.lock_one(db, call_id)
        if call is None:
            return None
        for placed in found:
            if not await _belongs_to_another(db, call.state, placed.carrier_call_id):
                return placed.carrier_call_id, await self.confirm(db, call_id, placed, now)
        return None

    async def fail(self, db: Connection, call_id: UUID, detail: str, now: datetime) -> None:
        """Ends a call that the carrier refused, or that may or may not have been dialed.

        Args:
            detail: Our code or the carrier's code.
        """
        call = await records_queries.lock_one(db, call_id)
        if call is not None and call.state.carrier_call_id is None:
            await _close(db, call.state, detail, now)


def _require_dialable(agent: AnsweringAgent | None, *, is_test: bool) -> None:
    """Raises NotDialable if the called person would hear a refusal, or if the agent was paused."""
    if agent is None or not (agent.is_live or is_test):
        raise NotDialable("agent_not_live")
    if not agent.may_run:
        raise NotDialable("suspended")


def _make_plan(agent: AnsweringAgent | None, call: PlannedCall) -> CallPlan | None:
    """Makes the plan. Returns None if the agent cannot answer."""
    try:
        return agent.make_plan(call) if agent is not None else None
    except PlanError:
        return None


def _longest_of(plan: CallPlan | None) -> int:
    most = plan.limits.max_duration_s if plan is not None else 0
    return min(most + GOODBYE_S + TRANSFER_S, LONGEST_S) if most else LONGEST_S


def is_queued(state: CallState) -> bool:
    """Returns whether the call waits to be dialed, as far as its carrier has reported."""
    return state.status == "queued" and state.carrier_call_id is None


def _carrier_of(state: CallState) -> CarrierName:
    return "telnyx" if state.carrier == "telnyx" else "twilio"


async def _close(db: Connection, queued: CallState, detail: str, now: datetime) -> None:
    await save_changes(db, [(queued, close(queued, "failed", "carrier_error", detail, now, "control"))])


async def _belongs_to_another(db: Connection, dialed: CallState, carrier_call_id: str) -> bool:
    other = await records_queries.select_stored_call(db, dialed.carrier, carrier_call_id)
    return other is not None and other.state.id != dialed.id


# --- Calls that wait while their number comes onto a do-not-call list ------------------------------------------------

CANCELED_AT_ONCE: Final = 200


async def cancel_listed(db: Connection, now: datetime) -> int:
    """Cancels waiting calls whose number is now on a do-not-call list. Returns the number of calls. Needs platform
    scope.

    They would not be dialed in any case, because dialing checks the list again. But canceled calls do not use a time
    slot.
    """
    states = await records_queries.lock_states(db, await select_listed(db, CANCELED_AT_ONCE))
    waiting = [state for state in states.values() if is_queued(state) and state.details.placing_at is None]
    await save_changes(db, [(call, close(call, "canceled", None, LISTED, now, "control")) for call in waiting])
    return len(waiting)

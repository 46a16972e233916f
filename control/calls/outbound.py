"""Outbound and test calls: everything that must be right before one is placed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from control.agents.answering import Answering, Ready
from control.agents.destinations import PARAM, destination, require_allowed
from control.agents.transfers import fault_of
from control.calls import store, store_outbound
from control.calls.policy import LONGEST_S, TRANSFER_S
from control.calls.store_outbound import Line, Placed
from control.db.jobs import enqueue
from control.db.pool import Connection
from control.platform.audit import Actor, Change, record
from control.platform.service import Platform
from control.workspaces.service import Workspaces
from shared.errors import Conflict, Invalid, Missing, TooMany
from shared.ids import new_id
from shared.plan import CallPlan, PlanError

PLACE: Final = "calls.place"
# The platform's settings that bound calls.
LIMITS: Final = (
    "outbound_calls_per_minute", "outbound_calls_per_day", "outbound_repeats_per_day", "outbound_minutes_per_day",
    "trial_test_calls_per_day", "test_calls_per_day", "test_call_minutes", "outbound_ring_s",
)  # fmt: skip
MINUTE_S: Final = 60
DAY_S: Final = 86_400
# Media ends a call that lasts too long, with a goodbye; the carrier only one that media did not.
GOODBYE_S: Final = 60


class PlaceJob(msgspec.Struct, frozen=True):
    """The payload of a job for one call."""

    call_id: UUID


@dataclass(frozen=True, slots=True)
class Wish:
    """A call that somebody wants to be placed."""

    workspace_id: UUID
    agent_id: UUID
    number: str
    is_test: bool


@dataclass(frozen=True, slots=True)
class Terms:
    """ring_s: how long it rings. longest_s: after which the carrier ends it: what its agent allows, and then a
    transfer; of a test call what the staff allow; no more than what is left of the day's minutes, but one at least.
    record: its agent has calls recorded, and can talk."""

    ring_s: int
    longest_s: int
    record: bool


class Outbound:
    """Within the request's transaction, in the workspace's scope."""

    def __init__(self, workspaces: Workspaces, answering: Answering, platform: Platform) -> None:
        self._workspaces, self._answering, self._platform = workspaces, answering, platform

    async def place(self, db: Connection, actor: Actor, wish: Wish, now: datetime) -> UUID:
        """Notes the call, and asks for the job that dials it. Raises as Calls.place does."""
        number, country = destination(wish.number)
        await self._workspaces.require_running(db, wish.workspace_id)
        ready = _found(await self._answering.by_agent(db, wish.workspace_id, wish.agent_id))
        call_id = UUID(new_id())
        _require_able(ready, wish, str(call_id))
        line = await _line(db, wish, number, country, ready)
        await self._require_room(db, wish, number, ready, now)
        version = ready.version.version if ready.version else None
        await store.insert_queued(
            db,
            store.NewCall(
                call_id, wish.workspace_id, wish.agent_id, version, line.id, "outbound", wish.is_test, line.carrier,
                None, line.phone_number, number, now,
            ),
        )  # fmt: skip
        await enqueue(db, PLACE, msgspec.json.encode(PlaceJob(call_id)))
        action = "call.test" if wish.is_test else "call.place"
        after = {"agent_id": str(wish.agent_id), "country": country}
        await record(db, actor, Change(action, "call", str(call_id), wish.workspace_id, after=after))
        return call_id

    async def transferable(self, db: Connection, workspace_id: UUID, number: str) -> str:
        """The number itself. Raises Invalid (codes as of `place`; number_is_own: two agents could hand a caller to each
        other without end)."""
        fault = fault_of(number, await self._answering.reach(db, workspace_id, number), "number")
        if fault is not None:
            raise fault
        return number

    async def terms(self, db: Connection, row: store.Row, now: datetime) -> Terms:
        """How a call is placed that was noted."""
        limits, its = await self._limits(db), row.state
        placed = await store_outbound.count_placed(db, its.workspace_id, row.called, now)
        ready = await self._answering.by_agent(db, its.workspace_id, row.agent_id, row.agent_version)
        plan = _plan_of(ready, str(its.id))
        bounds = [_longest_of(plan), MINUTE_S * limits["outbound_minutes_per_day"] - placed.seconds]
        if its.is_test:
            bounds.append(MINUTE_S * limits["test_call_minutes"])
        return Terms(limits["outbound_ring_s"], max(MINUTE_S, min(bounds)), plan is not None and plan.recording)

    async def _limits(self, db: Connection) -> dict[str, int]:
        """By name, as the staff set them."""
        stored: dict[str, Any] = {one.key: one.value for one in await self._platform.settings(db)}
        return {name: int(stored[name]) for name in LIMITS}

    async def _require_room(self, db: Connection, wish: Wish, number: str, ready: Ready, now: datetime) -> None:
        limits = await self._limits(db)
        await store.lock_workspace(db, wish.workspace_id)
        placed = await store_outbound.count_placed(db, wish.workspace_id, number, now)
        _require_within(placed, limits)
        if wish.is_test:
            _require_tests(placed, limits, ready)
        if placed.open >= ready.most_calls:
            raise Conflict(
                f"This workspace's tier allows {ready.most_calls} calls at the same time.", code="call_limit"
            )


def _require_within(placed: Placed, limits: Mapping[str, int]) -> None:
    """Raises TooMany."""
    if placed.minute >= limits["outbound_calls_per_minute"]:
        most = limits["outbound_calls_per_minute"]
        raise _too_many("outbound_rate", "outbound calls a minute", most, MINUTE_S)
    if placed.day >= limits["outbound_calls_per_day"]:
        raise _too_many("outbound_daily_limit", "outbound calls a day", limits["outbound_calls_per_day"])
    if placed.same >= limits["outbound_repeats_per_day"]:
        raise _too_many("outbound_repeat_limit", "calls a day to one number", limits["outbound_repeats_per_day"])
    if placed.seconds >= 60 * limits["outbound_minutes_per_day"]:
        raise _too_many("outbound_minutes_limit", "connected minutes a day", limits["outbound_minutes_per_day"])


def _require_tests(placed: Placed, limits: Mapping[str, int], ready: Ready) -> None:
    """Raises TooMany."""
    if ready.is_trial and placed.tests >= limits["trial_test_calls_per_day"]:
        raise _too_many("trial_test_limit", "test calls a day while on trial", limits["trial_test_calls_per_day"])
    if not ready.is_trial and placed.tests >= limits["test_calls_per_day"]:
        raise _too_many("test_limit", "test calls a day", limits["test_calls_per_day"])


def _plan_of(ready: Ready | None, call_id: str) -> CallPlan | None:
    """None of an agent that cannot talk (any more)."""
    try:
        return ready.plan(call_id) if ready is not None else None
    except PlanError:
        return None


def _longest_of(plan: CallPlan | None) -> int:
    most = plan.limits.max_duration_s if plan is not None else 0
    return min(most + GOODBYE_S + TRANSFER_S, LONGEST_S) if most else LONGEST_S


def _require_able(ready: Ready, wish: Wish, call_id: str) -> None:
    """A test call may be placed by an agent that is not live yet. Raises Conflict."""
    if not wish.is_test and not ready.is_live:
        raise Conflict("This agent is not live: activate it first, or place a test call.", code="agent_not_live")
    if not wish.is_test and not ready.features.get("outbound_calls", False):
        raise Conflict("This workspace's tier has no outbound calls; test calls are.", code="outbound_not_in_tier")
    try:
        ready.plan(call_id)
    except PlanError as error:
        told = str(error).removeprefix("plan: ")
        raise Conflict(f"This agent cannot talk: {told}.", code="cannot_answer") from None


async def _line(db: Connection, wish: Wish, number: str, country: str, ready: Ready) -> Line:
    """The number to call from. Raises Conflict, Invalid."""
    lines = await store_outbound.select_lines(db, wish.workspace_id, wish.agent_id)
    if not lines:
        raise Conflict("This workspace has no active phone number to call from.", code="no_number")
    if any(line.phone_number == number for line in lines):
        raise Invalid("This is a number of the workspace itself.", code="number_is_own", param=PARAM)
    require_allowed(country, ready.reach.own, ready.reach.chosen)
    return lines[0]


def _found(ready: Ready | None) -> Ready:
    if ready is None or ready.agent_id is None:
        raise Missing("There is no such agent.", code="agent_not_found")
    return ready


def _too_many(code: str, what: str, most: int, wait_s: int = DAY_S) -> TooMany:
    return TooMany(f"No more than {most} {what}.", code=code, retry_after_s=wait_s)

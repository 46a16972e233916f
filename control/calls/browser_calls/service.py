"""Test calls from a browser: checks who may begin a call, and returns the address for the browser's socket."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from control.agents.plans.rules import adapt_tools
from control.agents.plans.service import AgentLookup, AnsweringAgent
from control.audit.service import Actor, Change, record_change
from control.calls.live.service import MediaAssignment, NoMediaNode, StreamTarget
from control.calls.outbound import queries
from control.calls.outbound.rules import MINUTE_S, require_tests
from control.calls.outbound.service import load_limits, require_agent, require_plan, require_variables
from control.calls.records import queries as records_queries
from control.calls.records.running_calls import AdmittedCall
from control.calls.records.state import BROWSER
from control.db.pool import Connection
from control.db.scope import read_platform
from control.http.access import member
from control.http.auth.lasting_rights import LastingRights
from control.media_requests.handlers import HandlerContext, MediaRequestHandler, RequestHandlers
from control.platform.service import Platform
from control.workspaces.service import Workspaces
from shared.bus.requests import BROWSER_CALL_CHECK
from shared.bus.tickets import TTL_S
from shared.errors import Conflict, Unavailable
from shared.ids import new_id
from shared.plan import WARM_TRANSFER, CallPlan, ToolPlan

BROWSER_CALLERS: Final = member("member", "calls:write")
# The request holds a database connection while it waits for Redis.
ASSIGNMENT_TIMEOUT_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class BrowserCallRequest:
    """A requested test call.

    Attributes:
        agent_version: None for the agent's current version.
        variables, metadata: The same as for any call.
    """

    workspace_id: UUID
    agent_id: UUID
    agent_version: int | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BrowserCall:
    """A call that the browser may begin.

    Attributes:
        socket_url: Holds a token that works once, until `expires_at`.
    """

    call_id: UUID
    socket_url: str = field(repr=False)
    expires_at: datetime


class BrowserCalls:
    """Begins test calls. Works within the current transaction, in the workspace's scope."""

    def __init__(
        self,
        workspaces: Workspaces,
        agents: AgentLookup,
        platform: Platform,
        media: MediaAssignment,
        rights: LastingRights,
    ) -> None:
        self._workspaces, self._agents, self._platform, self._media = workspaces, agents, platform, media
        self._rights = rights

    async def begin(
        self, db: Connection, actor: Actor, credential: str, request: BrowserCallRequest, now: datetime
    ) -> BrowserCall:
        """Stores the call and assigns it to a media node.

        Args:
            credential: The credential of the request. The call ends when it no longer allows beginning calls.

        Raises:
            NotFound: Code agent_not_found.
            Invalid: Codes variable_missing, too_long.
            Conflict: Codes cannot_answer, call_limit, workspace_suspended, owner_unverified.
            TooManyRequests: Codes trial_test_limit, test_limit.
            Unavailable: Code no_media_node.
        """
        await self._workspaces.require_running(db, request.workspace_id)
        named = (request.workspace_id, request.agent_id, request.agent_version)
        agent = require_agent(await self._agents.find_by_agent(db, *named))
        require_variables(agent, request.variables)
        new = _new_call(request, agent, now)
        plan = require_plan(agent, new.to_planned())
        limits = await self._require_capacity(db, request.workspace_id, agent, now)
        await records_queries.insert_browser_call(db, new)
        plan = adapt_plan(plan, MINUTE_S * limits["test_call_minutes"])
        plan = msgspec.structs.replace(plan, right=self._rights.seal(BROWSER_CALL_CHECK, new.id, credential))
        target = await self._assign(AdmittedCall(new.id, request.workspace_id, BROWSER, "", plan))
        await records_queries.append_leg(db, new.id, 0, target.node_id)
        after = {"agent_id": str(request.agent_id), "carrier": BROWSER}
        await record_change(db, actor, Change("call.test", "call", str(new.id), request.workspace_id, after=after))
        url = f"{target.url}/media/{BROWSER}/{target.token}"
        return BrowserCall(new.id, url, now + timedelta(seconds=TTL_S))

    async def _require_capacity(
        self, db: Connection, workspace_id: UUID, agent: AnsweringAgent, now: datetime
    ) -> Mapping[str, int]:
        """Locks the workspace and its owner, so that two calls cannot pass the same limit.

        Returns the limits that the staff set. Raises Conflict and TooManyRequests.
        """
        limits = await load_limits(db, self._platform)
        await records_queries.lock_workspace(db, workspace_id)
        usage = await queries.count_usage(db, workspace_id, "", now)
        if usage.open >= agent.max_calls:
            raise Conflict(f"This workspace's tier allows {agent.max_calls} calls at the same time.", code="call_limit")
        of_person = await self._workspaces.lock_person(db, workspace_id)
        tests = await read_platform(db, lambda: queries.count_tests(db, of_person, now))
        require_tests(tests, limits, is_trial=agent.is_trial)
        return limits

    async def _assign(self, call: AdmittedCall) -> StreamTarget:
        """Assigns the call to a media node. Raises Unavailable."""
        try:
            async with asyncio.timeout(ASSIGNMENT_TIMEOUT_S):
                return await self._media.assign(call)
        except (NoMediaNode, TimeoutError):
            text = "No media node has room for the call: try again in a moment."
            raise Unavailable(text, code="no_media_node") from None


class BrowserCallChecks:
    """Answers a media node that asks whether a test call may continue."""

    def __init__(self, rights: LastingRights) -> None:
        self._rights = rights

    def handlers(self) -> RequestHandlers:
        """Returns the handlers for the reader of media's requests."""
        return {BROWSER_CALL_CHECK: MediaRequestHandler(self._run)}

    async def _run(self, context: HandlerContext) -> bool:
        call, asked = context.call, context.arguments

        async def check(db: Connection) -> bool:
            return await self._rights.hold(
                db, BROWSER_CALL_CHECK, asked, call.id, call.workspace_id, (BROWSER_CALLERS,)
            )

        return await context.in_transaction(check)


def adapt_plan(plan: CallPlan, longest_s: int) -> CallPlan:
    """Returns the plan for a call without a phone line.

    The plan has no transfers, media makes the key tones, and media ends the call after `longest_s`, as a carrier would
    do on a phone line.
    """
    kept = tuple(tool for tool in plan.tools if (tool.name if isinstance(tool, ToolPlan) else tool) != WARM_TRANSFER)
    tools = adapt_tools(kept, "twilio")
    own = plan.limits.max_duration_s
    limits = msgspec.structs.replace(plan.limits, max_duration_s=min(own, longest_s) if own else longest_s)
    agent = msgspec.structs.replace(plan.agent, fallback_number="")
    return msgspec.structs.replace(plan, tools=tools, limits=limits, agent=agent)


def _new_call(request: BrowserCallRequest, agent: AnsweringAgent, now: datetime) -> records_queries.NewCall:
    return records_queries.NewCall(
        id=UUID(new_id()),
        workspace_id=request.workspace_id,
        agent_id=request.agent_id,
        agent_version=agent.version.version if agent.version else None,
        number_id=None,
        direction="inbound",
        is_test=True,
        carrier=BROWSER,
        carrier_call_id=None,
        caller_number="",
        called_number="",
        at=now,
        variables=request.variables,
        metadata=request.metadata,
    )

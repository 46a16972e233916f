"""The rules of calls: which are admitted, how reports change them, and when they continue after a lost stream."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

import structlog

from control.agents.service import Agents
from control.billing.limits.service import load_terms
from control.calls.announcements import make_code_announcement, make_refusal, transfer_failed_text
from control.calls.carrier_reports import service as carrier_reports_service
from control.calls.changes.service import save_changes
from control.calls.deletion.rules import NumberPseudonyms
from control.calls.inbound.rules import admit, make_resumed_plan
from control.calls.inbound.service import CallPlanner, InboundCalls, record_checkpoint, record_refusal, repeat_refusal
from control.calls.live import service as live_service
from control.calls.live.service import enqueue_hangup
from control.calls.outbound.service import CallPlacement, CallRequest, OutboundCalls
from control.calls.recordings import service as recordings_service
from control.calls.records import queries as records_queries
from control.calls.records import rules as records_rules
from control.calls.records.rules import (
    MOST_LEGS,
    AdmittedCall,
    CallPolicy,
    CallState,
    CarrierRecording,
    CarrierStatus,
    IncomingCall,
    OpenCall,
    RefusedCall,
    may_return,
    take_back,
)
from control.calls.records.service import CallRecords, is_long_over, make_open_call
from control.calls.transfers import service as transfers_service
from control.calls.verified_numbers import queries as verified_numbers_queries
from control.calls.verified_numbers.service import PURPOSE
from control.carriers.rules import CarrierName
from control.db.pool import Connection
from control.do_not_call.service import DoNotCallList
from control.platform.audit import Actor, Change, record_change
from control.platform.service import Platform
from control.workspaces.service import Workspaces
from shared.bus.checkpoints import Checkpoint
from shared.errors import Invalid, NotFound
from shared.events import TransferFailure
from shared.plan import PlanError
from shared.secrets import Sealer


class Calls:
    """Every method works within the current transaction: in platform scope for webhooks and jobs, in the workspace's
    for the API. None of them uses the network."""

    def __init__(
        self, *, workspaces: Workspaces, agents: Agents, platform: Platform, policy: CallPolicy, sealer: Sealer
    ) -> None:
        """sealer: opens the providers' keys for plans, and codes that calls speak; derives pseudonyms of callers."""
        self._policy, self._sealer, self.platform = policy, sealer, platform
        self._agents = agents.make_lookup(sealer)
        pseudonyms = NumberPseudonyms(sealer)
        do_not_call = DoNotCallList(pseudonyms.list_all)
        self._planner = CallPlanner(policy)
        self._inbound = InboundCalls(self._agents, self._planner, pseudonyms)
        self._outbound = OutboundCalls(workspaces, self._agents, platform, do_not_call)
        self.placement = CallPlacement(self._outbound)
        self.records = CallRecords()

    async def admit_inbound(self, db: Connection, incoming: IncomingCall, now: datetime) -> AdmittedCall | RefusedCall:
        """As `InboundCalls.admit`."""
        return await self._inbound.admit(db, incoming, now)

    async def admit_answered(
        self,
        db: Connection,
        carrier: CarrierName,
        carrier_call_id: str,
        call_id: UUID | None,
        now: datetime,
        *,
        session_id: str = "",
    ) -> AdmittedCall | RefusedCall:
        """Admits or refuses a call that was answered: an outbound one, or at Telnyx an inbound one. call_id: ours, as
        the webhook carries it; it finds no row that has another id of the carrier, unless the session is the same."""
        call = await records_queries.lock_call(db, carrier, carrier_call_id, call_id, session_id)
        if call is None:
            return make_refusal("unknown_number", "en")
        before = call.state
        agent = await self._agents.find_by_agent(db, before.workspace_id, call.agent_id, call.agent_version)
        if before.is_final or agent is None:
            return repeat_refusal(call, agent)
        after = records_rules.mark_answered(replace(before, carrier_call_id=carrier_call_id), now)
        await save_changes(db, [(before, after)])
        if call.agent_id is None and before.direction == "outbound":
            return await self._speak_code(db, after.id)
        if not agent.may_run:
            refusal = make_refusal("suspended", agent.language, after.id)
            await record_refusal(db, after.id, refusal, now)
            return refusal
        try:
            prepared = await self._planner.prepare_stored(db, replace(call, state=after), agent, now)
        except PlanError:
            refusal = make_refusal("unusable", agent.language, after.id)
            await record_refusal(db, after.id, refusal, now)
            return refusal
        return prepared.admit(after)

    async def find_open(
        self,
        db: Connection,
        carrier: CarrierName,
        carrier_call_id: str,
        now: datetime,
        *,
        call_id: UUID | None = None,
        session_id: str = "",
    ) -> OpenCall | None:
        """The call, if it is not over, has been so for less than JUST_OVER, or its caller is being transferred; else
        None. call_id, session_id: see `admit_answered`."""
        call = await records_queries.select_stored_call(db, carrier, carrier_call_id, call_id, session_id)
        return None if call is None or is_long_over(call.state, now) else make_open_call(call, carrier, carrier_call_id)

    async def resume(
        self, db: Connection, open_call: OpenCall, checkpoint: Checkpoint | None, now: datetime
    ) -> AdmittedCall | RefusedCall:
        """The plan of the call's next media stream, which continues from the checkpoint: with an apology instead of the
        greeting, or with why a transfer failed. Refused after MOST_LEGS streams, and for a call that is over. Raises
        StreamFollowed."""
        agent = await self._agents.find_by_agent(
            db, open_call.workspace_id, open_call.agent_id, open_call.agent_version
        )
        language = agent.language if agent else "en"
        if agent is None or not agent.may_run:
            return make_refusal("suspended", language, open_call.call_id)
        text = transfer_failed_text(language) if open_call.returned is not None else None
        leg = await records_queries.increment_leg(db, open_call.call_id, open_call.leg)
        if not 0 < leg <= MOST_LEGS:
            return make_refusal("unusable", language, open_call.call_id, text)
        try:
            moment = agent.moment(open_call.created_at, is_inbound=open_call.direction == "inbound")
            plan = await self._planner.make_plan(db, agent, open_call.to_planned(now), moment)
        except PlanError:
            return make_refusal("unusable", language, open_call.call_id, text)
        if checkpoint is not None:
            await record_checkpoint(db, open_call.call_id, checkpoint, now)
        plan = make_resumed_plan(plan, self._policy, leg, checkpoint, open_call, now)
        admitted = admit(open_call.carrier, open_call.carrier_call_id, open_call.call_id, agent, plan, self._policy)
        return await self._with_terms(db, admitted, open_call, now) if open_call.returned is not None else admitted

    async def _with_terms(
        self, db: Connection, admitted: AdmittedCall, open_call: OpenCall, now: datetime
    ) -> AdmittedCall:
        """The transfer had a reservation of its own, and that of the conversation was given up."""
        if open_call.is_test or open_call.answered_at is None:
            return admitted
        elapsed_s = (now - open_call.answered_at).total_seconds()
        of_call = (open_call.workspace_id, open_call.call_id, open_call.created_at)
        terms = await load_terms(db, *of_call, now, elapsed_s=elapsed_s)
        return replace(admitted, spend_terms=terms)

    async def take_back(
        self,
        db: Connection,
        carrier: CarrierName,
        carrier_call_id: str,
        failure: TransferFailure,
        at: datetime,
        *,
        leg: int | None = None,
        target: str = "",
    ) -> OpenCall | None:
        """The call, which goes on with its agent because the target of its transfer was not reached, unless it is over.
        None: it is not ours, or the target was reached. at: when it failed. leg, target: see
        `transfer_return.take_back`."""
        call = await records_queries.lock_call(db, carrier, carrier_call_id)
        if call is None or call.state.details.carrier.transfer_leg is not None:
            return None
        before = call.state
        after = take_back(before, failure, at, leg=leg, target=target) if may_return(before) else before
        await save_changes(db, [(before, after)])
        if after is not before:
            await transfers_service.release(db, before.id)
        return make_open_call(replace(call, state=after), carrier, carrier_call_id)

    async def join_target(self, db: Connection, call_id: UUID, conference: str, now: datetime) -> bool:
        """See `warm_transfers.join`."""
        return await transfers_service.join(db, call_id, conference, now)

    async def release_targets(self, db: Connection, call_id: UUID) -> None:
        """See `warm_transfers.release`."""
        await transfers_service.release(db, call_id)

    async def refuse_cut_off(self, db: Connection, open_call: OpenCall) -> RefusedCall:
        """The refusal, in the agent's language, when it is unknown whether the call is to continue."""
        return make_refusal("cut_off", await self.find_language(db, open_call), open_call.call_id)

    async def find_language(self, db: Connection, open_call: OpenCall) -> str:
        """The language of the call's agent (BCP 47), English without one."""
        return await self._language(db, open_call.workspace_id, open_call.agent_id, open_call.agent_version)

    async def find_transfer(self, db: Connection, call_id: UUID, now: datetime) -> tuple[CallState, str] | None:
        """A call whose caller is transferred now, as far as the carrier has told, and the language of its agent; None
        for others. Its row is locked."""
        call = await records_queries.lock_one(db, call_id)
        transfer = call.state.details.transfer if call is not None else None
        if call is None or transfer is None or transfer.until is None or transfer.until <= now:
            return None
        return call.state, await self._language(db, call.state.workspace_id, call.agent_id, call.agent_version)

    async def hang_up_later(self, db: Connection, call_id: UUID, delay_s: float) -> None:
        """Has a job end the call at the carrier, unless the carrier reports its end by then."""
        call = await records_queries.lock_one(db, call_id)
        if call is not None:
            await enqueue_hangup(db, call.state, None, delay_s=delay_s)

    async def _language(
        self, db: Connection, workspace_id: UUID, agent_id: UUID | None, agent_version: int | None
    ) -> str:
        agent = await self._agents.find_by_agent(db, workspace_id, agent_id, agent_version)
        return agent.language if agent else "en"

    async def record_media_node(self, db: Connection, admitted: AdmittedCall, node_id: str, stream: str = "") -> None:
        """Stores which media node the call's stream was assigned to. stream: the carrier's id of it (Telnyx)."""
        await records_queries.append_leg(db, admitted.call_id, admitted.leg, node_id, stream)

    async def record_refusal(self, db: Connection, call_id: UUID, refusal: RefusedCall, now: datetime) -> None:
        """Stores a refusal that was decided after the row was inserted: no media node, or Redis unavailable."""
        await record_refusal(db, call_id, refusal, now)

    async def end_by_staff(
        self, db: Connection, actor: Actor, call_id: UUID, reason: str | None, now: datetime, *, polite: bool
    ) -> bool:
        """Ends a call; False: it is over. Recorded in the audit log, unless it is over. Raises NotFound."""
        call = await records_queries.lock_one(db, call_id)
        if call is None:
            raise NotFound("There is no such call.", code="call_not_found")
        is_ending = await live_service.end_call(db, call.state, now, polite=polite)
        if is_ending:
            change = Change("call.end", "call", str(call_id), call.state.workspace_id, reason=reason)
            await record_change(db, actor, change)
        return is_ending

    async def apply_carrier_status(self, db: Connection, report: CarrierStatus) -> None:
        """See `carrier_reports.apply_status`."""
        await carrier_reports_service.apply_status(db, report)

    async def add_carrier_recording(self, db: Connection, recording: CarrierRecording) -> None:
        """See `carrier_reports.add_recording`."""
        await recordings_service.add_recording(db, recording)

    async def place(self, db: Connection, actor: Actor, request: CallRequest, now: datetime) -> UUID:
        """Inserts an outbound call, which a job dials. In the workspace's scope.

        Raises Invalid (codes number_invalid, number_refused, country_not_allowed, number_is_own, variable_missing,
        too_long), NotFound (agent_not_found), Conflict (agent_not_live, outbound_not_in_tier, cannot_answer, no_number,
        call_limit, spend_limit_reached, workspace_suspended, owner_unverified), TooManyRequests (outbound_rate,
        outbound_daily_limit, outbound_repeat_limit, outbound_minutes_limit, trial_test_limit, test_limit).
        """
        return await self._outbound.place(db, actor, request, now)

    async def require_transferable(self, db: Connection, workspace_id: UUID, number: str) -> str:
        """The number, if callers may be transferred to it: the rules of outbound calls hold. Raises Invalid."""
        return await self._outbound.require_transferable(db, workspace_id, number)

    async def _speak_code(self, db: Connection, call_id: UUID) -> RefusedCall:
        """What a call without an agent says: the code by which a phone number is verified."""
        code = await verified_numbers_queries.select_by_call(db, call_id)
        if code is None:
            return make_refusal("unusable", "en", call_id)
        return make_code_announcement(self._sealer.open(code.code, PURPOSE).decode(), code.language)


log = structlog.get_logger()


async def may_transfer(db: Connection, calls: Calls, call: OpenCall, number: str) -> bool:
    """Whether the caller is transferred to this number now, whoever named it: the agent's config, a member, or what
    stands in Redis. Logs why not."""
    try:
        await calls.require_transferable(db, call.workspace_id, number)
    except Invalid as fault:
        log.warning("transfer.destination_refused", call_id=str(call.call_id), code=fault.code)
        return False
    return True

"""Decides which calls an agent answers and with which plan (`CallAdmission`), and assigns them a media node
(`CallRouting`).

The calls are inbound calls, answered outbound calls, and calls that continue in another media stream.
"""

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

import msgspec
import structlog

from control.agents.call_tools.contacts import find_contact_values
from control.agents.plans.outside_hours import CallMoment
from control.agents.plans.service import AgentLookup, AnsweringAgent
from control.agents.variables import PlannedCall
from control.analytics.rollups.service import mark_day
from control.billing.limits.rules import SpendSnapshot, SpendTerms
from control.billing.limits.service import SpendGuard, load_snapshot, load_terms
from control.calls.admission.plans import admit, make_resumed_plan
from control.calls.announcements import make_busy_refusal, make_code_announcement, make_refusal, transfer_failed_text
from control.calls.changes.service import report_refused_at_once, save_changes
from control.calls.deletion.rules import NumberPseudonyms
from control.calls.live.service import MediaAssignment, NoMediaNode, StreamTarget, record_loss
from control.calls.recordings.service import enqueue_recording_deletions, enqueue_recording_starts
from control.calls.records import queries
from control.calls.records.callers import IncomingCall, known_number
from control.calls.records.queries import NewCall, StoredCall
from control.calls.records.refusals import RefusalReason, RefusedCall
from control.calls.records.running_calls import MOST_LEGS, AdmittedCall, CallPolicy, OpenCall
from control.calls.records.state import FINAL, CallState, apply_checkpoint, mark_answered, refuse
from control.calls.verified_numbers.queries import select_by_call
from control.calls.verified_numbers.service import PURPOSE
from control.carriers.rules import CarrierName
from control.db.pool import Connection
from control.db.transaction import PlatformTransactions
from shared.bus.checkpoints import Checkpoint
from shared.bus.client import BusUnavailable
from shared.ids import new_id
from shared.plan import CallPlan, PlanError
from shared.secrets import Sealer

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class PreparedCall:
    """A plan, and the amount that must be reserved before the call begins."""

    agent: AnsweringAgent
    plan: CallPlan
    terms: SpendTerms | None
    policy: CallPolicy

    def admit(self, call: CallState) -> AdmittedCall:
        """Returns the call as it is stored, with this plan."""
        carrier: CarrierName = "telnyx" if call.carrier == "telnyx" else "twilio"
        plan = msgspec.structs.replace(self.plan, leg=call.details.leg)
        admitted = admit(carrier, call.carrier_call_id or "", call.id, self.agent, plan, self.policy)
        return replace(admitted, spend_terms=self.terms, was_assigned=call.details.was_assigned)


class CallAdmission:
    """Admits or refuses calls. Works within the current transaction, in platform scope, and does not use the
    network.
    """

    def __init__(self, agents: AgentLookup, policy: CallPolicy, sealer: Sealer) -> None:
        """`sealer` opens the codes that calls speak, and derives pseudonyms of callers."""
        self._agents, self._policy, self._sealer = agents, policy, sealer
        self._pseudonyms = NumberPseudonyms(sealer)

    async def admit_inbound(self, db: Connection, incoming: IncomingCall, now: datetime) -> AdmittedCall | RefusedCall:
        """Admits or refuses an inbound call. While the call is open, a repeated request gets the same answer.

        A refused call to a known number gets a row, which the customer sees. The workspace's open calls are counted
        under a lock, so that two calls cannot take the last slot. Everything else happens before the lock, because each
        call that waits for it holds a connection.
        """
        agent = await self._agents.find_by_number(db, incoming.called, incoming.carrier)
        if agent is None:
            return make_refusal("unknown_number", "en")
        new = _new_inbound(incoming, agent, now)
        pseudonyms = self._pseudonyms.list_all(agent.workspace_id, new.caller_number)
        prepared = await self._prepare_new(db, new, agent, now)
        await mark_day(db, new.workspace_id, now.astimezone(UTC).date())
        await queries.lock_workspace(db, agent.workspace_id)
        call = await queries.insert_ringing(db, replace(new, pseudonyms=pseudonyms))
        if call is None:
            return make_refusal("unusable", agent.language)
        if call.state.is_final:
            if call.is_new:
                await report_refused_at_once(db, call.state)
            return repeat_refusal(call, agent)
        if not call.is_new:  # the number may belong to another workspace by now
            agent = await self._find_agent_of(db, call) or agent
            prepared = await self._prepare_stored(db, call, agent, now)
        if prepared is not None:
            return prepared.admit(call.state)
        await save_refusal(db, call.state.id, "unusable", now)
        return make_refusal("unusable", agent.language, call.state.id)

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
        """Admits or refuses a call that was answered: an outbound call, or at Telnyx an inbound call.

        Args:
            call_id, session_id: See `find_open`.
        """
        call = await queries.lock_call(db, carrier, carrier_call_id, call_id, session_id)
        if call is None:
            return make_refusal("unknown_number", "en")
        before = call.state
        agent = await self._find_agent_of(db, call)
        if before.is_final or agent is None:
            return repeat_refusal(call, agent)
        after = mark_answered(replace(before, carrier_call_id=carrier_call_id), now)
        await save_changes(db, [(before, after)])
        if call.agent_id is None and before.direction == "outbound":
            return await self._speak_code(db, after.id)
        prepared = await self._prepare_stored(db, replace(call, state=after), agent, now) if agent.may_run else None
        if prepared is not None:
            return prepared.admit(after)
        reason: RefusalReason = "unusable" if agent.may_run else "suspended"
        await save_refusal(db, after.id, reason, now)
        return make_refusal(reason, agent.language, after.id)

    async def resume(
        self, db: Connection, open_call: OpenCall, checkpoint: Checkpoint | None, now: datetime
    ) -> AdmittedCall | RefusedCall:
        """Makes the plan of the call's next media stream, which continues from the checkpoint.

        The stream begins with an apology instead of the greeting, or with the reason why a transfer failed. Calls that
        are over, and calls after MOST_LEGS streams, are refused.

        Raises:
            StreamFollowed: Another request has given the call its next stream.
        """
        of_call = (open_call.workspace_id, open_call.agent_id, open_call.agent_version)
        agent = await self._agents.find_by_agent(db, *of_call)
        language = agent.language if agent else "en"
        if agent is None or not agent.may_run:
            return make_refusal("suspended", language, open_call.call_id)
        text = transfer_failed_text(language) if open_call.returned is not None else None
        leg = await queries.increment_leg(db, open_call.call_id, open_call.leg)
        if not 0 < leg <= MOST_LEGS:
            return make_refusal("unusable", language, open_call.call_id, text)
        try:
            moment = agent.moment(open_call.created_at, is_inbound=open_call.direction == "inbound")
            plan = await _make_plan(db, agent, open_call.to_planned(now), moment)
        except PlanError:
            return make_refusal("unusable", language, open_call.call_id, text)
        if checkpoint is not None:
            await record_checkpoint(db, open_call.call_id, checkpoint, now)
        plan = make_resumed_plan(plan, self._policy, leg, checkpoint, open_call, now)
        admitted = admit(open_call.carrier, open_call.carrier_call_id, open_call.call_id, agent, plan, self._policy)
        if open_call.returned is None or open_call.is_test or open_call.answered_at is None:
            return admitted
        # The transfer had a reservation of its own, and that of the conversation was given up.
        elapsed_s = (now - open_call.answered_at).total_seconds()
        stored = (open_call.workspace_id, open_call.call_id, open_call.created_at)
        return replace(admitted, spend_terms=await load_terms(db, *stored, now, elapsed_s=elapsed_s))

    async def find_language(self, db: Connection, open_call: OpenCall) -> str:
        """Returns the language (BCP 47) of the call's agent. A call without an agent gets English."""
        of_call = (open_call.workspace_id, open_call.agent_id, open_call.agent_version)
        agent = await self._agents.find_by_agent(db, *of_call)
        return agent.language if agent else "en"

    async def _find_agent_of(self, db: Connection, call: StoredCall) -> AnsweringAgent | None:
        return await self._agents.find_by_agent(db, call.state.workspace_id, call.agent_id, call.agent_version)

    async def _prepare_new(
        self, db: Connection, call: NewCall, agent: AnsweringAgent, now: datetime
    ) -> PreparedCall | None:
        """Prepares a call that has no row yet. Returns None if the call is refused or no plan can be made."""
        if call.refused is not None:
            return None
        try:
            moment = agent.moment(call.at, is_inbound=call.direction == "inbound")
            plan = await _make_plan(db, agent, call.to_planned(), moment)
        except PlanError:
            return None
        terms = None if call.is_test else await load_terms(db, call.workspace_id, call.id, call.at, now)
        return PreparedCall(agent, plan, terms, self._policy)

    async def _prepare_stored(
        self, db: Connection, call: StoredCall, agent: AnsweringAgent, now: datetime
    ) -> PreparedCall | None:
        """Prepares a call that has a row. Returns None if no plan can be made."""
        state = call.state
        try:
            moment = agent.moment(state.created_at, is_inbound=state.direction == "inbound")
            plan = await _make_plan(db, agent, call.to_planned(now), moment)
        except PlanError:
            return None
        stored = (state.workspace_id, state.id, state.created_at)
        terms = None if state.is_test else await load_terms(db, *stored, now)
        return PreparedCall(agent, plan, terms, self._policy)

    async def _speak_code(self, db: Connection, call_id: UUID) -> RefusedCall:
        """Returns the announcement of a call without an agent: the code that verifies a phone number."""
        code = await select_by_call(db, call_id)
        if code is None:
            return make_refusal("unusable", "en", call_id)
        return make_code_announcement(self._sealer.open(code.code, PURPOSE).decode(), code.language)


async def save_refusal(db: Connection, call_id: UUID, reason: RefusalReason, now: datetime) -> None:
    """Stores a refusal that was decided after the row was inserted."""
    call = await queries.lock_one(db, call_id)
    if call is not None:
        await save_changes(db, [(call.state, refuse(call.state, reason, now))])


def repeat_refusal(call: StoredCall, agent: AnsweringAgent | None) -> RefusedCall:
    """Returns the refusal of a call that is over: the original reason if the call was refused."""
    current = call.state
    reason = current.details.refused or "unusable"
    is_closed = agent is not None and reason == "outside_hours"
    text = agent.closing_text(call.to_planned(current.created_at)) if agent and is_closed else None
    return make_refusal(reason, agent.language if agent else "en", current.id, text)


async def record_checkpoint(db: Connection, call_id: UUID, checkpoint: Checkpoint, now: datetime) -> None:
    """Stores in the call's record which announcements and consent only the checkpoint of a lost node has.

    A node may be lost after its checkpoint and before its events. The next node relies on the checkpoint and does not
    repeat the announcements. Without this function, the record would lack them, and the carrier would not start or stop
    the recording. Needs platform scope.
    """
    call = await queries.lock_one(db, call_id)
    if call is None:
        return
    # The node's clock may be wrong by years.
    at_s = min(max(checkpoint.at_ms / 1_000, call.state.created_at.timestamp()), now.timestamp())
    at = datetime.fromtimestamp(at_s, UTC)
    after = apply_checkpoint(call.state, checkpoint, at)
    if after != call.state:
        changes = [(call.state, after)]
        await save_changes(db, changes)
        await enqueue_recording_starts(db, changes)
        await enqueue_recording_deletions(db, changes)


async def _make_plan(db: Connection, agent: AnsweringAgent, call: PlannedCall, moment: CallMoment) -> CallPlan:
    """Makes the call's plan. Loads the customer's contact only if the agent uses it. Raises PlanError."""
    if agent.names_contact:
        number = call.called if call.direction == "outbound" else call.caller
        call = replace(call, contact=await find_contact_values(db, agent.workspace_id, number))
    return agent.make_plan(call, moment)


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
        caller_number=known_number(incoming.caller),
        called_number=incoming.called,
        at=now,
        max_open=agent.max_calls,
        refused=refused,
        attestation=incoming.attestation,
    )


# --- A call's way to a media node, or to a refusal -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CallRouting:
    """Assigns admitted calls a media node and a ticket, or decides what their callers hear instead.

    Args:
        timeout_s: Limit for choosing a media node and for reading a checkpoint.
        count_resumed: Called with the carrier of each resumed call.
    """

    transactions: PlatformTransactions
    admission: CallAdmission
    media: MediaAssignment
    guard: SpendGuard
    timeout_s: float
    count_resumed: Callable[[str], None] = lambda _: None

    async def assign_media(self, call: AdmittedCall, exclude: Collection[str] = ()) -> StreamTarget | RefusedCall:
        """Returns the media node and the ticket for the carrier, or a refusal.

        The call is refused if its spending limit is reached, no node has room, or Redis is unavailable or slow. Without
        Redis, a resumed call is refused as "cut_off", because the state of its conversation is unknown.

        Args:
            exclude: Ids of nodes that lost the call.
        """
        refused = await self.reserve(call)
        if refused is not None:
            return refused
        reason = "too_slow"
        try:
            async with asyncio.timeout(self.timeout_s):
                return await self.media.assign(call, exclude)
        except NoMediaNode as error:
            reason = error.reason
        except TimeoutError:
            pass
        log.warning("call.media_not_assigned", reason=reason, call_id=str(call.call_id), leg=call.leg)
        language = call.plan.agent.language
        if call.leg > 0 and reason != "no_node":
            return make_refusal("cut_off", language, call.call_id)
        return make_busy_refusal(language, call.call_id)

    async def reserve(self, call: AdmittedCall) -> RefusedCall | None:
        """Reserves the call's first minute, once, if its workspace has a spending limit.

        Returns a refusal if the limit does not allow the call, or if Redis is unavailable or slow, because an uncounted
        call must not begin.
        """
        terms = call.spend_terms
        if terms is None:
            return None

        async def read(reserved: frozenset[UUID]) -> SpendSnapshot:
            return await self.transactions.run(lambda db: load_snapshot(db, terms.workspace_id, reserved, terms.at))

        language = call.plan.agent.language
        try:
            async with asyncio.timeout(self.timeout_s):
                if await self.guard.admit(terms, read):
                    return None
        except (BusUnavailable, TimeoutError) as error:
            log.warning("call.not_reserved", reason=type(error).__name__, call_id=str(call.call_id))
            return make_busy_refusal(language, call.call_id)
        log.info("call.over_spend_limit", call_id=str(call.call_id), workspace_id=str(call.workspace_id))
        return make_refusal("spend_limit", language, call.call_id)

    async def resume(
        self, call: OpenCall, now: datetime, language: str | None = None
    ) -> tuple[AdmittedCall | RefusedCall, Collection[str]]:
        """Returns the plan of the call's next leg, made from its last checkpoint, and the ids of nodes to avoid.

        The call lost its stream, or its transfer led back to the agent.

        Args:
            language: See `refuse_cut_off`.

        Raises:
            StreamFollowed: Another request has given the call its next stream.
        """
        try:
            async with asyncio.timeout(self.timeout_s):
                checkpoint = await self.media.get_checkpoint(call.call_id)
                lost_node = await self.media.find_node_id(call.call_id, call.media_node, call.leg)
        except (BusUnavailable, TimeoutError):
            return await self._refuse_cut_off(call, language), ()

        async def resume(db: Connection) -> AdmittedCall | RefusedCall:
            resumed = await self.admission.resume(db, call, checkpoint, now)
            if call.returned is None:
                await record_loss(db, call.call_id, call.leg, now)
            return resumed

        resumed = await self.transactions.run(resume)
        if call.returned is not None:
            return resumed, ()  # its node was not lost
        if isinstance(resumed, AdmittedCall):
            log.info("call.resumed", carrier=resumed.carrier, call_id=str(resumed.call_id), leg=resumed.leg)
            self.count_resumed(resumed.carrier)
        return resumed, (lost_node,) if lost_node else ()

    async def note_loss(self, call: OpenCall, now: datetime) -> None:
        """If the call ended because its node was lost, stores that reason.

        While Redis is unavailable, the reason is unknown.
        """
        with suppress(BusUnavailable):
            if await self.media.is_lost(call.call_id, call.media_node, call.leg):
                await self.transactions.run(lambda db: record_loss(db, call.call_id, call.leg, now))

    async def refuse_cut_off(self, call: OpenCall | None, language: str | None = None) -> RefusedCall | None:
        """Returns the refusal for a caller whose stream ended while Redis is unavailable.

        Without Redis, no one knows whether the conversation was complete, or where to transfer the caller. So the call
        is neither resumed nor transferred. Recording this refusal does not end the call: media's event ends it when
        Redis is back.

        Args:
            language: The agent's language, if the carrier's request carries it. None loads it from the database.

        Returns:
            None for a call that is over and was not being transferred.
        """
        if call is None or (call.status in FINAL and call.end_reason != "transferred"):
            return None
        return await self._refuse_cut_off(call, language)

    async def _refuse_cut_off(self, call: OpenCall, language: str | None) -> RefusedCall:
        log.warning("call.cut_off", carrier=call.carrier, call_id=str(call.call_id), leg=call.leg)
        if language is None:
            language = await self.transactions.run(lambda db: self.admission.find_language(db, call))
        return make_refusal("cut_off", language, call.call_id)

    async def record_refusal(self, refused: RefusedCall, now: datetime) -> None:
        """Stores that an admitted call could not be connected. Does nothing for a call without a row."""
        if refused.call_id is not None:
            call_id = refused.call_id
            await self.transactions.run(lambda db: save_refusal(db, call_id, refused.reason, now))

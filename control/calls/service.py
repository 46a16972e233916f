"""The rules of calls: who is let in, what their states are, and when they go on after a loss."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from control.agents.answering import Ready
from control.agents.service import Agents
from control.analytics.rollup import mark
from control.calls import state, store
from control.calls.admission import admitted, refusal_of, resumed_plan
from control.calls.hanging import hang_up
from control.calls.model import Admitted, CarrierRecording, Open, Progress, Refused, Ring, Why
from control.calls.outbound import Outbound, Wish
from control.calls.placing import Placing
from control.calls.policy import MOST_LEGS, CallPolicy
from control.calls.putting import day_of, put
from control.calls.records import Records
from control.calls.state import State
from control.calls.store import NewCall, Row
from control.calls.words import refused
from control.carriers.model import CarrierName
from control.db.jobs import enqueue
from control.db.pool import Connection
from control.platform.audit import Actor
from control.platform.service import Platform
from control.workspaces.service import Workspaces
from shared.bus.checkpoints import Checkpoint
from shared.ids import new_id
from shared.plan import PlanError
from shared.secrets import Sealer

FETCH: Final = "calls.fetch_recording"
# The carrier may ask what comes next after the call has been written down as over: for so long it is told.
JUST_OVER: Final = timedelta(seconds=60)


class Fetch(msgspec.Struct, frozen=True):
    """The payload of a job that fetches a carrier's recording; where it lies is noted in the call's row. recording_id:
    by which it is noted there, the leg's where the carrier told none of its own."""

    call_id: UUID
    recording_id: str


class Calls:
    """Every method works within the caller's transaction: platform scope for webhooks and jobs, the workspace's for
    the API. None of them uses the network."""

    def __init__(
        self, *, workspaces: Workspaces, agents: Agents, platform: Platform, policy: CallPolicy, sealer: Sealer
    ) -> None:
        """sealer: opens the providers' keys for plans."""
        self._policy = policy
        self._answering = agents.answering(sealer)
        self._outbound = Outbound(workspaces, self._answering, platform)
        self.placing = Placing(self._outbound)
        self.records = Records()

    async def arrive(self, db: Connection, ring: Ring, now: datetime) -> Admitted | Refused:
        """An inbound call rings. Said again for the same call, the answer is the same while that is not over.

        Number, agent, workspace, its open calls (counted under a lock, so that the last place is given once), row,
        plan. A known number's refusal leaves a row for the customer to see; a repeated one is told again.
        """
        ready = await self._answering.by_number(db, ring.called, ring.carrier)
        if ready is None:
            return refused("unknown_number", "en")
        await store.lock_workspace(db, ready.workspace_id)
        row = await store.insert_ringing(db, _inbound(ring, ready, now))
        if row is None:
            return refused("unusable", ready.language)
        if row.is_new:
            await mark(db, row.state.workspace_id, day_of(row.state))
        if row.state.is_final:
            return refused(_why(row.state), ready.language, row.state.id)
        if not row.is_new:
            ready = await self._answering.by_agent(db, row.state.workspace_id, row.agent_id, row.agent_version) or ready
        return await self._admit(db, row, ready, now)

    async def answered(
        self, db: Connection, carrier: CarrierName, carrier_call_id: str, call_id: UUID | None, now: datetime
    ) -> Admitted | Refused:
        """A call was picked up: one that we placed, or at Telnyx one that came in. call_id: ours, as the
        webhook tells it; a call of the carrier that is not the row's own claims nothing."""
        row = await store.lock_call(db, carrier, carrier_call_id, call_id)
        if row is None:
            return refused("unknown_number", "en")
        ready = await self._answering.by_agent(db, row.state.workspace_id, row.agent_id, row.agent_version)
        if row.state.is_final or ready is None:
            return refused(_why(row.state), ready.language if ready else "en", row.state.id)
        picked_up = state.answered(replace(row.state, carrier_call_id=carrier_call_id), now)
        await put(db, [(row.state, picked_up)])
        row = replace(row, state=picked_up)
        if not ready.may_run:
            gone = refused("suspended", ready.language, row.state.id)
            await self.refuse(db, row.state.id, gone, now)
            return gone
        return await self._admit(db, row, ready, now)

    async def go_on(self, db: Connection, carrier: CarrierName, carrier_call_id: str, now: datetime) -> Open | None:
        """A call that is not over, or is so only since a moment (its status tells). None: unknown, or long over."""
        row = await store.select_call(db, carrier, carrier_call_id)
        if row is None or (row.state.is_final and now - (row.state.ended_at or now) > JUST_OVER):
            return None
        its = row.state
        return Open(
            its.id, its.workspace_id, row.agent_id, row.agent_version, its.details.get("leg", 0), row.caller,
            row.called, its.direction, its.status, carrier, carrier_call_id, its.media_node or "",
            its.answered_at or its.started_at, its.end_reason, _stream(its),
        )  # fmt: skip

    async def resume(
        self, db: Connection, open_call: Open, checkpoint: Checkpoint | None, now: datetime
    ) -> Admitted | Refused:
        """The plan of the call's next stream, which goes on from the checkpoint: with an apology, and without the
        greeting. A call goes on so often at most; one that is over doesn't."""
        ready = await self._answering.by_agent(db, open_call.workspace_id, open_call.agent_id, open_call.agent_version)
        language = ready.language if ready else "en"
        if ready is None or not ready.may_run:
            return refused("suspended", language, open_call.call_id)
        leg = await store.next_leg(db, open_call.call_id)
        if not 0 < leg <= MOST_LEGS:
            return refused("unusable", language, open_call.call_id)
        try:
            plan = ready.plan(str(open_call.call_id))
        except PlanError:
            return refused("unusable", language, open_call.call_id)
        plan = resumed_plan(plan, self._policy, leg, checkpoint, open_call.began_at or now, now)
        return admitted(open_call.carrier, open_call.carrier_call_id, open_call.call_id, ready, plan, self._policy)

    async def cut_off(self, db: Connection, open_call: Open) -> Refused:
        """What a caller is told when nobody can tell whether the call is to go on, in the agent's language."""
        ready = await self._answering.by_agent(db, open_call.workspace_id, open_call.agent_id, open_call.agent_version)
        return refused("cut_off", ready.language if ready else "en", open_call.call_id)

    async def connected(self, db: Connection, made: Admitted, node_id: str, stream: str = "") -> None:
        """Notes which media node the call's stream was led to. stream: by which its end is known (Telnyx)."""
        await store.note_node(db, made.call_id, made.leg, node_id, stream)

    async def refuse(self, db: Connection, call_id: UUID, told: Refused, now: datetime) -> None:
        """It went wrong after the row was made: no media node, or Redis away."""
        row = await store.lock_one(db, call_id)
        if row is not None:
            await put(db, [(row.state, refusal_of(row.state, told.why, now))])

    async def progress(self, db: Connection, progress: Progress) -> None:
        """What the carrier tells. Late, repeated and disordered words are harmless, unknown calls are passed over."""
        row = await store.lock_call(db, progress.carrier, progress.carrier_call_id, progress.call_id)
        if row is None:
            return
        before = row.state
        after = state.progressed(replace(before, carrier_call_id=progress.carrier_call_id), progress)
        if progress.answered_by in ("machine", "fax") and self._ends_machines(before):
            after = after.noted(end_meant="voicemail")
            await hang_up(db, after, "voicemail")
        await put(db, [(before, after)])

    async def carrier_recording(self, db: Connection, recording: CarrierRecording) -> None:
        """A carrier's recording is there: has it fetched, once. A call may have several, each with an id of its own, or
        at least a leg."""
        name = recording.recording_id or recording.leg_id
        row = await store.lock_call(db, recording.carrier, recording.carrier_call_id, recording.call_id)
        known = row.state.details.get("carrier_recordings", {}) if row is not None else {}
        if row is None or name in known:
            return
        told = {
            "id": recording.recording_id, "url": recording.url, "duration_s": recording.duration_s,
            "leg": recording.leg_id, "place": len(known),
        }  # fmt: skip
        after = row.state.noted(carrier_recordings={**known, name: told})
        await put(db, [(row.state, after)])
        await enqueue(db, FETCH, msgspec.json.encode(Fetch(row.state.id, name)))

    async def place(
        self, db: Connection, workspace_id: UUID, actor: Actor, agent_id: UUID, number: str, test: bool, now: datetime
    ) -> UUID:
        """Has a call placed soon; the row is there at once. In the workspace's scope.

        Raises Invalid (codes number_invalid, number_refused, country_not_allowed, number_is_own), Missing
        (agent_not_found), Conflict (agent_not_live, outbound_not_in_tier, cannot_answer, no_number, call_limit,
        workspace_suspended, owner_unverified), TooMany (outbound_rate, outbound_daily_limit, outbound_repeat_limit,
        outbound_minutes_limit, trial_test_limit, test_limit).
        """
        return await self._outbound.place(db, actor, Wish(workspace_id, agent_id, number, test), now)

    async def transferable(self, db: Connection, workspace_id: UUID, number: str) -> str:
        """A number that a caller may be put through to: the same rules as for outbound calls. Raises Invalid."""
        return await self._outbound.transferable(db, workspace_id, number)

    async def _admit(self, db: Connection, row: Row, ready: Ready, now: datetime) -> Admitted | Refused:
        """The plan, or a refusal that is written down."""
        its = row.state
        try:
            plan = msgspec.structs.replace(ready.plan(str(its.id)), leg=its.details.get("leg", 0))
        except PlanError:
            gone = refused("unusable", ready.language, its.id)
            await self.refuse(db, its.id, gone, now)
            return gone
        carrier: CarrierName = "telnyx" if its.carrier == "telnyx" else "twilio"
        return admitted(carrier, its.carrier_call_id or "", its.id, ready, plan, self._policy)

    @staticmethod
    def _ends_machines(its: State) -> bool:
        return its.direction == "outbound" and not its.is_test and not its.is_final and "end_meant" not in its.details


def _inbound(ring: Ring, ready: Ready, now: datetime) -> NewCall:
    why: Why | None = None
    if not ready.may_run:
        why = "suspended"
    elif not ready.is_live:
        why = "unknown_number"
    version = ready.version.version if ready.version else None
    return NewCall(
        UUID(new_id()), ready.workspace_id, ready.agent_id, version, ready.number_id, "inbound", False, ring.carrier,
        ring.carrier_call_id, ring.caller, ring.called, now, ready.most_calls, why,
    )  # fmt: skip


def _why(its: State) -> Why:
    """Why a call that is over is not let in again: as it was refused, if it was."""
    why: Why = its.details.get("refused", "unusable")
    return why


def _stream(its: State) -> str:
    """Of the leg that the call is in."""
    leg = its.details.get("leg", 0)
    return next((one.get("stream", "") for one in reversed(its.details.get("legs", ())) if one["leg"] == leg), "")

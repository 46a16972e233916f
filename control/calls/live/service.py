"""Running calls: control assigns them to media nodes, reads how their streams ended, and ends them.

The bus stores nodes, tickets, checkpoints and outcomes (`MediaAssignment`). Jobs hang up, because a hang-up must follow
even if the carrier is unavailable for a while.
"""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, get_args
from uuid import UUID

import msgspec

from control.audit.service import Actor, Change, record_change
from control.calls.changes.service import save_changes
from control.calls.records import queries as records_queries
from control.calls.records.running_calls import AdmittedCall
from control.calls.records.state import CallState, close, mark_lost
from control.carriers.rules import CarrierName
from control.db.jobs import enqueue
from control.db.pool import Connection
from shared.bus.authority import BusAuthority
from shared.bus.checkpoints import Checkpoint, Checkpoints, StreamOutcome
from shared.bus.client import BusClient, BusUnavailable, map_redis_error, redis_key
from shared.bus.commands import DONE, OUTCOME_UNKNOWN, CallCommand, Command, CommandStream
from shared.bus.live import LiveCall, LiveCalls
from shared.bus.nodes import NodeRegistry, NodeState
from shared.bus.stream_credentials import ForgedEntry
from shared.bus.tickets import USED_S, SupervisionGrant, Ticket, Tickets
from shared.errors import NotFound
from shared.events import EndReason
from shared.ids import new_id
from shared.secrets import Sealer, UnsealError

# --- Media nodes and streams: control's use of the bus ---------------------------------------------------------------

_PURPOSE: Final = "assignment"
_POLL_S: Final = 0.025


@dataclass(frozen=True, slots=True)
class StreamTarget:
    """The address and token for a call's media stream.

    Attributes:
        url: The node's base address, without a path.
        token: The ticket's token, valid once, within a minute.
    """

    url: str
    token: str = field(repr=False)
    node_id: str


class Assignments:
    """The node and the ticket of each stream, stored so that a repeated webhook gets the same answer.

    The entries are in Redis and outlive the call. They are sealed, because they contain tokens; only control reads
    them. All methods raise BusUnavailable.
    """

    def __init__(self, bus: BusClient, sealer: Sealer) -> None:
        self._bus, self._sealer = bus, sealer

    async def put(self, call_id: UUID, leg: int, made: StreamTarget) -> StreamTarget | None:
        """Stores the stream's assignment. If the stream already has an assignment, returns that instead."""
        async with map_redis_error():
            before: Any = await self._bus.set(
                _key(call_id, leg), self._seal(call_id, made), nx=True, get=True, ex=USED_S
            )
        return None if before is None else self._open(call_id, before)

    async def replace(self, call_id: UUID, leg: int, made: StreamTarget) -> None:
        """Replaces an assignment that was not used in time."""
        async with map_redis_error():
            await self._bus.set(_key(call_id, leg), self._seal(call_id, made), ex=USED_S)

    async def get(self, call_id: UUID, leg: int) -> StreamTarget | None:
        """Returns the stream's assignment; None if it has none."""
        async with map_redis_error():
            found: Any = await self._bus.get(_key(call_id, leg))
        return None if found is None else self._open(call_id, found)

    def _seal(self, call_id: UUID, made: StreamTarget) -> bytes:
        return self._sealer.seal(call_id.bytes + msgspec.json.encode(made), _PURPOSE)

    def _open(self, call_id: UUID, sealed: bytes) -> StreamTarget | None:
        """Opens a sealed entry. Returns None if control did not write the entry for this call."""
        try:
            plain = self._sealer.open(sealed, _PURPOSE)
            if plain[:16] != call_id.bytes:
                return None
            return msgspec.json.decode(plain[16:], type=StreamTarget)
        except (UnsealError, msgspec.DecodeError):
            return None


def _key(call_id: UUID, leg: int) -> str:
    return redis_key("assigned", f"{call_id}-{leg}")


class NoMediaNode(Exception):
    """No media node takes the call.

    Attributes:
        reason: "no_node" (no node is alive, or all are full or draining) or "bus_away".
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"no media node: {reason}")
        self.reason = reason


class CallNotLive(Exception):
    """No media node reports this call."""


class SupervisionUnsupported(Exception):
    """The call's media node does not support supervision."""


class MediaAssignment:
    """Assigns calls to media nodes and controls them over the bus.

    All methods raise BusUnavailable, except `assign`, which raises NoMediaNode instead.
    """

    def __init__(self, bus: BusClient, authority: BusAuthority, allowed: Sequence[str] = ()) -> None:
        """Assigns calls only to the media addresses in `allowed`.

        An entry that ends with `/*` allows all addresses below it; an empty list allows every node.
        """
        self.authority = authority
        self._nodes = NodeRegistry(bus, authority, allowed=allowed)
        self._tickets = Tickets(bus, authority.unsigned)
        self._assignments = Assignments(bus, authority.sealer)
        self._checkpoints = Checkpoints(bus, authority.unsigned, authority)
        self._live = LiveCalls(bus, authority)
        self._commands = CommandStream(bus, authority)

    async def assign(self, admitted: AdmittedCall, exclude: Collection[str] = ()) -> StreamTarget:
        """Chooses a node and issues a ticket for the call's plan.

        A stream is assigned once. If a carrier repeats its webhook, or someone replays a captured webhook, the answer
        is the same, and its ticket can be used once. A ticket is replaced only if it was not used in time, or if its
        node lost the call. If Redis lost the assignment, and a node reports the stream, the answer has a useless
        ticket.

        Args:
            exclude: Ids of nodes that lost the call. If no other node is alive, one of them is chosen.

        Raises:
            NoMediaNode: No node takes the call, or Redis is unavailable.
        """
        try:
            node = await self._choose_node(exclude)
            made = StreamTarget(node.url, await self._issue_ticket(node, admitted), node.node_id)
            return await self._assign_once(admitted, made, exclude)
        except BusUnavailable as error:
            raise NoMediaNode("bus_away") from error

    async def find_assignment(self, call_id: UUID, leg: int) -> StreamTarget | None:
        """Returns the node and the ticket of a call's stream; None if it was not assigned."""
        return await self._assignments.get(call_id, leg)

    async def _assign_once(self, admitted: AdmittedCall, made: StreamTarget, exclude: Collection[str]) -> StreamTarget:
        before = await self._assignments.put(admitted.call_id, admitted.leg, made)
        if before is None and not admitted.was_assigned:
            return made
        if before is not None and before.node_id not in exclude and await self._tickets.is_known(before.token):
            await self._tickets.withdraw(made.token)
            return before
        (live,) = await self._live.get([str(admitted.call_id)])
        if live is not None and live.leg >= admitted.leg and live.node_id not in exclude:
            await self._tickets.withdraw(made.token)
            return replace(made, node_id=live.node_id)
        await self._assignments.replace(admitted.call_id, admitted.leg, made)
        return made

    async def _issue_ticket(self, node: NodeState, admitted: AdmittedCall) -> str:
        """Issues a ticket. A node of the previous version knows no stream credential and no right, so its plan has
        none."""
        plan, link = admitted.plan, None
        if plan.right and not node.checks_rights:
            plan = msgspec.structs.replace(plan, right="")
        if node.card:
            peer = self.authority.enrollment.find_peer(node.card)
            stream_credential = self.authority.stream_credentials.issue(str(admitted.call_id), admitted.leg, peer.key)
            plan, link = msgspec.structs.replace(plan, stream_credential=stream_credential.text), peer.link
        return await self._tickets.issue(Ticket(admitted.carrier, admitted.carrier_call_id, plan), link=link)

    async def wait_for_outcome(
        self, call_id: UUID, node_id: str | None, wait_s: float, *, leg: int = 0
    ) -> StreamOutcome | None:
        """Returns how the call's stream ended, which decides what follows.

        Media stores the outcome before it closes the socket, but the carrier's webhook may be faster. So this waits up
        to `wait_s`, unless the node that had the call is gone.

        Args:
            node_id, leg: See `find_node_id`.

        Returns:
            None: The stream was lost, and the call is to continue on another node.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + wait_s
        outcome = await self._get_outcome(call_id, leg)
        if outcome is None and node_id and await self._is_gone(call_id, node_id, leg):
            # Read again: the node may have stored the outcome just before it was lost.
            return await self._get_outcome(call_id, leg)
        while outcome is None and loop.time() < until:
            await asyncio.sleep(_POLL_S)
            outcome = await self._get_outcome(call_id, leg)
        return outcome

    async def is_lost(self, call_id: UUID, node_id: str | None, leg: int) -> bool:
        """Returns whether the stream has no outcome, and cannot get one because its node is gone."""
        if (
            not node_id
            or await self._get_outcome(call_id, leg) is not None
            or not await self._is_gone(call_id, node_id, leg)
        ):
            return False
        return await self._get_outcome(call_id, leg) is None  # stored just before the node was lost

    async def _get_outcome(self, call_id: UUID, leg: int) -> StreamOutcome | None:
        """Returns the outcome of this stream or of a later stream. Outcomes of earlier streams are ignored."""
        outcome = await self._checkpoints.get_outcome(str(call_id))
        return outcome if outcome is not None and outcome.leg >= leg else None

    async def find_node_id(self, call_id: UUID, node_id: str, leg: int) -> str:
        """Returns the node that has, or had, the call's stream `leg`.

        Args:
            node_id: The node to which the stream was assigned. If several nodes share an address, the socket may have
                reached another node, which the heartbeat or the checkpoint names.
        """
        (call,) = await self._live.get([str(call_id)])
        if call is not None and call.leg == leg:
            return call.node_id
        checkpoint = await self._checkpoints.get(str(call_id))
        return checkpoint.node_id if checkpoint is not None and checkpoint.leg == leg else node_id

    async def _is_gone(self, call_id: UUID, node_id: str, leg: int) -> bool:
        return not await self._nodes.is_alive(await self.find_node_id(call_id, node_id, leg))

    async def is_streaming(self, call_id: UUID, leg: int) -> bool:
        """Returns whether a node that is alive reports the call's stream `leg`."""
        (call,) = await self._live.get([str(call_id)])
        return call is not None and call.leg == leg and await self._nodes.is_alive(call.node_id)

    async def get_checkpoint(self, call_id: UUID) -> Checkpoint | None:
        """Returns the checkpoint from which the call continues; None without one."""
        return await self._checkpoints.get(str(call_id))

    async def forget_conversations(self, call_ids: Sequence[UUID]) -> None:
        """Removes the conversations of these calls, whose end is stored, from the bus.

        Their outcomes stay until they expire, because the carrier may still ask for them.
        """
        await self._checkpoints.delete([str(call_id) for call_id in call_ids])

    async def send_command(
        self, call_id: UUID, command: Command, wait_s: float, *, command_id: str | None = None
    ) -> str | None:
        """Sends a command to the node of a running call.

        Args:
            command_id: Identifies a command that may have been sent before, so that it runs at most once. A node
                remembers the commands that it ran, and other nodes can no longer claim them. A command that is known to
                be done is not sent again. A claimed command to a call that is over is not sent again either, because a
                transfer ends the call.

        Returns:
            DONE or OUTCOME_UNKNOWN (shared.bus.commands), or the reason why the node did not run the command. None: The
                node did not answer in time, and may have run the command.

        Raises:
            CallNotLive: No node reports the call.
        """
        if command_id is not None and await self._is_done(command_id):
            return DONE
        (call,) = await self._live.get([str(call_id)])
        if call is None:
            if command_id is not None and await self._commands.is_claimed(command_id):
                return OUTCOME_UNKNOWN
            raise CallNotLive
        sent = CallCommand(command_id or new_id(), str(call_id), command, sending=new_id())
        await self._commands.send(call.node_id, sent, self._find_link(call))
        return await self._commands.wait_for_answer(sent.id, wait_s)

    async def invite_supervisor(self, grant: SupervisionGrant) -> StreamTarget:
        """Issues a token to the node of a running call.

        The returned URL is the node's base address. Raises CallNotLive and SupervisionUnsupported.
        """
        (call,) = await self._live.get([grant.call_id])
        node = await self._nodes.find(call.node_id) if call is not None else None
        if call is None or node is None:
            raise CallNotLive
        if not (node.card and node.supervision):
            raise SupervisionUnsupported
        link = self.authority.enrollment.find_peer(node.card).link
        token = await self._tickets.issue_supervision(grant, call.node_id, link)
        return StreamTarget(node.url, token, call.node_id)

    async def _is_done(self, command_id: str) -> bool:
        """Returns whether a command's answer is DONE. Forgets any other answer, which may have changed since."""
        answer = await self._commands.wait_for_answer(command_id, 0.0)
        if answer not in (None, DONE):
            await self._commands.forget_answer(command_id)
        return answer == DONE

    async def find_live(self, call_ids: Sequence[UUID]) -> dict[UUID, LiveCall]:
        """Returns the calls among these that a node reports."""
        found = await self._live.get([str(call_id) for call_id in call_ids])
        return {call_id: live_call for call_id, live_call in zip(call_ids, found, strict=True) if live_call is not None}

    def _find_link(self, call: LiveCall) -> Sealer | None:
        """Returns the key of the call's node. Raises CallNotLive if the node is no longer trusted."""
        try:
            return self.authority.enrollment.find_peer(call.card).link if call.card else None
        except ForgedEntry as fault:
            self.authority.count_forged("live", fault)
            raise CallNotLive from None

    async def _choose_node(self, exclude: Collection[str]) -> NodeState:
        node = await self._nodes.choose(exclude)
        if node is None and exclude:
            node = await self._nodes.choose()
        if node is None:
            raise NoMediaNode("no_node")
        return node


async def record_media_node(db: Connection, admitted: AdmittedCall, node_id: str, stream: str = "") -> None:
    """Stores the media node that the call's stream was assigned to.

    Args:
        stream: The carrier's id of the stream (Telnyx).
    """
    await records_queries.append_leg(db, admitted.call_id, admitted.leg, node_id, stream)


async def record_loss(db: Connection, call_id: UUID, leg: int, now: datetime) -> None:
    """Stores that a media stream was lost with its node, so that the end of the call is not attributed to the
    caller.
    """
    call = await records_queries.lock_one(db, call_id)
    if call is not None:
        await save_changes(db, [(call.state, mark_lost(call.state, leg, now))])


# --- What follows the end of a stream --------------------------------------------------------------------------------

STREAM_ENDED: Final = "calls.stream_ended"


class StreamEndedJob(msgspec.Struct, frozen=True):
    """Payload of the job that continues after the end of a media stream.

    Attributes:
        leg, stream_id: Our number and the carrier's id of the stream.
        session_id: The carrier's id of the call that stays when carrier_call_id changes; empty if it is unknown.
    """

    call_id: UUID
    leg: int
    carrier_call_id: str
    stream_id: str
    session_id: str = ""


async def enqueue_stream_ended(db: Connection, state: CallState, leg: int) -> None:
    """Enqueues the job that continues after a media stream at Telnyx.

    Telnyx keeps a call up when its stream ends, and does not promise to report an end that we caused (docs:
    media-streaming). If the id of the stream is not stored, Telnyx's webhook or the delayed hang-up follows instead.
    """
    stream_id = next((media_leg.stream for media_leg in reversed(state.details.legs) if media_leg.leg == leg), "")
    if state.carrier == "telnyx" and state.carrier_call_id and stream_id:
        session_id = state.details.carrier.session or ""
        job = StreamEndedJob(state.id, leg, state.carrier_call_id, stream_id, session_id)
        await enqueue(db, STREAM_ENDED, msgspec.json.encode(job))


# --- Hanging up ------------------------------------------------------------------------------------------------------

HANG_UP: Final = "calls.hang_up"
_CARRIERS: Final = frozenset(get_args(CarrierName))


class HangupJob(msgspec.Struct, frozen=True):
    """Payload of the job that ends a call.

    Attributes:
        reason: Stored as the end reason of the call if media ends it. None: Media has ended already, so the carrier is
            asked to hang up unless it has reported the end by then.
        polite: The agent says goodbye.
    """

    call_id: UUID
    carrier: CarrierName
    carrier_call_id: str
    reason: EndReason | None = "admin"
    polite: bool = False


async def enqueue_hangup(
    db: Connection, state: CallState, reason: EndReason | None, *, delay_s: float = 0, polite: bool = False
) -> None:
    """Enqueues a hang-up of the call after `delay_s`. Does nothing if no carrier has the call."""
    if state.carrier in _CARRIERS and state.carrier_call_id is not None:
        fields = {"call_id": state.id, "carrier": state.carrier, "carrier_call_id": state.carrier_call_id}
        job = msgspec.convert({**fields, "reason": reason, "polite": polite}, HangupJob)
        await enqueue(db, HANG_UP, msgspec.json.encode(job), delay_s=delay_s)


async def hang_up_later(db: Connection, call_id: UUID, delay_s: float) -> None:
    """Enqueues a hang-up at the carrier, unless the carrier reports the end of the call by then."""
    call = await records_queries.lock_one(db, call_id)
    if call is not None:
        await enqueue_hangup(db, call.state, None, delay_s=delay_s)


# --- Ends by order of the staff --------------------------------------------------------------------------------------

END_CALLS: Final = "calls.end_of_workspace"
# A webhook that read the workspace before its suspension may still insert a call.
LOOK_AGAIN_S: Final = 10.0


class EndCallsJob(msgspec.Struct, frozen=True):
    """Payload of the job that ends the calls of a suspended workspace."""

    workspace_id: UUID


async def end_call(db: Connection, call: CallState, now: datetime, *, polite: bool) -> bool:
    """Ends a call whose row is locked. Returns False if the call is over.

    For a call that rings or is in progress, a job ends it: through media, after a goodbye if `polite`, else through the
    carrier. A queued call is canceled. A transferred caller is hung up by the carrier.
    """
    if call.is_final:
        transfer = call.details.transfer
        if transfer is None or transfer.until is None or transfer.until <= now:
            return False
        await enqueue_hangup(db, call, None)
        return True
    if call.carrier_call_id is None:
        after = close(call, "canceled", "admin", None, now, "control")
    else:
        # If the carrier hangs up, its report and media's report look like a hang-up by the caller.
        after = replace(call, details=replace(call.details, meant_end="admin"))
    await save_changes(db, [(call, after)])
    await enqueue_hangup(db, call, "admin", polite=polite)
    return True


async def end_by_staff(
    db: Connection, actor: Actor, call_id: UUID, reason: str | None, now: datetime, *, polite: bool
) -> bool:
    """Ends a call on behalf of the staff, and records that in the audit log.

    Returns:
        False if the call is over already.

    Raises:
        NotFound: There is no such call (code call_not_found).
    """
    call = await records_queries.lock_one(db, call_id)
    if call is None:
        raise NotFound("There is no such call.", code="call_not_found")
    is_ending = await end_call(db, call.state, now, polite=polite)
    if is_ending:
        change = Change("call.end", "call", str(call_id), call.state.workspace_id, reason=reason)
        await record_change(db, actor, change)
    return is_ending


async def end_calls_later(db: Connection, workspace_id: UUID) -> None:
    """Enqueues the job that ends all calls of a workspace. The job runs a second time for late calls."""
    payload = msgspec.json.encode(EndCallsJob(workspace_id))
    for delay_s in (0.0, LOOK_AGAIN_S):
        await enqueue(db, END_CALLS, payload, delay_s=delay_s)

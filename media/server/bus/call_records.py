"""The record of one media stream in bus mode: its events, checkpoints, heartbeat and outcome."""

import asyncio
import time
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from media.call.call import Call
from media.call.phrases import phrase_language
from media.call.recording import RecordingArchive
from media.server.bus.call_heartbeats import CallHeartbeats
from media.server.bus.checkpoints import CheckpointWriter
from media.server.bus.publisher import EventPublisher
from media.server.bus.rights import RightChecks
from media.server.bus.spool import NodeFolder, forget_stream_credential, keep_stream_credential
from media.server.bus.uploads import RecordingUploads
from media.tools.remote import CallIdentity
from shared.bus.checkpoints import Checkpoint, StreamOutcome
from shared.bus.enrollment import NodeIdentity
from shared.bus.events import prove_line
from shared.bus.live import Floor, LiveCall
from shared.bus.requests import BROWSER_CALL_CHECK
from shared.bus.stream_credentials import StreamCredential
from shared.events import (
    AgentSaid,
    AnnouncementHeard,
    CallerSaid,
    EndReason,
    EventEnvelope,
    LanguageSwitched,
    PersonSaid,
    RecordingRefused,
    ToolRan,
    ToolStarted,
    encode_event,
)
from shared.plan import CallPlan
from shared.refcycles import break_cycle

log = structlog.get_logger()

# A stream that ended for one of these reasons was lost, and the call may be resumed in another stream.
LOST: Final[frozenset[EndReason]] = frozenset({"carrier_error", "media_lost"})
# Events after which the checkpoint is out of date.
_CONVERSATION: Final = (
    *(CallerSaid, AgentSaid, PersonSaid, ToolStarted, ToolRan),
    *(AnnouncementHeard, RecordingRefused, LanguageSwitched),
)
# How long the closing of a socket may wait until Redis has stored the outcome.
OUTCOME_WAIT_S: Final = 0.3


@dataclass(frozen=True, slots=True)
class RecordServices:
    """The services that all records of a node share."""

    node_id: str
    identity: NodeIdentity
    folder: NodeFolder
    disk: Executor
    publisher: EventPublisher
    checkpoints: CheckpointWriter
    heartbeats: CallHeartbeats
    uploads: RecordingUploads
    rights: RightChecks


class BusCallRecordStore:
    """The `CallRecordStore` of bus mode."""

    def __init__(self, services: RecordServices) -> None:
        self._services = services

    def open(self, plan: CallPlan, call_id: str) -> "BusCallRecord":
        """Open the record of a stream that starts."""
        return BusCallRecord(self._services, plan, call_id)


class BusCallRecord:
    """The record of one media stream.

    It refers to the call only while the stream runs, so that no reference cycle is left for the garbage collector.
    """

    call: Call | None = None

    def __init__(self, services: RecordServices, plan: CallPlan, call_id: str) -> None:
        self._services = services
        self._leg, self._language = plan.leg, plan.agent.language
        self.stream_credential = StreamCredential.parse(plan.stream_credential) if plan.stream_credential else None
        self._began_ms = plan.resume.began_ms if plan.resume else round(time.time() * 1000)
        self.call_id = call_id
        self.identity = CallIdentity(call_id, plan.workspace_id, plan.agent_id)
        self._right = plan.right
        self._watch: asyncio.Task[None] | None = None
        self.recording: Path = services.folder.recording(plan.workspace_id, call_id, plan.leg)
        self.archive: RecordingArchive = services.uploads
        self._keeps_stream_credential = plan.recording and self.stream_credential is not None
        if self._keeps_stream_credential:  # another process reports the recording if this one dies
            services.disk.submit(keep_stream_credential, self.recording, plan.stream_credential)

    # --- CallRecord ---

    def write(self, envelope: EventEnvelope) -> None:
        """Publish an event. After a new utterance, or the start or end of a tool, a checkpoint is scheduled, too."""
        self._services.publisher.publish(prove_line(encode_event(envelope), self.stream_credential))
        if isinstance(envelope.event, _CONVERSATION):
            self.conversation_changed()

    def close(self) -> None:
        """Remove the stream credential, unless the recording is still on disk and its event may follow."""
        if self._keeps_stream_credential:
            self._services.disk.submit(forget_stream_credential, self.recording)

    def attach(self, call: Call) -> None:
        """Make the call reachable for commands from the bus, and end it if the person who started it loses the
        right."""
        self.call = call
        self._services.heartbeats.add(self)
        if self._right:
            self._watch = asyncio.create_task(self._end_when_revoked(self._right))

    async def _end_when_revoked(self, right: str) -> None:
        try:
            await self._services.rights.wait_revoked(self.identity, BROWSER_CALL_CHECK, right)
        except Exception:  # without checks, the call must not continue
            log.exception("right.check_failed", call_id=self.identity.call_id)
        if self.call is not None:
            self.call.end("admin", polite=False)

    def conversation_changed(self) -> None:
        """Schedule a checkpoint."""
        self._services.checkpoints.mark_changed(self)

    async def stream_ended(self, reason: EndReason, number: str, words: str, conference: str) -> None:
        """Store the outcome of the stream.

        For a lost stream, and before a transfer, the checkpoint from which the call can be resumed is stored, too.
        """
        services = self._services
        if self._watch is not None:
            self._watch.cancel()
        if self.call is not None:
            self._language = self.call.language.tag
        services.heartbeats.remove(self)
        if reason in LOST:
            write = services.checkpoints.write_final(self)
        else:
            language = phrase_language(self._language) if words else ""
            outcome = StreamOutcome(self._leg, number, words, language, conference=conference)
            is_transfer = bool(number) and self.call is not None
            checkpoints = services.checkpoints
            write = (
                checkpoints.write_transfer(self, outcome) if is_transfer else checkpoints.write_outcome(self, outcome)
            )
        if self.call is not None:
            break_cycle(self, "call")
        await asyncio.wait({write}, timeout=OUTCOME_WAIT_S)

    async def stream_refused(self) -> None:
        """Store that no stream of the call can be used."""
        outcome = StreamOutcome(self._leg, is_refused=True)
        await asyncio.wait({self._services.checkpoints.write_outcome(self, outcome)}, timeout=OUTCOME_WAIT_S)

    # --- CheckpointSource, HeartbeatSource ---

    def checkpoint(self) -> Checkpoint | None:
        """Return the data that another node needs to resume the call, or None after the stream has ended."""
        if self.call is None:
            return None
        snapshot = self.call.snapshot()
        return Checkpoint(
            call_id=self.call_id,
            node_id=self._services.node_id,
            leg=self._leg,
            messages=snapshot.messages,
            turn=snapshot.reported_turns,
            usage=snapshot.usage,
            began_ms=self._began_ms,
            at_ms=self._began_ms + snapshot.at_ms,
            announced=snapshot.announced,
            recording_refused=snapshot.recording_refused,
            language=snapshot.language,
        )

    @property
    def floor(self) -> Floor:
        """The holder of the floor."""
        return self.call.floor if self.call is not None else "none"

    def live_call(self) -> LiveCall | None:
        """Return the call's entry on the bus, or None after the stream has ended."""
        if self.call is None:
            return None
        card = self._services.identity.card if self.stream_credential is not None else ""
        return LiveCall(self.call_id, self._services.node_id, self._leg, card, floor=self.floor)

"""One stream's record on the bus: its events, its last checkpoint, its sign of life, and the word that it was over."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from media.call.call import Call
from media.call.recording import Archive
from media.server.bus.checkpoints import Saver
from media.server.bus.courier import Courier
from media.server.bus.roster import Roster
from media.server.bus.spool import NodeFolder
from media.server.bus.uploads import Uploads
from shared.bus.checkpoints import Checkpoint, Over
from shared.bus.live import LiveCall
from shared.events import AgentSaid, CallerSaid, EndReason, Envelope, encode_event
from shared.plan import CallPlan

# A stream that ends like this was lost; the call may go on elsewhere.
LOST: Final[frozenset[EndReason]] = frozenset({"carrier_error", "media_lost"})
# How long the closing of a socket may wait for Redis.
WORD_S: Final = 0.3


@dataclass(frozen=True, slots=True)
class Desks:
    """What the records of a node share."""

    node_id: str
    folder: NodeFolder
    courier: Courier
    saver: Saver
    roster: Roster
    uploads: Uploads


class BusKeeper:
    """Bus mode: makes records."""

    def __init__(self, desks: Desks) -> None:
        self._desks = desks

    def open(self, plan: CallPlan, call_id: str) -> "BusRecord":
        """For a stream that begins."""
        return BusRecord(self._desks, plan, call_id)


class BusRecord:
    """Holds the call only while the stream lasts: both must go without the collector."""

    def __init__(self, desks: Desks, plan: CallPlan, call_id: str) -> None:
        self._desks = desks
        self._leg = plan.leg
        self._began_ms = plan.resume.began_ms if plan.resume else round(time.time() * 1000)
        self.call_id = call_id
        self.call: Call | None = None
        self.recording: Path = desks.folder.recording(plan.workspace_id, call_id, plan.leg)
        self.archive: Archive = desks.uploads

    # --- Record ---

    def write(self, envelope: Envelope) -> None:
        """To the courier; what was said is also a reason for a checkpoint."""
        self._desks.courier.write(encode_event(envelope))
        if isinstance(envelope.event, CallerSaid | AgentSaid):
            self.heard()

    def close(self) -> None:
        """Nothing to be closed; late events may come."""

    def joined(self, call: Call) -> None:
        """From now on the bus reaches the call."""
        self.call = call
        self._desks.roster.add(self)

    def heard(self) -> None:
        """The conversation went on."""
        self._desks.saver.note(self)

    async def left(self, reason: EndReason, number: str) -> None:
        """Puts the word on the bus that the call is over, or, when only its stream is, what it needs to go on."""
        desks = self._desks
        desks.roster.remove(self)
        word = desks.saver.last(self) if reason in LOST else desks.saver.over(self.call_id, Over(self._leg, number))
        self.call = None
        await asyncio.wait({word}, timeout=WORD_S)

    # --- for the desks ---

    def checkpoint(self) -> Checkpoint | None:
        """What another node needs to go on; None once the stream is over."""
        if self.call is None:
            return None
        memory = self.call.memory()
        return Checkpoint(
            self.call_id,
            self._desks.node_id,
            self._leg,
            memory.messages,
            memory.turn,
            memory.usage,
            self._began_ms,
            self._began_ms + memory.at_ms,
        )

    def alive(self) -> LiveCall | None:
        """The sign of life; None once the stream is over."""
        if self.call is None:
            return None
        return LiveCall(self.call_id, self._desks.node_id, self._leg)

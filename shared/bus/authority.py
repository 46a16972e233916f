"""Control's keys for the bus, with which it verifies what media nodes write."""

from collections.abc import Callable, Sequence
from typing import Final

import structlog

from shared.bus.enrollment import Enrollment
from shared.bus.stream_credentials import ForgedEntry, Speaker, StreamCredentialKeys, is_sealed
from shared.secrets import Sealer

log = structlog.get_logger()

EVENT_PURPOSE: Final = "event"

# Is called with what was forged ("event", "outcome", "checkpoint", "live", "node", "answer", "request") and why.
ReportForged = Callable[[str, str], None]


class BusAuthority:
    """keys: the bus keys. unsigned: opens what programs of the version before seal, and has their unsigned entries
    believed, too; None refuses both."""

    def __init__(
        self, keys: Sequence[bytes], *, unsigned: Sealer | None = None, report: ReportForged | None = None
    ) -> None:
        self.sealer = Sealer(keys)  # of what only control reads
        self.stream_credentials, self.enrollment = StreamCredentialKeys(keys), Enrollment(keys)
        self.unsigned = unsigned
        self.report: ReportForged = report or _ignore

    def count_forged(self, kind: str, fault: ForgedEntry) -> None:
        """Counts and logs an entry that is ignored."""
        log.warning("bus.entry_forged", kind=kind, reason=str(fault))
        self.report(kind, str(fault))

    def check_event(self, call_id: str, leg: int, line: bytes, proof: bytes) -> None:
        """Raises ForgedEntry unless the node that control gave this stream has written the event."""
        if not proof:
            if self.unsigned is None:
                raise ForgedEntry("unsigned")
            return
        speaker = self.stream_credentials.check(call_id, line, EVENT_PURPOSE, proof)
        self.enrollment.require_valid(speaker.node_key)
        if speaker.leg != leg:
            raise ForgedEntry("other stream")

    def open(self, call_id: str, text: bytes, purpose: str, *, keeps: bool = False) -> tuple[Speaker | None, bytes]:
        """What a node said of the call, and who: None for one of the version before. Raises ForgedEntry. keeps: also
        what a node said whose pass was revoked since."""
        if not is_sealed(text):
            if self.unsigned is None:
                raise ForgedEntry("unsigned")
            return None, text
        speaker, plain = self.stream_credentials.open(call_id, text, purpose)
        if not keeps:
            self.enrollment.require_valid(speaker.node_key)
        return speaker, plain


def _ignore(kind: str, reason: str) -> None:
    pass

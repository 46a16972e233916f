"""Control's keys for the bus, which verify what media nodes write."""

from collections.abc import Callable, Sequence
from typing import Final

import structlog

from shared.bus.enrollment import Enrollment
from shared.bus.stream_credentials import ForgedEntry, Speaker, StreamCredentialKeys, is_sealed
from shared.secrets import Sealer

log = structlog.get_logger()

EVENT_PURPOSE: Final = "event"

# Called with the kind of the forged entry ("event", "outcome", "checkpoint", "live", "node", "answer", "request") and
# the reason.
ReportForged = Callable[[str, str], None]


class BusAuthority:
    """Verifies and opens the entries of media nodes.

    Args:
        keys: The bus keys.
        unsigned: Opens entries that programs of the previous version sealed. If it is set, unsigned entries of such
            programs are accepted too. None rejects both.
    """

    def __init__(
        self, keys: Sequence[bytes], *, unsigned: Sealer | None = None, report: ReportForged | None = None
    ) -> None:
        self.sealer = Sealer(keys)  # for entries that only control reads
        self.stream_credentials, self.enrollment = StreamCredentialKeys(keys), Enrollment(keys)
        self.unsigned = unsigned
        self.report: ReportForged = report or _ignore

    def count_forged(self, kind: str, fault: ForgedEntry) -> None:
        """Count and log an entry that is ignored."""
        log.warning("bus.entry_forged", kind=kind, reason=str(fault))
        self.report(kind, str(fault))

    def check_event(self, call_id: str, leg: int, line: bytes, proof: bytes) -> None:
        """Raise ForgedEntry unless the event was written by the node to which control gave this stream."""
        if not proof:
            if self.unsigned is None:
                raise ForgedEntry("unsigned")
            return
        speaker = self.stream_credentials.check(call_id, line, EVENT_PURPOSE, proof)
        self.enrollment.require_valid(speaker.node_key)
        if speaker.leg != leg:
            raise ForgedEntry("other stream")

    def open(self, call_id: str, text: bytes, purpose: str, *, keeps: bool = False) -> tuple[Speaker | None, bytes]:
        """Return the node that wrote `text`, and the plain text.

        Args:
            keeps: Also accept the text of a node whose credential has been revoked since.

        Returns:
            The node, or None if a program of the previous version wrote the text; and the plain text.

        Raises:
            ForgedEntry: The text is not genuine.
        """
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

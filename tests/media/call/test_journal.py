"""Events of a call: numbered without a gap, and none after the end."""

import re

from media.call.journal import Journal, utc_now
from shared.events import Envelope, Nudged, Resumed


class Kept:
    """A sink in memory."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.closed = 0

    def write(self, envelope: Envelope) -> None:
        self.envelopes.append(envelope)

    def close(self) -> None:
        self.closed += 1


def test_numbers_and_stamps_events() -> None:
    sink = Kept()
    journal = Journal("call-1", sink, stamp=lambda: "2026-11-24T10:00:00.000Z")
    journal.emit(Nudged(10))
    journal.emit(Resumed(1, 20))
    assert sink.envelopes == [
        Envelope("call-1", 1, "2026-11-24T10:00:00.000Z", Nudged(10)),
        Envelope("call-1", 2, "2026-11-24T10:00:00.000Z", Resumed(1, 20)),
    ]


def test_nothing_comes_after_the_end() -> None:
    sink = Kept()
    journal = Journal("call-1", sink)
    journal.emit(Nudged(10))
    journal.close()
    journal.close()
    journal.emit(Nudged(20))
    assert [envelope.seq for envelope in sink.envelopes] == [1]
    assert sink.closed == 1


def test_the_stamp_is_iso_8601_in_utc_with_milliseconds() -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", utc_now())

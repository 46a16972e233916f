"""Where plans come from."""

from media.server.plans import Door, OnePlan
from media.telephony.wire import Encoding, Started
from shared.plan import decode_plan
from tests.media.server.conftest import PLAN
from tests.virtual_time import run_virtual


def test_stand_alone_every_stream_gets_the_same_plan() -> None:
    plan = decode_plan(PLAN)
    started = Started("MZ1", "CA1", Encoding("PCMU"), 8_000)
    assert run_virtual(OnePlan(plan).claim(started, Door("twilio"))) is plan

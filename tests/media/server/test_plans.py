"""Sources of plans."""

from media.server.plans import SinglePlan, SocketRoute
from media.telephony.codec import Encoding, StreamStarted
from shared.plan import decode_plan
from tests.media.server.conftest import PLAN
from tests.virtual_time import run_virtual


def test_stand_alone_every_stream_gets_the_same_plan() -> None:
    plan = decode_plan(PLAN)
    started = StreamStarted("MZ1", "CA1", Encoding("PCMU"), 8_000)
    assert run_virtual(SinglePlan(plan).claim(started, SocketRoute("twilio"))) is plan

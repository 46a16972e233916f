"""What carriers and phones do that a platform would rather not meet, and what must become of such a call."""

import itertools
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from simulator.carrier.impaired_party import ImpairedParty, Impairment
from simulator.carrier.media_stream import Party
from simulator.carrier.network.phone_network import Behavior
from simulator.carrier.network.server import RunningNetwork
from simulator.carrier.network.telnyx.faults import TelnyxFaults
from simulator.carrier.network.webhook_client import DeliveryFaults
from vocalized.stack.settings import CarrierName

CallDirection = Literal["inbound", "outbound"]
# What the carrier's voice tells the caller: nothing, or that all lines are busy.
CarrierWords = Literal["", "all_busy"]

BOTH: Final[tuple[CarrierName, ...]] = ("twilio", "telnyx")
TWILIO: Final[tuple[CarrierName, ...]] = ("twilio",)
TELNYX: Final[tuple[CarrierName, ...]] = ("telnyx",)
IN_AND_OUT: Final[tuple[CallDirection, ...]] = ("inbound", "outbound")
INBOUND: Final[tuple[CallDirection, ...]] = ("inbound",)
OUTBOUND: Final[tuple[CallDirection, ...]] = ("outbound",)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallExpectation:
    """What must have become of a call. answered: the phone and the platform were connected. agent: an agent carried it.
    turns: all turns of the caller were answered; else the first one, if there is an agent. status, end_reason: of its
    record. words: of the carrier's voice, in the agent's language. returns: a transfer led back to the agent."""

    answered: bool = True
    agent: bool = True
    turns: bool = True
    status: str = "completed"
    end_reason: str = "caller_hangup"
    words: CarrierWords = ""
    returns: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFault:
    """A fault of some calls. carriers, directions: in which it can be. impairment: of the phone's media. codecs: those
    that the phone offers to Telnyx. telnyx, delivery: of the carrier. too_many: how often Twilio has no room for the
    call yet. not_permitted: Twilio may not call the number. action: of the workspace after the first turn was answered.
    target: what the phone does that the caller is transferred to.
    """

    name: str
    carriers: tuple[CarrierName, ...] = BOTH
    directions: tuple[CallDirection, ...] = IN_AND_OUT
    impairment: Impairment | None = None
    codecs: str = ""
    telnyx: TelnyxFaults | None = None
    delivery: DeliveryFaults | None = None
    too_many: int = 0
    not_permitted: bool = False
    action: Literal["", "end", "transfer"] = ""
    target: Behavior = "answer"
    expected: CallExpectation = CallExpectation()

    def impair(self, party: Party, seed: int) -> Party:
        """The party on its line. seed: decides which of its frames are lost."""
        return party if self.impairment is None else ImpairedParty(party, self.impairment, seed)

    def apply(self, network: RunningNetwork, phone: str) -> None:
        """Lets the carriers behave so towards this phone (E.164), from its next call on."""
        if self.delivery is not None:
            network.webhook_client.faults_by_phone[phone] = self.delivery
        if network.telnyx is not None and self.telnyx is not None:
            network.telnyx.faults.by_phone[phone] = self.telnyx
        if network.telnyx is not None and self.codecs:
            network.telnyx.codecs_by_phone[phone] = self.codecs
        if network.twilio is not None and self.too_many:
            network.twilio.faults.too_many[phone] = self.too_many
        if network.twilio is not None and self.not_permitted:
            network.twilio.faults.not_permitted.add(phone)


NONE: Final = LineFault(name="none")
# Calls take their usual course in spite of these.
HARMLESS: Final = (
    NONE,
    LineFault(name="no media while the caller is silent", impairment=Impairment(discontinuous=True)),
    LineFault(name="10 % of the caller's media lost", impairment=Impairment(loss=0.1)),
    LineFault(name="each webhook twice", delivery=DeliveryFaults(duplicate=True)),
    LineFault(name="webhooks up to 1 s late, in any order", delivery=DeliveryFaults(shuffle_s=1.0)),
    LineFault(name="first delivery of each webhook fails", delivery=DeliveryFaults(drop_first=True)),
    LineFault(name="G.722 only", carriers=TELNYX, codecs="G722"),
    LineFault(name="PCMA only", carriers=TELNYX, codecs="PCMA"),
    LineFault(name="underscored event names", carriers=TELNYX, telnyx=TelnyxFaults(underscores=True)),
    LineFault(name="changing call_control_id", carriers=TELNYX, telnyx=TelnyxFaults(changes_ids=True)),
    LineFault(
        name="answers to commands lost",
        carriers=TELNYX,
        telnyx=TelnyxFaults(lost=frozenset({"dial", "answer", "streaming_start"})),
    ),
)

_ENDED: Final = CallExpectation(turns=False, end_reason="member")
_TRANSFERRED: Final = CallExpectation(turns=False, end_reason="transferred")
# The caller goes on with the agent.
_NOT_REACHED: Final = CallExpectation(returns=True)
_NOT_DIALED: Final = CallExpectation(
    answered=False, agent=False, turns=False, status="failed", end_reason="carrier_error"
)
_BUSY: Final = CallExpectation(answered=False, agent=False, turns=False, status="busy", end_reason="")


def _odd(refused: Mapping[str, str] | None = None) -> TelnyxFaults:
    return TelnyxFaults(refused or {}, silent_closes=True, underscores=True, changes_ids=True)


# The workspace ends or transfers these calls.
ENDINGS: Final = (
    LineFault(name="ended by the workspace", action="end", expected=_ENDED),
    LineFault(
        name="ended, closed streams not reported",
        carriers=TELNYX,
        action="end",
        telnyx=TelnyxFaults(silent_closes=True),
        expected=_ENDED,
    ),
    LineFault(
        name="ended, answer to hangup lost",
        carriers=TELNYX,
        action="end",
        telnyx=TelnyxFaults(lost=frozenset({"hangup"})),
        expected=_ENDED,
    ),
    LineFault(name="transferred", action="transfer", expected=_TRANSFERRED),
    LineFault(
        name="transferred, closed streams not reported, ids and names differ",
        carriers=TELNYX,
        action="transfer",
        telnyx=_odd(),
        expected=_TRANSFERRED,
    ),
    LineFault(
        name="transferred, answer to transfer lost",
        carriers=TELNYX,
        action="transfer",
        telnyx=TelnyxFaults(lost=frozenset({"transfer"})),
        expected=_TRANSFERRED,
    ),
    LineFault(name="transfer to a busy phone", action="transfer", target="busy", expected=_NOT_REACHED),
    LineFault(name="transfer declined", action="transfer", target="reject", expected=_NOT_REACHED),
    LineFault(
        name="transfer declined, closed streams not reported, ids and names differ",
        carriers=TELNYX,
        action="transfer",
        target="reject",
        telnyx=_odd(),
        expected=_NOT_REACHED,
    ),
)
# Telnyx or Twilio refuses what these calls need.
REFUSALS: Final = (
    LineFault(
        name="transfer refused",
        carriers=TELNYX,
        action="transfer",
        telnyx=TelnyxFaults({"transfer": "D13"}),
        expected=_NOT_REACHED,
    ),
    LineFault(
        name="transfer refused, closed streams not reported, ids and names differ",
        carriers=TELNYX,
        action="transfer",
        telnyx=_odd({"transfer": "D1"}),
        expected=_NOT_REACHED,
    ),
    LineFault(
        name="answer refused",
        carriers=TELNYX,
        directions=INBOUND,
        telnyx=TelnyxFaults({"answer": "D1"}),
        expected=_BUSY,
    ),
    LineFault(
        name="answer and reject refused",
        carriers=TELNYX,
        directions=INBOUND,
        telnyx=TelnyxFaults({"answer": "D1", "reject": "D10"}),
        expected=_BUSY,
    ),
    LineFault(
        name="hangup refused once",
        carriers=TELNYX,
        action="end",
        telnyx=TelnyxFaults(refused_once={"hangup": "D1"}),
        expected=_ENDED,
    ),
    LineFault(
        name="media stream refused",
        carriers=TELNYX,
        telnyx=TelnyxFaults({"streaming_start": "D10"}),
        expected=CallExpectation(agent=False, turns=False, status="busy", end_reason="", words="all_busy"),
    ),
    LineFault(
        name="media stream and words refused",
        carriers=TELNYX,
        telnyx=TelnyxFaults({"streaming_start": "D10", "speak": "D10"}),
        expected=CallExpectation(agent=False, turns=False, status="busy", end_reason=""),
    ),
    LineFault(
        name="dialling refused",
        carriers=TELNYX,
        directions=OUTBOUND,
        telnyx=TelnyxFaults({"dial": "D13"}),
        expected=_NOT_DIALED,
    ),
    LineFault(
        name="dialling not permitted", carriers=TWILIO, directions=OUTBOUND, not_permitted=True, expected=_NOT_DIALED
    ),
    LineFault(name="429 to the first two requests to dial", carriers=TWILIO, directions=OUTBOUND, too_many=2),
)


@dataclass(frozen=True, slots=True)
class LineCase:
    """A call to be made: with which fault, over which carrier, by whom."""

    fault: LineFault
    carrier: CarrierName
    direction: CallDirection


def all_cases(faults: Sequence[LineFault]) -> list[LineCase]:
    """Each fault over each carrier and in each direction in which it can be."""
    return [
        LineCase(fault, carrier, direction)
        for fault in faults
        for carrier in fault.carriers
        for direction in fault.directions
    ]


def draw_cases(faults: Sequence[LineFault], calls: int, seed: int) -> list[LineCase]:
    """`calls` cases in a random order, the same for the same seed: each case equally often, and the rest of the calls
    without a fault. Raises ValueError if there are fewer calls than cases."""
    cases = all_cases(faults)
    if calls < len(cases):
        raise ValueError(f"{len(cases)} cases do not fit into {calls} calls")
    drawn = cases * (calls // len(cases))
    plain = all_cases([NONE])
    drawn += [plain[index % len(plain)] for index in range(calls - len(drawn))]
    random.Random(seed).shuffle(drawn)
    return drawn


def draw_harmless(carriers: Sequence[CarrierName], seed: int) -> list[LineFault]:
    """A harmless fault for a call over each of these carriers; all of a carrier's in turn, in a random order."""
    shuffled = random.Random(seed)
    decks = {name: [fault for fault in HARMLESS if name in fault.carriers] for name in BOTH}
    for deck in decks.values():
        shuffled.shuffle(deck)
    turns = {name: itertools.cycle(deck) for name, deck in decks.items()}
    return [next(turns[carrier]) for carrier in carriers]

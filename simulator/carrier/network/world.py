"""The world around the carriers: people who phone their numbers, and phones out there that they can ring."""

import asyncio
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, get_args

from simulator.carrier.legs import Legs
from simulator.carrier.network.inventory import Inventory
from simulator.carrier.network.line import Line
from simulator.carrier.network.outlets import By
from simulator.carrier.network.people import Listener, answering_machine
from simulator.carrier.network.trunk import TrunkEnd, trunk
from simulator.carrier.pace import Pace, RealTime
from simulator.carrier.stream import Party, StreamEnd

Behaviour = Literal["answer", "busy", "no_answer", "reject", "machine"]
Reason = Literal["busy", "no_answer", "rejected", "failed", "unknown_number", "cancelled"]

UNANSWERED_S = 60.0
_MOST_PASSED = 1_000


class NotReached(Exception):
    """A phone was rung and not answered."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


@dataclass(frozen=True, slots=True)
class Ring:
    """A phone is rung: by whom, and by which carrier in which call ("" where that was not said)."""

    caller: str
    called: str
    carrier: str = ""
    call_id: str = ""


class Phone(Protocol):
    """A phone whose owner decides, when it rings, what happens."""

    async def ring(self, ring: Ring) -> Party:
        """Returns who speaks when it is answered. Raises NotReached. Cancelled when the other side gives up."""

    def answered(self, line: Line) -> None:
        """The phone is off the hook now."""


@dataclass(slots=True)
class Subscriber:
    """A phone out there that can be called.

    ring_s: until it is answered (or busy, or rejected). party: who speaks then, a fresh one per call; without one, a
    listener who stays silent, or the machine. greeting_s: how long a machine speaks until and with its beep. phone:
    decides instead of the behaviour.
    """

    behaviour: Behaviour = "answer"
    ring_s: float = 0.2
    party: Callable[[], Party] | None = None
    greeting_s: float = 3.0
    phone: Phone | None = None


@dataclass(frozen=True, slots=True)
class Reached:
    """A phone that was answered: by a person, or by a machine whose beep ends `greeting_s` after the answer."""

    line: Line
    machine: bool
    greeting_s: float


@dataclass(frozen=True, slots=True)
class CallEvent:
    """What a person who phones is told: it rings (with the carrier's id of the call), was answered, was refused."""

    event: Literal["ringing", "answered", "refused"]
    carrier: str
    call_id: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """How a person's call went. reason: why it was not answered, "" when it was; legs: None when it was not.
    last_stream: how the last media stream on the line ended."""

    carrier: str
    call_id: str
    answered: bool
    reason: str
    legs: Legs | None
    ended_by: By | None
    last_stream: StreamEnd | None = None


@dataclass(slots=True)
class Passed:
    """A call as the world's journal has it: into a carrier's number, or out of a carrier to somebody's phone."""

    direction: Literal["in", "out"]
    ring: Ring
    reason: str = ""
    line: weakref.ref[Line] | None = None

    @property
    def state(self) -> str:
        """ringing, in_progress, ended, or why it was not answered."""
        if self.line is None:
            return self.reason or "ringing"
        line = self.line()
        return "ended" if line is None or line.over.is_set() else "in_progress"


class CarrierSide(Protocol):
    """Twilio's or Telnyx's side, as the world sees it."""

    name: str

    def owns(self, number: str) -> bool:
        """Whether the number was bought there."""

    async def incoming(self, call: "Incoming") -> None:
        """Serves a call to one of its numbers, to its end."""


class Incoming:
    """A person phones a number that a carrier owns.

    hung_up: the caller gave up while it rang. line: the caller's phone once it was answered.
    """

    def __init__(
        self,
        caller: str,
        called: str,
        party: Party,
        pace: Callable[[], Pace],
        tell: Callable[[CallEvent], None],
        carrier: str,
        hung_up: asyncio.Event,
    ) -> None:
        self.caller, self.called = caller, called
        self.hung_up = hung_up
        self.line: Line | None = None
        self.call_id = ""
        self.reason = ""
        self.noted: Passed | None = None
        self._party, self._pace, self._tell, self._carrier = party, pace, tell, carrier

    def ringing(self, call_id: str) -> None:
        """The carrier has the call and gave it an id; the caller hears it ring."""
        self.call_id = call_id
        if self.noted is not None:
            self.noted.ring = replace(self.noted.ring, call_id=call_id)
        self._tell(CallEvent("ringing", self._carrier, call_id))

    async def answer(self) -> Line:
        """The carrier takes the call: the caller's phone is now off the hook. Raises NotReached: nobody is there."""
        if self.hung_up.is_set() or self.reason:
            raise NotReached("cancelled")
        if self.line is None:
            self.line = Line(self._party, self._pace())
            if self.noted is not None:
                self.noted.line = weakref.ref(self.line)
            self._tell(CallEvent("answered", self._carrier, self.call_id))
        return self.line

    def refuse(self, reason: str) -> None:
        """ "busy", "rejected", "failed"…: the caller hears it and the call is over."""
        if self.line is None and not self.reason:
            self.reason = reason
            self._tell(CallEvent("refused", self._carrier, self.call_id, reason))


def _unheard(event: CallEvent) -> None:
    """Nobody wants to know."""


@dataclass(slots=True)
class World:
    """Subscribers by number (E.164), the carriers' sides, the numbers that were bought there, and the calls between.

    pace: a new clock for each phone that is taken off the hook. default: what answers a number that no subscriber has;
    without one such a number does not exist. journal: the latest calls, oldest first.
    """

    pace: Callable[[], Pace] = RealTime
    default: Subscriber | None = None
    subscribers: dict[str, Subscriber] = field(default_factory=dict)
    sides: list[CarrierSide] = field(default_factory=list)
    inventory: Inventory = field(default_factory=Inventory)
    journal: deque[Passed] = field(default_factory=lambda: deque(maxlen=_MOST_PASSED))
    _trunks: set[asyncio.Task[CallOutcome] | asyncio.Task[None]] = field(default_factory=set)

    def add(self, side: CarrierSide) -> None:
        """A carrier joins the network."""
        self.sides.append(side)

    def subscriber(self, number: str) -> Subscriber:
        """Whose phone rings at this number. Raises NotReached("unknown_number")."""
        found = self.subscribers.get(number, self.default)
        if found is None:
            raise NotReached("unknown_number")
        return found

    def owner(self, number: str) -> CarrierSide | None:
        """The carrier that sold the number."""
        return next((side for side in self.sides if side.owns(number)), None)

    async def reach(
        self,
        caller: str,
        called: str,
        *,
        timeout_s: float = UNANSWERED_S,
        ringing: Callable[[], None] | None = None,
        carrier: str = "",
        call_id: str = "",
    ) -> Reached:
        """A carrier rings a phone out there. `ringing` is called when it begins to. Raises NotReached.

        Cancel it to give up. The line that comes back is the carrier's to hang up. carrier, call_id: who rings, for
        those who look.
        """
        ring = Ring(caller, called, carrier, call_id)
        passed = self._note(Passed("out", ring))
        try:
            reached = await self._reach(ring, timeout_s, ringing)
        except NotReached as failure:
            passed.reason = failure.reason
            raise
        passed.line = weakref.ref(reached.line)
        return reached

    async def _reach(self, ring: Ring, timeout_s: float, ringing: Callable[[], None] | None) -> Reached:
        if ring.called not in self.subscribers and self.owner(ring.called) is not None:
            return await self._reach_number(ring, timeout_s, ringing)
        subscriber = self.subscriber(ring.called)
        if subscriber.behaviour != "busy" and ringing is not None:
            ringing()
        try:
            async with asyncio.timeout(timeout_s):
                party = await _answered(subscriber, ring)
        except TimeoutError:
            raise NotReached("no_answer") from None
        line = Line(party, self.pace())
        if subscriber.phone is not None:
            subscriber.phone.answered(line)
        return Reached(line, subscriber.behaviour == "machine", subscriber.greeting_s)

    async def call(
        self,
        caller: str,
        called: str,
        party: Party,
        *,
        on_event: Callable[[CallEvent], None] = _unheard,
        hung_up: asyncio.Event | None = None,
        patience_s: float = UNANSWERED_S,
    ) -> CallOutcome:
        """A person phones, and the call is carried to its end. Raises what the carrier's side or the party raised.

        hung_up: set it to give up while it rings. patience_s: gives up by itself after so long without an answer.
        """
        side = self.owner(called)
        if side is None:
            on_event(CallEvent("refused", "", reason="unknown_number"))
            return CallOutcome("", "", False, "unknown_number", None, None)
        call = Incoming(caller, called, party, self.pace, on_event, side.name, hung_up or asyncio.Event())
        passed = self._note(Passed("in", Ring(caller, called, side.name)))
        timer = asyncio.get_running_loop().call_later(patience_s, _give_up, call)
        call.noted = passed
        try:
            await side.incoming(call)
        finally:
            timer.cancel()
            if call.line is not None:
                call.line.hang_up()
        outcome = await _outcome(call, side.name)
        passed.reason = outcome.reason
        return outcome

    async def _reach_number(self, ring: Ring, timeout_s: float, ringing: Callable[[], None] | None) -> Reached:
        """Rings a number that a carrier owns: at the other end of a trunk somebody phones it."""
        near, far = trunk()
        answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        gave_up = asyncio.Event()

        def tell(event: CallEvent) -> None:
            if event.event == "ringing" and ringing is not None:
                ringing()
            elif event.event == "answered" and not answered.done():
                answered.set_result(None)

        calling = asyncio.create_task(
            self.call(ring.caller, ring.called, far, on_event=tell, hung_up=gave_up, patience_s=timeout_s)
        )
        waiting: set[asyncio.Future[Any]] = {calling, answered}
        self._trunks.add(calling)
        calling.add_done_callback(self._trunks.discard)
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            gave_up.set()
            far.gone = True
            raise
        if not answered.done():
            raise NotReached(_reason(calling.result().reason))
        line = Line(near, self.pace())
        watching = asyncio.create_task(_together(line, near, far, calling))
        self._trunks.add(watching)
        watching.add_done_callback(self._trunks.discard)
        return Reached(line, False, 0.0)

    def _note(self, passed: Passed) -> Passed:
        self.journal.append(passed)
        return passed


async def _together(line: Line, near: TrunkEnd, far: TrunkEnd, calling: asyncio.Task[CallOutcome]) -> None:
    """When one end of a trunk is over, so is the other."""
    over = asyncio.create_task(line.over.wait())
    waiting: set[asyncio.Task[Any]] = {over, calling}
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        over.cancel()
        near.gone = far.gone = True


def _reason(text: str) -> Reason:
    return next((known for known in get_args(Reason) if known == text), "failed")


def _give_up(call: Incoming) -> None:
    if call.line is None:
        call.hung_up.set()


async def _outcome(call: Incoming, carrier: str) -> CallOutcome:
    if call.line is None:
        reason = call.reason or ("cancelled" if call.hung_up.is_set() else "failed")
        call.refuse(reason)
        return CallOutcome(carrier, call.call_id, False, reason, None, None)
    await call.line.closed()
    return CallOutcome(carrier, call.call_id, True, "", call.line.legs, call.line.by, call.line.last_end)


async def _answered(subscriber: Subscriber, ring: Ring) -> Party:
    if subscriber.phone is not None:
        return await subscriber.phone.ring(ring)
    if subscriber.behaviour == "no_answer":
        await asyncio.Event().wait()
    await asyncio.sleep(subscriber.ring_s)
    if subscriber.behaviour == "busy":
        raise NotReached("busy")
    if subscriber.behaviour == "reject":
        raise NotReached("rejected")
    if subscriber.party is not None:
        return subscriber.party()
    return answering_machine(subscriber.greeting_s) if subscriber.behaviour == "machine" else Listener()

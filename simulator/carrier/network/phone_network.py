"""The phone network around the carriers: people who call the carriers' numbers, and phones that carriers ring."""

import asyncio
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, get_args

from simulator.carrier.call_audio import CallAudio
from simulator.carrier.clock import Clock, RealTimeClock
from simulator.carrier.media_stream import Party, StreamEnd, StreamFault
from simulator.carrier.network.interconnect import InterconnectEnd, make_interconnect
from simulator.carrier.network.inventory import Inventory
from simulator.carrier.network.line import Line
from simulator.carrier.network.line_endpoints import EndedBy
from simulator.carrier.network.passive_party import PassiveParty, answering_machine

Behavior = Literal["answer", "busy", "no_answer", "reject", "machine"]
UnansweredReason = Literal["busy", "no_answer", "rejected", "failed", "unknown_number", "cancelled"]

RING_LIMIT_S = 60.0
_MAX_JOURNAL = 1_000


class NotAnswered(Exception):
    """A phone rang but was not answered."""

    def __init__(self, reason: UnansweredReason) -> None:
        super().__init__(reason)
        self.reason: UnansweredReason = reason


@dataclass(frozen=True, slots=True)
class Ring:
    """A ringing phone. The carrier and call id are empty if unknown."""

    caller: str
    called: str
    carrier: str = ""
    call_id: str = ""


class Phone(Protocol):
    """A phone whose owner decides whether to answer."""

    async def ring(self, ring: Ring) -> Party:
        """Return the party that answered. Raises NotAnswered. The call is canceled if the caller gives up."""

    def answered(self, line: Line) -> None:
        """Handle the answered line. Called after the phone was answered."""


@dataclass(slots=True)
class Subscriber:
    """A phone that can be called.

    Attributes:
        ring_s: How long the phone rings until it is answered, busy or rejected.
        party: Makes the answering party, one per call. None: a silent party, or an answering machine.
        greeting_s: Length of a machine's greeting, including its beep.
        phone: Decides in place of `behavior`.
    """

    behavior: Behavior = "answer"
    ring_s: float = 0.2
    party: Callable[[], Party] | None = None
    greeting_s: float = 3.0
    phone: Phone | None = None


@dataclass(frozen=True, slots=True)
class AnsweredPhone:
    """A phone answered by a person, or by a machine whose beep ends `greeting_s` after the answer."""

    line: Line
    machine: bool
    greeting_s: float


@dataclass(frozen=True, slots=True)
class CallEvent:
    """Progress of a person's call: ringing (with the carrier's call id), answered or refused."""

    event: Literal["ringing", "answered", "refused"]
    carrier: str
    call_id: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """How a person's call ended.

    Attributes:
        reason: Why the call was not answered; empty if it was.
        audio: None if the call was not answered.
        last_stream: How the last media stream on the line ended.
        faults: Protocol violations of the agent's side on its media streams.
        has_agent: Whether a media stream delivered audio. All other audio came from the carrier's announcements.
    """

    carrier: str
    call_id: str
    answered: bool
    reason: str
    audio: CallAudio | None
    ended_by: EndedBy | None
    last_stream: StreamEnd | None = None
    faults: tuple[StreamFault, ...] = ()
    has_agent: bool = False


@dataclass(slots=True)
class JournalEntry:
    """A call in the network's journal: to a carrier's number ("in"), or from a carrier to a phone ("out")."""

    direction: Literal["in", "out"]
    ring: Ring
    reason: str = ""
    line: weakref.ref[Line] | None = None

    @property
    def state(self) -> str:
        """ "ringing", "in_progress", "ended", or the reason why the call was not answered."""
        if self.line is None:
            return self.reason or "ringing"
        line = self.line()
        return "ended" if line is None or line.over.is_set() else "in_progress"


class Carrier(Protocol):
    """Twilio or Telnyx, as the network uses them."""

    name: str

    def owns(self, number: str) -> bool:
        """Return whether the number was bought from this carrier."""

    async def incoming(self, call: "IncomingCall") -> None:
        """Handle a call to one of the carrier's numbers. Returns after the call has ended."""


class IncomingCall:
    """A person's call to a number that a carrier owns.

    Attributes:
        hung_up: Set if the caller gave up while the call was ringing.
        line: The caller's line after the answer.
    """

    def __init__(
        self,
        caller: str,
        called: str,
        party: Party,
        make_clock: Callable[[], Clock],
        report: Callable[[CallEvent], None],
        carrier: str,
        hung_up: asyncio.Event,
    ) -> None:
        self.caller, self.called = caller, called
        self.hung_up = hung_up
        self.line: Line | None = None
        self.call_id = ""
        self.reason = ""
        self.journal_entry: JournalEntry | None = None
        self._party, self._make_clock, self._report, self._carrier = party, make_clock, report, carrier

    def ringing(self, call_id: str) -> None:
        """Record that the carrier received the call under this id. The caller hears ringing."""
        self.call_id = call_id
        if self.journal_entry is not None:
            self.journal_entry.ring = replace(self.journal_entry.ring, call_id=call_id)
        self._report(CallEvent("ringing", self._carrier, call_id))

    async def answer(self) -> Line:
        """Answer the call and return the caller's line. Raises NotAnswered if the caller hung up or was refused."""
        if self.hung_up.is_set() or self.reason:
            raise NotAnswered("cancelled")
        if self.line is None:
            self.line = Line(self._party, self._make_clock())
            if self.journal_entry is not None:
                self.journal_entry.line = weakref.ref(self.line)
            self._report(CallEvent("answered", self._carrier, self.call_id))
        return self.line

    def refuse(self, reason: str) -> None:
        """End the call unanswered. The reason is "busy", "rejected", "failed"…"""
        if self.line is None and not self.reason:
            self.reason = reason
            self._report(CallEvent("refused", self._carrier, self.call_id, reason))


def _ignore(event: CallEvent) -> None:
    """Ignore the event. This is the default listener."""


@dataclass(slots=True)
class PhoneNetwork:
    """The subscribers by number (E.164), the carriers, their numbers, and the calls.

    Attributes:
        make_clock: Makes a clock for each answered phone.
        default: Answers numbers without a subscriber. None: such numbers do not exist.
        journal: The latest calls, oldest first.
    """

    make_clock: Callable[[], Clock] = RealTimeClock
    default: Subscriber | None = None
    subscribers: dict[str, Subscriber] = field(default_factory=dict)
    carriers: list[Carrier] = field(default_factory=list)
    inventory: Inventory = field(default_factory=Inventory)
    journal: deque[JournalEntry] = field(default_factory=lambda: deque(maxlen=_MAX_JOURNAL))
    _tasks: set[asyncio.Task[CallOutcome] | asyncio.Task[None]] = field(default_factory=set)
    _awaited: dict[str, asyncio.Event] = field(default_factory=dict)

    def add(self, carrier: Carrier) -> None:
        """Add a carrier."""
        self.carriers.append(carrier)

    def subscriber(self, number: str) -> Subscriber:
        """Return the subscriber at this number. Raises NotAnswered("unknown_number")."""
        found = self.subscribers.get(number, self.default)
        if found is None:
            raise NotAnswered("unknown_number")
        return found

    def connect_phone(self, number: str, subscriber: Subscriber) -> None:
        """Set the subscriber at this number. A call that already rings there without a phone now rings at
        this phone.
        """
        self.subscribers[number] = subscriber
        if number in self._awaited:
            self._awaited[number].set()

    def owner(self, number: str) -> Carrier | None:
        """Return the carrier that owns the number; None if no carrier does."""
        return next((carrier for carrier in self.carriers if carrier.owns(number)), None)

    async def ring_phone(
        self,
        caller: str,
        called: str,
        *,
        timeout_s: float = RING_LIMIT_S,
        ringing: Callable[[], None] | None = None,
        carrier: str = "",
        call_id: str = "",
    ) -> AnsweredPhone:
        """Ring a phone for a carrier. Raises NotAnswered.

        Cancel the method to give up. The carrier must hang up the returned line.

        Args:
            ringing: Called when the phone rings.
            carrier: Shown in the journal.
            call_id: Shown in the journal.
        """
        ring = Ring(caller, called, carrier, call_id)
        entry = self._add_to_journal(JournalEntry("out", ring))
        try:
            reached = await self._ring(ring, timeout_s, ringing)
        except NotAnswered as failure:
            entry.reason = failure.reason
            raise
        entry.line = weakref.ref(reached.line)
        return reached

    async def _ring(self, ring: Ring, timeout_s: float, ringing: Callable[[], None] | None) -> AnsweredPhone:
        if ring.called not in self.subscribers and self.owner(ring.called) is not None:
            return await self._ring_owned_number(ring, timeout_s, ringing)
        subscriber = self.subscriber(ring.called)
        if subscriber.behavior != "busy" and ringing is not None:
            ringing()
        try:
            async with asyncio.timeout(timeout_s):
                if subscriber is self.default and subscriber.behavior == "no_answer":
                    subscriber = await self._await_phone(ring.called)
                party = await _await_answer(subscriber, ring)
        except TimeoutError:
            raise NotAnswered("no_answer") from None
        line = Line(party, self.make_clock())
        if subscriber.phone is not None:
            subscriber.phone.answered(line)
        return AnsweredPhone(line, subscriber.behavior == "machine", subscriber.greeting_s)

    async def _await_phone(self, number: str) -> Subscriber:
        """Wait until a phone is connected at this number."""
        connected = self._awaited.setdefault(number, asyncio.Event())
        try:
            await connected.wait()
        finally:
            if self._awaited.get(number) is connected:
                del self._awaited[number]
        return self.subscriber(number)

    async def call(
        self,
        caller: str,
        called: str,
        party: Party,
        *,
        on_event: Callable[[CallEvent], None] = _ignore,
        hung_up: asyncio.Event | None = None,
        patience_s: float = RING_LIMIT_S,
    ) -> CallOutcome:
        """Place a person's call and return after it has ended. Raises errors of the carrier or the party.

        Args:
            hung_up: Set this event to give up while the call is ringing.
            patience_s: The caller gives up after this time without an answer.
        """
        carrier = self.owner(called)
        if carrier is None:
            on_event(CallEvent("refused", "", reason="unknown_number"))
            return CallOutcome("", "", False, "unknown_number", None, None)
        call = IncomingCall(caller, called, party, self.make_clock, on_event, carrier.name, hung_up or asyncio.Event())
        entry = self._add_to_journal(JournalEntry("in", Ring(caller, called, carrier.name)))
        timer = asyncio.get_running_loop().call_later(patience_s, _give_up, call)
        call.journal_entry = entry
        try:
            await carrier.incoming(call)
        finally:
            timer.cancel()
            if call.line is not None:
                call.line.hang_up()
        outcome = await _outcome(call, carrier.name)
        entry.reason = outcome.reason
        return outcome

    async def _ring_owned_number(
        self, ring: Ring, timeout_s: float, ringing: Callable[[], None] | None
    ) -> AnsweredPhone:
        """Ring a number that a carrier owns. The far end of an interconnect calls it like a person."""
        near, far = make_interconnect()
        answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        gave_up = asyncio.Event()

        def on_event(event: CallEvent) -> None:
            if event.event == "ringing" and ringing is not None:
                ringing()
            elif event.event == "answered" and not answered.done():
                answered.set_result(None)

        calling = asyncio.create_task(
            self.call(ring.caller, ring.called, far, on_event=on_event, hung_up=gave_up, patience_s=timeout_s)
        )
        waiting: set[asyncio.Future[Any]] = {calling, answered}
        self._tasks.add(calling)
        calling.add_done_callback(self._tasks.discard)
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            gave_up.set()
            far.ended = True
            raise
        if not answered.done():
            raise NotAnswered(_reason(calling.result().reason))
        line = Line(near, self.make_clock())
        watching = asyncio.create_task(_end_together(line, near, far, calling))
        self._tasks.add(watching)
        watching.add_done_callback(self._tasks.discard)
        return AnsweredPhone(line, False, 0.0)

    def _add_to_journal(self, entry: JournalEntry) -> JournalEntry:
        self.journal.append(entry)
        return entry


async def _end_together(
    line: Line, near: InterconnectEnd, far: InterconnectEnd, calling: asyncio.Task[CallOutcome]
) -> None:
    """End one end of an interconnect after the other end has ended."""
    over = asyncio.create_task(line.over.wait())
    waiting: set[asyncio.Task[Any]] = {over, calling}
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        over.cancel()
        near.ended = far.ended = True


def _reason(text: str) -> UnansweredReason:
    return next((known for known in get_args(UnansweredReason) if known == text), "failed")


def _give_up(call: IncomingCall) -> None:
    if call.line is None:
        call.hung_up.set()


async def _outcome(call: IncomingCall, carrier: str) -> CallOutcome:
    if call.line is None:
        reason = call.reason or ("cancelled" if call.hung_up.is_set() else "failed")
        call.refuse(reason)
        return CallOutcome(carrier, call.call_id, False, reason, None, None)
    await call.line.closed()
    line = call.line
    answered = CallOutcome(carrier, call.call_id, True, "", line.audio, line.by, line.last_end)
    return replace(answered, faults=tuple(line.faults), has_agent=line.has_agent)


async def _await_answer(subscriber: Subscriber, ring: Ring) -> Party:
    if subscriber.phone is not None:
        return await subscriber.phone.ring(ring)
    if subscriber.behavior == "no_answer":
        await asyncio.Event().wait()
    await asyncio.sleep(subscriber.ring_s)
    if subscriber.behavior == "busy":
        raise NotAnswered("busy")
    if subscriber.behavior == "reject":
        raise NotAnswered("rejected")
    if subscriber.party is not None:
        return subscriber.party()
    return answering_machine(subscriber.greeting_s) if subscriber.behavior == "machine" else PassiveParty()

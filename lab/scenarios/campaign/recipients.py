"""The recipients of a rehearsed campaign, and their phones, which note each call that reaches them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Literal

from lab.scenarios.campaign.zone_windows import ZoneWindow
from simulator.carrier.caller import Caller
from simulator.carrier.media_stream import Party
from simulator.carrier.network.line import Line
from simulator.carrier.network.passive_party import PassiveParty, answering_machine
from simulator.carrier.network.phone_network import NotAnswered, Ring, Subscriber
from simulator.carrier.prepared_turn import PreparedTurn
from simulator.carrier.script import Ending

# opt_out: speaks after the agent's greeting; the agents of the rehearsal hear a wish not to be called again.
Reaction = Literal["talk", "opt_out", "busy", "no_answer", "machine"]
RING_S: Final = 0.2
# Of a person who says nothing and hangs up.
TALK_S: Final = 2.5
GREETING_S: Final = 2.0
# Of 20 recipients: area codes, and what their phones do.
_AREAS: Final = ("212",) * 8 + ("303",) * 4 + ("415",) * 4 + ("312",) * 2 + ("808",) * 2


@dataclass(frozen=True, slots=True)
class RecipientKind:
    """reactions: to each call in turn, the last one to all others. calls: that a campaign with two attempts places to
    it. outcome: after them. is_listed: it is on the do-not-call list before the campaign begins."""

    name: str
    reactions: tuple[Reaction, ...]
    calls: int
    outcome: str
    is_listed: bool = False


KINDS: Final = (
    RecipientKind("busy", ("busy",), 2, "busy"),
    RecipientKind("busy once", ("busy", "talk"), 2, "answered"),
    RecipientKind("no answer", ("no_answer",), 2, "no_answer"),
    RecipientKind("machine", ("machine",), 1, "voicemail_left"),
    RecipientKind("answers", ("talk",), 1, "answered"),
    RecipientKind("opts out", ("opt_out",), 1, "opted_out"),
    RecipientKind("on the list", ("talk",), 0, "opted_out", is_listed=True),
)
# Places in KINDS of 25 recipients; 20 and 25 mix each area with each kind.
_MIX: Final = (0, 1, 3, 4, 5, 2, 0, 4, 3, 1, 4, 0, 5, 3, 4, 2, 0, 4, 1, 3, 5, 4, 6, 3, 2)


@dataclass(frozen=True, slots=True)
class RehearsalRecipient:
    """A number with what happens there."""

    number: str
    kind: RecipientKind
    window: ZoneWindow


@dataclass(slots=True)
class LoggedRing:
    """A call that reached a phone. call_id: the carrier's. ended_at: None while it goes on."""

    number: str
    carrier: str
    call_id: str
    reaction: Reaction
    began_at: datetime
    ended_at: datetime | None = None


@dataclass(slots=True)
class RecipientPhone:
    """A recipient's phone. log: of all phones of the rehearsal, in the order of the calls."""

    recipient: RehearsalRecipient
    words: Sequence[PreparedTurn]
    log: list[LoggedRing]
    _rings: int = 0
    _answered: LoggedRing | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def ring(self, ring: Ring) -> Party:
        """Reacts as its kind does. Raises NotAnswered."""
        reactions = self.recipient.kind.reactions
        reaction = reactions[min(self._rings, len(reactions) - 1)]
        self._rings += 1
        logged = LoggedRing(ring.called, ring.carrier, ring.call_id, reaction, datetime.now(UTC))
        self.log.append(logged)
        try:
            party = await self._react(reaction)
        except (NotAnswered, asyncio.CancelledError):
            logged.ended_at = datetime.now(UTC)
            raise
        self._answered = logged
        return party

    def answered(self, line: Line) -> None:
        """Notes the call's end."""
        if self._answered is not None:
            watching = asyncio.create_task(_note_end(self._answered, line))
            self._tasks.add(watching)
            watching.add_done_callback(self._tasks.discard)

    async def _react(self, reaction: Reaction) -> Party:
        await asyncio.sleep(RING_S)
        match reaction:
            case "busy":
                raise NotAnswered("busy")
            case "no_answer":
                await asyncio.get_running_loop().create_future()
            case "machine":
                return answering_machine(GREETING_S)
            case "opt_out":
                return Caller(self.words, Ending(quiet_ms=300))
        return PassiveParty(longest_s=TALK_S)


def make_recipients(count: int, windows: Sequence[ZoneWindow]) -> list[RehearsalRecipient]:
    """Recipients in all windows and of all kinds."""
    by_area = {window.area: window for window in windows}
    return [
        RehearsalRecipient(f"+1{area}{2_340_000 + index}", KINDS[_MIX[index % len(_MIX)]], by_area[area])
        for index in range(count)
        for area in [_AREAS[index % len(_AREAS)]]
    ]


def make_subscriber(phone: RecipientPhone) -> Subscriber:
    """The phone as the network knows it."""
    return Subscriber(
        "machine" if "machine" in phone.recipient.kind.reactions else "answer", greeting_s=GREETING_S, phone=phone
    )


async def _note_end(logged: LoggedRing, line: Line) -> None:
    await line.over.wait()
    logged.ended_at = datetime.now(UTC)

"""One leg of a call, as Call Control knows it: its ids, its state, and what is going on with it."""

import asyncio
import secrets
import uuid
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from simulator.carrier.network.line import Line
from simulator.carrier.network.telnyx_side.events import Webhooks
from simulator.carrier.network.telnyx_side.plan import Plan
from simulator.carrier.network.telnyx_side.shape import StreamSettings
from simulator.carrier.stream import Fault

Direction = Literal["incoming", "outgoing"]
State = Literal["parked", "bridging", "answered", "hangup"]

_REMEMBERED_S = 60.0
_NUMBERED = frozenset({"call.initiated", "call.answered", "call.bridged", "call.hangup", "call.dtmf.received"})


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a leg ended, in the words of call.hangup."""

    cause: str
    source: Literal["caller", "callee", "unknown"]
    sip: str = "unspecified"


@dataclass(slots=True, eq=False, kw_only=True)
class Leg:
    """A leg. `commanded` is set when something was decided about it while it rang; `plan` is then what its answer
    is for, `refusal` why it was refused. on_line: whoever puts something on the line holds it.

    stream: the media stream that is wanted or runs. sounding: a sound plays that playback_stop may end. parks: the leg
    stays up when its bridge is over. recording_id: of the recording that begins with the answer. said: the texts of
    its speak commands. faults: when it is over, what the agents' sides did wrong on its streams.
    """

    direction: Direction
    caller: str
    called: str
    connection_id: str
    webhook_url: str
    client_state: str | None = None
    session_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    control_id: str = field(default_factory=lambda: f"v3:{secrets.token_urlsafe(40)}")
    leg_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended_at: datetime | None = None
    state: State = "parked"
    line: Line | None = None
    commanded: asyncio.Event = field(default_factory=asyncio.Event)
    plan: Plan | None = None
    refusal: Cause | None = None
    stream: StreamSettings | None = None
    sounding: bool = False
    bridged: bool = False
    parks: bool = False
    on_line: asyncio.Lock = field(default_factory=asyncio.Lock)
    recording_id: str = ""
    said: list[str] = field(default_factory=list)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    faults: tuple[Fault, ...] = ()
    _lasted_s: float = 0.0
    _commands: dict[str, float] = field(default_factory=dict)

    @property
    def alive(self) -> bool:
        """Whether it can still be commanded."""
        return self.state != "hangup" and (self.line is None or not self.line.over.is_set())

    @property
    def up(self) -> Line | None:
        """The line of a leg that was answered and isn't over."""
        return self.line if self.alive and self.state == "answered" else None

    @property
    def seconds(self) -> float:
        """How long it is or was in progress, in media time; 0 when it wasn't answered."""
        return self.line.legs.duration_ms / 1_000 if self.line is not None else self._lasted_s

    def forget_line(self) -> None:
        """The call is over: its sound may go, its length and faults stay."""
        if self.line is not None:
            self._lasted_s = self.seconds
            self.faults = tuple(self.line.faults)
            self.line = None

    def repeated(self, command_id: str) -> bool:
        """Whether a command with this id was taken within the last minute. "" never was."""
        taken = self._commands.get(command_id)
        return taken is not None and asyncio.get_running_loop().time() - taken < _REMEMBERED_S

    def remember(self, command_id: str) -> None:
        """The command was taken."""
        if command_id:
            self._commands[command_id] = asyncio.get_running_loop().time()

    def spawn(self, work: Coroutine[None, None, None], name: str) -> None:
        """Something goes on beside the leg; its end waits for it."""
        task = asyncio.create_task(work, name=name)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


def tell(webhooks: Webhooks, leg: Leg, event_type: str, **content: object) -> None:
    """An event of this leg, with no more about it than the SDK's type of the event has."""
    payload: dict[str, object] = {
        "call_leg_id": leg.leg_id,
        "call_session_id": leg.session_id,
        "connection_id": leg.connection_id,
        "client_state": leg.client_state,
    }
    if event_type != "call.recording.saved":
        payload["call_control_id"] = leg.control_id
    if event_type in _NUMBERED or event_type.startswith("call.machine."):
        payload |= {"from": leg.caller, "to": leg.called}
    webhooks.tell(leg.webhook_url, event_type, payload | content)

"""A leg of a call in Call Control: its ids, state and running tasks."""

import asyncio
import secrets
import uuid
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from simulator.carrier.media_stream import StreamFault
from simulator.carrier.network.line import Line
from simulator.carrier.network.telnyx.call_codecs import Encoding
from simulator.carrier.network.telnyx.events import TelnyxWebhooks
from simulator.carrier.network.telnyx.leg_options import LegOptions
from simulator.carrier.network.telnyx.stream_settings import StreamSettings

Direction = Literal["incoming", "outgoing"]
LegState = Literal["parked", "bridging", "answered", "hangup"]

_COMMAND_ID_S = 60.0
_EVENTS_WITH_NUMBERS = frozenset(
    {"call.initiated", "call.answered", "call.bridged", "call.hangup", "call.dtmf.received"}
)


@dataclass(frozen=True, slots=True)
class HangupCause:
    """Why a leg ended: the fields of call.hangup."""

    cause: str
    source: Literal["caller", "callee", "unknown"]
    sip: str = "unspecified"


def _new_control_id() -> str:
    return f"v3:{secrets.token_urlsafe(40)}"


@dataclass(slots=True, eq=False, kw_only=True)
class Leg:
    """A leg of a call.

    Attributes:
        commanded: Set when the leg was answered or refused while it rang. `options` or `refusal` is then set.
        line_lock: Held by the task that uses the line.
        codec: The codec of an answered leg.
        stream: The requested or running media stream.
        sounding: Whether a sound is playing that playback_stop may end.
        gathers: Whether keys are being gathered, which gather_stop may end.
        parks: Whether the leg stays up after its bridge.
        recording_id: Id of the recording that begins with the answer.
        said: Texts of the leg's speak commands.
        refused: Commands that the account's faults refused.
        faults: Protocol violations on the leg's streams, available after its end.
        offered: Codecs that the other side offers, separated by commas.
        transferred_phone: For a leg dialed by a transfer: the phone of the transferred call.
        answer_digits: Keys that Telnyx presses when the leg is answered.
    """

    direction: Direction
    caller: str
    called: str
    connection_id: str
    webhook_url: str
    offered: str
    client_state: str | None = None
    transferred_phone: str = ""
    answer_digits: str = ""
    session_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    control_id: str = field(default_factory=_new_control_id)
    former_id: str = ""
    leg_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended_at: datetime | None = None
    state: LegState = "parked"
    line: Line | None = None
    commanded: asyncio.Event = field(default_factory=asyncio.Event)
    options: LegOptions | None = None
    refusal: HangupCause | None = None
    codec: Encoding = "PCMU"
    stream: StreamSettings | None = None
    sounding: bool = False
    gathers: bool = False
    bridged: bool = False
    parks: bool = False
    line_lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    recording_id: str = ""
    said: list[str] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    faults: tuple[StreamFault, ...] = ()
    _final_s: float = 0.0
    _commands: dict[str, float] = field(default_factory=dict)

    @property
    def phone(self) -> str:
        """Number of the phone that the call is with."""
        return self.transferred_phone or (self.caller if self.direction == "incoming" else self.called)

    @property
    def alive(self) -> bool:
        """Whether the leg accepts commands."""
        return self.state != "hangup" and (self.line is None or not self.line.over.is_set())

    @property
    def up(self) -> Line | None:
        """Line of an answered leg; None before the answer and after the end."""
        return self.line if self.alive and self.state == "answered" else None

    @property
    def seconds(self) -> float:
        """Media time since the answer in seconds; 0 without an answer."""
        return self.line.audio.duration_ms / 1_000 if self.line is not None else self._final_s

    def change_id(self) -> None:
        """Give the leg another control_id. Commands accept the former id, too."""
        self.former_id, self.control_id = self.control_id, _new_control_id()

    def drop_line(self) -> None:
        """Drop the line of an ended leg to free its audio; keep its length and faults."""
        if self.line is not None:
            self._final_s = self.seconds
            self.faults = tuple(self.line.faults)
            self.line = None

    def repeated(self, command_id: str) -> bool:
        """Return whether a command with this id was executed within the last minute; False for "".

        Source: docs, voice/programmable-voice/command-retries.
        """
        executed = self._commands.get(command_id)
        return executed is not None and asyncio.get_running_loop().time() - executed < _COMMAND_ID_S

    def remember(self, command_id: str) -> None:
        """Store the id of an executed command."""
        if command_id:
            self._commands[command_id] = asyncio.get_running_loop().time()

    def spawn(self, work: Coroutine[None, None, None], name: str) -> None:
        """Start a task. The leg's end waits for the task."""
        task = asyncio.create_task(work, name=name)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


def publish_event(webhooks: TelnyxWebhooks, leg: Leg, event_type: str, **content: object) -> None:
    """Publish an event of this leg with the fields of the event's type in the SDK."""
    payload: dict[str, object] = {
        "call_leg_id": leg.leg_id,
        "call_session_id": leg.session_id,
        "connection_id": leg.connection_id,
        "client_state": leg.client_state,
    }
    if event_type != "call.recording.saved":
        payload["call_control_id"] = leg.control_id
    if event_type in _EVENTS_WITH_NUMBERS or event_type.startswith("call.machine."):
        payload |= {"from": leg.caller, "to": leg.called}
    webhooks.publish(leg.webhook_url, event_type, payload | content, leg.phone)

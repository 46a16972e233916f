"""A call's media stream with the settings it was started with, and the traps that they hold."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from simulator.carrier.mulaw import decode
from simulator.carrier.network.telnyx_side.alaw import encode as alaw
from simulator.carrier.network.telnyx_side.fields import Body, choice, text, web_url
from simulator.carrier.network.telnyx_side.problems import invalid
from simulator.carrier.telnyx import TelnyxShape
from simulator.carrier.wire import (
    Audio,
    Command,
    Identity,
    ProtocolFault,
    read_command,
    read_object,
)

Encoding = Literal["PCMU", "PCMA"]

_LONGEST_TOKEN = 4_000


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """How a stream was asked for. mode: "mp3" unless asked otherwise, and then no RTP payload is played."""

    url: str
    track: str = "inbound_track"
    mode: str = "mp3"
    target: str = ""
    encoding: Encoding = "PCMU"
    token: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def audible(self) -> bool:
        """Whether anybody hears what the agent's side sends: a single leg has no opposite one."""
        return self.mode == "rtp" and self.target != "opposite"


def read_settings(body: Body, call_codec: Encoding, *, takes_token: bool, takes_parameters: bool) -> StreamSettings:
    """The `stream_…` parameters of a command. Those that a command doesn't take are ignored, as Telnyx does.

    Raises TelnyxProblem; also for what Telnyx offers and this network doesn't: other codecs and tracks.
    """
    codec = choice(body, "stream_codec", ("PCMU", "PCMA", "default"), "default")
    choice(body, "stream_bidirectional_codec", ("PCMU",), "PCMU")
    token = text(body, "stream_auth_token") if takes_token else ""
    if len(token) > _LONGEST_TOKEN:
        raise invalid("stream_auth_token", f"The token may have {_LONGEST_TOKEN} characters.")
    return StreamSettings(
        url=web_url(body, "stream_url", ("ws", "wss")),
        track=choice(body, "stream_track", ("inbound_track",), "inbound_track"),
        mode=choice(body, "stream_bidirectional_mode", ("mp3", "rtp"), "mp3"),
        target=choice(body, "stream_bidirectional_target_legs", ("both", "self", "opposite", ""), ""),
        encoding="PCMA" if codec == "PCMA" or (codec == "default" and call_codec == "PCMA") else "PCMU",
        token=token,
        parameters=_parameters(body) if takes_parameters else {},
    )


class CallShape(TelnyxShape):
    """The messages of one stream of one call.

    began: called when the socket is open and the stream starts. pressed: called with every key of the party.
    """

    def __init__(
        self,
        identity: Identity,
        settings: StreamSettings,
        session_id: str,
        client_state: str | None,
        began: Callable[[], None],
        pressed: Callable[[str], None],
    ) -> None:
        super().__init__(identity)
        self._settings, self._session_id, self._client_state = settings, session_id, client_state
        self._began, self._pressed = began, pressed

    def start(self) -> str:
        """With the session and the client state of the call, and the codec that really comes."""
        who = self._identity
        start: dict[str, object] = {
            "user_id": who.account,
            "call_control_id": who.call,
            "call_session_id": self._session_id,
            "from": who.caller,
            "to": who.called,
            "tags": [],
            "client_state": self._client_state,
            "media_format": {"encoding": self._settings.encoding, "sample_rate": 8000, "channels": 1},
        }
        if self._settings.parameters:
            start["custom_parameters"] = dict(self._settings.parameters)
        self._began()
        return self._message("start", {"start": start})

    def media(self, payload: bytes, chunk: int, at_ms: int) -> str:
        """20 ms of the party's sound, in the codec that `start` names."""
        return super().media(alaw(decode(payload)) if self._settings.encoding == "PCMA" else payload, chunk, at_ms)

    def dtmf(self, digit: str) -> str:
        """A key."""
        self._pressed(digit)
        return super().dtmf(digit)

    def read(self, message: str | bytes) -> Command:
        """Raises ProtocolFault; its code is "unheard" for audio that Telnyx drops without a word."""
        command = read_command(read_object(message))
        if isinstance(command, Audio) and not self._settings.audible:
            raise ProtocolFault(
                "unheard", f"mode {self._settings.mode}, target legs {self._settings.target or 'default'}"
            )
        return command

    def complaint(self, fault: ProtocolFault) -> str | None:
        """Nothing is said about audio that is dropped: that's the trap."""
        return None if fault.code == "unheard" else super().complaint(fault)


def _parameters(body: Body) -> dict[str, str]:
    given = body.get("custom_parameters")
    if given is None:
        return {}
    if not isinstance(given, list):
        raise invalid("custom_parameters", "An array of objects with name and value is wanted.")
    found: dict[str, str] = {}
    for pair in given:
        if (
            not isinstance(pair, dict)
            or not isinstance(pair.get("name"), str)
            or not isinstance(pair.get("value"), str)
        ):
            raise invalid("custom_parameters", "Each custom parameter has a name and a value, both strings.")
        found[pair["name"]] = pair["value"]
    return found

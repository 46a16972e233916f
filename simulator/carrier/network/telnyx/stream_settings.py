"""The settings of a media stream, and the messages of a stream with these settings.

Source: developers.telnyx.com, voice/programmable-voice/media-streaming, and the SDK's types.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from simulator.carrier.network.telnyx.call_codecs import Encoding, delivered_codec, make_encoder
from simulator.carrier.network.telnyx.errors import invalid
from simulator.carrier.network.telnyx.fields import Body, choice, text, web_url
from simulator.carrier.stream_messages import (
    AgentAudio,
    AgentMessage,
    CallIdentity,
    ProtocolFault,
)
from simulator.carrier.telnyx_messages import TelnyxStreamMessages

_MAX_TOKEN = 4_000


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """The settings of a stream.

    Attributes:
        mode: In the default mode, "mp3", RTP payloads are not played.
    """

    url: str
    track: str = "inbound_track"
    mode: str = "mp3"
    target: str = ""
    encoding: Encoding = "PCMU"
    token: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def audible(self) -> bool:
        """Whether the agent's audio is played. A single leg has no opposite leg."""
        return self.mode == "rtp" and self.target != "opposite"


def read_settings(body: Body, call_codec: Encoding, *, takes_token: bool, takes_parameters: bool) -> StreamSettings:
    """Read the `stream_…` parameters of a command. Like Telnyx, ignores parameters that the command lacks.

    Raises:
        TelnyxError: A parameter is invalid, or this network does not support the codec or track.
    """
    codec = choice(body, "stream_codec", ("PCMU", "PCMA", "default"), "default")
    choice(body, "stream_bidirectional_codec", ("PCMU",), "PCMU")
    token = text(body, "stream_auth_token") if takes_token else ""
    if len(token) > _MAX_TOKEN:
        raise invalid("stream_auth_token", f"The token may have {_MAX_TOKEN} characters.")
    return StreamSettings(
        url=web_url(body, "stream_url", ("ws", "wss")),
        track=choice(body, "stream_track", ("inbound_track",), "inbound_track"),
        mode=choice(body, "stream_bidirectional_mode", ("mp3", "rtp"), "mp3"),
        target=choice(body, "stream_bidirectional_target_legs", ("both", "self", "opposite", ""), ""),
        encoding=delivered_codec(codec, call_codec),
        token=token,
        parameters=_parameters(body) if takes_parameters else {},
    )


class CallStreamMessages(TelnyxStreamMessages):
    """The messages of a leg's stream.

    Args:
        on_start: Called when the stream starts.
        on_digit: Called with each key of the party.
    """

    def __init__(
        self,
        identity: CallIdentity,
        settings: StreamSettings,
        session_id: str,
        client_state: str | None,
        on_start: Callable[[], None],
        on_digit: Callable[[str], None],
    ) -> None:
        super().__init__(identity)
        self._settings, self._session_id, self._client_state = settings, session_id, client_state
        self._on_start, self._on_digit = on_start, on_digit
        self._encode = make_encoder(settings.encoding)

    def start(self) -> str:
        """Return the start message with the call's session, client state and codec."""
        identity = self._identity
        start: dict[str, object] = {
            "user_id": identity.account,
            "call_control_id": identity.call,
            "call_session_id": self._session_id,
            "from": identity.caller,
            "to": identity.called,
            "tags": [],
            "client_state": self._client_state,
            "media_format": {
                "encoding": self._settings.encoding,
                "sample_rate": 48000 if self._settings.encoding == "OPUS" else 8000,
                "channels": 1,
            },
        }
        if self._settings.parameters:
            start["custom_parameters"] = dict(self._settings.parameters)
        self._on_start()
        return self._message("start", {"start": start})

    def media(self, payload: bytes, chunk: int, at_ms: int) -> str:
        """Return a message with 20 ms of the party's audio in the codec that `start` names."""
        return super().media(self._encode(payload), chunk, at_ms)

    def dtmf(self, digit: str) -> str:
        """Return the message for a key, and report the key to `on_digit`."""
        self._on_digit(digit)
        return super().dtmf(digit)

    def read(self, message: str | bytes) -> AgentMessage:
        """Read a message of the agent. Raises ProtocolFault; its code is "unheard" for audio that Telnyx drops
        silently.
        """
        command = super().read(message)
        if isinstance(command, AgentAudio) and not self._settings.audible:
            raise ProtocolFault(
                "unheard", f"mode {self._settings.mode}, target legs {self._settings.target or 'default'}"
            )
        return command

    def error_message(self, fault: ProtocolFault) -> str | None:
        """Return the error message for a fault; None for dropped audio, which Telnyx does not report."""
        return None if fault.code == "unheard" else super().error_message(fault)


def _parameters(body: Body) -> dict[str, str]:
    parameters = body.get("custom_parameters")
    if parameters is None:
        return {}
    if not isinstance(parameters, list):
        raise invalid("custom_parameters", "Must be an array of objects with name and value.")
    found: dict[str, str] = {}
    for pair in parameters:
        if (
            not isinstance(pair, dict)
            or not isinstance(pair.get("name"), str)
            or not isinstance(pair.get("value"), str)
        ):
            raise invalid("custom_parameters", "Each custom parameter has a name and a value, both strings.")
        found[pair["name"]] = pair["value"]
    return found

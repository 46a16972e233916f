"""The commands of Call Control: POST /v2/calls/{call_control_id}/actions/{command}."""

from collections.abc import Callable

from simulator.carrier.network.line import Line
from simulator.carrier.network.telnyx_side.calls import Calls
from simulator.carrier.network.telnyx_side.config import TelnyxConfig
from simulator.carrier.network.telnyx_side.fields import Body, client_state, required, text, web_url, whole
from simulator.carrier.network.telnyx_side.leg import Cause, Leg
from simulator.carrier.network.telnyx_side.plan import read_plan, record_options
from simulator.carrier.network.telnyx_side.problems import (
    ended,
    invalid,
    missing,
    not_answered,
    not_found,
    not_one_of,
    streaming_already,
)
from simulator.carrier.network.telnyx_side.recordings import Recordings
from simulator.carrier.network.telnyx_side.shape import read_settings
from simulator.carrier.network.telnyx_side.sounds import Sounds, keys
from simulator.carrier.network.telnyx_side.streams import Streams

Result = dict[str, object]
Command = Callable[[Leg, Body], Result]

_LONGEST_SPEECH = 3_000
_CAUSES = {
    "CALL_REJECTED": Cause("call_rejected", "callee"),
    "NOT_FOUND": Cause("not_found", "callee"),
    "TEMPORARILY_UNAVAILABLE": Cause("unspecified", "callee"),
    "USER_BUSY": Cause("user_busy", "callee"),
}


class Actions:
    """Takes a command for a leg, or refuses it; what it leads to is told by webhooks."""

    def __init__(
        self, config: TelnyxConfig, calls: Calls, streams: Streams, sounds: Sounds, recordings: Recordings
    ) -> None:
        self._config, self._calls = config, calls
        self._streams, self._sounds, self._recordings = streams, sounds, recordings
        self._commands: dict[str, Command] = {
            "answer": self._answer,
            "reject": self._reject,
            "hangup": self._hang_up,
            "transfer": self._transfer,
            "bridge": self._bridge,
            "speak": self._speak,
            "playback_start": self._play,
            "playback_stop": self._stop_playing,
            "streaming_start": self._start_streaming,
            "streaming_stop": self._stop_streaming,
            "record_start": self._start_recording,
            "record_stop": self._stop_recording,
            "send_dtmf": self._press,
            "client_state_update": self._note,
        }

    def take(self, control_id: str, command: str, body: Body) -> Result:
        """What stands in the answer's `data`. A repetition within a minute changes nothing. Raises TelnyxProblem."""
        leg = self._calls.leg(control_id)
        do = self._commands.get(command)
        if do is None:
            raise not_found()
        command_id = text(body, "command_id")
        if leg.repeated(command_id):
            return {"result": "ok"}
        if not leg.alive:
            raise ended()
        state = client_state(body)
        result = do(leg, body)
        leg.client_state = state or leg.client_state
        leg.remember(command_id)
        return {"result": "ok"} | result

    # --- The call itself ------------------------------------------------------------------------------------------

    def _answer(self, leg: Leg, body: Body) -> Result:
        _parked(leg)
        url = web_url(body, "webhook_url", ("http", "https"))
        leg.plan = read_plan(body, self._config, takes_token=False)
        leg.webhook_url = url or leg.webhook_url
        leg.commanded.set()
        return {}

    def _reject(self, leg: Leg, body: Body) -> Result:
        _parked(leg)
        cause = _CAUSES.get(required(body, "cause"))
        if cause is None:
            raise not_one_of("cause", tuple(_CAUSES))
        leg.refusal = cause
        leg.commanded.set()
        return {}

    def _hang_up(self, leg: Leg, body: Body) -> Result:
        self._calls.hang_up(leg)
        return {}

    def _transfer(self, leg: Leg, body: Body) -> Result:
        _unbridged(leg)
        self._calls.transfer(leg, body)
        return {}

    def _bridge(self, leg: Leg, body: Body) -> Result:
        _unbridged(leg)
        self._calls.bridge(leg, body)
        return {}

    def _note(self, leg: Leg, body: Body) -> Result:
        required(body, "client_state")
        return {}

    # --- What the party hears -------------------------------------------------------------------------------------

    def _speak(self, leg: Leg, body: Body) -> Result:
        _free(leg)
        words = required(body, "payload")
        required(body, "voice")
        if len(words) > _LONGEST_SPEECH:
            raise invalid("payload", f"The text may have {_LONGEST_SPEECH} characters.")
        self._sounds.speak(leg, words)
        return {}

    def _play(self, leg: Leg, body: Body) -> Result:
        _free(leg)
        url = web_url(body, "audio_url", ("http", "https"))
        if not url:
            raise missing("audio_url")
        self._sounds.play(leg, url)
        return {}

    def _stop_playing(self, leg: Leg, body: Body) -> Result:
        _up(leg)
        self._sounds.stop(leg)
        return {}

    def _press(self, leg: Leg, body: Body) -> Result:
        _free(leg)
        try:
            tones = keys(required(body, "digits"), whole(body, "duration_millis", 250, 100, 500))
        except ValueError as error:
            raise invalid("digits", str(error)) from error
        self._sounds.press(leg, tones)
        return {}

    # --- Streams and recordings -----------------------------------------------------------------------------------

    def _start_streaming(self, leg: Leg, body: Body) -> Result:
        _free(leg)
        settings = read_settings(body, self._config.codec, takes_token=True, takes_parameters=True)
        if not settings.url:
            raise missing("stream_url")
        self._streams.start(leg, settings)
        return {}

    def _stop_streaming(self, leg: Leg, body: Body) -> Result:
        _up(leg)
        self._streams.stop(leg)
        return {}

    def _start_recording(self, leg: Leg, body: Body) -> Result:
        line = _up(leg)
        return {"recording_id": self._recordings.start(leg, line, record_options(body)).id}

    def _stop_recording(self, leg: Leg, body: Body) -> Result:
        _up(leg)
        self._recordings.stop(leg, text(body, "recording_id"))
        return {}


def _parked(leg: Leg) -> None:
    """Raises TelnyxProblem unless it is an incoming call that waits for its first command."""
    if leg.direction != "incoming" or leg.commanded.is_set():
        raise invalid("call_control_id", "Only a parked call can be answered or rejected.")


def _up(leg: Leg) -> Line:
    """The line of a call in progress. Raises TelnyxProblem."""
    line = leg.up
    if line is None:
        raise not_answered()
    return line


def _free(leg: Leg) -> None:
    """Raises TelnyxProblem unless something can be put on the line: one thing at a time in this network, while Telnyx
    itself would mix them."""
    _unbridged(leg)
    if leg.stream is not None:
        raise streaming_already()


def _unbridged(leg: Leg) -> None:
    """Raises TelnyxProblem."""
    _up(leg)
    if leg.bridged:
        raise invalid("call_control_id", "This network puts nothing on a call that is bridged.")

"""The commands of Call Control (API reference: Call Commands): POST /v2/calls/{call_control_id}/actions/{command}."""

from collections.abc import Callable

from simulator.carrier.network.dtmf_tones import dtmf_tones
from simulator.carrier.network.line import Line
from simulator.carrier.network.telnyx.calls import Calls
from simulator.carrier.network.telnyx.config import TelnyxConfig
from simulator.carrier.network.telnyx.errors import (
    TelnyxError,
    already_streaming,
    ended,
    invalid,
    missing,
    not_answered,
    not_found,
    not_one_of,
)
from simulator.carrier.network.telnyx.fields import Body, client_state, required, text, web_url, whole
from simulator.carrier.network.telnyx.leg import HangupCause, Leg
from simulator.carrier.network.telnyx.leg_options import read_leg_options, read_recording_options
from simulator.carrier.network.telnyx.media_streams import TelnyxMediaStreams
from simulator.carrier.network.telnyx.playback import Gathering, Playback
from simulator.carrier.network.telnyx.recordings import Recordings
from simulator.carrier.network.telnyx.stream_settings import read_settings

Result = dict[str, object]
Command = Callable[[Leg, Body], Result]

_MAX_SPEECH = 3_000
_CAUSES = {
    "CALL_REJECTED": HangupCause("call_rejected", "callee"),
    "NOT_FOUND": HangupCause("not_found", "callee"),
    "TEMPORARILY_UNAVAILABLE": HangupCause("unspecified", "callee"),
    "USER_BUSY": HangupCause("user_busy", "callee"),
}


class CallActions:
    """Executes or refuses commands for legs. Webhooks report their effects."""

    def __init__(
        self,
        config: TelnyxConfig,
        calls: Calls,
        streams: TelnyxMediaStreams,
        playback: Playback,
        recordings: Recordings,
    ) -> None:
        self._config, self._calls = config, calls
        self._streams, self._playback, self._recordings = streams, playback, recordings
        self._commands: dict[str, Command] = {
            "answer": self._answer,
            "reject": self._reject,
            "hangup": self._hang_up,
            "transfer": self._transfer,
            "bridge": self._bridge,
            "speak": self._speak,
            "playback_start": self._play,
            "playback_stop": self._stop_playing,
            "gather_using_speak": self._gather,
            "gather_stop": self._stop_gather,
            "transcription_start": self._start_transcription,
            "transcription_stop": self._stop_transcription,
            "streaming_start": self._start_streaming,
            "streaming_stop": self._stop_streaming,
            "record_start": self._start_recording,
            "record_stop": self._stop_recording,
            "send_dtmf": self._press,
            "client_state_update": self._update_client_state,
        }

    def execute(self, control_id: str, command: str, body: Body) -> Result:
        """Execute a command. Returns `data` of the response. Raises TelnyxError.

        A command_id that is repeated within a minute has no effect.
        """
        leg = self._calls.leg(control_id)
        do = self._commands.get(command)
        if do is None:
            raise not_found()
        command_id = text(body, "command_id")
        if leg.repeated(command_id):
            self._config.faults.of(leg.phone).check_repeat()
            return {"result": "ok"}
        if not leg.alive:
            raise ended()
        faults = self._config.faults.of(leg.phone)
        try:
            faults.check(command, leg.refused)
        except TelnyxError:
            leg.refused.add(command)
            raise
        state = client_state(body)
        result = do(leg, body)
        leg.client_state = state or leg.client_state
        leg.remember(command_id)
        faults.check_answer(command)
        return {"result": "ok"} | result

    # --- Call control ---------------------------------------------------------------------------------------------

    def _answer(self, leg: Leg, body: Body) -> Result:
        _require_parked(leg)
        url = web_url(body, "webhook_url", ("http", "https"))
        leg.options = read_leg_options(body, self._config, leg.offered, takes_token=False)
        leg.webhook_url = url or leg.webhook_url
        leg.commanded.set()
        return {}

    def _reject(self, leg: Leg, body: Body) -> Result:
        _require_parked(leg)
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
        _require_unbridged(leg)
        self._calls.transfer(leg, body)
        return {}

    def _bridge(self, leg: Leg, body: Body) -> Result:
        _require_unbridged(leg)
        self._calls.bridge(leg, body)
        return {}

    def _update_client_state(self, leg: Leg, body: Body) -> Result:
        required(body, "client_state")
        return {}

    # --- Playback ------------------------------------------------------------------------------------------------

    def _speak(self, leg: Leg, body: Body) -> Result:
        _require_free(leg)
        speech = required(body, "payload")
        required(body, "voice")
        if len(speech) > _MAX_SPEECH:
            raise invalid("payload", f"The text may have {_MAX_SPEECH} characters.")
        self._playback.speak(leg, speech)
        return {}

    def _gather(self, leg: Leg, body: Body) -> Result:
        """Gather keys once. `maximum_tries` and `invalid_payload` are not simulated."""
        _require_free(leg)
        speech = required(body, "payload")
        required(body, "voice")
        if len(speech) > _MAX_SPEECH:
            raise invalid("payload", f"The text may have {_MAX_SPEECH} characters.")
        wanted = Gathering(
            wait_s=whole(body, "timeout_millis", 60_000, 1, 600_000) / 1_000,
            most=whole(body, "maximum_digits", 128, 1, 128),
            valid=text(body, "valid_digits") or "0123456789#*",
        )
        self._playback.gather(leg, speech, wanted)
        return {}

    def _stop_gather(self, leg: Leg, body: Body) -> Result:
        _require_answered(leg)
        self._playback.stop_gather(leg)
        return {}

    def _start_transcription(self, leg: Leg, body: Body) -> Result:
        """Transcribe the leg's own party (`transcription_tracks` "inbound")."""
        if text(body, "transcription_tracks") not in ("", "inbound"):
            raise not_one_of("transcription_tracks", ("inbound",))
        self._playback.start_transcription(leg, _require_answered(leg))
        return {}

    def _stop_transcription(self, leg: Leg, body: Body) -> Result:
        _require_answered(leg).on_words = None
        return {}

    def _play(self, leg: Leg, body: Body) -> Result:
        _require_free(leg)
        url = web_url(body, "audio_url", ("http", "https"))
        if not url:
            raise missing("audio_url")
        self._playback.play(leg, url)
        return {}

    def _stop_playing(self, leg: Leg, body: Body) -> Result:
        _require_answered(leg)
        self._playback.stop(leg)
        return {}

    def _press(self, leg: Leg, body: Body) -> Result:
        _require_unbridged(leg)
        try:
            tones = dtmf_tones(required(body, "digits"), whole(body, "duration_millis", 250, 100, 500))
        except ValueError as error:
            raise invalid("digits", str(error)) from error
        self._playback.press(leg, tones)
        return {}

    # --- Streams and recordings -----------------------------------------------------------------------------------

    def _start_streaming(self, leg: Leg, body: Body) -> Result:
        _require_free(leg)
        settings = read_settings(body, leg.codec, takes_token=True, takes_parameters=True)
        if not settings.url:
            raise missing("stream_url")
        self._streams.start(leg, settings)
        return {}

    def _stop_streaming(self, leg: Leg, body: Body) -> Result:
        _require_answered(leg)
        self._streams.stop(leg)
        return {}

    def _start_recording(self, leg: Leg, body: Body) -> Result:
        line = _require_answered(leg)
        return {"recording_id": self._recordings.start(leg, line, read_recording_options(body)).id}

    def _stop_recording(self, leg: Leg, body: Body) -> Result:
        _require_answered(leg)
        self._recordings.stop(leg, text(body, "recording_id"))
        return {}


def _require_parked(leg: Leg) -> None:
    """Raise TelnyxError unless the leg is an incoming call without a command."""
    if leg.direction != "incoming" or leg.commanded.is_set():
        raise invalid("call_control_id", "Only a parked call can be answered or rejected.")


def _require_answered(leg: Leg) -> Line:
    """Return the line of an answered leg. Raises TelnyxError."""
    line = leg.up
    if line is None:
        raise not_answered()
    return line


def _require_free(leg: Leg) -> None:
    """Raise TelnyxError unless the line is free. This network allows one endpoint at a time; Telnyx would mix them."""
    _require_unbridged(leg)
    if leg.stream is not None:
        raise already_streaming()


def _require_unbridged(leg: Leg) -> None:
    """Raise TelnyxError unless the leg is answered and not bridged."""
    _require_answered(leg)
    if leg.bridged:
        raise invalid("call_control_id", "This network plays nothing on a bridged call.")

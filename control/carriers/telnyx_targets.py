"""Calls to targets of warm transfers at Telnyx, and their conferences (API reference: Call Commands, Conference
Commands)."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

from control.carriers.locales import locale
from control.carriers.model import CarrierRefused, TargetCallRequest
from control.carriers.telnyx_forms import TARGET, TelnyxOptions, client_state, required_text, speak_language

_VOICE: Final = "female"
_MAX_SPEAK_LENGTH: Final = 3_000


class TelnyxTargets:
    """ConferenceCalls. languages: those that Telnyx speaks."""

    def __init__(
        self, sdk: Any, command: Callable[..., Awaitable[Any]], options: TelnyxOptions, languages: tuple[str, ...]
    ) -> None:
        self._sdk, self._command, self._options, self._languages = sdk, command, options, languages

    async def call(self, request: TargetCallRequest) -> str:
        """Calls the target; Telnyx ignores a repeat within 60 s. The leg's events have the client_state "target:" and
        our id of the transfer."""
        form = {
            "connection_id": self._options.connection_id,
            "to": request.called,
            "from_": request.caller,
            "timeout_secs": max(request.ring_timeout_s, 5),
            "time_limit_secs": request.max_duration_s,
            "webhook_url": f"{self._options.webhook_url}/webhooks/calls/status",
            "webhook_url_method": "POST",
            "client_state": client_state(f"{TARGET}{request.transfer_id}"),
            "command_id": request.transfer_id,
        }
        answer = await self._command(lambda: self._sdk.calls.dial(**form))
        return required_text(answer.data.call_control_id if answer.data is not None else None)

    async def ask(self, leg_id: str, words: str, language: str, wait_s: float, command_id: str) -> None:
        """Speaks up to 3,000 characters; `call.gather.ended` tells the key."""
        form = {
            "payload": words[:_MAX_SPEAK_LENGTH],
            "voice": _VOICE,
            "language": speak_language(locale(language), self._languages),
            "minimum_digits": 1,
            "maximum_digits": 1,
            "maximum_tries": 1,
            "timeout_millis": round(wait_s * 1_000),
            "command_id": command_id,
        }
        await self._command(lambda: self._sdk.calls.actions.gather_using_speak(leg_id, **form))

    async def listen(self, leg_id: str, language: str, command_id: str) -> None:
        """`call.transcription` tells the words. inbound: what comes from the target, and not what the target hears."""
        form = {
            "transcription_engine": "Telnyx",
            "transcription_engine_config": {"transcription_engine": "Telnyx", "language": language[:2].lower()},
            "transcription_tracks": "inbound",
            "command_id": command_id,
        }
        await self._command(lambda: self._sdk.calls.actions.start_transcription(leg_id, **form))

    async def stop_asking(self, leg_id: str, command_id: str) -> None:
        """Telnyx refuses to end what has ended by itself, which is no error."""
        stops = {"gather": self._sdk.calls.actions.stop_gather, "words": self._sdk.calls.actions.stop_transcription}
        for name, stop in stops.items():
            try:
                await self._command(partial(stop, leg_id, command_id=f"{command_id}-{name}"))
            except CarrierRefused as refused:
                if refused.call_ended:
                    raise

    async def create_conference(self, leg_id: str, name: str, command_id: str) -> str:
        """Begins a conference with the target, who hears silence until the caller comes."""
        form = {"call_control_id": leg_id, "name": name, "beep_enabled": "never", "max_participants": 2}
        answer = await self._command(lambda: self._sdk.conferences.create(**form, command_id=command_id))
        return required_text(answer.data.id if answer.data is not None else None)

    async def join_conference(self, conference: str, leg_id: str, command_id: str) -> None:
        """Adds the caller. Whoever leaves ends the conference, and hangs up nobody: that is ours."""
        form = {"call_control_id": leg_id, "beep_enabled": "never", "end_conference_on_exit": True}
        await self._command(lambda: self._sdk.conferences.actions.join(conference, **form, command_id=command_id))
